"""The event log on one machine: two SQLite files in a folder.

`log.db` holds the entries in one partition; any process of the machine may append. `offsets.db` holds where each
group stands, apart, because the log's one write lock belongs to the door. One process consumes for a group: a
lock of the operating system says which, and dies with it.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from shared import errors
from shared.clock import Clock
from shared.eventlog import envelope
from shared.eventlog.callbacks import Callbacks
from shared.eventlog.groupcommit import GroupCommit
from shared.eventlog.logfile import (
    Checkpointer,
    NewRow,
    Reader,
    Row,
    Writer,
    connect,
    file_lock,
    pack_headers,
    prepare,
    transaction,
    translated,
    unpack_headers,
)
from shared.eventlog.port import Entry, Lag, PartitionLag, Position, ShardsCallback, Subscription
from shared.model.change import SHARDS, Change

T = TypeVar("T")

log = logging.getLogger(__name__)

PARTITION = 0
ALL_SHARDS = frozenset(range(SHARDS))
MAX_RETENTION = timedelta(days=30)

_OFFSETS_ID = 0x50554F46
_OFFSETS_SCHEMA = """
CREATE TABLE IF NOT EXISTS position (
    log_id TEXT, name TEXT, next INTEGER NOT NULL, PRIMARY KEY (log_id, name)
) WITHOUT ROWID;
"""
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_READ_BYTES = 16 * 1024 * 1024
_READ_ROWS = 500
_DELETE_ROWS = 1000
_POLL = timedelta(milliseconds=80)
"""How soon appends of other processes are noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteSettings:
    """Limits of the embedded log. `append_limit` is how long an append waits for the disk."""

    append_limit: timedelta = timedelta(seconds=3)
    pending_bytes: int = 64 * 1024 * 1024
    retention: timedelta = timedelta(days=14)

    def __post_init__(self) -> None:
        if not timedelta(0) < self.retention <= MAX_RETENTION:
            raise errors.Misconfigured("The log keeps entries for more than no time and at most 30 days.")


def row_of(change: Change) -> NewRow:
    """A change in the form of the file. Raises Rejected when it is too large or no valid text."""
    headers = envelope.headers_of(change)
    size = envelope.size_of(change.workspace, headers, change.body)
    envelope.check_size(size)
    return NewRow(
        system=change.system,
        workspace=change.workspace,
        headers=pack_headers(headers),
        value=change.body,
        size=size,
    )


def entry_of(row: Row) -> Entry:
    return envelope.entry_of(
        unpack_headers(row.headers),
        row.value,
        position=Position(partition=PARTITION, offset=row.offset),
        appended_at=row.appended_at,
    )


class Offsets:
    """Where each group stands: the offset of the first entry that is not settled. Blocks.

    Positions belong to one log file: beside a new `log.db` an old `offsets.db` says nothing.
    """

    def __init__(self, path: Path, log_id: str) -> None:
        prepare(path, application_id=_OFFSETS_ID, schema=_OFFSETS_SCHEMA)
        self._path = path
        self._log_id = log_id
        # After a power cut a commit may be gone and its entries come again, which is harmless.
        self._connection = connect(path, synchronous="NORMAL")
        self._connection.execute("PRAGMA wal_autocheckpoint = 1000")

    def close(self) -> None:
        self._connection.close()

    def of(self, group: str) -> int | None:
        with translated(self._path):
            row = self._connection.execute(
                "SELECT next FROM position WHERE log_id = ? AND name = ?", (self._log_id, group)
            ).fetchone()
        return None if row is None else int(row[0])

    def advance(self, group: str, offset: int) -> None:
        """Move a group forward; never back."""
        with translated(self._path), transaction(self._connection):
            self._connection.execute(
                "INSERT INTO position VALUES (?, ?, ?) "
                "ON CONFLICT (log_id, name) DO UPDATE SET next = max(next, excluded.next)",
                (self._log_id, group, offset),
            )

    def lowest(self) -> int | None:
        with translated(self._path):
            row = self._connection.execute(
                "SELECT min(next) FROM position WHERE log_id = ?", (self._log_id,)
            ).fetchone()
        return None if row[0] is None else int(row[0])


