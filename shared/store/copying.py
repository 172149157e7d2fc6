"""Copying a whole store into another database: the move from one machine to many."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store import schema, tables
from shared.store.database import Database

_AT_ONCE = 500


async def copy(source: Database, target_url: str) -> dict[str, int]:
    """Copy every table into an empty database, migrating it first; returns the rows copied of each table.

    The source must be at rest. Raises Misconfigured for a target that holds workspaces already. What was wrapped
    by the store keys stays wrapped: the keys must move too.
    """
    target = Database(target_url)
    try:
        await schema.migrate(target)
        if await target.read(_workspaces):
            raise errors.Misconfigured(
                "The target store holds workspaces already.",
                setting="PUENTE_STORE_URL",
                way_out="Name an empty database; nothing was copied.",
            )
        return {table.name: await _copy(source, target, table) for table in tables.metadata.sorted_tables}
    finally:
        await target.close()


async def _workspaces(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.count()).select_from(tables.workspace))).scalar_one())


async def _copy(source: Database, target: Database, table: Table) -> int:
    """One table in the order of its primary key. A source at rest keeps its order, so an offset is enough."""
    copied = 0
    while True:
        rows = await source.read(_page_of(table, copied))
        if rows:
            await target.run(_insert_into(table, rows))
        copied += len(rows)
        if len(rows) < _AT_ONCE:
            return copied


def _page_of(table: Table, offset: int) -> Any:
    async def page(connection: AsyncConnection) -> list[dict[str, Any]]:
        keys = list(table.primary_key.columns)
        rows = await connection.execute(select(table).order_by(*keys).limit(_AT_ONCE).offset(offset))
        return [dict(row) for row in rows.mappings()]

    return page


def _insert_into(table: Table, rows: list[dict[str, Any]]) -> Any:
    async def save(connection: AsyncConnection) -> None:
        await connection.execute(insert(table), rows)

    return save
