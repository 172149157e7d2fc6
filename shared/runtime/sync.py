"""The sync service: the consumer, due waiting rows, sweeps, loads and housekeeping, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from shared import errors
from shared.clock import Clock
from shared.flows.context import Outcome
from shared.runtime.consumer import Consumer
from shared.runtime.loader import Loader
from shared.runtime.runner import Job, TooManyBugs
from shared.runtime.scheduler import Scheduler
from shared.runtime.sweeper import Sweeper
from shared.runtime.workspaces import Workspaces
from shared.store import waiting
from shared.store.database import Database
from shared.store.rows import Waiting

_log = structlog.get_logger("puente.sync")

_DUE_BATCH = 200
_DUE_PER_WORKSPACE = 50
_CLAIM = timedelta(minutes=2)

Task = Callable[[frozenset[int], asyncio.TaskGroup], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often the store is asked for what is due."""

    due: timedelta = timedelta(milliseconds=300)
    timers: timedelta = timedelta(milliseconds=500)


class Sync:
    """Runs until told to stop. Any number of these may run on one log and one store."""

    def __init__(
        self,
        *,
        consumer: Consumer,
        scheduler: Scheduler,
        sweeper: Sweeper,
        loader: Loader,
        workspaces: Workspaces,
        database: Database,
        clock: Clock,
        rhythm: Rhythm | None = None,
        also: tuple[Task, ...] = (),
    ) -> None:
        self._consumer = consumer
        self._scheduler = scheduler
        self._sweeper = sweeper
        self._loader = loader
        self._workspaces = workspaces
        self._database = database
        self._clock = clock
        self._rhythm = rhythm or Rhythm()
        self._also = also
        self._claimed: dict[str, int] = {}
        self._fatal: TooManyBugs | None = None

    @property
    def shards(self) -> frozenset[int]:
        """The shards that this process holds."""
        return self._consumer.shards

    @property
    def store_away(self) -> bool:
        return self._consumer.store_away

    @property
    def ready(self) -> bool:
        """Whether this process holds shards and reaches its store."""
        return bool(self._consumer.shards) and not self._consumer.store_away

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`. Raises what makes going on senseless: TooManyBugs, a store away beyond patience."""
        try:
            async with asyncio.TaskGroup() as group:
                consuming = group.create_task(self._consumer.run(stop))
                timers = [
                    group.create_task(self._every(self._rhythm.due, lambda _group: self._due())),
                    group.create_task(self._every(self._rhythm.timers, self._timers)),
                ]
                await consuming
                for timer in timers:
                    timer.cancel()
        except* asyncio.CancelledError:
            raise
        except* errors.PuenteError as problems:
            raise _first(problems) from problems

    async def _every(self, rhythm: timedelta, work: Callable[[asyncio.TaskGroup], Awaitable[None]]) -> None:
        """Do a piece of work again and again; while the store is away it only waits."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await work(group)
                except errors.Retryable as problem:
                    _log.debug("timer.waits", says=problem.message)
                await self._clock.sleep(rhythm)

    async def _timers(self, group: asyncio.TaskGroup) -> None:
        shards = self._consumer.shards
        await self._loader.run_due(shards, group)
        await self._sweeper.run_due(shards, group)
        for task in self._also:
            await task(shards, group)
        self._workspaces.forget_idle()

    async def _due(self) -> None:
        """Take up waiting rows whose time has come."""
        if self._fatal is not None:
            raise self._fatal
        shards = self._consumer.shards
        room = _DUE_BATCH - len(self._claimed)
        if not shards or room <= 0:
            return
        now = self._clock.now()
        rows = await self._database.read(
            lambda connection: waiting.due(
                connection, sorted(shards), now, limit=room, per_workspace=_DUE_PER_WORKSPACE
            )
        )
        for row in rows:
            if row.id not in self._claimed and not await self._is_paused(row):
                self._take_up(row)

    async def _is_paused(self, row: Waiting) -> bool:
        """Rows of a paused flow keep waiting; they become due when it is resumed."""
        used = await self._workspaces.get(row.workspace_id)
        flow = used.flows.get(row.flow_id) if used is not None else None
        if flow is not None and flow.row.state != "paused":
            return False
        until = self._clock.now() + timedelta(seconds=5 if flow is not None else 3600)
        await self._database.run(lambda connection: waiting.postpone(connection, row, until))
        return True

    def _take_up(self, row: Waiting) -> None:
        self._claimed[row.id] = row.version
        job = Job(
            workspace_id=row.workspace_id,
            account_id=row.account_id,
            resource=row.resource,
            record_id=row.record_id,
            origin="waiting",
            flow_id=row.flow_id,
            change_ids=list(row.change_ids),
            deletion=row.deletion,
            repair=row.mode == "repair",
            waiting=row,
        )
        settled = self._scheduler.submit(job)
        settled.add_done_callback(lambda done: self._taken(row, done))

    def _taken(self, row: Waiting, done: asyncio.Future[list[Outcome]]) -> None:
        self._claimed.pop(row.id, None)
        if not done.cancelled() and isinstance(problem := done.exception(), TooManyBugs):
            self._fatal = problem


def _first(problems: BaseExceptionGroup[errors.PuenteError]) -> errors.PuenteError:
    found = problems.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