class SqliteLog:
    """EventLog on two files of a folder."""

    def __init__(self, folder: Path, *, clock: Clock, settings: SqliteSettings | None = None) -> None:
        self._folder = folder
        self._clock = clock
        self._settings = settings or SqliteSettings()
        self._open: _Open | None = None
        self._appended = asyncio.Event()

    async def start(self) -> None:
        if self._open is None:
            self._open = await asyncio.get_running_loop().run_in_executor(None, self._open_files)

    async def close(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.commits.close()
            await opened.in_reader(opened.close)
            opened.reading.shutdown(wait=False)
        self._appended.set()

    async def append(self, *changes: Change) -> Position:
        envelope.one_workspace(changes)
        rows = [row_of(change) for change in changes]
        first = await self._opened().commits.append(rows)
        return Position(partition=PARTITION, offset=first + len(rows) - 1)

    def subscribe(
        self,
        *,
        group: str,
        on_assigned: ShardsCallback | None = None,
        on_revoked: ShardsCallback | None = None,
    ) -> AbstractAsyncContextManager[Subscription]:
        if not _GROUP.fullmatch(group):
            raise errors.Misconfigured(f"{group!r} cannot be the name of a group.")
        return self._subscription(group, Callbacks(on_assigned, on_revoked))

    @asynccontextmanager
    async def _subscription(self, group: str, callbacks: Callbacks) -> AsyncIterator[Subscription]:
        opened = self._opened()
        with ExitStack() as held:
            if not held.enter_context(file_lock(self._folder / f"consumer-{group}.lock", wait=False)):
                raise errors.Misconfigured(
                    f"Another process on this machine already consumes {self._folder} as {group!r}.",
                    way_out="Stop the other process, or use Kafka to share the work between several.",
                )
            start = await opened.in_reader(lambda: _first_position(opened, group))
            subscription = SqliteSubscription(self, group, start, callbacks)
            await callbacks.assigned(subscription.shards)
            try:
                yield subscription
            finally:
                await callbacks.revoked(subscription.shards)
                subscription.end()
            callbacks.raise_failure()

    async def read(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        workspace: str | None = None,
        start: Position | None = None,
    ) -> AsyncGenerator[Entry, None]:
        opened = self._opened()
        reader = opened.reader
        first, end = await opened.in_reader(reader.bounds)
        if start is not None:
            first = max(first, start.offset) if start.partition == PARTITION else end
        if since is not None:
            first = max(first, await opened.in_reader(lambda: reader.first_at(errors.check_aware(since, "since"))))
        if until is not None:
            end = min(end, await opened.in_reader(lambda: reader.first_at(errors.check_aware(until, "until"))))
        while first < end:
            rows = await self.rows(first, end=end, workspace=workspace, limit=_READ_ROWS)
            for row in rows:
                yield entry_of(row)
            first = rows[-1].offset + 1 if rows else end

    async def lag(self, *, group: str, detail_limit: int = 100_000) -> Lag:
        opened = self._opened()
        now = self._clock.now()
        return await opened.in_reader(lambda: _lag(opened, group, detail_limit, now))

    async def entry(self, position: Position) -> Entry | None:
        if position.partition != PARTITION:
            return None
        rows = await self.rows(position.offset, end=position.offset + 1, limit=1)
        return entry_of(rows[0]) if rows else None

    async def healthy(self) -> bool:
        opened = self._open
        if opened is None or opened.commits.late:
            return False
        try:
            await asyncio.wait_for(opened.in_reader(opened.reader.bounds), timeout=2)
        except (errors.PuenteError, TimeoutError):
            return False
        return True

    async def retain(self, now: datetime) -> int:
        """Delete what is older than the retention and settled by every known group; returns how many entries."""
        opened = self._opened()
        oldest_kept = errors.check_aware(now, "now") - self._settings.retention
        below = await opened.in_reader(lambda: opened.reader.first_at(oldest_kept))
        settled = await opened.in_reader(opened.offsets.lowest)
        below = below if settled is None else min(below, settled)
        deleted = 0
        while True:
            # In chunks, so that appends come in between.
            count = await opened.commits.run(lambda: opened.writer.delete(below=below, limit=_DELETE_ROWS))
            deleted += count
            if count < _DELETE_ROWS:
                break
        if deleted:
            await opened.commits.run(opened.writer.empty_wal)
        return deleted

    async def rows(
        self, start: int, *, end: int | None = None, workspace: str | None = None, limit: int
    ) -> Sequence[Row]:
        opened = self._opened()
        return await opened.in_reader(
            lambda: opened.reader.rows(start, end=end, workspace=workspace, limit=limit, limit_bytes=_READ_BYTES)
        )

    async def advance(self, group: str, offset: int) -> None:
        opened = self._opened()
        await opened.in_reader(lambda: opened.offsets.advance(group, offset))

    async def data_version(self) -> int:
        opened = self._opened()
        return await opened.in_reader(opened.reader.data_version)

    async def appended_here(self, limit: timedelta) -> None:
        """Wait until this log object has appended something, or the limit is over."""
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._appended.wait()
        except TimeoutError:
            return

    def watch_appends(self) -> None:
        """From now on `appended_here` waits for what comes next."""
        self._appended.clear()

    def _open_files(self) -> _Open:
        path = self._folder / "log.db"
        with translated(path), ExitStack() as undo:
            writer = Writer(path, now=self._clock.now)
            undo.callback(writer.close)
            reader = Reader(path)
            undo.callback(reader.close)
            offsets = Offsets(self._folder / "offsets.db", reader.log_id())
            undo.pop_all()
            return _Open(writer, reader, offsets, Checkpointer(path), self)

    def commit_made(self) -> None:
        if self._open is not None:
            self._open.checkpointer.wake()
        self._appended.set()

    @property
    def settings(self) -> SqliteSettings:
        return self._settings

    def _opened(self) -> _Open:
        if self._open is None:
            raise errors.Retryable("The log is closed.")
        return self._open


class _Open:
    """What is open between start and close."""

    def __init__(
        self, writer: Writer, reader: Reader, offsets: Offsets, checkpointer: Checkpointer, owner: SqliteLog
    ) -> None:
        self.writer = writer
        self.reader = reader
        self.offsets = offsets
        self.checkpointer = checkpointer
        self.reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-reader")
        self.commits = GroupCommit(
            writer,
            limit_bytes=owner.settings.pending_bytes,
            time_limit=owner.settings.append_limit,
            committed=owner.commit_made,
        )

    async def in_reader(self, call: Callable[[], T]) -> T:
        """Run something that reads, or that moves an offset, in the one thread for it."""
        return await asyncio.get_running_loop().run_in_executor(self.reading, call)

    def close(self) -> None:
        self.checkpointer.stop()
        self.reader.close()
        self.offsets.close()


class SqliteSubscription:
    """The one consumer of a group; it holds every shard while it lives."""

    def __init__(self, owner: SqliteLog, group: str, start: int, callbacks: Callbacks) -> None:
        self._owner = owner
        self._callbacks = callbacks
        self._group = group
        self._next = start
        self._version = -1
        self._paused = False
        self._ended = False

    @property
    def shards(self) -> frozenset[int]:
        return frozenset() if self._ended else ALL_SHARDS

    async def next_batch(self, *, limit: int, wait: timedelta, without: Collection[int] = ()) -> Sequence[Entry]:
        self._callbacks.raise_failure()
        self._check_held()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait.total_seconds()
        while True:
            rows: Sequence[Row] = ()
            self._owner.watch_appends()
            closed = self._paused or PARTITION in without
            # The version is read first: what is committed between the two is found now or by the next look.
            version = await self._owner.data_version()
            if not closed and version != self._version:
                rows = await self._owner.rows(self._next, limit=limit)
            if rows and not self._paused:
                self._next = rows[-1].offset + 1
                return [entry_of(row) for row in rows]
            if not closed:
                self._version = version
            remaining = timedelta(seconds=deadline - loop.time())
            if remaining <= timedelta(0):
                return ()
            await self._owner.appended_here(min(remaining, _POLL))

    async def commit(self, *upto: Position) -> None:
        self._check_held()
        if len(upto) != 1 or upto[0].partition != PARTITION:
            raise ValueError("commit takes one position of the log's only partition")
        await self._owner.advance(self._group, upto[0].offset + 1)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def end(self) -> None:
        self._ended = True

    def _check_held(self) -> None:
        if self._ended:
            raise errors.Lost("This subscription has ended.")


def _first_position(opened: _Open, group: str) -> int:
    """Where the group goes on; a new group is written down at the beginning, so that its lag is a number."""
    first, _end = opened.reader.bounds()
    if opened.offsets.of(group) is None:
        opened.offsets.advance(group, first)
    return max(opened.offsets.of(group) or 0, first)


def _lag(opened: _Open, group: str, detail_limit: int, now: datetime) -> Lag:
    first, end = opened.reader.bounds()
    committed = opened.offsets.of(group)
    start = max(first, committed or 0)
    behind = max(0, end - start)
    oldest = opened.reader.rows(start, limit=1, limit_bytes=1) if behind else []
    partition = PartitionLag(
        partition=PARTITION,
        committed=committed,
        end=end,
        lag=behind,
        oldest_age=max(timedelta(0), now - oldest[0].appended_at) if oldest else None,
    )
    if behind > detail_limit:
        return Lag(partitions=(partition,), by_system=None, by_workspace=None, oldest=None)
    counted = opened.reader.counts(start, end)
    by_workspace = {key: count for key, (count, _) in counted.items()}
    by_system: dict[str, int] = {}
    for (system, _workspace), count in by_workspace.items():
        by_system[system] = by_system.get(system, 0) + count
    oldest_of = {key: max(timedelta(0), now - at) for key, (_, at) in counted.items()}
    return Lag(partitions=(partition,), by_system=by_system, by_workspace=by_workspace, oldest=oldest_of)
