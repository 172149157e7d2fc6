"""The earlier version and this one side by side: one group, one database, a stream of edits, and a migration."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from services.sandbox.catalog import SERVED
from services.sandbox.server import Sandbox
from services.sandbox.world import World as Vendors
from shared.runtime.parts import opened as opened_parts
from shared.runtime.parts import opened_log
from shared.runtime.settings import Settings
from shared.store import schema
from shared.store.database import Database
from tests.contracts.eventlog_places import kafka_place
from tests.crashes.conftest import SHORT_SESSIONS
from tests.crashes.rig import ASSIGNED, Rig, environment_of
from tests.faults.host import CLIENTS, Told
from tests.faults.neighbour import OtherOwner
from tests.scenarios.conftest import settings_for
from tests.scenarios.owners import Control, Owner
from tests.scenarios.world import control_client
from tests.support import earlier
from tests.support import kafka as kafkas
from tests.support.clocks import ShiftedClock
from tests.support.postgres import Postgres
from tests.support.processes import Process, Processes, python
from tests.support.waiting import until

SOON = timedelta(seconds=120)
EVERY = 0.5


@asynccontextmanager
async def grown(tmp_path: Path, kafka: kafkas.Broker, postgres: Postgres) -> AsyncIterator[Settings]:
    """Settings of an empty installation on Kafka and PostgreSQL."""
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(kafka_place(kafka, SHORT_SESSIONS))
        store_url = await postgres.database()
        stack.push_async_callback(postgres.drop, store_url)
        yield settings_for(tmp_path, attempt_seconds=5, sweep_seconds=5, log_url=place.url, store_url=store_url)


@asynccontextmanager
async def joined(settings: Settings, told: Told, processes: Processes) -> AsyncIterator[Rig]:
    """This version's view of an installation that another process hosts; its store is of this version."""
    clock = ShiftedClock()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(control_client())
        parts = await stack.enter_async_context(opened_parts(settings, clock=clock))
        control = Control(http=http, url=told.control)
        systems = (await control.get("systems"))["systems"]
        yield Rig(
            settings=settings,
            clock=clock,
            # What the vendors hold is in the host; here is only where they are.
            sandbox=Sandbox(url=told.sandbox, control=told.control, systems=systems, world=Vendors(SERVED)),
            control=control,
            parts=parts,
            log=await stack.enter_async_context(opened_log(parts)),
            public_url=told.public_url,
            left=Owner(control=control, system="bitfactura"),
            right=Owner(control=control, system="sugester"),
            _stack=stack,
            processes=processes,
        )


async def hosted(settings: Settings, processes: Processes, root: Path) -> Told:
    host = processes.start(
        *python("-m", "tests.faults.host"),
        name="host",
        env=earlier.environment(root, **environment_of(settings)),
        cwd=root,
    )
    line = await host.line(r'^\{"sandbox".*\}$', within=SOON)
    return Told(**json.loads(line[0]))


async def edits(control: Control, stop: asyncio.Event) -> int:
    """People at work in both workspaces until `stop`; how many clients they made in each."""
    left, right = Owner(control=control, system="bitfactura"), Owner(control=control, system="sugester")
    other = OtherOwner(control=control, system="bitfactura")
    ids = [str(each["id"]) for each in await left.all()]
    made = 0
    while not stop.is_set():
        name = {"name": f"Cliente {made:03}", "email": f"c{made}@empresa.example"}
        await (left if made % 2 else right).make(**name)
        made += 1
        await left.edit(ids[made % len(ids)], city=f"Calle {made}")
        await other.make(**name)
        await asyncio.sleep(EVERY)
    return made


def carried(process: Process, flow: str) -> int:
    """How many writes of a flow this process has done."""
    lines = [line for line in (process.errors() + process.output()).splitlines() if "sync.attempted" in line]
    return sum(flow in line and ("applied" in line or "created" in line) for line in lines)


async def works(process: Process, *, more_than: int = 0) -> None:
    """Until a process has carried something in either workspace, beyond what it had."""

    def has_carried() -> bool:
        return carried(process, "") > more_than

    await process.reaches(has_carried, within=SOON, what="carries a change")


@pytest.mark.timeout(400)
async def test_two_versions_side_by_side_lose_and_double_nothing(
    tmp_path: Path, processes: Processes, kafka: kafkas.Broker, postgres: Postgres, earlier_version: Path
) -> None:
    async with AsyncExitStack() as stack:
        settings = await stack.enter_async_context(grown(tmp_path, kafka, postgres))
        told = await hosted(settings, processes, earlier_version)
        http = await stack.enter_async_context(control_client())
        control = Control(http=http, url=told.control)
        old = processes.start(
            *python("-m", "tests.crashes.sync_process"),
            name="old",
            env=earlier.environment(earlier_version, **environment_of(settings)),
            cwd=earlier_version,
        )
        await old.line(ASSIGNED, within=SOON)
        stop = asyncio.Event()
        working = asyncio.create_task(edits(control, stop))
        stack.callback(working.cancel)
        await works(old)

        # Migrations go forward on a full database while the earlier version works on it.
        database = Database(settings.effective_store_url)
        await schema.migrate(database)
        await schema.check(database)
        await database.close()
        await works(old, more_than=carried(old, ""))

        rig = await stack.enter_async_context(joined(settings, told, processes))
        new = await rig.start("new")
        await works(new)
        await works(old, more_than=carried(old, ""))
        before = carried(old, ""), carried(new, "")
        await works(old, more_than=before[0])
        await works(new, more_than=before[1])

        assert old.stop() == 0
        second = await rig.start("second")
        await works(second)
        stop.set()
        made = await working
        await rig.quiet(within=SOON)
        await rig.sweep(full=True)

        assert await rig.asks() == []
        assert await rig.differences() == []
        assert await rig.doubled() == []
        for owner in (rig.left, rig.right):
            assert len(await owner.all()) == CLIENTS + made
        assert len(await rig.bindings()) == CLIENTS + made
        await _neighbour_agrees(rig, 1 + made)


async def _neighbour_agrees(rig: Rig, clients: int) -> None:
    left = OtherOwner(control=rig.control, system="bitfactura")
    right = OtherOwner(control=rig.control, system="sugester")

    async def agrees() -> bool:
        names = [sorted(each["name"] for each in await owner.all()) for owner in (left, right)]
        return names[0] == names[1] and len(names[0]) == clients == len(set(names[0]))

    await until(agrees, within=SOON, what=f"the neighbour's {clients} clients are on both sides once")
