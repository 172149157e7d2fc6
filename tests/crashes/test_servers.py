"""The database or the broker dies while work is under way: nothing is lost, nothing is made twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from shared.eventlog import topics
from tests.crashes.conftest import SHORT_SESSIONS, made_live
from tests.crashes.rig import Rig
from tests.crashes.test_kills import TALLERES, creates
from tests.scenarios.conftest import settings_for
from tests.support import kafka as kafkas
from tests.support.postgres import OwnPostgres
from tests.support.processes import Processes

SOON = timedelta(seconds=60)


async def test_the_database_dies_and_comes_back(
    tmp_path: Path, processes: Processes, own_postgres: Callable[[], OwnPostgres]
) -> None:
    server = own_postgres()
    settings = settings_for(tmp_path, attempt_seconds=5, store_url=await server.database())
    async with Rig.opened(settings) as opened:
        rig = await made_live(opened, processes)
        sync = await rig.start("sync")
        left_id = await rig.left.make(**TALLERES)
        await rig.quiet()
        server.kill9()
        # The door needs no database: what is told meanwhile is in the log.
        await rig.left.make(name="Bodegas Drago", email="bodega@drago.example")
        await rig.left.edit(left_id, city="Arona")
        await rig.control.drained()
        await sync.line(r"store\.away", within=SOON)
        await server.start_beside()
        await sync.line(r"store\.back", within=SOON)
        await rig.quiet(within=SOON)
        assert sync.running
        assert await creates(rig) == 2
        assert len(await rig.right.all()) == 2
        assert await rig.differences() == []


async def test_the_broker_dies_and_comes_back(
    tmp_path: Path, processes: Processes, own_broker: Callable[[], kafkas.OwnBroker]
) -> None:
    broker = own_broker()
    log_url = f"kafka://{broker.bootstrap}/puente.changes{SHORT_SESSIONS}"
    await topics.create_or_check(log_url)
    async with AsyncExitStack() as stack:
        settings = settings_for(tmp_path, attempt_seconds=5, log_url=log_url)
        rig = await made_live(await stack.enter_async_context(Rig.opened(settings)), processes)
        sync = await rig.start("sync")
        left_id = await rig.left.make(**TALLERES)
        await rig.quiet()
        broker.kill9()
        # The door spools what is told meanwhile, on its own disk.
        await rig.left.make(name="Bodegas Drago", email="bodega@drago.example")
        await rig.left.edit(left_id, city="Arona")
        await rig.control.drained()
        await broker.start_beside()
        await rig.right.has("Bodegas Drago", within=SOON)
        await rig.quiet(within=SOON)
        assert sync.running
        assert await creates(rig) == 2
        assert await rig.differences() == []
