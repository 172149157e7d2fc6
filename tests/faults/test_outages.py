"""The broker or the database is away for a while, and people go on: nothing is refused, nothing is lost.

`PUENTE_TEST_OUTAGE_SECONDS` and `PUENTE_TEST_HOOKS_PER_SECOND` make the outages longer and the stream denser; see
docs/faults.md for the forms that are run by hand.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

from shared.clock import SystemClock
from shared.eventlog import topics
from shared.eventlog.urls import event_log
from tests.contracts.eventlog_places import kafka_place
from tests.crashes.conftest import made_live
from tests.crashes.rig import Rig
from tests.integration.ingress.test_process import WHERE, body, environment, started
from tests.integration.ingress.wire import ask, post
from tests.scenarios.conftest import settings_for
from tests.support import kafka as kafkas
from tests.support.ports import free_ports
from tests.support.postgres import OwnPostgres
from tests.support.processes import Processes
from tests.support.waiting import until

BROKER_AWAY = timedelta(seconds=float(os.environ.get("PUENTE_TEST_OUTAGE_SECONDS", "60")))
STORE_AWAY = timedelta(seconds=float(os.environ.get("PUENTE_TEST_OUTAGE_SECONDS", "12")))
HOOKS_PER_SECOND = float(os.environ.get("PUENTE_TEST_HOOKS_PER_SECOND", "40"))
# A database that accepts and says nothing takes a minute by itself: it is left to the longer runs.
WAYS = ["killed", "frozen"] if "PUENTE_TEST_OUTAGE_SECONDS" in os.environ else ["killed"]
SENDERS = 8
SOON = timedelta(seconds=90)
# Both ways of being away end in one test; the time beyond the outage is for what comes back.
LIMIT = 180


@dataclass
class Stream:
    """Vendors that send hooks at a steady pace, whatever comes back."""

    port: int
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    slowest: float = 0.0
    _next: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self._send(stop))

    async def _send(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not stop.is_set():
            self._next += 1
            began = loop.time()
            reply = await post(self.port, WHERE, body(self._next))
            self.slowest = max(self.slowest, loop.time() - began)
            self.statuses[reply.status] += 1
            if reply.status == 200:
                self.accepted.append(str(reply.json["id"]))
            due = max(due + SENDERS / HOOKS_PER_SECOND, loop.time() - 1)
            await asyncio.sleep(max(0.0, due - loop.time()))


@pytest.mark.timeout(LIMIT + BROKER_AWAY.total_seconds())
async def test_hooks_go_on_while_the_broker_is_away(
    tmp_path: Path, processes: Processes, own_broker: Callable[[], kafkas.OwnBroker]
) -> None:
    broker = own_broker()
    log_url = f"kafka://{broker.bootstrap}/puente.changes"
    await topics.create_or_check(log_url)
    (port,) = free_ports(1)
    door = await started(processes, "door", environment(tmp_path, port, log_url))
    stream, stop = Stream(port), asyncio.Event()
    sending = asyncio.create_task(stream.run(stop))
    await until(lambda: len(stream.accepted) > 50, within=SOON, what="hooks are taken")
    broker.kill9()
    await asyncio.wait({sending}, timeout=BROKER_AWAY.total_seconds())
    away = (await ask(port, "GET", "/readyz")).json
    await broker.start_beside()

    async def is_forwarded() -> bool:
        state = (await ask(port, "GET", "/readyz")).json
        return state["log"] == "up" and state["spooled"] == 0

    await until(is_forwarded, within=SOON, what="the spool is empty while hooks go on")
    stop.set()
    await sending
    assert (away["log"], away["ready"]) == ("down", True)
    assert int(str(away["spooled"])) > 0.5 * HOOKS_PER_SECOND * BROKER_AWAY.total_seconds()
    assert set(stream.statuses) == {200}, stream.statuses
    assert stream.slowest < 3, "the door waits for the log once, for as long as its append limit"
    await until(is_forwarded, within=SOON, what="all is in the log")
    assert door.stop() == 0
    log = event_log(log_url, clock=SystemClock())
    try:
        await log.start()
        found = {entry.change.id async for entry in log.read()}
    finally:
        await log.close()
    assert set(stream.accepted) == found


@pytest.mark.timeout(LIMIT + STORE_AWAY.total_seconds())
@pytest.mark.parametrize("way", WAYS)
async def test_sync_stays_in_its_group_while_the_database_is_away(
    tmp_path: Path,
    processes: Processes,
    kafka: kafkas.Broker,
    own_postgres: Callable[[], OwnPostgres],
    way: Literal["killed", "frozen"],
) -> None:
    server = own_postgres()
    # Who does not ask for entries for so long leaves the group: a third of the outage, or for a database that
    # accepts and says nothing, longer than the 30 s after which a statement is given up.
    patience = STORE_AWAY.total_seconds() / 3 if way == "killed" else 45
    options = f"?session_timeout=3&heartbeat=0.5&max_poll_interval={patience:g}"
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(kafka_place(kafka, options))
        store_url = await server.database()
        settings = settings_for(tmp_path, attempt_seconds=5, log_url=place.url, store_url=store_url)
        rig = await made_live(await stack.enter_async_context(Rig.opened(settings)), processes)
        sync = await rig.start("sync")
        left_id = await rig.left.make(name="Talleres Anaga S.L.", email="taller@anaga.example")
        await rig.quiet()
        if way == "killed":
            server.kill9()
        else:
            server.freeze()
        # The door needs no database: what people do meanwhile is in the log.
        await rig.left.edit(left_id, city="Arona")
        for number in range(10):
            await rig.left.make(name=f"Cliente {number}", email=f"c{number}@empresa.example")
        await rig.control.drained()
        await sync.line(r"store\.away", within=SOON)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(STORE_AWAY.total_seconds()):
                await sync.exits(within=STORE_AWAY + SOON)
        if way == "killed":
            await server.start_beside()
        else:
            server.thaw()
        await sync.line(r"store\.back", within=SOON)
        await rig.quiet(within=SOON)
        said = sync.output() + sync.errors()
        assert (said.count("shards.assigned"), said.count("shards.revoked")) == (1, 0)
        assert len(await rig.right.all()) == 11
        assert await rig.doubled() == []
        assert await rig.differences() == []
        assert await rig.asks() == []
