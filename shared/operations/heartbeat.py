"""That sync works: noted by every process that holds shards, so that whoever looks knows when none does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from shared import errors
from shared.runtime.parts import Parts
from shared.runtime.rounds import Rounds
from shared.store import marks
from shared.store.marks import Mark

_log = structlog.get_logger("puente.sync")

_EVERY: Final = timedelta(seconds=15)
GONE_AFTER: Final = timedelta(minutes=2)
"""So long after the last note no process works. A rebalance and a rolling restart are over sooner."""


class Heartbeat:
    """One of the timers of sync: it stops with the process, with its shards, and with its store."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rounds = Rounds(parts.clock, every=_EVERY)

    async def run_due(self, shards: frozenset[int], group: asyncio.TaskGroup) -> None:
        if shards and self._rounds.is_due:
            self._rounds.begin(self._note(), group)

    async def _note(self) -> None:
        mark = Mark(kind="sync works", workspace_id="", subject="sync", at=self._parts.clock.now())
        try:
            await self._parts.database.run(partial(marks.put, mark=mark))
        except errors.Retryable as problem:
            _log.debug("heartbeat.waits", says=problem.message)
