"""Work that comes round beside sync: one round at a time, none sooner than an interval after the last began."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from shared.clock import Clock


class Rounds:
    """When the next round is due. The first one is due at once."""

    def __init__(self, clock: Clock, *, every: timedelta) -> None:
        self._clock = clock
        self._every = every.total_seconds()
        self._next = -math.inf
        self._task: asyncio.Task[None] | None = None

    @property
    def is_due(self) -> bool:
        """Whether a round may begin: the interval is over, and the round before has ended."""
        is_running = self._task is not None and not self._task.done()
        return not is_running and self._clock.monotonic() >= self._next

    def begin(self, work: Coroutine[Any, Any, None], group: asyncio.TaskGroup) -> None:
        """Have the round done beside everything else of the group."""
        self._next = self._clock.monotonic() + self._every
        self._task = group.create_task(work)
