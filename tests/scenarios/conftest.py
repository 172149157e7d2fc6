"""Worlds for stories: on one machine (SQLite), and grown (Kafka and PostgreSQL)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.keys import generate_ring
from shared.runtime.settings import Settings
from tests.contracts.eventlog_places import kafka_place
from tests.scenarios.shop import Shop
from tests.scenarios.world import World
from tests.support import kafka as kafkas
from tests.support.postgres import Postgres

NewWorld = Callable[..., Awaitable[World]]
NewShop = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def new_world(tmp_path: Path) -> AsyncIterator[NewWorld]:
    """`await new_world(**settings)` opens a world on SQLite; it is closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(**given: object) -> World:
            settings = settings_for(tmp_path, **given)
            return await stack.enter_async_context(World.opened(settings))

        yield make


@pytest.fixture
async def world(new_world: NewWorld) -> World:
    """A connected world on SQLite with hooks from BitFactura and none from Sugester, both flows live."""
    opened = await new_world()
    await opened.connect()
    await opened.go_live()
    return opened


FORMS = [
    pytest.param("one machine"),
    pytest.param("grown", marks=[pytest.mark.kafka, pytest.mark.postgres]),
]


@pytest.fixture(params=FORMS)
async def any_form(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Settings]:
    """The settings of one machine (SQLite), then of the grown form (Kafka and PostgreSQL)."""
    async with AsyncExitStack() as stack:
        given: dict[str, object] = {}
        if request.param == "grown":
            broker: kafkas.Broker = request.getfixturevalue("kafka")
            server: Postgres = request.getfixturevalue("postgres")
            place = await stack.enter_async_context(kafka_place(broker))
            store_url = await server.database()
            stack.push_async_callback(server.drop, store_url)
            given = {"log_url": place.url, "store_url": store_url}
        yield settings_for(tmp_path, **given)


@pytest.fixture
async def any_world(any_form: Settings) -> AsyncIterator[World]:
    """As `world`, on both forms."""
    async with World.opened(any_form) as opened:
        await opened.connect()
        await opened.go_live()
        yield opened


@pytest.fixture
async def new_shop(tmp_path: Path) -> AsyncIterator[NewShop]:
    """`await new_shop(**settings)` opens a world of the second bridge on SQLite; it is closed after the test."""
    async with AsyncExitStack() as stack:

        async def make(**given: object) -> Shop:
            return await stack.enter_async_context(Shop.opened(settings_for(tmp_path, **given)))

        yield make


@pytest.fixture
async def shop(new_shop: NewShop) -> Shop:
    """A connected shop on SQLite with hooks from Clientify, its flow live."""
    opened = await new_shop()
    await opened.connect()
    await opened.go_live()
    return opened


@pytest.fixture
async def any_shop(any_form: Settings) -> AsyncIterator[Shop]:
    """As `shop`, on both forms."""
    async with Shop.opened(any_form) as opened:
        await opened.connect()
        await opened.go_live()
        yield opened


def settings_for(folder: Path, **given: object) -> Settings:
    values: dict[str, object] = {
        "data": folder,
        "outgoing_allow": "127.0.0.0/8",
        "attempt_seconds": 10,
        "door_keys": SecretStr(generate_ring()),
        "log_keys": SecretStr(generate_ring()),
        "store_keys": SecretStr(generate_ring()),
    }
    return Settings(**(values | given))  # type: ignore[arg-type]
