"""Group commit by hand-off: at most one batch is in the writer's thread, what arrives meanwhile is the next batch.

There is no linger: a lone append is written at once, and under load the batches grow by themselves. A batch that
fails fails all of its waiters, and nothing of it stays in the file.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from shared import errors
from shared.eventlog.logfile import NewRow, Writer

T = TypeVar("T")

_BATCH_BYTES = 8 * 1024 * 1024


@dataclass(slots=True)
class _Waiting:
    rows: Sequence[NewRow]
    size: int
    done: asyncio.Future[int]


class GroupCommit:
    """Gathers appends of one event loop into transactions of one writer.

    `limit_bytes` bounds what waits in memory; `time_limit` bounds how long an append waits for the disk.
    """

    def __init__(
        self, writer: Writer, *, limit_bytes: int, time_limit: timedelta, committed: Callable[[], None]
    ) -> None:
        self._writer = writer
        self._limit_bytes = limit_bytes
        self._time_limit = time_limit
        self._committed = committed
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-writer")
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._worker: asyncio.Task[None] | None = None
        self._late = False
        self._closed = False

    @property
    def late(self) -> bool:
        """Whether the disk has not answered within the time limit, and still does not."""
        return self._late

    async def append(self, rows: Sequence[NewRow]) -> int:
        """Store rows side by side and return the offset of the first. Retryable, or InDoubt after the limit."""
        if self._closed:
            raise errors.Retryable("The log is closed.")
        if self._late:
            raise errors.Retryable("The disk that holds the log does not answer.")
        size = sum(row.size for row in rows)
        if self._waiting_bytes + size > self._limit_bytes and self._waiting:
            raise errors.Retryable(f"More than {self._limit_bytes} bytes wait to be written.")
        waiting = _Waiting(rows, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._waiting_bytes += size
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return await waiting.done

    async def run(self, call: Callable[[], T]) -> T:
        """Run something else that writes, in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def close(self) -> None:
        """Write what has been accepted, then let go. Later appends are Retryable."""
        if self._closed:
            return
        self._closed = True
        if self._worker is not None:
            await self._worker
        await self.run(self._writer.close)
        self._thread.shutdown(wait=False)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch = self._take()
                alarm = loop.call_later(self._time_limit.total_seconds(), self._too_late, batch)
                try:
                    first = await self.run(lambda batch=batch: self._write(batch))  # type: ignore[misc]
                except errors.PuenteError as problem:
                    _fail(batch, problem)
                except BaseException:
                    _fail(batch, errors.InDoubt("The write to the log was broken off."))
                    raise
                else:
                    self._committed()
                    _succeed(batch, first)
                finally:
                    alarm.cancel()
                    self._late = False
        finally:
            self._worker = None
            self._fail_waiting()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + self._waiting[0].size <= _BATCH_BYTES):
            waiting = self._waiting.popleft()
            self._waiting_bytes -= waiting.size
            size += waiting.size
            batch.append(waiting)
        return batch

    def _write(self, batch: Sequence[_Waiting]) -> int:
        first = self._writer.insert([row for waiting in batch for row in waiting.rows])
        self._writer.shrink_wal()
        return first

    def _too_late(self, batch: Sequence[_Waiting]) -> None:
        """The disk hangs: those in the thread are in doubt, those behind them were certainly not written."""
        self._late = True
        _fail(batch, errors.InDoubt("The disk that holds the log does not answer."))
        self._fail_waiting()

    def _fail_waiting(self) -> None:
        behind = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        _fail(behind, errors.Retryable("The disk that holds the log does not answer."))


def _succeed(batch: Sequence[_Waiting], first: int) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_result(first)
        first += len(waiting.rows)


def _fail(batch: Sequence[_Waiting], problem: errors.PuenteError) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(problem)
