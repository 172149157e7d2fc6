"""The door's spool: what was accepted while the log was away, in a SQLite file on a volume that outlives us.

Order does not matter here: changes are nudges. An entry leaves the file only after the log has acknowledged it, so
that a crash in between forwards it twice, with the same id, which is harmless. Processes may share a folder.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from shared import errors
from shared.clock import Clock
from shared.eventlog.groupcommit import GroupCommit
from shared.eventlog.logfile import Checkpointer, Reader, Row, Writer, translated
from shared.eventlog.port import EventLog
from shared.eventlog.sqlite import entry_of, row_of
from shared.model.change import Change

T = TypeVar("T")

log = logging.getLogger(__name__)

DEFAULT_LIMIT_BYTES = 1024 * 1024 * 1024

_CHUNK_ROWS = 200
_CHUNK_BYTES = 4 * 1024 * 1024
_PENDING_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStats:
    """What waits. `refused` counts entries that the log does not take as they are; a restart tries them again."""

    entries: int
    size: int
    oldest_age: timedelta | None
    refused: int


class Spool:
    """Durable appends into a file of limited size, and forwarding them to the log when it is back."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        append_limit: timedelta = timedelta(seconds=3),
    ) -> None:
        self._path = folder / "spool.db"
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._append_limit = append_limit
        self._open: _Open | None = None
        self._forwarding = asyncio.Lock()
        self._refused: set[int] = set()

    async def start(self) -> None:
        """Raises Misconfigured when the file is damaged or not ours, or cannot be written."""
        if self._open is None:
            self._open = await asyncio.get_running_loop().run_in_executor(None, self._open_files)

    async def close(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.commits.close()
            await opened.in_reader(opened.close)
            opened.reading.shutdown(wait=False)

    async def append(self, *changes: Change) -> None:
        """Return once the changes are on disk. Raises Retryable (also when the spool is full) or Rejected."""
        await self._opened().commits.append([row_of(change) for change in changes])

    async def stats(self) -> SpoolStats:
        opened = self._opened()
        entries, size = await opened.in_reader(opened.reader.held)
        oldest = await opened.in_reader(lambda: opened.reader.rows(0, limit=1, limit_bytes=1))
        age = max(timedelta(0), self._clock.now() - oldest[0].appended_at) if oldest else None
        return SpoolStats(entries=entries, size=size, oldest_age=age, refused=len(self._refused))

    async def forward(self, to: EventLog) -> int:
        """Move everything that waits to the log and return how many entries went.

        Raises the log's Retryable when it does not take them; what it acknowledged before is gone from here. An
        entry that the log rejects stays in the file, is counted in `refused` and holds up nobody.
        """
        async with self._forwarding:
            moved = 0
            start = 0
            while rows := await self._chunk(start):
                start = rows[-1].offset + 1
                moved += await self._forward_chunk([row for row in rows if row.offset not in self._refused], to)
            return moved

    async def _forward_chunk(self, rows: Sequence[Row], to: EventLog) -> int:
        entries = sorted(((row.offset, entry_of(row)) for row in rows), key=lambda pair: pair[1].change.workspace)
        moved = 0
        for workspace, group in groupby(entries, key=lambda pair: pair[1].change.workspace):
            pairs = list(group)
            if not workspace or any(entry.problem for _, entry in pairs):
                self._refuse([offset for offset, _ in pairs], "it cannot be read")
                continue
            moved += await self._hand_over([(offset, entry.change) for offset, entry in pairs], to)
        return moved

    async def _hand_over(self, pairs: Sequence[tuple[int, Change]], to: EventLog) -> int:
        """Append the changes of one workspace, delete them here once the log has them."""
        try:
            await to.append(*(change for _, change in pairs))
        except errors.Rejected as problem:
            if len(pairs) == 1:
                self._refuse([pairs[0][0]], problem.message)
                return 0
            # One of them is the culprit; the others shall not stay behind with it.
            return sum([await self._hand_over([pair], to) for pair in pairs])
        opened = self._opened()
        offsets = [offset for offset, _ in pairs]
        return await opened.commits.run(lambda: opened.writer.delete_these(offsets))

    def _refuse(self, offsets: Sequence[int], reason: str) -> None:
        log.error("the log does not take %d entries of the spool, which keeps them: %s", len(offsets), reason)
        self._refused.update(offsets)

    async def _chunk(self, start: int) -> Sequence[Row]:
        opened = self._opened()
        return await opened.in_reader(
            lambda: opened.reader.rows(start, limit=_CHUNK_ROWS, limit_bytes=_CHUNK_BYTES)
        )

    def _open_files(self) -> _Open:
        with translated(self._path), ExitStack() as undo:
            writer = Writer(self._path, now=self._clock.now, limit_bytes=self._limit_bytes)
            undo.callback(writer.close)
            reader = Reader(self._path)
            undo.pop_all()
            return _Open(writer, reader, Checkpointer(self._path), self._append_limit)

    def _opened(self) -> _Open:
        if self._open is None:
            raise errors.Retryable("The spool is closed.")
        return self._open


class _Open:
    """What is open between start and close."""

    def __init__(self, writer: Writer, reader: Reader, checkpointer: Checkpointer, limit: timedelta) -> None:
        self.writer = writer
        self.reader = reader
        self.checkpointer = checkpointer
        self.reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool-reader")
        self.commits = GroupCommit(
            writer, limit_bytes=_PENDING_BYTES, time_limit=limit, committed=checkpointer.wake
        )

    async def in_reader(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.reading, call)

    def close(self) -> None:
        self.checkpointer.stop()
        self.reader.close()
