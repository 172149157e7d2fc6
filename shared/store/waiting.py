"""Waiting changes: one row per (flow, account, resource, record). Later changes of the record fold into it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, bindparam, case, delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.model.change import shard_of
from shared.store import tables
from shared.store.rows import PERSON, Reason, Waiting
from shared.store.sql import among, chunks, insert_or_ignore, upsert

_T = tables.waiting
KEPT_IDS = 20


async def find(
    connection: AsyncConnection, flow_id: str, account_id: str, resource: str, record_id: str
) -> Waiting | None:
    row = (await connection.execute(select(_T).where(*_same(flow_id, account_id, resource, record_id)))).first()
    return None if row is None else waiting_of(row)


async def by_id(connection: AsyncConnection, waiting_id: str) -> Waiting | None:
    row = (await connection.execute(select(_T).where(_T.c.id == waiting_id))).first()
    return None if row is None else waiting_of(row)


_OF_IDS = select(_T).where(among(_T.c.id, "ids"))


async def by_ids(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Waiting]:
    """Those of these rows that wait still, by id."""
    if not ids:
        return {}
    return {row.id: waiting_of(row) for row in await connection.execute(_OF_IDS, {"ids": ids})}


async def put(connection: AsyncConnection, row: Waiting) -> None:
    """Save a waiting change; if the record waits already, this word replaces the reason and the ids are joined.

    Two processes may put the same record at once: the first inserts, the second joins.
    """
    inserted = await connection.execute(insert_or_ignore(connection, _T).values(_values(row)))
    if inserted.rowcount == 1:
        return
    existing = (await connection.execute(select(_T).where(*_same(*place(row))).with_for_update())).first()
    if existing is None:
        await connection.execute(insert(_T).values(_values(row)))
        return
    old = waiting_of(existing)
    await connection.execute(
        update(_T)
        .where(_T.c.id == old.id)
        .values(
            reason=row.reason,
            needs_person=row.needs_person,
            not_before=row.not_before,
            updated_at=row.updated_at,
            tries=row.tries,
            version=old.version + 1,
            change_ids=_join(old.change_ids, row.change_ids),
            deletion=row.deletion or old.deletion,
            mode=row.mode if row.mode == "repair" else old.mode,
            run=row.run or old.run,
            blocked_on=row.blocked_on,
            says=row.says,
            detail=row.detail,
        )
    )


async def fold(connection: AsyncConnection, row: Waiting) -> bool:
    """Join a new change into a waiting row, keeping the row's reason and time. False if there is none."""
    existing = (await connection.execute(select(_T).where(*_same(*place(row))).with_for_update())).first()
    if existing is None:
        return False
    old = waiting_of(existing)
    await connection.execute(
        update(_T)
        .where(_T.c.id == old.id)
        .values(
            version=old.version + 1,
            updated_at=row.updated_at,
            change_ids=_join(old.change_ids, row.change_ids),
            deletion=row.deletion or old.deletion,
        )
    )
    return True


async def fold_or_put(connection: AsyncConnection, row: Waiting) -> None:
    if not await fold(connection, row):
        await put(connection, row)


async def put_aside(
    connection: AsyncConnection, rows: Sequence[Waiting], *, cured: Collection[Reason] = ()
) -> None:
    """Save many waiting changes at once: a statement or two for each few hundred instead of two for each.

    A change of a record that waits already is joined into its row, which keeps its reason and its time, unless the
    reason is one of those that news cures (`cured`): then the row is due when the new one would be.
    """
    for some in chunks(_folded(rows), 500):
        pending = {_key(row): row for row in some}
        while pending:
            pending = await _put_those(connection, pending, cured)


async def _put_those(
    connection: AsyncConnection, rows: Mapping[tuple[str, str, str, str], Waiting], cured: Collection[Reason]
) -> dict[tuple[str, str, str, str], Waiting]:
    """Join rows into what waits already and insert the others. Returns those that another process put there since
    the look: they are to be joined too."""
    found = await connection.execute(select(_T).where(tuple_(*_SAME).in_(list(rows))).with_for_update())
    waits = {_key(old): old for old in map(waiting_of, found)}
    joined = [_joined(old, rows[key], cured) for key, old in waits.items()]
    await upsert(
        connection,
        _T,
        [_values(row) for row in sorted(joined, key=_key)],
        keys=_SAME_NAMES,
        update=_REPLACED,
        also={"version": _T.c.version + 1},
    )
    fresh = {key: row for key, row in rows.items() if key not in waits}
    if not fresh:
        return {}
    statement = insert_or_ignore(connection, _T).values([_values(row) for row in fresh.values()])
    inserted = {tuple(each) for each in await connection.execute(statement.returning(*_SAME))}
    return {key: row for key, row in fresh.items() if key not in inserted}


