"""The sync service: the consumer, due waiting rows, sweeps, loads and housekeeping, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog

from shared import errors
from shared.clock import Clock
from shared.runtime.consumer import Consumer
from shared.runtime.due import Due
from shared.runtime.loader import Loader
from shared.runtime.scheduler import Scheduler
from shared.runtime.sweeper import Sweeper
from shared.runtime.workspaces import Workspaces
from shared.store.database import Database

_log = structlog.get_logger("puente.sync")

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
        self._due = Due(
            database=database,
            workspaces=workspaces,
            scheduler=scheduler,
            clock=clock,
            store_away=consumer.store_went_away,
        )
        self._sweeper = sweeper
        self._loader = loader
        self._workspaces = workspaces
        self._clock = clock
        self._rhythm = rhythm or Rhythm()
        self._also = also

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
                    group.create_task(self._take_up_due()),
                    group.create_task(self._every_timer()),
                ]
                await consuming
                for timer in timers:
                    timer.cancel()
        except* asyncio.CancelledError:
            raise
        except* errors.PuenteError as problems:
            raise _first(problems) from problems

    async def _take_up_due(self) -> None:
        while True:
            with _while_away():
                if not self._consumer.store_away:
                    await self._due.look(self._consumer.shards)
            await self._due.rest(self._rhythm.due)

    async def _every_timer(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                with _while_away():
                    await self._timers(group)
                await self._clock.sleep(self._rhythm.timers)

    async def _timers(self, group: asyncio.TaskGroup) -> None:
        if self._consumer.store_away:
            return
        shards = self._consumer.shards
        await self._loader.run_due(shards, group)
        await self._sweeper.run_due(shards, group)
        for task in self._also:
            await task(shards, group)
        self._workspaces.forget_idle()


def _first(problems: BaseExceptionGroup[errors.PuenteError]) -> errors.PuenteError:
    found = problems.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


@contextmanager
def _while_away() -> Iterator[None]:
    """While the store is away a timer only waits: its next turn tries again."""
    try:
        yield
    except errors.Retryable as problem:
        _log.debug("timer.waits", says=problem.message)
