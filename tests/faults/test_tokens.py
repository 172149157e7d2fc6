"""A refresh token that may be used once, and two processes that want the next one at the same moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from shared import errors
from shared.clock import SystemClock
from shared.store import schema
from shared.store.database import Database
from shared.store.tokens import Token, Tokens
from tests.faults.token_holder import ACCOUNT, EARLY, keys, token_of
from tests.support.processes import Processes, python

SOON = timedelta(seconds=60)
LIFE = 0.8
THINKS = 0.15
FORMS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@dataclass
class Vendor:
    """Gives out tokens that live for less than a second. A refresh token that comes twice is counted."""

    url: str = ""
    given: int = 0
    used_twice: int = 0
    refused: int = 0
    accesses: dict[str, float] = field(default_factory=dict)

    def new(self) -> dict[str, Any]:
        self.given += 1
        until = time.time() + LIFE
        self.accesses[f"access-{self.given}"] = until
        return {
            "access_token": f"access-{self.given}",
            "refresh_token": f"refresh-{self.given}",
            "use_until": until,
        }

    async def token(self, request: web.Request) -> web.Response:
        asked = (await request.json())["refresh_token"]
        if asked != f"refresh-{self.given}":
            self.used_twice += 1
            return web.json_response({"error": "invalid_grant"}, status=400)
        told = self.new()
        await asyncio.sleep(THINKS)
        return web.json_response(told)

    async def records(self, request: web.Request) -> web.Response:
        access = request.headers["Authorization"].removeprefix("Bearer ")
        if self.accesses.get(access, 0.0) < time.time():
            self.refused += 1
            return web.json_response({}, status=401)
        return web.json_response({"records": []})


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    made = Vendor()
    app = web.Application()
    app.router.add_post("/token", made.token)
    app.router.add_get("/records", made.records)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture(params=FORMS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    is_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path}/store.db" if is_sqlite else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Database]:
    database = Database(store_url)
    await schema.migrate(database)
    yield database
    await database.close()


async def logged_in(store: Database, vendor: Vendor) -> Tokens:
    """The store holds the account's first token, whose time is over."""
    tokens = Tokens(store, SystemClock(), early=EARLY)
    first = token_of(vendor.new())
    await tokens.put(ACCOUNT, keys(), Token(access="", refresh=first.refresh, use_until=datetime.now(UTC)))
    return tokens


async def test_two_processes_refresh_a_token_once_each_time_it_ends(
    store: Database, store_url: str, vendor: Vendor, processes: Processes
) -> None:
    await logged_in(store, vendor)
    began = time.monotonic()
    holders = [
        processes.start(
            *python("-m", "tests.faults.token_holder", vendor.url, "100"),
            name=name,
            env={"PUENTE_STORE_URL": store_url},
        )
        for name in ("one", "two")
    ]
    for holder in holders:
        assert await holder.exits(within=SOON) == 0, holder.tail()
    took = time.monotonic() - began
    assert vendor.used_twice == 0
    # One refresh for each life of a token, whoever asked, and the first one of all.
    assert 1 < vendor.given <= took / (LIFE - EARLY.total_seconds()) + 2


async def test_a_token_that_was_not_saved_is_saved_later_and_not_asked_for_again(
    store: Database, vendor: Vendor
) -> None:
    tokens = await logged_in(store, vendor)
    asked: list[str] = []
    other = Database(store.url.render_as_string(hide_password=False))

    async def refresh(token: str) -> Token:
        asked.append(token)
        # The store is lost between the vendor's answer and the save.
        raise_in_store()
        return Token(access="next", refresh="next", use_until=datetime.now(UTC) + SOON)

    raise_in_store = _dies_at_the_next_write(store)
    with pytest.raises(errors.Retryable):
        await tokens.get(ACCOUNT, keys(), refresh)
    found = await tokens.get(ACCOUNT, keys(), refresh)
    assert (found.access, len(asked)) == ("next", 1)
    # Another process finds it in the store.
    again = await Tokens(other, SystemClock()).get(ACCOUNT, keys(), refresh)
    await other.close()
    assert (again.access, again.version, len(asked)) == ("next", found.version, 1)


def _dies_at_the_next_write(store: Database) -> Callable[[], None]:
    left = [1]
    armed = [False]

    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if armed[0] and left[0] and statement.lstrip().upper().startswith("UPDATE"):
            left[0] = 0
            problem = OperationalError(statement, {}, ConnectionResetError("gone"))
            problem.connection_invalidated = True
            raise problem

    event.listen(store.engine.sync_engine, "before_cursor_execute", fail)

    def arm() -> None:
        armed[0] = True

    return arm


async def test_a_refused_token_is_refreshed_and_an_account_without_login_asks_for_a_person(
    store: Database, vendor: Vendor
) -> None:
    tokens = await logged_in(store, vendor)
    count = iter(range(10))

    async def refresh(_token: str) -> Token:
        number = next(count)
        return Token(access=f"a{number}", refresh=f"r{number}", use_until=datetime.now(UTC) + SOON)

    first = await tokens.get(ACCOUNT, keys(), refresh)
    assert await tokens.get(ACCOUNT, keys(), refresh) == first
    second = await tokens.get(ACCOUNT, keys(), refresh, refused=first)
    assert (first.access, second.access) == ("a0", "a1")
    # Somebody else refused the same one: it is refreshed already.
    assert await tokens.get(ACCOUNT, keys(), refresh, refused=first) == second
    with pytest.raises(errors.NeedsOperator):
        await tokens.get("acme.other", keys(), refresh)
    sealed = (
        await store.read(lambda connection: connection.execute(text("SELECT sealed FROM token")))
    ).scalar_one()
    assert b"a1" not in bytes(sealed)
    assert "a1" not in repr(second)
