"""Small helpers over SQLAlchemy Core that differ between the two dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Dialect,
    Insert,
    Subquery,
    Table,
    Text,
    bindparam,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


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
    keys = tuple(keys) if keys is not None else tuple(column.name for column in table.primary_key.columns)
    names = tuple(update) if update is not None else tuple(name for name in rows[0] if name not in keys)
    dialect = connection.dialect.name
    known = _upsert(dialect, table, keys, names) if not also else _setting(dialect, table, keys, names, also)
    await connection.execute(known, list(rows))


@lru_cache
def _upsert(dialect: str, table: Table, keys: tuple[str, ...], names: tuple[str, ...]) -> Insert:
    """Built once: to build it costs as much as to run it."""
    return _setting(dialect, table, keys, names, {})


def _setting(
    dialect: str, table: Table, keys: tuple[str, ...], names: tuple[str, ...], also: Mapping[str, Any]
) -> Insert:
    statement: Any = _insert(dialect, table)
    if names:
        statement = statement.on_conflict_do_update(
            index_elements=keys, set_={**{name: statement.excluded[name] for name in names}, **also}
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    setting: Insert = statement
    return setting


def insert_or_ignore(connection: AsyncConnection, table: Table) -> Insert:
    """An insert that does nothing where a unique constraint already holds the row."""
    return _ignoring(connection.dialect.name, table)


@lru_cache
def _ignoring(dialect: str, table: Table) -> Insert:
    statement: Any = _insert(dialect, table)
    ignoring: Insert = statement.on_conflict_do_nothing()
    return ignoring


def _insert(dialect: str, table: Table) -> Any:
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


def chunks(rows: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Pieces of at most `size`: both databases limit the parameters of one statement."""
    return [rows[at : at + size] for at in range(0, len(rows), size)]


class _Elements(FunctionElement[Any]):
    """The elements of a JSON array, as a table with one column, `value`."""

    name = "elements"
    inherit_cache = True


class _Part(FunctionElement[str]):
    """The text at a place, counted from 0, of an element that is an array itself."""

    name = "part"
    type = Text()
    inherit_cache = True


class _Among(FunctionElement[bool]):
    """Whether a column is one of the texts of a list."""

    name = "among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> _Among:
        """As it stands: SQLAlchemy would compare it with 1 for SQLite, which then uses no index."""
        return self


@compiles(_Elements)
def _elements_of_sqlite(element: _Elements, compiler: SQLCompiler, **more: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **more)})"


@compiles(_Elements, "postgresql")
def _elements_of_postgres(element: _Elements, compiler: SQLCompiler, **more: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **more)} AS JSONB))"


@compiles(_Part)
def _part_of_sqlite(element: _Part, compiler: SQLCompiler, **more: Any) -> str:
    value, at = element.clauses
    return f"json_extract({compiler.process(value, **more)}, '$[' || {compiler.process(at, **more)} || ']')"


@compiles(_Part, "postgresql")
def _part_of_postgres(element: _Part, compiler: SQLCompiler, **more: Any) -> str:
    value, at = element.clauses
    return f"({compiler.process(value, **more)} ->> {compiler.process(at, **more)})"


@compiles(_Among)
def _among_of_sqlite(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, keys = (compiler.process(each, **more) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({keys}))"  # noqa: S608 - two pieces of compiled SQL


@compiles(_Among, "postgresql")
def _among_of_postgres(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, keys = element.clauses
    return f"{compiler.process(column, **more)} = ANY ({compiler.process(keys, **more)})"


class _Texts(TypeDecorator[Sequence[str]]):
    """A list of texts as one parameter: an array in PostgreSQL, JSON in SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        keys = list(value or ())
        return keys if dialect.name == "postgresql" else msgspec.json.encode(keys).decode()


def among(column: ColumnElement[str], parameter: str) -> ColumnElement[bool]:
    """Whether a column is one of the texts in a parameter, a list.

    However many there are, the text of the statement is the same and is prepared once.
    """
    return _Among(column, bindparam(parameter, type_=_Texts()))


def given(*names: str, parameter: str = "given") -> Subquery:
    """Rows of texts handed in as one parameter, made by `rows_of`: a table to join with, its columns named so.

    Join it from the outside (`given.outerjoin(...)`): then each row is looked up by the index, also in SQLite.
    """
    elements = _Elements(bindparam(parameter, type_=Text())).table_valued("value")
    parts = [_Part(elements.c.value, literal_column(str(at))).label(name) for at, name in enumerate(names)]
    return select(*parts).subquery(parameter)


def rows_of(rows: Sequence[Sequence[str]]) -> str:
    """The parameter of `given`."""
    return msgspec.json.encode(rows).decode()


def plain(value: Any) -> Any:
    """A value as a JSON column takes it: any mapping becomes a dict."""
    return dict(value) if isinstance(value, Mapping) else value
