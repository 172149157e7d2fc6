"""One SQLite file that holds entries in order: the core of the embedded log and of the door's spool.

Everything here blocks and belongs into a thread; nothing here is shared between threads without saying so. The
table is a rowid table whose key is the offset, the cheapest durable layout that SQLite has; WAL and
`synchronous=FULL` make a commit durable, and automatic checkpoints are off, because they stall the commit that
happens to trigger them: `Checkpointer` does them on a connection of its own.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared import errors
from shared.eventlog.envelope import Headers
from shared.files import private_file, private_folder

log = logging.getLogger(__name__)

_APPLICATION_ID = 0x50554C47
_SCHEMA_VERSION = 1
_BUSY_TIMEOUT = timedelta(seconds=2)
_CHECKPOINT_PERIOD = timedelta(milliseconds=100)
_WAL_LIMIT_BYTES = 128 * 1024 * 1024
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
    }
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,
    appended_at INTEGER NOT NULL,
    system TEXT NOT NULL,
    workspace TEXT NOT NULL,
    headers BLOB NOT NULL,
    value BLOB,
    size INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS held (bytes INTEGER NOT NULL, log_id TEXT NOT NULL);
INSERT INTO held SELECT 0, lower(hex(randomblob(8))) WHERE NOT EXISTS (SELECT 1 FROM held);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """An entry on its way into the file."""

    system: str
    workspace: str
    headers: bytes
    value: bytes | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry as the file holds it."""

    offset: int
    appended_at: datetime
    headers: bytes
    value: bytes | None


class FullError(errors.Retryable):
    """The file has reached the size that was set for it."""


def pack_headers(headers: Headers) -> bytes:
    """Headers as bytes: each name and value behind its length."""
    parts: list[bytes] = []
    for name, raw in headers:
        encoded = name.encode()
        parts += (struct.pack(">HI", len(encoded), len(raw)), encoded, raw)
    return b"".join(parts)


def unpack_headers(packed: bytes) -> Headers:
    """The reverse. Bytes that `pack_headers` did not write come back as no headers at all."""
    headers: list[tuple[str, bytes]] = []
    at = 0
    try:
        while at < len(packed):
            name_length, value_length = struct.unpack_from(">HI", packed, at)
            at += 6
            end = at + name_length + value_length
            if end > len(packed):
                return []
            headers.append((packed[at : at + name_length].decode(), packed[at + name_length : end]))
            at = end
    except (struct.error, UnicodeDecodeError):
        return []
    return headers


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(stamp: int) -> datetime:
    return _EPOCH + timedelta(microseconds=stamp)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as ours: out of space or locked is Retryable, a damaged file is Misconfigured."""
    try:
        yield
    except sqlite3.DatabaseError as problem:
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise errors.Misconfigured(
                f"{path} is damaged or is no database of Puente's.",
                way_out="Move the file away and start again; a sweep finds what its hooks told.",
            ) from problem
        if code == sqlite3.SQLITE_FULL:
            raise errors.Retryable(
                f"The disk that holds {path} is full.", way_out="Free some space; nothing has to be restarted."
            ) from problem
        if code in _PASSING:
            raise errors.Retryable(f"{path} cannot be used now: {problem}.") from problem
        raise


def connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    """A connection in autocommit mode, usable from whichever one thread has it in hand."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT.total_seconds(), isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A write transaction: taken at once, so that two processes never deadlock over an upgrade."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk rolls back by itself; asking again would hide the first error behind a second.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def file_lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold an OS lock while the block runs; yields False if it is taken. It dies with its process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def prepare(path: Path, *, application_id: int, schema: str) -> None:
    """Make the file, or check that it is ours. Raises Misconfigured, or Retryable when the disk is full."""
    try:
        private_folder(path.parent)
    except OSError as problem:
        raise errors.Misconfigured(f"The folder {path.parent} cannot be made: {problem.strerror}.") from problem
    if not os.access(path.parent, os.W_OK) or path.is_dir():
        raise errors.Misconfigured(f"{path} cannot be written.")
    private_file(path)
    # Two processes that both switch a new file to WAL would fail each other.
    with (
        file_lock(path.with_suffix(".lock"), wait=True),
        translated(path),
        closing(connect(path, synchronous="FULL")) as connection,
    ):
        found = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if found not in {0, application_id} or (found == 0 and tables):
            raise errors.Misconfigured(f"{path} is a database, but not one of Puente's log.")
        if version > _SCHEMA_VERSION:
            raise errors.Misconfigured(f"{path} was written by a newer Puente (form {version}).")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE; {schema} COMMIT;")
        connection.execute(f"PRAGMA application_id = {application_id}")
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


