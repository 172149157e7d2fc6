"""Loads: all records of an entity, applied as they are listed. The cursor moves when a page is settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.model.change import shard_of
from shared.store import tables
from shared.store.rows import Load

_T = tables.load


async def add(connection: AsyncConnection, load: Load) -> None:
    values = {name: getattr(load, name) for name in _COLUMNS}
    await connection.execute(insert(_T).values(**values, shard=shard_of(load.workspace_id)))


async def running(connection: AsyncConnection, shards: Sequence[int], now: datetime) -> list[Load]:
    condition = [_T.c.state == "running", _T.c.next_at <= now]
    if len(shards) < 64:
        condition.append(_T.c.shard.in_(list(shards)))
    rows = await connection.execute(select(_T).where(*condition).order_by(_T.c.started_at))
    return [_load(row) for row in rows]


async def of_flow(connection: AsyncConnection, flow_id: str) -> list[Load]:
    """The loads of a flow, newest first."""
    rows = await connection.execute(select(_T).where(_T.c.flow_id == flow_id).order_by(_T.c.started_at.desc()))
    return [_load(row) for row in rows]


async def of_workspace(connection: AsyncConnection, workspace_id: str) -> list[Load]:
    rows = await connection.execute(
        select(_T).where(_T.c.workspace_id == workspace_id).order_by(_T.c.started_at.desc())
    )
    return [_load(row) for row in rows]


async def save(connection: AsyncConnection, load: Load, **changes: object) -> Load:
    """Change a row by compare-and-set. Raises Lost if another process did."""
    changed = await connection.execute(
        update(_T)
        .where(_T.c.id == load.id, _T.c.version == load.version)
        .values(**changes, version=load.version + 1)
    )
    if changed.rowcount != 1:
        raise errors.Lost("Another process works on this load.")
    values = {name: getattr(load, name) for name in _COLUMNS} | changes | {"version": load.version + 1}
    return Load(**values)


_COLUMNS = (
    "id",
    "workspace_id",
    "flow_id",
    "side",
    "then_side",
    "state",
    "since",
    "cursor",
    "pages",
    "done",
    "total",
    "counts",
    "problem",
    "next_at",
    "started_at",
    "updated_at",
    "version",
)


def _load(row: Row[Any]) -> Load:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    return Load(**values)
