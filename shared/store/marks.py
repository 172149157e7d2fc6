"""Marks: that something happened which a person should hear of, kept until it is over; and that sync works, of
which a person should hear when it is over. And leases: who looks after a task for which one process is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from shared.store.sql import insert_or_ignore, upsert

_M, _L = tables.mark, tables.lease

MarkKind = Literal["hooks mended", "hooks failing", "hooks silent", "field lost", "door gap", "sync works"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """`subject` begins with the account, if there is one. `facts` hold ids and counts, never a record's values."""

    kind: MarkKind
    workspace_id: str
    subject: str
    at: datetime
    facts: Mapping[str, str | int] = field(default_factory=dict)


async def put(connection: AsyncConnection, mark: Mark) -> None:
    """Keep a mark; the latest of its kind and subject stands."""
    values = {name: getattr(mark, name) for name in _COLUMNS} | {"facts": dict(mark.facts)}
    await upsert(connection, _M, [values])


async def all_of(connection: AsyncConnection) -> list[Mark]:
    rows = await connection.execute(select(_M).order_by(_M.c.kind, _M.c.workspace_id, _M.c.subject))
    return [_mark(row) for row in rows]


async def of_workspace(connection: AsyncConnection, workspace_id: str) -> list[Mark]:
    rows = await connection.execute(
        select(_M).where(_M.c.workspace_id == workspace_id).order_by(_M.c.kind, _M.c.subject)
    )
    return [_mark(row) for row in rows]


async def remove(connection: AsyncConnection, mark: Mark) -> None:
    """Let go of a mark, unless it was put again since it was read."""
    await connection.execute(
        delete(_M).where(
            _M.c.kind == mark.kind,
            _M.c.workspace_id == mark.workspace_id,
            _M.c.subject == mark.subject,
            _M.c.at == mark.at,
        )
    )


async def clear(connection: AsyncConnection, kind: MarkKind, workspace_id: str, subject: str) -> None:
    """It is over, whenever it was put."""
    await connection.execute(
        delete(_M).where(_M.c.kind == kind, _M.c.workspace_id == workspace_id, _M.c.subject == subject)
    )


async def lease(connection: AsyncConnection, name: str, owner: str, *, now: datetime, until: datetime) -> bool:
    """Take or keep a lease until a time. False while another owner has it.

    It saves work and promises nothing: what must happen once is held by compare-and-set.
    """
    made = await connection.execute(insert_or_ignore(connection, _L).values(name=name, owner=owner, until=until))
    if made.rowcount == 1:
        return True
    kept = await connection.execute(
        update(_L)
        .where(_L.c.name == name, (_L.c.owner == owner) | (_L.c.until <= now))
        .values(owner=owner, until=until)
    )
    return kept.rowcount == 1


async def let_go(connection: AsyncConnection, name: str, owner: str) -> None:
    await connection.execute(delete(_L).where(_L.c.name == name, _L.c.owner == owner))


_COLUMNS = ("kind", "workspace_id", "subject", "at", "facts")


def _mark(row: Row[Any]) -> Mark:
    return Mark(**{name: getattr(row, name) for name in _COLUMNS})