class Writer:
    """The one connection of this process that writes entries. Call it from one thread at a time."""

    def __init__(self, path: Path, *, now: Callable[[], datetime], limit_bytes: int | None = None) -> None:
        prepare(path, application_id=_APPLICATION_ID, schema=_SCHEMA)
        self._path = path
        self._now = now
        self._limit_bytes = limit_bytes
        self._connection = connect(path, synchronous="FULL")
        # An entry that retention took shall not stay in the file's free space.
        self._connection.execute("PRAGMA secure_delete = ON")

    def close(self) -> None:
        self._connection.close()

    def insert(self, rows: Sequence[NewRow]) -> int:
        """Store rows durably, side by side, and return the offset of the first.

        The head is read inside the transaction, since other processes append too, and a failure leaves none
        behind. The log's time never goes backwards, so that it can be searched by halves.
        """
        with translated(self._path), transaction(self._connection):
            self._check_room(sum(row.size for row in rows))
            first, stamp = self._head()
            self._connection.executemany(
                "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (first + index, stamp, row.system, row.workspace, row.headers, row.value, row.size)
                    for index, row in enumerate(rows)
                ),
            )
            return first

    def delete(self, *, below: int, limit: int) -> int:
        """Delete up to `limit` entries with an offset below `below`, the oldest first; returns how many."""
        with translated(self._path), transaction(self._connection):
            last = self._connection.execute(
                "SELECT max(offset), sum(size), count(*) FROM "
                "(SELECT offset, size FROM entry WHERE offset < ? ORDER BY offset LIMIT ?)",
                (below, limit),
            ).fetchone()
            if not last[2]:
                return 0
            self._connection.execute("DELETE FROM entry WHERE offset <= ?", (last[0],))
            self._connection.execute("UPDATE held SET bytes = bytes - ?", (last[1],))
            return int(last[2])

    def delete_these(self, offsets: Sequence[int]) -> int:
        """Delete single entries; returns how many were still there."""
        gone = 0
        with translated(self._path), transaction(self._connection):
            for offset in offsets:
                row = self._connection.execute("SELECT size FROM entry WHERE offset = ?", (offset,)).fetchone()
                if row is not None:
                    self._connection.execute("DELETE FROM entry WHERE offset = ?", (offset,))
                    self._connection.execute("UPDATE held SET bytes = bytes - ?", (row[0],))
                    gone += 1
        return gone

    def shrink_wal(self) -> None:
        """Start the WAL over when checkpoints could not keep up; waits for readers, so only above a limit."""
        wal = self._path.with_name(self._path.name + "-wal")
        if wal.exists() and wal.stat().st_size > _WAL_LIMIT_BYTES:
            self.empty_wal()

    def empty_wal(self) -> None:
        """Start the WAL over, with nothing in it of what was deleted; a reader in the way puts it off."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.DatabaseError as problem:
            # The batch before it is stored: its callers are not told of this.
            log.warning("the WAL of %s could not be started over: %s", self._path, problem)

    def _check_room(self, more: int) -> None:
        (held,) = self._connection.execute("SELECT bytes FROM held").fetchone()
        if self._limit_bytes is not None and held + more > self._limit_bytes:
            raise FullError(f"{self._path} holds {held} bytes; its limit is {self._limit_bytes}.")
        self._connection.execute("UPDATE held SET bytes = bytes + ?", (more,))

    def _head(self) -> tuple[int, int]:
        last = self._connection.execute(
            "SELECT offset, appended_at FROM entry ORDER BY offset DESC LIMIT 1"
        ).fetchone()
        now = microseconds(self._now())
        if last is not None:
            return last[0] + 1, max(now, last[1])
        return end_of(self._connection), now


def end_of(connection: sqlite3.Connection) -> int:
    """The offset that the next entry will have. It counts on when everything has been deleted."""
    last = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
    return 0 if last is None else int(last[0]) + 1


class Reader:
    """A connection that only reads. Call it from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect(path, synchronous="FULL")
        self._connection.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        self._connection.close()

    def data_version(self) -> int:
        """A number that changes whenever another connection has committed, from whichever process."""
        with translated(self._path):
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def log_id(self) -> str:
        """What tells this file from one that took its place."""
        with translated(self._path):
            return str(self._connection.execute("SELECT log_id FROM held").fetchone()[0])

    def bounds(self) -> tuple[int, int]:
        """(offset of the first entry, offset that the next will have); equal when there is none."""
        with translated(self._path):
            first = self._connection.execute("SELECT min(offset) FROM entry").fetchone()[0]
            end = end_of(self._connection)
            return (end if first is None else int(first)), end

    def rows(
        self, start: int, *, end: int | None = None, workspace: str | None = None, limit: int, limit_bytes: int
    ) -> list[Row]:
        """Rows from `start` on, at most `limit`, and at most about `limit_bytes` (but one at least)."""
        wanted = "" if workspace is None else "AND workspace = :workspace"
        found: list[Row] = []
        size = 0
        with translated(self._path):
            cursor = self._connection.execute(
                "SELECT offset, appended_at, headers, value, size FROM entry "  # noqa: S608 -- constant parts only
                f"WHERE offset >= :start AND offset < :end {wanted} ORDER BY offset LIMIT :limit",
                {"start": start, "end": 2**62 if end is None else end, "workspace": workspace, "limit": limit},
            )
            with closing(cursor):
                for offset, stamp, headers, value, row_size in cursor:
                    size += row_size
                    if found and size > limit_bytes:
                        break
                    moment = moment_of(stamp)
                    found.append(Row(offset=offset, appended_at=moment, headers=headers, value=value))
        return found

    def first_at(self, moment: datetime) -> int:
        """The offset of the first entry appended at `moment` or later, by halving."""
        stamp = microseconds(moment)
        low, high = self.bounds()
        with translated(self._path):
            while low < high:
                middle = (low + high) // 2
                found = self._connection.execute(
                    "SELECT offset, appended_at FROM entry WHERE offset >= ? ORDER BY offset LIMIT 1", (middle,)
                ).fetchone()
                if found is not None and found[1] < stamp:
                    low = found[0] + 1
                else:
                    high = middle
        return low

    def counts(self, start: int, end: int) -> dict[tuple[str, str], tuple[int, datetime]]:
        """How many entries each (system, workspace) has between two offsets, and when the first was appended."""
        with translated(self._path):
            rows = self._connection.execute(
                "SELECT system, workspace, count(*), min(appended_at) FROM entry "
                "WHERE offset >= ? AND offset < ? GROUP BY 1, 2",
                (start, end),
            ).fetchall()
        return {(system, workspace): (count, moment_of(stamp)) for system, workspace, count, stamp in rows}

    def held(self) -> tuple[int, int]:
        """(entries, bytes) in the file."""
        with translated(self._path):
            (entries,) = self._connection.execute("SELECT count(*) FROM entry").fetchone()
            (size,) = self._connection.execute("SELECT bytes FROM held").fetchone()
        return int(entries), int(size)


class Checkpointer:
    """A thread that moves the WAL into the file on a connection of its own, when something was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"checkpoint-{path.stem}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._written.set()

    def stop(self) -> None:
        self._stopped.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(connect(self._path, synchronous="FULL")) as connection:
            while not self._stopped.is_set():
                self._written.wait()
                self._written.clear()
                try:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                except sqlite3.DatabaseError as problem:
                    # The WAL keeps what could not be moved; the next round tries again.
                    log.warning("checkpoint of %s failed: %s", self._path, problem)
                self._stopped.wait(_CHECKPOINT_PERIOD.total_seconds())
