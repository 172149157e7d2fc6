"""Rigs: worlds with both flows live, whose sync services are processes that the test starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contracts.eventlog_places import kafka_place
from tests.crashes.rig import Rig
from tests.scenarios.conftest import settings_for
from tests.support import kafka as kafkas
from tests.support.postgres import Postgres
from tests.support.processes import Processes

# Sessions end soon, so that a killed or frozen process is missed soon.
SHORT_SESSIONS = "?session_timeout=2&heartbeat=0.4"


@pytest.fixture
async def rig(tmp_path: Path, processes: Processes) -> AsyncIterator[Rig]:
    """On one machine: SQLite, one sync process at a time."""
    async with Rig.opened(settings_for(tmp_path, attempt_seconds=5)) as opened:
        yield await made_live(opened, processes)


@pytest.fixture
async def grown_rig(
    tmp_path: Path, processes: Processes, kafka: kafkas.Broker, postgres: Postgres
) -> AsyncIterator[Rig]:
    """On Kafka and PostgreSQL: any number of sync processes."""
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(kafka_place(kafka, SHORT_SESSIONS))
        store_url = await postgres.database()
        stack.push_async_callback(postgres.drop, store_url)
        settings = settings_for(tmp_path, attempt_seconds=5, log_url=place.url, store_url=store_url)
        opened = await stack.enter_async_context(Rig.opened(settings))
        yield await made_live(opened, processes)


async def made_live(opened: Rig, processes: Processes) -> Rig:
    """Both flows live; sync is stopped again."""
    opened.processes = processes
    await opened.connect()
    await opened.go_live()
    await opened.stop_sync()
    return opened
