"""Small helpers over SQLAlchemy Core that differ between the two dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    update: Sequence[str] | None = None,
) -> None:
    """Insert rows, or set the `update` columns (default: all others) of rows whose primary key exists."""
    if not rows:
        return
    keys = [column.name for column in table.primary_key.columns]
    names = list(update) if update is not None else [name for name in rows[0] if name not in keys]
    statement: Any = _insert(connection, table)
    if names:
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={name: statement.excluded[name] for name in names}
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    await connection.execute(statement, list(rows))


def insert_or_ignore(connection: AsyncConnection, table: Table) -> Insert:
    """An insert that does nothing where a unique constraint already holds the row."""
    statement: Any = _insert(connection, table)
    ignoring: Insert = statement.on_conflict_do_nothing()
    return ignoring


def _insert(connection: AsyncConnection, table: Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def chunks(rows: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Pieces of at most `size`: both databases limit the parameters of one statement."""
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def plain(value: Any) -> Any:
    """A value as a JSON column takes it: any mapping becomes a dict."""
    return dict(value) if isinstance(value, Mapping) else value
