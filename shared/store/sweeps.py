"""Sweeps: when each resource of each account is listed next, and where a listing in progress stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.model.change import shard_of
from shared.store import tables
from shared.store.rows import Sweep
from shared.store.sql import insert_or_ignore

_T = tables.sweep


async def ensure(
    connection: AsyncConnection, workspace_id: str, account_id: str, resource: str, *, now: datetime
) -> None:
    """Make the row of a resource that a flow uses; its first sweep is a full one, at once."""
    await connection.execute(
        insert_or_ignore(connection, _T).values(
            account_id=account_id,
            resource=resource,
            workspace_id=workspace_id,
            shard=shard_of(workspace_id),
            next_at=now,
            full_at=now,
            full=True,
            counts={},
            version=1,
        )
    )


_FIND = select(_T).where(_T.c.account_id == bindparam("account"), _T.c.resource == bindparam("kind"))


async def find(connection: AsyncConnection, account_id: str, resource: str) -> Sweep | None:
    row = (await connection.execute(_FIND, {"account": account_id, "kind": resource})).first()
    return None if row is None else _sweep(row)


async def due(connection: AsyncConnection, shards: Sequence[int], now: datetime, *, limit: int) -> list[Sweep]:
    """Sweeps whose time has come or whose run was cut off, oldest first."""
    condition = [or_(_T.c.next_at <= now)]
    if len(shards) < 64:
        condition.append(_T.c.shard.in_(list(shards)))
    rows = await connection.execute(select(_T).where(*condition).order_by(_T.c.next_at).limit(limit))
    return [_sweep(row) for row in rows]


async def of_workspace(connection: AsyncConnection, workspace_id: str) -> list[Sweep]:
    rows = await connection.execute(
        select(_T).where(_T.c.workspace_id == workspace_id).order_by(_T.c.account_id, _T.c.resource)
    )
    return [_sweep(row) for row in rows]


async def save(connection: AsyncConnection, sweep: Sweep, **changes: object) -> Sweep:
    """Change a row by compare-and-set. Raises Lost if another process did.

    A time that `request` asked for since `sweep` was read stands; the sweep that is returned does not show it.
    """
    values: dict[str, Any] = dict(changes)
    for name in ("next_at", "full_at", "seen_until"):
        if name in values and getattr(sweep, name) is not None:
            column = _T.c[name]
            # With the column's own type: a bare time would take another form in SQLite, which does not sort.
            wanted = literal(values[name], column.type)
            values[name] = case((column == getattr(sweep, name), wanted), else_=column)
    changed = await connection.execute(
        update(_T)
        .where(_T.c.account_id == sweep.account_id, _T.c.resource == sweep.resource, _T.c.version == sweep.version)
        .values(**values, version=sweep.version + 1)
    )
    if changed.rowcount != 1:
        raise errors.Lost("Another process changed this sweep first.")
    saved = {name: getattr(sweep, name) for name in _COLUMNS} | changes | {"version": sweep.version + 1}
    return Sweep(**saved)


async def request(
    connection: AsyncConnection,
    account_id: str,
    resource: str | None,
    *,
    now: datetime,
    full: bool = False,
    gap: bool = False,
    since: datetime | None = None,
) -> int:
    """Ask for a sweep at `now`; `full` for a whole listing, `since` for one that goes back at least so far.

    Returns how many rows were asked. The version stays: a listing in progress goes on, and finds at its end that
    another one is wanted.
    """
    values: dict[str, Any] = {"next_at": now}
    if full:
        values["full_at"] = now
    if gap:
        values["gap_at"] = now
    if since is not None:
        back = literal(since, _T.c.seen_until.type)
        values["seen_until"] = case((_T.c.seen_until > back, back), else_=_T.c.seen_until)
    condition = [_T.c.account_id == account_id]
    if resource is not None:
        condition.append(_T.c.resource == resource)
    return (await connection.execute(update(_T).where(*condition).values(**values))).rowcount


def is_complete(
    sweep: Sweep | None, *, now: datetime, max_age_seconds: float, since: datetime | None = None
) -> bool:
    """Whether the index of this resource is complete since the last gap (and `since`) and young enough to
    create by."""
    if sweep is None or sweep.complete_at is None or sweep.seen_until is None:
        return False
    if sweep.gap_at is not None and sweep.seen_until < sweep.gap_at:
        return False
    if since is not None and sweep.seen_until < since:
        return False
    return (now - sweep.seen_until).total_seconds() <= max_age_seconds


def will_be_complete(sweep: Sweep | None, *, since: datetime | None = None) -> bool:
    """Whether the listing that runs now makes the index complete; then no other one need be asked for."""
    if sweep is None or sweep.started_at is None or (sweep.complete_at is None and not sweep.full):
        return False
    return all(moment is None or sweep.started_at >= moment for moment in (sweep.gap_at, since))


_COLUMNS = (
    "account_id",
    "resource",
    "workspace_id",
    "next_at",
    "full_at",
    "seen_until",
    "complete_at",
    "gap_at",
    "cursor",
    "listing",
    "started_at",
    "full",
    "counts",
    "problem",
    "version",
)


def _sweep(row: Row[Any]) -> Sweep:
    values: Mapping[str, Any] = {name: getattr(row, name) for name in _COLUMNS}
    return Sweep(**values)
