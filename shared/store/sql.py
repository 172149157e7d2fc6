"""Small helpers over SQLAlchemy Core that differ between the two dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Insert, Table, and_, bindparam, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    update: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    also: Mapping[str, Any] | None = None,
) -> None:
    """Insert rows, or set the `update` columns (default: all others) of rows whose key exists.

    `keys` are the columns of a unique constraint (default: the primary key); `also` sets columns by an expression.
    """
    if not rows:
        return
    keys = list(keys) if keys is not None else [column.name for column in table.primary_key.columns]
    names = list(update) if update is not None else [name for name in rows[0] if name not in keys]
    statement: Any = _insert(connection, table)
    if names:
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={**{name: statement.excluded[name] for name in names}, **(also or {})}
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


def padded(keys: Sequence[Any]) -> list[Any]:
    """The keys of an IN list, the last one repeated up to a power of two.

    So there are few different texts of a statement, and each is prepared once.
    """
    if not keys:
        return []
    size = 1 << (len(keys) - 1).bit_length()
    return [*keys, *[keys[-1]] * (size - len(keys))]


def any_of(columns: Sequence[Column[str]], size: int) -> ColumnElement[bool]:
    """Whether these columns are one of `size` keys, whose values `key_values` gives.

    Not a list of rows behind IN: SQLite would read the whole table for one.
    """
    return or_(
        *(
            and_(*(column == bindparam(f"k{number}_{at}") for at, column in enumerate(columns)))
            for number in range(size)
        )
    )


def key_values(keys: Sequence[Sequence[str]]) -> dict[str, str]:
    """The parameters of `any_of`."""
    return {f"k{number}_{at}": value for number, key in enumerate(keys) for at, value in enumerate(key)}


def plain(value: Any) -> Any:
    """A value as a JSON column takes it: any mapping becomes a dict."""
    return dict(value) if isinstance(value, Mapping) else value
