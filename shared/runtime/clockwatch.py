"""Notices that this machine's clock was set back, now or before this process held its shards.

Times in the store are then as far ahead as the clock went back; what names them would stand still for so long.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog

from shared.clock import Clock
from shared.store import clockstep
from shared.store.database import Database

_log = structlog.get_logger("puente.sync")

# Less is an ordinary correction, and what machines of one installation may differ by.
_TOLERANCE = timedelta(seconds=30)


class ClockWatch:
    """One of sync's timers."""

    def __init__(self, *, database: Database, clock: Clock, deadline_limit: timedelta) -> None:
        """`deadline_limit` is how long a write may take at most."""
        self._database = database
        self._clock = clock
        self._limit = deadline_limit
        self._last: datetime | None = None
        self._looked_at: frozenset[int] = frozenset()

    async def run(self, shards: frozenset[int], _group: asyncio.TaskGroup) -> None:
        """Bring near what names a time of before. Raises StoreUnreachable, and then does it the next time."""
        now = self._clock.now()
        went_back = self._last is not None and now < self._last - _TOLERANCE
        if shards and (went_back or not shards <= self._looked_at):
            if went_back or await self._was_ahead(shards, now):
                changed = await self._database.run(
                    lambda connection: clockstep.bring_near(
                        connection, sorted(shards), now, deadline_limit=self._limit
                    )
                )
                _log.warning("clock.set_back", rows=changed)
            self._looked_at = shards
        self._last = now

    async def _was_ahead(self, shards: frozenset[int], now: datetime) -> bool:
        return await self._database.read(
            lambda connection: clockstep.is_ahead(connection, sorted(shards), now + _TOLERANCE)
        )
