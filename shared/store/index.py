"""The match index and what was last seen: keyed hashes by which records of one account are found and compared.

Filled by every listing and every read, because several vendors cannot be searched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Table, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from shared.store.rows import Seen, SideName
from shared.store.sql import chunks, given, rows_of, upsert

_S = tables.seen
_K = tables.match_key

FORGOTTEN = "forgotten"
"""A key that marks a record as forgotten, with no hash beside it: nothing that it shows is remembered again."""

# How many records that share a key are told of: as many as a person would look through.
_MOST = 20


async def save(connection: AsyncConnection, rows: Sequence[Seen]) -> None:
    """Remember what these records showed; a key that a record no longer has is dropped.

    Most reads show the keys that are known, so they are compared first and only what differs is written. Saving
    what was seen locks each record's row, so that two processes compare one after the other.
    """
    # In one order, so that two processes that save the same records do not wait for each other crosswise.
    ordered = sorted(rows, key=_place)
    for some in ([row for row in ordered if row.listing], [row for row in ordered if not row.listing]):
        # Only a listing says in which one a record was met.
        update = ["fields", "seen_at", "listing"] if some and some[0].listing else ["fields", "seen_at"]
        await upsert(connection, _S, [_seen_values(row) for row in some], update=update)
    known = await _known_keys(connection, ordered)
    forgotten = {key[:3] for key in known if key[3] == FORGOTTEN}
    for place in forgotten:
        await _delete(connection, _S, place)
    latest = {_place(row): row.keys for row in ordered if _place(row) not in forgotten}
    wanted = {(*place, name): digest for place, keys in latest.items() for name, digest in keys.items()}
    for account_id, resource, record_id, name in known.keys() - wanted.keys():
        if name == FORGOTTEN:
            continue
        await connection.execute(
            delete(_K).where(
                _K.c.account_id == account_id,
                _K.c.resource == resource,
                _K.c.record_id == record_id,
                _K.c.key_name == name,
            )
        )
    changed = [(key, digest) for key, digest in wanted.items() if known.get(key) != digest]
    names = ("account_id", "resource", "record_id", "key_name")
    await upsert(connection, _K, [dict(zip(names, key, strict=True)) | {"key_hash": it} for key, it in changed])


_PLACE = ("account_id", "resource", "record_id")
_asked = given(*_PLACE)
_KNOWN = select(_K).select_from(
    _asked.join(
        _K,
        and_(*(_K.c[name] == _asked.c[name] for name in _PLACE)),
    )
)


async def _known_keys(connection: AsyncConnection, rows: Sequence[Seen]) -> dict[tuple[str, str, str, str], str]:
    """What the index has of these records (in order): {(account, resource, record id, key name): hash}."""
    places = list(dict.fromkeys(map(_place, rows)))
    if not places:
        return {}
    found = await connection.execute(_KNOWN, {"given": rows_of(places)})
    return {(row.account_id, row.resource, row.record_id, row.key_name): row.key_hash for row in found}


def _place(row: Seen) -> tuple[str, str, str]:
    return row.account_id, row.resource, row.record_id


def _seen_values(row: Seen) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "resource": row.resource,
        "record_id": row.record_id,
        "fields": dict(row.fields),
        "seen_at": row.seen_at,
        "listing": row.listing,
    }


async def forget(connection: AsyncConnection, account_id: str, resource: str, record_id: str) -> int:
    """A record is gone: it is matched no more; returns how many keys it had. The mark of a forgotten one stays."""
    await _delete(connection, _S, (account_id, resource, record_id))
    return await _delete(connection, _K, (account_id, resource, record_id), _K.c.key_name != FORGOTTEN)


async def mark_forgotten(connection: AsyncConnection, account_id: str, resource: str, record_id: str) -> None:
    """From now on nothing of this record is remembered, whoever reads or lists it."""
    place = {"account_id": account_id, "resource": resource, "record_id": record_id}
    await upsert(connection, _K, [place | {"key_name": FORGOTTEN, "key_hash": ""}])


async def forget_all(connection: AsyncConnection, account_ids: Sequence[str]) -> None:
    """Everything of these accounts, to be listed anew; the marks of forgotten records stay."""
    await connection.execute(delete(_S).where(_S.c.account_id.in_(list(account_ids))))
    await connection.execute(delete(_K).where(_K.c.account_id.in_(list(account_ids)), _K.c.key_name != FORGOTTEN))


async def _delete(
    connection: AsyncConnection, table: Table, place: tuple[str, str, str], *more: ColumnElement[bool]
) -> int:
    account_id, resource, record_id = place
    mine = (table.c.account_id == account_id, table.c.resource == resource, table.c.record_id == record_id)
    return (await connection.execute(delete(table).where(*mine, *more))).rowcount


def _by_id() -> ColumnElement[str]:
    """The order of record ids as no index has it: ordered by the bare column, the database walks through every
    record of the account in the primary key's order instead of looking up the few that have a key."""
    return func.coalesce(_K.c.record_id, "")


