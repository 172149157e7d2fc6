"""Attempts: one line per try of one change in one flow, kept for a set number of days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from shared.store.rows import Attempt

_T = tables.attempt
_COLUMNS = (
    "id",
    "workspace_id",
    "flow_id",
    "account_id",
    "resource",
    "record_id",
    "other_id",
    "at",
    "took_ms",
    "origin",
    "outcome",
    "says",
    "fields",
    "change_ids",
    "detail",
)


_ADD = insert(_T)


async def add(connection: AsyncConnection, rows: Sequence[Attempt]) -> None:
    if rows:
        await connection.execute(
            _ADD,
            [
                {name: getattr(row, name) for name in _COLUMNS}
                | {"day": row.day, "fields": list(row.fields), "change_ids": list(row.change_ids)}
                for row in rows
            ],
        )


async def of_record(
    connection: AsyncConnection, account_id: str, resource: str, record_id: str, *, limit: int = 50
) -> list[Attempt]:
    """The attempts of one record, newest first."""
    rows = await connection.execute(
        select(_T)
        .where(_T.c.account_id == account_id, _T.c.resource == resource, _T.c.record_id == record_id)
        .order_by(_T.c.at.desc())
        .limit(limit)
    )
    return [_attempt(row) for row in rows]


async def outcomes_since(connection: AsyncConnection, flow_id: str, since: datetime) -> dict[str, int]:
    rows = await connection.execute(
        select(_T.c.outcome, func.count())
        .where(_T.c.flow_id == flow_id, _T.c.at >= since, _T.c.day >= since.astimezone(UTC).date())
        .group_by(_T.c.outcome)
    )
    return {row[0]: row[1] for row in rows}


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(**{name: getattr(row, name) for name in _COLUMNS})