def _folded(rows: Sequence[Waiting]) -> list[Waiting]:
    """One row for each key, in the order of the keys: two processes that meet lock in the same order."""
    found: dict[tuple[str, ...], Waiting] = {}
    for row in rows:
        first = found.get(_key(row))
        found[_key(row)] = row if first is None else _joined(first, row, ())
    return [found[key] for key in sorted(found)]


def _joined(old: Waiting, new: Waiting, cured: Collection[Reason]) -> Waiting:
    kept = new if old.reason in cured else old
    mode: Literal["repair", "nudge"] = "repair" if "repair" in {old.mode, new.mode} else "nudge"
    return replace(
        old,
        reason=kept.reason,
        not_before=kept.not_before,
        says=kept.says,
        updated_at=new.updated_at,
        change_ids=_join(old.change_ids, new.change_ids),
        deletion=old.deletion or new.deletion,
        mode=mode,
        run=new.run or old.run,
    )


async def clear(connection: AsyncConnection, row: Waiting) -> None:
    """Remove a row that was settled, unless something was folded in since it was read."""
    await connection.execute(delete(_T).where(_T.c.id == row.id, _T.c.version == row.version))


_CLEAR = delete(_T).where(_T.c.id == bindparam("key"), _T.c.version == bindparam("read_version"))


async def clear_many(connection: AsyncConnection, rows: Sequence[Waiting]) -> None:
    """As `clear`, for several, always in the same order."""
    if rows:
        ordered = sorted((row.id, row.version) for row in rows)
        await connection.execute(_CLEAR, [{"key": key, "read_version": version} for key, version in ordered])


async def due(
    connection: AsyncConnection,
    shards: Sequence[int],
    now: datetime,
    *,
    limit: int,
    per_workspace: int,
    without: Collection[str] = (),
) -> list[Waiting]:
    """Rows whose time has come and that need no person, oldest first, no workspace taking more than its share.

    It looks at every due row, so workspaces that are known to have very many are left out (`without`) and asked
    for with `due_of`, which looks at little more than it returns.
    """
    rank = func.row_number().over(partition_by=_T.c.workspace_id, order_by=_T.c.not_before).label("rank")
    condition = [_T.c.needs_person.is_(False), _T.c.not_before <= now]
    if len(shards) < 64:
        condition.append(_T.c.shard.in_(list(shards)))
    if without:
        condition.append(_T.c.workspace_id.not_in(list(without)))
    inner = select(_T, rank).where(*condition).subquery()
    rows = await connection.execute(
        select(inner).where(inner.c.rank <= per_workspace).order_by(inner.c.not_before).limit(limit)
    )
    return [waiting_of(row) for row in rows]


async def due_of(connection: AsyncConnection, workspace_id: str, now: datetime, *, limit: int) -> list[Waiting]:
    """The due rows of one workspace, oldest first, as `due` gives them."""
    rows = await connection.execute(
        select(_T)
        .where(
            _T.c.needs_person.is_(False),
            _T.c.shard == shard_of(workspace_id),
            _T.c.workspace_id == workspace_id,
            _T.c.not_before <= now,
        )
        .order_by(_T.c.not_before)
        .limit(limit)
    )
    return [waiting_of(row) for row in rows]


async def wake(connection: AsyncConnection, keys: Sequence[str], now: datetime) -> None:
    """Make rows due that were blocked on one of these records."""
    for some in chunks(keys, 500):
        await connection.execute(
            update(_T).where(_T.c.blocked_on.in_(some)).values(not_before=now, blocked_on=None)
        )


_RETRIED = case((_T.c.reason == "in doubt", "confirmed"), else_="retry")


async def retry(connection: AsyncConnection, ids: Sequence[str], now: datetime) -> int:
    """A person's or a resumed flow's word: these rows are due now. What was in doubt is confirmed by it."""
    changed = 0
    for some in chunks(ids, 500):
        result = await connection.execute(
            update(_T)
            .where(_T.c.id.in_(some))
            .values(not_before=now, needs_person=False, reason=_RETRIED, tries=0, version=_T.c.version + 1)
        )
        changed += result.rowcount
    return changed


async def dismiss(connection: AsyncConnection, ids: Sequence[str]) -> int:
    gone = 0
    for some in chunks(ids, 500):
        gone += (await connection.execute(delete(_T).where(_T.c.id.in_(some)))).rowcount
    return gone


async def postpone(connection: AsyncConnection, rows: Sequence[tuple[Waiting, datetime]]) -> None:
    """Have each row wait until its time, unless something was folded in since it was read."""
    for row, until in rows:
        await connection.execute(
            update(_T).where(_T.c.id == row.id, _T.c.version == row.version).values(not_before=until)
        )


async def of_workspace(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    reason: Reason | None = None,
    flow_id: str | None = None,
    limit: int = 200,
) -> list[Waiting]:
    condition = [_T.c.workspace_id == workspace_id]
    if reason is not None:
        condition.append(_T.c.reason == reason)
    if flow_id is not None:
        condition.append(_T.c.flow_id == flow_id)
    rows = await connection.execute(select(_T).where(*condition).order_by(_T.c.first_seen).limit(limit))
    return [waiting_of(row) for row in rows]


