"""One workspace floods: its neighbours go on at once, and nothing of the flood is lost. Real broker and database.

Looks at the flooding workspace's records stand still until they are let go, so that what comes through meanwhile
shows an order and not a speed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared import errors
from shared.clock import SystemClock
from shared.eventlog.port import EventLog
from shared.eventlog.urls import event_log
from shared.flows.context import Outcome
from shared.keys import generate_ring
from shared.model.change import Change, shard_of
from shared.operations import administration
from shared.runtime import parts
from shared.runtime.consumer import GROUP, Consumer
from shared.runtime.due import Due
from shared.runtime.parts import Parts
from shared.runtime.runner import Job
from shared.runtime.scheduler import Scheduler
from shared.runtime.settings import Settings
from shared.store import directory, waiting
from shared.store.rows import Waiting
from tests.contracts.eventlog_places import KafkaPlace, kafka_place
from tests.support import kafka as kafkas
from tests.support.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FLOOD = "flood"
BUDGET = 100
MANY = 3000
LONG = timedelta(minutes=2)
BESIDE = next(name for n in count() if shard_of(name := f"beside-{n}") == shard_of(FLOOD))
ELSEWHERE = next(name for n in count() if shard_of(name := f"elsewhere-{n}") != shard_of(FLOOD))


@pytest.fixture
async def place(kafka: kafkas.Broker) -> AsyncIterator[KafkaPlace]:
    async with kafka_place(kafka) as made:
        yield made


class Looks:
    """Stands where the runner stands: notes each look, and holds the flooding workspace's until `go`."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.told: set[str] = set()
        self.go = asyncio.Event()

    async def run(self, job: Job) -> list[Outcome]:
        self.seen.append((job.workspace_id, job.record_id))
        if job.workspace_id == FLOOD:
            await self.go.wait()
        self.told.update(job.change_ids)
        return []


class Place:
    """A log, a store and what reads them, all of one process."""

    def __init__(self, opened: Parts, log: EventLog) -> None:
        self.parts = opened
        self.log = log
        self.looks = Looks()
        self.scheduler = Scheduler(self.looks.run)
        self.consumer = Consumer(
            log=log,
            scheduler=self.scheduler,
            workspaces=opened.workspaces,
            database=opened.database,
            clock=opened.clock,
            new_id=opened.new_id,
            why_unreadable=lambda change: "",
            budget=BUDGET,
        )

    async def append(self, workspace: str, records: Iterable[int]) -> set[str]:
        """Tell a change of each record; the ids of the changes."""
        changes = [self._change(workspace, number) for number in records]
        for at in range(0, len(changes), 500):
            await self.log.append(*changes[at : at + 500])
        return {change.id for change in changes}

    def _change(self, workspace: str, number: int) -> Change:
        return Change(
            id=self.parts.new_id(),
            what="customer",
            workspace=workspace,
            system="bitfactura",
            account=f"{workspace}.bitfactura",
            seen_at=self.parts.clock.now(),
            resource="clients",
            record_id=str(number),
        )

    async def put_aside(self) -> list[Waiting]:
        return await self.parts.database.read(
            lambda connection: waiting.of_workspace(connection, FLOOD, reason="budget", limit=2 * MANY)
        )

    async def lag(self) -> int:
        return (await self.log.lag(group=GROUP)).total

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        running = asyncio.create_task(self.consumer.run(stop))
        try:
            yield
        finally:
            self.looks.go.set()
            stop.set()
            await running


@asynccontextmanager
async def opened_place(folder: Path, log_url: str, store_url: str) -> AsyncIterator[Place]:
    settings = Settings(
        data=folder,
        log_url=log_url,
        store_url=store_url.replace("postgresql+asyncpg", "postgresql"),
        outgoing_allow="127.0.0.0/8",
        door_keys=SecretStr(generate_ring()),
        log_keys=SecretStr(generate_ring()),
        store_keys=SecretStr(generate_ring()),
    )
    clock = SystemClock()
    async with parts.opened(settings, clock=clock, migrate=True) as opened:
        for name in (FLOOD, BESIDE, ELSEWHERE):
            await _add_workspace(opened, name)
        log = event_log(log_url, clock=clock)
        await log.start()
        try:
            yield Place(opened, log)
        finally:
            await log.close()


