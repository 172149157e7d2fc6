"""Series over time for plots and alerts: attempts by minute or hour, and samples of lag and waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from shared.store.sql import insert_or_ignore, upsert

_A = tables.attempt
_S = tables.sample
_MOST = 20_000
_CARRIED = ("created", "applied", "bound", "gone")
_CLAIM = "claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One attempt as a plot needs it. `told_at` is when the first of its changes came to the door, from the time
    in the change's id; None for what no hook told."""

    at: datetime
    took_ms: int
    outcome: str
    origin: str
    flow_id: str
    told_at: datetime | None


async def attempts(
    connection: AsyncConnection, workspace_id: str, since: datetime, *, limit: int = _MOST
) -> list[Tried]:
    """The newest attempts of a workspace since a time, newest first, at most `limit`."""
    rows = await connection.execute(
        select(_A.c.at, _A.c.took_ms, _A.c.outcome, _A.c.origin, _A.c.flow_id, _A.c.change_ids)
        .where(_A.c.workspace_id == workspace_id, _A.c.at >= since, _A.c.day >= since.astimezone(UTC).date())
        .order_by(_A.c.at.desc())
        .limit(limit)
    )
    return [
        Tried(
            at=row.at,
            took_ms=row.took_ms,
            outcome=row.outcome,
            origin=row.origin,
            flow_id=row.flow_id,
            told_at=_earliest(row.change_ids),
        )
        for row in rows
    ]


def _earliest(change_ids: Sequence[str]) -> datetime | None:
    times = [moment for each in change_ids if (moment := time_of_id(each)) is not None]
    return min(times, default=None)


def time_of_id(text: str) -> datetime | None:
    """When a UUID of version 7 was made (RFC 9562, section 5.7), to the millisecond; None for any other id."""
    plain = text.replace("-", "")
    if len(plain) != 32 or plain[12:13] != "7":
        return None
    try:
        milliseconds = int(plain[:12], 16)
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """When hooks told of records of one resource, newest first, and how many changes only listings found since."""

    resource: str
    times: Sequence[datetime]
    missed: int


async def heard(
    connection: AsyncConnection, account_id: str, since: datetime, *, full_history: int, limit: int = 5_000
) -> list[Heard]:
    """What hooks told of an account since a time, for each resource with at least `full_history` deliveries."""
    condition = [_A.c.account_id == account_id, _A.c.day >= since.astimezone(UTC).date()]
    counts = await connection.execute(
        select(_A.c.resource, func.count().label("many"))
        .where(*condition, _A.c.origin == "change")
        .group_by(_A.c.resource)
        .order_by(_A.c.resource)
    )
    found = []
    for resource in [row.resource for row in counts if row.many >= full_history]:
        of_it = [*condition, _A.c.resource == resource]
        rows = await connection.execute(
            select(_A.c.at).where(*of_it, _A.c.origin == "change").order_by(_A.c.at.desc()).limit(limit)
        )
        times = [row.at for row in rows]
        missed = await connection.execute(
            select(func.count(func.distinct(_A.c.record_id))).where(
                *of_it, _A.c.at > times[0], _A.c.origin == "sweep", _A.c.outcome.in_(_CARRIED)
            )
        )
        found.append(Heard(resource=resource, times=times, missed=missed.scalar_one()))
    return found


async def last_told(
    connection: AsyncConnection, account_id: str, flow_ids: Sequence[str], since: datetime
) -> datetime | None:
    """When a change that was told of an account was last looked at, in any of its flows since a time."""
    times: list[datetime] = []
    for flow_id in flow_ids:
        row = await connection.execute(
            select(_A.c.at)
            .where(_A.c.flow_id == flow_id, _A.c.at >= since, _A.c.day >= since.astimezone(UTC).date())
            .where(_A.c.account_id == account_id, _A.c.origin == "change")
            .order_by(_A.c.at.desc())
            .limit(1)
        )
        times += row.scalars()
    return max(times, default=None)


async def claim_minute(connection: AsyncConnection, at: datetime) -> bool:
    """Whether this process is to keep the samples of the minute of `at`: true for the first that asks."""
    minute = at.replace(second=0, microsecond=0)
    claimed = await connection.execute(
        insert_or_ignore(connection, _S).values(name=_CLAIM, at=minute, value=0).returning(_S.c.name)
    )
    return claimed.first() is not None


async def minute_claimed(connection: AsyncConnection, at: datetime) -> bool:
    minute = at.replace(second=0, microsecond=0)
    found = await connection.execute(select(_S.c.name).where(_S.c.name == _CLAIM, _S.c.at == minute))
    return found.first() is not None


async def add_samples(connection: AsyncConnection, at: datetime, values: Mapping[str, float]) -> None:
    """Keep these numbers for the minute of `at`."""
    minute = at.replace(second=0, microsecond=0)
    await upsert(
        connection, _S, [{"name": name, "at": minute, "value": value} for name, value in sorted(values.items())]
    )


async def samples(
    connection: AsyncConnection, names: Sequence[str], since: datetime
) -> dict[str, list[tuple[datetime, float]]]:
    """The samples of these numbers since a time, oldest first."""
    found: dict[str, list[tuple[datetime, float]]] = {name: [] for name in names}
    rows = await connection.execute(
        select(_S).where(_S.c.name.in_(list(names)), _S.c.at >= since).order_by(_S.c.at)
    )
    for row in rows:
        found[row.name].append((row.at, row.value))
    return found


async def forget_samples(connection: AsyncConnection, before: datetime) -> int:
    return (await connection.execute(delete(_S).where(_S.c.at < before))).rowcount
