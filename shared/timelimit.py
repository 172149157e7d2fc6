"""A limit of time for many short things at once, with one timer for all of them.

`asyncio.timeout` makes a timer for each use and asks for the running loop several times, which on Python 3.11
costs a system call each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from types import TracebackType
from typing import Self


class TimeLimit:
    """`with limit.begun():` ends a block after `duration` and raises TimeoutError, as `asyncio.timeout` does.

    Made once, for one event loop, and used by any number of its tasks at the same time.
    """

    def __init__(self, duration: timedelta) -> None:
        self._seconds = duration.total_seconds()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        # All last equally long, so they end in the order in which they began.
        self._begun: deque[Limited] = deque()

    @property
    def seconds(self) -> float:
        return self._seconds

    def begun(self) -> Limited:
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a time limit is for a task")
        limited = Limited(self, task, loop.time() + self._seconds)
        self._begun.append(limited)
        if self._timer is None:
            self._timer = loop.call_at(limited.ends_at, self._look, loop)
        return limited

    def forget_ended(self) -> None:
        begun = self._begun
        while begun and begun[0].ended:
            begun.popleft()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        while self._begun and (self._begun[0].ended or self._begun[0].ends_at <= now):
            self._begun.popleft().cut_off()
        if self._begun:
            self._timer = loop.call_at(self._begun[0].ends_at, self._look, loop)


class Limited:
    """One use of a limit."""

    __slots__ = ("_cancelling", "_limit", "_task", "cut", "ended", "ends_at")

    def __init__(self, limit: TimeLimit, task: asyncio.Task[object], ends_at: float) -> None:
        self._limit = limit
        self._task = task
        self._cancelling = task.cancelling()
        self.ends_at = ends_at
        self.ended = False
        self.cut = False

    def cut_off(self) -> None:
        if not self.ended:
            self.cut = True
            self._task.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended = True
        self._limit.forget_ended()
        if self.cut and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from problem