async def _add_workspace(opened: Parts, name: str) -> None:
    await administration.add_workspace(opened, name, title=name)
    for system in ("bitfactura", "sugester"):
        used = await administration.used_of(opened, name)
        account = administration.new_account(
            opened,
            used,
            system,
            base_url=f"http://127.0.0.1:9/{name}/{system}",
            credentials={"token": f"secret/{name}"},
            settings={},
        )
        await administration.save_account(opened, used, account)
    used = await administration.used_of(opened, name)
    await administration.add_bridge(opened, used, "bitfactura", "sugester")
    used = await administration.used_of(opened, name)
    flow = next(each for each in used.directory.flows.values() if each.entity == "customer")
    await opened.database.run(lambda connection: directory.set_flow(connection, flow, state="live"))


async def test_neighbours_go_on_while_a_flood_stands_still_and_nothing_of_it_is_lost(
    place: KafkaPlace, postgres_url: str, tmp_path: Path
) -> None:
    async with opened_place(tmp_path, place.url, postgres_url) as here:
        told = await here.append(FLOOD, range(1, MANY + 1))
        behind = await here.append(BESIDE, [1]) | await here.append(ELSEWHERE, [1])
        async with here.consuming():
            await until(lambda: behind <= here.looks.told, within=LONG, what="both neighbours were looked at")

            async def all_aside() -> bool:
                return len(await here.put_aside()) == MANY - BUDGET

            await until(all_aside, within=LONG, what="the rest of the flood is put aside")
            later = await here.append(BESIDE, [2]) | await here.append(ELSEWHERE, [2])
            await until(lambda: later <= here.looks.told, within=LONG, what="they go on with the flood put aside")

            # What is in memory only holds the offset back, however much behind it is settled.
            assert not here.looks.told & told
            assert await here.lag() >= MANY
            here.looks.go.set()

            async def settled() -> bool:
                return await here.lag() == 0

            await until(settled, within=LONG, what="everything is settled")

        rows = await here.put_aside()
        saved = {change_id for row in rows for change_id in row.change_ids}
        assert saved | here.looks.told >= told
        assert not saved & here.looks.told
        assert len(here.looks.seen) == BUDGET + 4


async def test_what_was_put_aside_is_taken_up_as_it_is_worked_off_and_neighbours_between(
    place: KafkaPlace, postgres_url: str, tmp_path: Path
) -> None:
    async with opened_place(tmp_path, place.url, postgres_url) as here:
        used = await administration.used_of(here.parts, FLOOD)
        flow = next(each for each in used.directory.flows.values() if each.entity == "customer")
        now = here.parts.clock.now()
        rows = [_row(here, flow.id, FLOOD, number, now - timedelta(minutes=1)) for number in range(MANY)]
        await here.parts.database.run(lambda connection: waiting.put_aside(connection, rows))
        away: list[errors.Retryable] = []
        due = Due(
            database=here.parts.database,
            workspaces=here.parts.workspaces,
            scheduler=here.scheduler,
            clock=here.parts.clock,
            store_away=away.append,
        )
        shards = frozenset(range(64))
        await due.look(shards)
        first = here.scheduler.count(FLOOD)
        assert 0 < first < MANY / 10

        used = await administration.used_of(here.parts, BESIDE)
        beside = next(each for each in used.directory.flows.values() if each.entity == "customer")
        row = _row(here, beside.id, BESIDE, 1, now)
        await here.parts.database.run(lambda connection: waiting.put_aside(connection, [row]))

        async def looked() -> bool:
            await due.look(shards)
            return (BESIDE, "1") in here.looks.seen

        await until(
            looked, within=LONG, what="the neighbour's row is taken up before the flood's that stand still"
        )
        assert here.scheduler.count(FLOOD) == first
        here.looks.go.set()
        await here.scheduler.quiet()


def _row(here: Place, flow_id: str, workspace: str, number: int, not_before: datetime) -> Waiting:
    return Waiting(
        id=here.parts.new_id(),
        workspace_id=workspace,
        flow_id=flow_id,
        account_id=f"{workspace}.bitfactura",
        resource="clients",
        record_id=str(number),
        reason="budget",
        not_before=not_before,
        first_seen=not_before,
        updated_at=not_before,
        change_ids=(f"c{number}",),
    )