async def of_records(connection: AsyncConnection, account_id: str, resource: str, record_id: str) -> list[Waiting]:
    rows = await connection.execute(
        select(_T).where(_T.c.account_id == account_id, _T.c.resource == resource, _T.c.record_id == record_id)
    )
    return [waiting_of(row) for row in rows]


async def summary(
    connection: AsyncConnection, workspace_id: str | None = None
) -> list[tuple[str, str, int, datetime, bool]]:
    """(workspace, reason, how many, first seen of the oldest, needs a person), per workspace and reason."""
    statement = select(
        _T.c.workspace_id, _T.c.reason, func.count(), func.min(_T.c.first_seen), _T.c.needs_person
    ).group_by(_T.c.workspace_id, _T.c.reason, _T.c.needs_person)
    if workspace_id is not None:
        statement = statement.where(_T.c.workspace_id == workspace_id)
    rows = await connection.execute(statement.order_by(_T.c.workspace_id, _T.c.reason))
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


async def behind_persons(connection: AsyncConnection, workspace_id: str) -> int:
    """How many rows are blocked on a record about which a person is asked: their own time moves none of them."""
    asked = _T.alias("asked")
    key = asked.c.account_id + "/" + asked.c.resource + "/" + asked.c.record_id
    statement = select(func.count()).where(
        _T.c.workspace_id == workspace_id,
        _T.c.needs_person.is_(False),
        _T.c.blocked_on.in_(select(key).where(asked.c.workspace_id == workspace_id, asked.c.needs_person)),
    )
    return int((await connection.execute(statement)).scalar_one())


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowWaits:
    """What waits for one flow: how many, since when the oldest was first seen, how many need a person."""

    flow_id: str
    count: int
    oldest_at: datetime
    persons: int


async def by_flow(connection: AsyncConnection, workspace_id: str | None = None) -> list[FlowWaits]:
    """Of each flow for which something waits."""
    statement = select(
        _T.c.flow_id, func.count(), func.min(_T.c.first_seen), func.count().filter(_T.c.needs_person)
    ).group_by(_T.c.flow_id)
    if workspace_id is not None:
        statement = statement.where(_T.c.workspace_id == workspace_id)
    rows = await connection.execute(statement.where(_T.c.flow_id != "").order_by(_T.c.flow_id))
    return [FlowWaits(flow_id=row[0], count=row[1], oldest_at=row[2], persons=row[3]) for row in rows]


def place(row: Waiting) -> tuple[str, str, str, str]:
    """What a row is unique by. Several are saved in this order, so that two processes do not wait crosswise."""
    return (row.flow_id, row.account_id, row.resource, row.record_id)


def next_try(tries: int, now: datetime, *, jitter: float) -> datetime:
    """When to try again: 2 s doubling to 10 minutes, with up to a quarter more. `jitter` is 0 to 1.

    Tries 1 to 9 come after about 2, 6, 14, 30, 62, 126, 254, 510 and 1,110 s in all.
    """
    delay = min(600.0, 2.0 * 2 ** min(tries, 12))
    return now + timedelta(seconds=delay * (1 + jitter / 4))


def _same(flow_id: str, account_id: str, resource: str, record_id: str) -> tuple[Any, ...]:
    return (
        _T.c.flow_id == flow_id,
        _T.c.account_id == account_id,
        _T.c.resource == resource,
        _T.c.record_id == record_id,
    )


def _join(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The first ids and the latest ones: enough to find both ends of the story."""
    joined = list(dict.fromkeys([*old, *new]))
    return joined if len(joined) <= KEPT_IDS else [joined[0], *joined[-(KEPT_IDS - 1) :]]


_COLUMNS = (
    "id",
    "workspace_id",
    "flow_id",
    "account_id",
    "resource",
    "record_id",
    "reason",
    "not_before",
    "first_seen",
    "updated_at",
    "tries",
    "version",
    "change_ids",
    "deletion",
    "mode",
    "run",
    "blocked_on",
    "says",
    "detail",
)


_SAME_NAMES = ("flow_id", "account_id", "resource", "record_id")
_SAME = tuple(_T.c[name] for name in _SAME_NAMES)
_REPLACED = (
    "reason",
    "needs_person",
    "not_before",
    "updated_at",
    "change_ids",
    "deletion",
    "mode",
    "run",
    "says",
)


def _key(row: Waiting) -> tuple[str, str, str, str]:
    return (row.flow_id, row.account_id, row.resource, row.record_id)


def _values(row: Waiting) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _COLUMNS}
    values["change_ids"] = _join((), row.change_ids)
    values["needs_person"] = row.reason in PERSON
    values["shard"] = shard_of(row.workspace_id)
    return values


def waiting_of(row: Row[Any]) -> Waiting:
    return Waiting(**{name: getattr(row, name) for name in _COLUMNS})
