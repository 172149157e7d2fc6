"""Canaries: posts to our own hook address, from the moment they were sent to the moment sync read the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables

_T, _H, _A = tables.canary, tables.hook, tables.account


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One of them. `answered_ms` is None while the door has not taken it; `problem` is why it did not.

    `seen_at` is when it came out at the other end, None until then.
    """

    id: str
    system: str
    shard: int
    posted_at: datetime
    answered_ms: int | None = None
    problem: str = ""
    seen_at: datetime | None = None

    @property
    def took(self) -> timedelta | None:
        return None if self.seen_at is None else max(timedelta(0), self.seen_at - self.posted_at)


async def hooked_systems(connection: AsyncConnection) -> list[str]:
    """Systems with hooks of ours at the vendor: their doors must be open."""
    rows = await connection.execute(
        select(_A.c.system).join(_H, _H.c.account_id == _A.c.id).distinct().order_by(_A.c.system)
    )
    return list(rows.scalars())


async def add(connection: AsyncConnection, canary: Canary) -> None:
    await connection.execute(insert(_T).values({name: getattr(canary, name) for name in _COLUMNS}))


async def answered(connection: AsyncConnection, canary_id: str, *, took_ms: int | None, problem: str) -> None:
    await connection.execute(
        update(_T).where(_T.c.id == canary_id).values(answered_ms=took_ms, problem=problem[:500])
    )


async def arrived(connection: AsyncConnection, canary_id: str, now: datetime) -> bool:
    """It came through the log: read its row, and note when. False for one that nobody sent, or that came twice."""
    row = (await connection.execute(select(_T).where(_T.c.id == canary_id))).first()
    if row is None or row.seen_at is not None:
        return False
    await connection.execute(update(_T).where(_T.c.id == canary_id).values(seen_at=now))
    return True


async def since(connection: AsyncConnection, at: datetime) -> list[Canary]:
    """Those that were sent since a time, newest first."""
    rows = await connection.execute(select(_T).where(_T.c.posted_at >= at).order_by(_T.c.posted_at.desc()))
    return [_canary(row) for row in rows]


async def forget(connection: AsyncConnection, before: datetime) -> None:
    await connection.execute(delete(_T).where(_T.c.posted_at < before))


_COLUMNS = ("id", "system", "shard", "posted_at", "answered_ms", "problem", "seen_at")


def _canary(row: Row[Any]) -> Canary:
    return Canary(**{name: getattr(row, name) for name in _COLUMNS})