async def with_key(
    connection: AsyncConnection,
    account_id: str,
    resource: str,
    key_name: str,
    key_hash: str,
    *,
    limit: int = _MOST,
) -> list[str]:
    """The records that showed this key, by id."""
    rows = await connection.execute(
        select(_K.c.record_id)
        .where(
            _K.c.account_id == account_id,
            _K.c.resource == resource,
            _K.c.key_name == key_name,
            _K.c.key_hash == key_hash,
        )
        .order_by(_by_id())
        .limit(limit)
    )
    return list(rows.scalars())


_WITH = ("account_id", "resource", "key_name", "key_hash")
_wanted = given("at", *_WITH)
_place_among = func.row_number().over(partition_by=_wanted.c.at, order_by=_K.c.record_id)
_found = (
    select(_wanted.c.at, _K.c.record_id, _place_among.label("place"))
    .select_from(_wanted.join(_K, and_(*(_K.c[name] == _wanted.c[name] for name in _WITH))))
    .subquery()
)
_WITH_KEYS = select(_found.c.at, _found.c.record_id).where(_found.c.place <= _MOST).order_by(_found.c.record_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithKeys:
    """Asks for the records that showed one of these keys, pairs of (key name, hash).

    For each key the first ones by id, in the order of the keys. What many looks ask is told by one statement.
    """

    account_id: str
    resource: str
    keys: Sequence[tuple[str, str]]

    reads: ClassVar[bool] = True

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence[WithKeys]) -> Sequence[list[str]]:
        asked = [(at, unit, key) for at, unit in enumerate(units) for key in unit.keys]
        rows = [(str(number), unit.account_id, unit.resource, *key) for number, (_, unit, key) in enumerate(asked)]
        by_key: dict[str, list[str]] = defaultdict(list)
        if rows:
            for number, record_id in await connection.execute(_WITH_KEYS, {"given": rows_of(rows)}):
                by_key[number].append(record_id)
        found: list[list[str]] = [[] for _ in units]
        for number, (at, _, _) in enumerate(asked):
            found[at] += by_key.get(str(number), [])
        return found


async def keys_of(
    connection: AsyncConnection, account_id: str, resource: str, record_ids: Sequence[str]
) -> dict[str, dict[str, str]]:
    """The keys of these records: {record id: {key name: hash}}."""
    found: dict[str, dict[str, str]] = {record_id: {} for record_id in record_ids}
    for some in chunks(record_ids, 500):
        rows = await connection.execute(
            select(_K.c.record_id, _K.c.key_name, _K.c.key_hash).where(
                _K.c.account_id == account_id, _K.c.resource == resource, _K.c.record_id.in_(some)
            )
        )
        for record_id, name, digest in rows:
            found[record_id][name] = digest
    return found


async def seen(
    connection: AsyncConnection, account_id: str, resource: str, record_ids: Sequence[str]
) -> dict[str, Seen]:
    """What these records last showed, without their keys."""
    found: dict[str, Seen] = {}
    for some in chunks(record_ids, 500):
        rows = await connection.execute(
            select(_S).where(_S.c.account_id == account_id, _S.c.resource == resource, _S.c.record_id.in_(some))
        )
        for row in rows:
            found[row.record_id] = _seen(row)
    return found


async def page(
    connection: AsyncConnection, account_id: str, resource: str, *, after: str, limit: int
) -> list[Seen]:
    rows = await connection.execute(
        select(_S)
        .where(_S.c.account_id == account_id, _S.c.resource == resource, _S.c.record_id > after)
        .order_by(_S.c.record_id)
        .limit(limit)
    )
    return [_seen(row) for row in rows]


