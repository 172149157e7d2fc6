"""Housekeeping: old attempts and log entries go, partitions are made ahead. And the sync service, all wired."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from shared import errors
from shared.eventlog.port import EventLog
from shared.eventlog.sqlite import SqliteLog
from shared.operations import movement
from shared.operations.heartbeat import Heartbeat
from shared.operations.hookwatch import HookWatch
from shared.runtime.parts import Parts, sync_of
from shared.runtime.rounds import Rounds
from shared.runtime.sync import Rhythm, Sync
from shared.store import retention

_log = structlog.get_logger("puente.sync")


class Housekeeper:
    """Tends the store, and the log where no broker does it, at start and then every hour."""

    def __init__(self, parts: Parts, log: EventLog, *, every: timedelta = timedelta(hours=1)) -> None:
        self._parts = parts
        self._event_log = log
        self._rounds = Rounds(parts.clock, every=every)

    async def run_due(self, _shards: frozenset[int], group: asyncio.TaskGroup) -> None:
        if self._rounds.is_due:
            self._rounds.begin(self._tend(), group)

    async def _tend(self) -> None:
        try:
            await retention.tend(
                self._parts.database, self._parts.clock, attempt_days=self._parts.settings.attempt_days
            )
            await self._parts.database.empty_journal()
            if isinstance(self._event_log, SqliteLog):
                await self._event_log.retain(self._parts.clock.now())
        except errors.Retryable as problem:
            _log.warning("housekeeping.waits", says=problem.message)


def whole_sync(parts: Parts, log: EventLog, *, rhythm: Rhythm | None = None) -> Sync:
    """The sync service as it is started in production: with all that runs beside it."""
    beside = (HookWatch(parts), Housekeeper(parts, log), movement.Sampler(parts, log), Heartbeat(parts))
    return sync_of(parts, log, rhythm=rhythm, also=tuple(each.run_due for each in beside))
