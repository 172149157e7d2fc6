"""The database behind the store: engines, transactions, and how a failure of it is told apart from a bug."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared import errors
from shared.files import private_file, private_folder
from shared.store.grouping import Group, Grouped

T = TypeVar("T")
Unit = Callable[[AsyncConnection], Awaitable[T]]

_TRIES = 4
_CLOSE_SECONDS = 3.0
# A process that is frozen inside a transaction must not hold its locks for as long as it sleeps. And the store is
# asked by keys: a plan that was made while a table was small must not read all of it when it is large.
_POSTGRES_SETTINGS: Final = {"idle_in_transaction_session_timeout": "10000", "enable_seqscan": "off"}


class Database:
    """One database. `run` gives a unit of work a transaction of its own: all of it is saved, or nothing.

    A unit flushes and never commits. It may be run again from the start when the database chose another
    transaction (serialisation, a busy file), so it computes nothing outside the connection that it is given.
    Raises Lost for a broken unique constraint and Retryable while the database cannot be reached.
    """

    def __init__(self, url: str, *, statement_limit: timedelta | None = timedelta(seconds=30)) -> None:
        """`statement_limit` is how long PostgreSQL may take over one statement."""
        self._url = database_url(url)
        self._engine = _engine(self._url, statement_limit)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        # In PostgreSQL each statement of a transaction that only reads sees what is committed when it begins, as
        # it does alone: to begin and end one would only be two more round trips.
        self._reading = (
            self._engine if self._is_sqlite else self._engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        # One writer at a time in this process: SQLite has one write lock, and waiting here costs no busy loop.
        self._writer = asyncio.Lock()
        self._groups: dict[type, Group[Any]] = {}

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    @property
    def is_sqlite(self) -> bool:
        return self._is_sqlite

    @property
    def url(self) -> URL:
        return self._url

    async def run(self, unit: Unit[T]) -> T:
        """Run a unit that writes."""
        if not self._is_sqlite:
            return await self._attempt(unit)
        async with self._writer:
            return await self._attempt(unit)

    async def read(self, unit: Unit[T]) -> T:
        """Run a unit that only reads."""
        return await self._attempt(unit, reads=True)

    async def grouped(self, unit: Grouped[T]) -> T:
        """Do a unit in one transaction with others of its type that are asked for meanwhile."""
        kind = type(unit)
        group = self._groups.get(kind)
        if group is None:

            async def together(units: Sequence[Grouped[T]]) -> Sequence[T]:
                way = self.read if kind.reads else self.run
                return await way(lambda connection: kind.together(connection, units))

            group = self._groups[kind] = Group(together)
        done: T = await group.add(unit)
        return done

    async def ping(self) -> None:
        """Raises StoreUnreachable (Retryable) while the database does not answer, or takes no writes.

        A full disk and a standby both read as well as ever: so it writes more than fits in what is free already,
        and takes it back.
        """
        await self.run(_takes_writes)

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in the files of an embedded store: neither free space nor journal.

        Others wait meanwhile, for about as long as a copy of the file takes. On a server this is the server's own
        work (VACUUM, which runs by itself). Raises StoreUnreachable while others are in the way.
        """
        if not self._is_sqlite:
            return
        async with self._writer:
            await self._alone("VACUUM")
            await self._alone("PRAGMA wal_checkpoint(TRUNCATE)")

    async def empty_journal(self) -> None:
        """Bring the journal of an embedded store to its file and cut it off, but for what others still read."""
        if self._is_sqlite:
            await self._alone("PRAGMA wal_checkpoint(TRUNCATE)")

    async def _alone(self, statement: str) -> None:
        """Run a statement that wants no transaction around it."""
        try:
            async with self._engine.connect() as connection:
                await connection.exec_driver_sql(statement)
        except DBAPIError as problem:
            if not _may_pass(problem):
                raise
            raise unreachable(problem) from problem

    async def close(self) -> None:
        """Close every connection; a database that stands still does not answer to that, and is not waited for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._engine.dispose()

    async def _attempt(self, unit: Unit[T], *, reads: bool = False) -> T:
        for left in range(_TRIES - 1, -1, -1):
            try:
                async with self._transaction(reads=reads) as connection:
                    return await unit(connection)
            except DBAPIError as problem:
                if _is_taken(problem):
                    raise errors.Lost("Another process saved the same thing first.") from problem
                if not _may_pass(problem):
                    raise
                if left == 0 or not _is_conflict(problem):
                    raise unreachable(problem) from problem
            except (OSError, TimeoutError, PoolTimeout) as problem:
                raise unreachable(problem) from problem
        raise AssertionError("the loop returns or raises")

    @asynccontextmanager
    async def _transaction(self, *, reads: bool) -> AsyncIterator[AsyncConnection]:
        async with (self._reading if reads else self._engine).connect() as connection:
            if self._is_sqlite:
                await connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()


async def _takes_writes(connection: AsyncConnection) -> None:
    """Half a megabyte, more than a database has at hand by chance, and not to be compressed; gone when it ends."""
    if connection.dialect.name == "sqlite":
        await connection.exec_driver_sql("CREATE TABLE room (page BLOB)")
        await connection.exec_driver_sql("INSERT INTO room VALUES (zeroblob(524288))")
        await connection.exec_driver_sql("DROP TABLE room")
    else:
        await connection.exec_driver_sql("CREATE TEMPORARY TABLE room (page text) ON COMMIT DROP")
        await connection.exec_driver_sql(
            "INSERT INTO room SELECT (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 32)) "
            "FROM generate_series(1, 512)"
        )


class StoreUnreachable(errors.Retryable):
    """The database does not answer: nothing can be saved now, and no vendor write may start."""


class StoreFull(StoreUnreachable):
    """The database answers and has no room to save anything."""


def unreachable(problem: BaseException) -> StoreUnreachable:
    if isinstance(problem, DBAPIError) and _is_full(problem):
        return StoreFull(
            "The store has no room left.", way_out="Free some space on its disk; nothing has to be restarted."
        )
    return StoreUnreachable(
        f"The store cannot be reached ({type(problem).__name__}).",
        way_out="Check that the database of PUENTE_STORE_URL runs and accepts connections.",
    )


# SQLite's primary result codes (sqlite.org/rescode.html).
_SQLITE_CONFLICT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_SQLITE_PASSES = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}
# PostgreSQL's SQLSTATE: serialisation failure, deadlock, lock not available in time.
_POSTGRES_CONFLICT = {"40001", "40P01", "55P03"}
# What a statement meets once when the tables changed under it: its prepared form is of before a migration
# (SQLAlchemy then forgets all of them), or its day got a partition while it waited (see `retention.py`).
_POSTGRES_CHANGED = ("cached statement plan is invalid", "violates partition constraint")
# 08: connection, 53: resources, 57P: shutdown, crash, not ready yet, 58: its disk, 25006: it is a standby.
_POSTGRES_PASSES = ("08", "53", "57P", "58", "25006")
# The last is how asyncpg fails on a connection that broke while it was being opened.
_LOST_CONNECTION = (
    "connection is closed",
    "connection was closed",
    "underlying connection is closed",
    "cannot switch to state",
)


def _is_taken(problem: DBAPIError) -> bool:
    """A unique constraint holds the row already. Other broken constraints are bugs."""
    if _state(problem):
        return _state(problem) == "23505"
    return isinstance(problem, IntegrityError) and "UNIQUE constraint failed" in str(problem.orig)


def _is_conflict(problem: DBAPIError) -> bool:
    """A serialisation failure, a deadlock or a busy file: running the unit again is the cure."""
    return (
        _state(problem) in _POSTGRES_CONFLICT
        or _sqlite_code(problem) in _SQLITE_CONFLICT
        or any(words in str(problem.orig) for words in _POSTGRES_CHANGED)
    )


def _is_full(problem: DBAPIError) -> bool:
    return _state(problem) == "53100" or _sqlite_code(problem) == sqlite3.SQLITE_FULL


def _may_pass(problem: DBAPIError) -> bool:
    """Whether the database is away or busy, and not the statement wrong."""
    if problem.connection_invalidated or _is_conflict(problem):
        return True
    if _state(problem):
        return _state(problem).startswith(_POSTGRES_PASSES)
    if _sqlite_code(problem) in _SQLITE_PASSES:
        return True
    return any(words in str(problem.orig) for words in _LOST_CONNECTION)


def _state(problem: DBAPIError) -> str:
    return getattr(problem.orig, "sqlstate", None) or ""


def _sqlite_code(problem: DBAPIError) -> int:
    """The primary code; the driver gives the extended one, which holds it in its low byte."""
    return getattr(problem.orig, "sqlite_errorcode", 0) & 0xFF


def database_url(text: str) -> URL:
    """Read PUENTE_STORE_URL: `sqlite:///FILE` or `postgresql://...`. Raises Misconfigured."""
    way_out = "Set it to sqlite:///path/to/store.db or to postgresql://user:password@host/database."
    try:
        url = make_url(text)
    except ArgumentError as problem:
        raise errors.Misconfigured(
            "PUENTE_STORE_URL cannot be read.", setting="PUENTE_STORE_URL", way_out=way_out
        ) from problem
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database:
        return url.set(drivername="sqlite+aiosqlite")
    if backend == "postgresql":
        return url.set(drivername="postgresql+asyncpg")
    raise errors.Misconfigured(
        "PUENTE_STORE_URL names a database that is not supported.", setting="PUENTE_STORE_URL", way_out=way_out
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


# A settled change writes five JSON columns; json.dumps took an eighth of its time.
_JSON: Final[Mapping[str, Any]] = {"json_serializer": _json, "json_deserializer": msgspec.json.decode}


# What is deleted is overwritten: erased rows shall not stay in the file's free space.
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    "foreign_keys=ON",
    "secure_delete=ON",
)


def _pool(size: int) -> Mapping[str, Any]:
    """So many connections at most, and as few as will do.

    None beyond the size: one such is closed when it is given back, so that steady work makes several new ones a
    second. The last one given back is taken first, since it has prepared what is asked for.
    """
    return {"pool_size": size, "max_overflow": 0, "pool_use_lifo": True}


def _engine(url: URL, statement_limit: timedelta | None) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        seconds = None if statement_limit is None else statement_limit.total_seconds()
        return create_async_engine(
            url,
            **_JSON,
            **_pool(24),
            pool_timeout=10,
            pool_pre_ping=False,
            hide_parameters=True,
            connect_args={
                "timeout": 5,
                "command_timeout": seconds,
                "server_settings": dict(_POSTGRES_SETTINGS),
            },
        )
    private_folder(Path(str(url.database)).parent)
    private_file(Path(str(url.database)))
    engine = create_async_engine(url, **_JSON, **_pool(10), hide_parameters=True, connect_args={"timeout": 5})

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # Transactions are begun by hand (`BEGIN IMMEDIATE`): the driver's own would start as readers and then
        # fail to become writers.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
