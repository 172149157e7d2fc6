"""What the store lets go of, and the room it makes ahead. Called by a timer; several processes may do it at once.

Attempts grow by millions. In PostgreSQL each day has a partition, made a week ahead and dropped whole; a day for
which there is none yet lands in the default partition and is moved when its own is made. In SQLite old rows are
deleted in pieces, so that no writer waits long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    MetaData,
    Table,
    and_,
    delete,
    insert,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.store import tables
from shared.store.database import Database

DAYS_AHEAD = 7
# How long attempts are kept when only the names of fields are wanted of them.
DAYS_WITHOUT_DETAIL = 14

_PIECE = 2000
_LOCK = 7_305_802
_T = tables.attempt
_DEFAULT = _T.to_metadata(MetaData(), name="attempt_default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tended:
    """What one round did: days opened and dropped (PostgreSQL), rows deleted, details erased."""

    opened: int = 0
    dropped: int = 0
    deleted: int = 0
    erased: int = 0


async def tend(database: Database, clock: Clock, *, attempt_days: int) -> Tended:
    """Make partitions ahead and let go of attempts older than `attempt_days` and of findings that nobody needs.

    0 days keep no details: those that are there are erased, and the rows stay for `DAYS_WITHOUT_DETAIL`. A round
    that is cut off is finished by the next one. Raises StoreUnreachable.
    """
    today = clock.now().astimezone(UTC).date()
    oldest = today - timedelta(days=(attempt_days or DAYS_WITHOUT_DETAIL) - 1)
    opened = dropped = 0
    if not database.is_sqlite:
        opened = await _open_days(database, today, oldest)
        dropped = await _drop_days(database, oldest)
    table = _T if database.is_sqlite else _DEFAULT
    deleted = await _in_pieces(database, lambda connection: _delete_piece(connection, table, oldest))
    erased = await _in_pieces(database, _erase_piece) if attempt_days == 0 else 0
    deleted += await database.run(_drop_findings)
    return Tended(opened=opened, dropped=dropped, deleted=deleted, erased=erased)


def partition_name(day: date) -> str:
    return f"attempt_{day:%Y%m%d}"


async def _open_days(database: Database, today: date, oldest: date) -> int:
    """Make the partitions from today on and those of days that the default partition holds rows of."""
    known = await database.read(_partitions)
    waiting = await database.read(lambda connection: _days_in_default(connection, oldest))
    wanted = {today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)} | set(waiting)
    opened = 0
    for day in sorted(wanted - set(known)):
        # A transaction each: writers wait for the default partition while a day is moved out of it.
        opened += await database.run(_opening(day))
    return opened


def _opening(day: date) -> Callable[[AsyncConnection], Awaitable[int]]:
    name = partition_name(day)
    partition = _T.to_metadata(MetaData(), name=name)

    async def unit(connection: AsyncConnection) -> int:
        await _alone(connection)
        if day in await _partitions(connection):
            return 0
        # First, so that no row of this day is added to the default partition between the move and the attaching.
        await connection.execute(text("LOCK TABLE attempt_default IN ACCESS EXCLUSIVE MODE"))
        await connection.execute(text(f"CREATE TABLE {name} (LIKE attempt INCLUDING ALL)"))
        moved = delete(_DEFAULT).where(_DEFAULT.c.day == day).returning(*_DEFAULT.c).cte("moved")
        names = [column.name for column in _T.c]
        await connection.execute(insert(partition).from_select(names, select(*(moved.c[name] for name in names))))
        bounds = f"FROM ('{day:%Y-%m-%d}') TO ('{day + timedelta(days=1):%Y-%m-%d}')"
        await connection.execute(text(f"ALTER TABLE attempt ATTACH PARTITION {name} FOR VALUES {bounds}"))
        return 1

    return unit


async def _drop_days(database: Database, oldest: date) -> int:
    dropped = 0
    for day in sorted(await database.read(_partitions)):
        if day < oldest:
            dropped += await database.run(_dropping(day))
    return dropped


def _dropping(day: date) -> Callable[[AsyncConnection], Awaitable[int]]:
    async def unit(connection: AsyncConnection) -> int:
        await _alone(connection)
        if day not in await _partitions(connection):
            return 0
        await connection.execute(text(f"DROP TABLE {partition_name(day)}"))
        return 1

    return unit


async def _alone(connection: AsyncConnection) -> None:
    """Until the end of the transaction, nobody else changes partitions; and no writer waits long behind us.

    A table lock that does not come in time is a conflict: the unit is run again, and in the end by a later round.
    """
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    await connection.execute(text("SET LOCAL lock_timeout = '3s'"))


async def _partitions(connection: AsyncConnection) -> list[date]:
    """The days that have a partition."""
    rows = await connection.execute(
        text(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = 'attempt'::regclass AND child.relname <> 'attempt_default'"
        )
    )
    return [datetime.strptime(name, "attempt_%Y%m%d").replace(tzinfo=UTC).date() for name in rows.scalars()]


async def _days_in_default(connection: AsyncConnection, oldest: date) -> list[date]:
    rows = await connection.execute(select(_DEFAULT.c.day).where(_DEFAULT.c.day >= oldest).distinct())
    return list(rows.scalars())


async def _in_pieces(database: Database, piece: Callable[[AsyncConnection], Awaitable[int]]) -> int:
    """Run a unit until it finds less than a whole piece to do; others write in between."""
    total = 0
    while True:
        done = await database.run(piece)
        total += done
        if done < _PIECE:
            return total


async def _delete_piece(connection: AsyncConnection, table: Table, oldest: date) -> int:
    some = _some(connection, table, table.c.day < oldest)
    return (await connection.execute(delete(table).where(some))).rowcount


async def _erase_piece(connection: AsyncConnection) -> int:
    some = _some(connection, _T, _T.c.detail.is_not(None))
    return (await connection.execute(update(_T).where(some).values(detail=None))).rowcount


def _some(connection: AsyncConnection, table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """A piece of the rows for which the condition holds."""
    if connection.dialect.name == "sqlite":
        # Found by row id; for pairs of columns it would read the whole table.
        row_id: ColumnElement[int] = literal_column("rowid")
        return row_id.in_(select(row_id).select_from(table).where(condition).limit(_PIECE))
    piece = select(table.c.day, table.c.id).where(condition).limit(_PIECE)
    return tuple_(table.c.day, table.c.id).in_(piece)


async def _drop_findings(connection: AsyncConnection) -> int:
    """Open findings of flows that are live, where doubts wait as changes do, and all of flows that are no more."""
    found, flow = tables.match_decision, tables.flow
    live = select(flow.c.id).where(
        or_(flow.c.state == "live", and_(flow.c.state == "paused", flow.c.state_before_pause == "live"))
    )
    gone = found.c.flow_id.not_in(select(flow.c.id))
    result: CursorResult[Any] = await connection.execute(
        delete(found).where(or_(gone, and_(found.c.decision == "open", found.c.flow_id.in_(live))))
    )
    report = tables.match_report
    await connection.execute(delete(report).where(report.c.flow_id.not_in(select(flow.c.id))))
    return result.rowcount