async def met(
    connection: AsyncConnection,
    account_id: str,
    resource: str,
    record_ids: Sequence[str],
    *,
    listing: str,
    now: datetime,
) -> None:
    """A listing met these records and could not read them: what they last showed stays known."""
    for some in chunks(record_ids, 500):
        await connection.execute(
            update(_S)
            .where(_S.c.account_id == account_id, _S.c.resource == resource, _S.c.record_id.in_(some))
            .values(listing=listing, seen_at=now)
        )


async def missed(
    connection: AsyncConnection, account_id: str, resource: str, *, listing: str, before: datetime, limit: int
) -> tuple[list[str], int]:
    """Records that a complete listing did not meet and that nobody read since it began, and how many in all."""
    condition = (
        (_S.c.account_id == account_id)
        & (_S.c.resource == resource)
        & (_S.c.listing != listing)
        & (_S.c.seen_at < before)
    )
    count = (await connection.execute(select(func.count()).select_from(_S).where(condition))).scalar_one()
    rows = await connection.execute(select(_S.c.record_id).where(condition).order_by(_S.c.record_id).limit(limit))
    return list(rows.scalars()), count


async def unbound_with_key(
    connection: AsyncConnection,
    account_id: str,
    resource: str,
    key_name: str,
    *,
    bridge_id: str,
    entity: str,
    role: str,
    side: SideName,
) -> dict[str, int]:
    """How many records that are in no pair show this key: {what it says: how many}."""
    bound = tables.binding
    own_id = bound.c.left_id if side == "left" else bound.c.right_id
    paired = select(bound.c.id).where(
        bound.c.bridge_id == bridge_id, bound.c.entity == entity, bound.c.role == role, own_id == _K.c.record_id
    )
    rows = await connection.execute(
        select(_K.c.key_hash, func.count())
        .where(
            _K.c.account_id == account_id,
            _K.c.resource == resource,
            _K.c.key_name == key_name,
            ~paired.exists(),
        )
        .group_by(_K.c.key_hash)
        .order_by(_K.c.key_hash)
    )
    return {row[0]: row[1] for row in rows}


async def noted(
    connection: AsyncConnection, account_id: str, resource: str, prefix: str, *, most: int
) -> dict[str, tuple[int, list[str]]]:
    """Records that show a key of these: {key name without the prefix: (how many, the first ids)}."""
    same = (_K.c.account_id == account_id, _K.c.resource == resource)
    counts = await connection.execute(
        select(_K.c.key_name, func.count())
        .where(*same, _K.c.key_name.startswith(prefix, autoescape=True))
        .group_by(_K.c.key_name)
    )
    found: dict[str, tuple[int, list[str]]] = {}
    for name, many in counts.all():
        ids = await connection.execute(
            select(_K.c.record_id).where(*same, _K.c.key_name == name).order_by(_K.c.record_id).limit(most)
        )
        found[name.removeprefix(prefix)] = (many, list(ids.scalars()))
    return found


async def count(connection: AsyncConnection, account_id: str, resource: str) -> int:
    statement = (
        select(func.count()).select_from(_S).where(_S.c.account_id == account_id, _S.c.resource == resource)
    )
    return (await connection.execute(statement)).scalar_one()


def _seen(row: Any) -> Seen:
    return Seen(
        account_id=row.account_id,
        resource=row.resource,
        record_id=row.record_id,
        fields=row.fields,
        keys={},
        seen_at=row.seen_at,
        listing=row.listing,
    )


async def holders(
    connection: AsyncConnection, account_id: str, resource: str, key_name: str, hashes: Sequence[str]
) -> dict[str, list[str]]:
    """Which records showed each of these keys: {hash: record ids}; hashes that nobody showed are left out."""
    found: dict[str, list[str]] = {}
    for some in chunks(list(dict.fromkeys(hashes)), 500):
        rows = await connection.execute(
            select(_K.c.key_hash, _K.c.record_id)
            .where(
                _K.c.account_id == account_id,
                _K.c.resource == resource,
                _K.c.key_name == key_name,
                _K.c.key_hash.in_(some),
            )
            .order_by(_by_id())
        )
        for key_hash, record_id in rows:
            found.setdefault(key_hash, []).append(record_id)
    return found
