"""Replay runs: changes of the log that are appended again. The holder of the workspace moves the cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.model.change import SHARDS, Mode, shard_of
from shared.store import tables
from shared.store.sql import plain

_T = tables.run

RunState = Literal["running", "paused", "done", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One replay. `wants` is the filter as it was asked for; `cursor` says how far the log was read. Of `counts`,
    `changes` are done and `of` is how many there are, once they were counted."""

    id: str
    workspace_id: str
    state: RunState
    mode: Mode
    wants: Mapping[str, object]
    cursor: Mapping[str, object] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime
    version: int = 1


async def add(connection: AsyncConnection, run: Run) -> None:
    """Raises IntegrityError (Lost, outside) if the id is taken."""
    values = {name: plain(getattr(run, name)) for name in _COLUMNS}
    await connection.execute(insert(_T).values(**values, shard=shard_of(run.workspace_id)))


async def by_id(connection: AsyncConnection, run_id: str) -> Run | None:
    row = (await connection.execute(select(_T).where(_T.c.id == run_id))).first()
    return None if row is None else _run(row)


async def running(connection: AsyncConnection, shards: Sequence[int]) -> list[Run]:
    """The runs that these shards' holder moves on, oldest first."""
    condition = [_T.c.state == "running"]
    if len(shards) < SHARDS:
        condition.append(_T.c.shard.in_(list(shards)))
    rows = await connection.execute(select(_T).where(*condition).order_by(_T.c.created_at, _T.c.id))
    return [_run(row) for row in rows]


async def of_workspace(connection: AsyncConnection, workspace_id: str) -> list[Run]:
    """The runs of a workspace, newest first."""
    rows = await connection.execute(
        select(_T).where(_T.c.workspace_id == workspace_id).order_by(_T.c.created_at.desc(), _T.c.id.desc())
    )
    return [_run(row) for row in rows]


async def save(connection: AsyncConnection, run: Run, **changes: object) -> Run:
    """Change a row by compare-and-set. Raises Lost if another process did."""
    changed = await connection.execute(
        update(_T)
        .where(_T.c.id == run.id, _T.c.version == run.version)
        .values(**{name: plain(value) for name, value in changes.items()}, version=run.version + 1)
    )
    if changed.rowcount != 1:
        raise errors.Lost("Another process works on this run.")
    values: Mapping[str, Any] = {name: getattr(run, name) for name in _COLUMNS} | changes
    return Run(**{**values, "version": run.version + 1})


_COLUMNS = (
    "id",
    "workspace_id",
    "state",
    "mode",
    "wants",
    "cursor",
    "counts",
    "created_at",
    "updated_at",
    "version",
)


def _run(row: Row[Any]) -> Run:
    return Run(**{name: getattr(row, name) for name in _COLUMNS})
