"""Erasing and starting over: what `forget` and `recover` do to the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import index, tables
from shared.store.rows import Binding

End = tuple[str, str, str]
"""A record: (account id, resource, record id)."""


async def erase(connection: AsyncConnection, ends: Sequence[End]) -> dict[str, int]:
    """Delete every row about these records and mark them; returns how many: attempt, waiting, match_key."""
    counts = {"attempt": 0, "waiting": 0, "match_key": 0}
    for end in ends:
        for table in (tables.attempt, tables.waiting):
            counts[table.name] += await _delete(connection, table, end)
        counts["match_key"] += await index.forget(connection, *end)
        await index.mark_forgotten(connection, *end)
    return counts


async def erase_decisions(connection: AsyncConnection, flow_id: str, record_ids: Sequence[str]) -> None:
    """Delete what a flow's report and a person's word say of these records, and writes of theirs in flight."""
    ids = list(record_ids)
    found, open_ = tables.match_decision, tables.intent
    await connection.execute(
        delete(found).where(found.c.flow_id == flow_id, found.c.record_id.in_(ids) | found.c.chosen_id.in_(ids))
    )
    mine = (open_.c.flow_id == flow_id) & (open_.c.source_id.in_(ids) | open_.c.target_id.in_(ids))
    await connection.execute(
        delete(tables.intent_key).where(tables.intent_key.c.intent_id.in_(select(open_.c.id).where(mine)))
    )
    await connection.execute(delete(open_).where(mine))


async def _delete(connection: AsyncConnection, table: Table, end: End) -> int:
    account_id, resource, record_id = end
    gone: Any = await connection.execute(
        delete(table).where(
            table.c.account_id == account_id, table.c.resource == resource, table.c.record_id == record_id
        )
    )
    return int(gone.rowcount)


async def forget_pair(connection: AsyncConnection, binding: Binding, now: datetime) -> None:
    """Keep that there was a pair, so that it is never made again, and nothing of what it showed."""
    await connection.execute(
        update(tables.binding)
        .where(tables.binding.c.id == binding.id)
        .values(state="forgotten", base={}, reference="", version=binding.version + 1, updated_at=now)
    )


async def start_over(
    connection: AsyncConnection, workspace_id: str, accounts: Sequence[str], now: datetime
) -> None:
    """After a restored backup: loads end, every index counts as unknown, and both sides are to be listed whole."""
    await connection.execute(
        update(tables.load)
        .where(tables.load.c.workspace_id == workspace_id, tables.load.c.state == "running")
        .values(state="cancelled", problem="A backup was restored.", version=tables.load.c.version + 1)
    )
    await connection.execute(
        update(tables.sweep)
        .where(tables.sweep.c.workspace_id == workspace_id)
        .values(
            complete_at=None,
            seen_until=None,
            cursor=None,
            listing=None,
            started_at=None,
            full=True,
            full_at=now,
            next_at=now,
            version=tables.sweep.c.version + 1,
        )
    )
    await index.forget_all(connection, accounts)
