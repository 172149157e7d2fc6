"""The audit: one line for everything that a person did to a workspace. Lines are added and never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables

_T = tables.audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Who did what, when. `detail` holds names and ids, never values of records or credentials."""

    id: str
    workspace_id: str
    at: datetime
    actor: str
    action: str
    detail: Mapping[str, object] = field(default_factory=dict)


async def add(connection: AsyncConnection, line: Line) -> None:
    """Saved in the transaction of the deed itself: no deed without its line."""
    values = {name: getattr(line, name) for name in _COLUMNS} | {"detail": dict(line.detail)}
    await connection.execute(insert(_T).values(**values))


async def of_workspace(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    actions: Sequence[str] = (),
    before: datetime | None = None,
    limit: int = 100,
) -> list[Line]:
    """The lines of a workspace, newest first."""
    condition = [_T.c.workspace_id == workspace_id]
    if actions:
        condition.append(_T.c.action.in_(list(actions)))
    if before is not None:
        condition.append(_T.c.at < before)
    rows = await connection.execute(
        select(_T).where(*condition).order_by(_T.c.at.desc(), _T.c.id.desc()).limit(limit)
    )
    return [_line(row) for row in rows]


_COLUMNS = ("id", "workspace_id", "at", "actor", "action", "detail")


def _line(row: Row[Any]) -> Line:
    return Line(**{name: getattr(row, name) for name in _COLUMNS})
