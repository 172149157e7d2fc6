"""The match index and what was last seen: keyed hashes by which records of one account are found and compared.

Filled by every listing and every read, because several vendors cannot be searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from shared.store.rows import Seen
from shared.store.sql import chunks, upsert

_S = tables.seen
_K = tables.match_key


async def save(connection: AsyncConnection, rows: Sequence[Seen], *, keys_known: bool = False) -> None:
    """Remember what these records showed; a key that a record no longer has is dropped."""
    if not rows:
        return
    await upsert(
        connection,
        _S,
        [
            {
                "account_id": row.account_id,
                "resource": row.resource,
                "record_id": row.record_id,
                "fields": dict(row.fields),
                "seen_at": row.seen_at,
                "listing": row.listing,
            }
            for row in rows
        ],
        update=["fields", "seen_at", "listing"] if rows[0].listing else ["fields", "seen_at"],
    )
    if not keys_known:
        await _drop_keys(connection, rows)
    keys = [
        {
            "account_id": row.account_id,
            "resource": row.resource,
            "record_id": row.record_id,
            "key_name": name,
            "key_hash": digest,
        }
        for row in rows
        for name, digest in row.keys.items()
    ]
    await upsert(connection, _K, keys)


async def _drop_keys(connection: AsyncConnection, rows: Sequence[Seen]) -> None:
    account_id, resource = rows[0].account_id, rows[0].resource
    ids = [row.record_id for row in rows]
    for some in chunks(ids, 500):
        await connection.execute(
            delete(_K).where(_K.c.account_id == account_id, _K.c.resource == resource, _K.c.record_id.in_(some))
        )


async def forget(connection: AsyncConnection, account_id: str, resource: str, record_id: str) -> None:
    """A record is gone: it is matched no more."""
    for table in (_S, _K):
        await connection.execute(
            delete(table).where(
                table.c.account_id == account_id, table.c.resource == resource, table.c.record_id == record_id
            )
        )


async def with_key(
    connection: AsyncConnection, account_id: str, resource: str, key_name: str, key_hash: str, *, limit: int = 20
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
        .order_by(_K.c.record_id)
        .limit(limit)
    )
    return list(rows.scalars())


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
            .order_by(_K.c.record_id)
        )
        for key_hash, record_id in rows:
            found.setdefault(key_hash, []).append(record_id)
    return found
