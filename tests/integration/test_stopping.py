"""A sync that is told to stop ends, while the store is away and while it joins its group."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from shared.clock import SystemClock
from shared.connectors.registry import CONNECTORS
from shared.eventlog.kafka import KafkaLog
from shared.eventlog.kafka_client import KafkaSettings
from shared.eventlog.port import EventLog
from shared.runtime.parts import Parts, opened, opened_log, sync_of
from shared.runtime.workspaces import Workspaces
from shared.store.database import Database
from tests.contracts.eventlog_places import change
from tests.scenarios.conftest import settings_for
from tests.support.waiting import until

SOON = timedelta(seconds=30)
# Nothing listens on port 1 (tcpmux): a connection is refused at once.
NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


async def test_with_an_entry_in_hand_and_the_store_away(tmp_path: Path) -> None:
    async with opened(settings_for(tmp_path)) as parts, opened_log(parts) as log:
        await log.append(change("1"))
        stop = asyncio.Event()
        sync = sync_of(_without_store(parts), log)
        running = asyncio.create_task(sync.run(stop))
        await until(lambda: sync.store_away, within=SOON, what="the store is away")
        stop.set()
        await asyncio.wait_for(running, 10)
        # Whoever comes next reads the entry: it is not settled.
        assert (await log.lag(group="puente.sync")).total == 1


async def test_while_it_joins_a_group_whose_broker_says_nothing(tmp_path: Path) -> None:
    said: list[bytes] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append(await reader.read(1))
        await reader.read()
        writer.close()

    async with (
        await asyncio.start_server(silent, "127.0.0.1", 0) as server,
        opened(settings_for(tmp_path)) as parts,
    ):
        host, port = server.sockets[0].getsockname()
        log: EventLog = KafkaLog(KafkaSettings(bootstrap=f"{host}:{port}"), clock=SystemClock())
        stop = asyncio.Event()
        running = asyncio.create_task(sync_of(parts, log).run(stop))
        await until(lambda: bool(said), within=SOON, what="the broker is called")
        stop.set()
        await asyncio.wait_for(running, 15)
        await log.close()


def _without_store(parts: Parts) -> Parts:
    away = Database(NOBODY)
    workspaces = Workspaces(
        database=away, store_keys=parts.keys.store, connectors=CONNECTORS, wire=parts.wire, clock=parts.clock
    )
    return replace(parts, database=away, workspaces=workspaces)
