"""What the store knows of trouble, in all workspaces at once: counted there, so that a look costs a few reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from shared.store.rows import PauseCause, Waiting
from shared.store.waiting import waiting_of

_B, _F, _H, _L, _S, _W = (
    tables.bridge,
    tables.flow,
    tables.hook,
    tables.load,
    tables.sweep,
    tables.waiting,
)
_SPACE = tables.workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Rows of one flow that need a person for one reason."""

    workspace_id: str
    flow_id: str
    reason: str
    count: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """Rows of one workspace that only wait, for longer than they should."""

    workspace_id: str
    count: int
    reasons: tuple[str, ...]
    oldest_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """A flow that no person paused, with the accounts of its bridge."""

    workspace_id: str
    flow_id: str
    cause: PauseCause
    says: str
    accounts: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A sweep or a load whose last try failed. `subject` is account/resource, or the flow of a load."""

    workspace_id: str
    subject: str
    account_id: str
    says: str
    seen_until: datetime | None


async def languages(connection: AsyncConnection) -> dict[str, str]:
    """The language of each workspace."""
    rows = await connection.execute(select(_SPACE.c.id, _SPACE.c.locale))
    return {row.id: row.locale[:2] for row in rows}


async def asking(connection: AsyncConnection) -> list[Asking]:
    groups = (_W.c.workspace_id, _W.c.flow_id, _W.c.reason)
    rows = await connection.execute(
        select(*groups, func.count().label("many"), func.min(_W.c.first_seen).label("oldest"))
        .where(_W.c.needs_person.is_(True))
        .group_by(*groups)
    )
    return [
        Asking(
            workspace_id=row.workspace_id,
            flow_id=row.flow_id,
            reason=row.reason,
            count=row.many,
            oldest_at=row.oldest,
        )
        for row in rows
    ]


async def examples(
    connection: AsyncConnection, workspace_id: str, flow_id: str, reason: str, *, most: int
) -> list[Waiting]:
    """The oldest rows of a group that needs a person."""
    rows = await connection.execute(
        select(_W)
        .where(_W.c.workspace_id == workspace_id, _W.c.flow_id == flow_id, _W.c.reason == reason)
        .order_by(_W.c.first_seen, _W.c.id)
        .limit(most)
    )
    return [waiting_of(row) for row in rows]


async def old(connection: AsyncConnection, before: datetime) -> list[Old]:
    """What only waits since before a time; what waits for a paused flow is told with the flow."""
    rows = await connection.execute(
        select(
            _W.c.workspace_id,
            _W.c.reason,
            func.count().label("many"),
            func.min(_W.c.first_seen).label("oldest"),
        )
        .where(_W.c.needs_person.is_(False), _W.c.reason != "paused", _W.c.first_seen < before)
        .group_by(_W.c.workspace_id, _W.c.reason)
        .order_by(_W.c.workspace_id, _W.c.reason)
    )
    found: dict[str, Old] = {}
    for row in rows:
        had = found.get(row.workspace_id)
        found[row.workspace_id] = Old(
            workspace_id=row.workspace_id,
            count=row.many + (had.count if had else 0),
            reasons=(*(had.reasons if had else ()), row.reason),
            oldest_at=min(row.oldest, had.oldest_at) if had else row.oldest,
        )
    return list(found.values())


async def paused(connection: AsyncConnection) -> list[Paused]:
    rows = await connection.execute(
        select(
            _F.c.workspace_id, _F.c.id, _F.c.pause_cause, _F.c.pause_reason, _B.c.left_account, _B.c.right_account
        )
        .join(_B, _B.c.id == _F.c.bridge_id)
        .where(_F.c.state == "paused", _F.c.pause_cause.is_not(None), _F.c.pause_cause != "person")
        .order_by(_F.c.id)
    )
    return [
        Paused(
            workspace_id=row.workspace_id,
            flow_id=row.id,
            cause=cast("PauseCause", row.pause_cause),
            says=row.pause_reason or "",
            accounts=(row.left_account, row.right_account),
        )
        for row in rows
    ]


async def failing_sweeps(connection: AsyncConnection) -> list[Listing]:
    rows = await connection.execute(
        select(_S.c.workspace_id, _S.c.account_id, _S.c.resource, _S.c.problem, _S.c.seen_until)
        .where(_S.c.problem.is_not(None))
        .order_by(_S.c.account_id, _S.c.resource)
    )
    return [
        Listing(
            workspace_id=row.workspace_id,
            subject=f"{row.account_id}/{row.resource}",
            account_id=row.account_id,
            says=row.problem,
            seen_until=row.seen_until,
        )
        for row in rows
    ]


async def failing_loads(connection: AsyncConnection) -> list[Listing]:
    rows = await connection.execute(
        select(_L.c.workspace_id, _L.c.flow_id, _L.c.problem)
        .where(_L.c.state == "running", _L.c.problem.is_not(None))
        .order_by(_L.c.flow_id)
    )
    return [
        Listing(
            workspace_id=row.workspace_id, subject=row.flow_id, account_id="", says=row.problem, seen_until=None
        )
        for row in rows
    ]


async def held_hooks(connection: AsyncConnection) -> list[tuple[str, str, int]]:
    """(workspace, account, how many) of hooks whose place at the vendor is somebody else's."""
    account = tables.account
    rows = await connection.execute(
        select(account.c.workspace_id, _H.c.account_id, func.count().label("many"))
        .join(account, account.c.id == _H.c.account_id)
        .where(_H.c.active.is_(False))
        .group_by(account.c.workspace_id, _H.c.account_id)
        .order_by(_H.c.account_id)
    )
    return [(row.workspace_id, row.account_id, row.many) for row in rows]


async def is_listed_since(connection: AsyncConnection, account_id: str, at: datetime) -> bool:
    """Whether every sweep of an account has seen what changed up to a time; also where it has none."""
    rows = await connection.execute(select(_S.c.seen_until).where(_S.c.account_id == account_id))
    return all(row.seen_until is not None and row.seen_until >= at for row in rows)
