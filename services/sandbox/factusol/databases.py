"""One database per company and year, on a real SQL engine in memory."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.sandbox.factusol import schema, sql
from services.sandbox.factusol.schema import Column, Table
from services.sandbox.factusol.sql import BadSqlError

Value = int | float | str | None
Guard = Callable[[int, str | None, str | None, str | None, str | None], int]
State = Literal["open", "closed", "sick"]

KEPT_CHANGES = 4000
"""Changes remembered per database, so that a stale answer can be given."""
FUNCTIONS = frozenset(
    ("count", "max", "min", "sum", "avg", "upper", "lower", "like", "len", "ifnull", "coalesce", "substring",
     "replace", "ltrim", "rtrim", "abs", "round", "getdate", "a_fecha")
)  # fmt: skip
IN_FILTERS = frozenset({"upper", "like", "a_fecha"})


@dataclass(frozen=True, kw_only=True)
class Rows:
    """An answer of the engine; a column without a name of its own is called None."""

    columns: tuple[str | None, ...] = ()
    rows: Sequence[tuple[Value, ...]] = ()


@dataclass(frozen=True, kw_only=True)
class _Change:
    at: datetime
    table: Table
    key: tuple[Value, ...]
    before: dict[str, Value] | None


class Database:
    """The tables of one year. Raises sqlite3.IntegrityError for a key that is taken."""

    def __init__(self, now: Callable[[], str]) -> None:
        self.state: State = "open"
        self.version = "current"
        self._changes: deque[_Change] = deque(maxlen=KEPT_CHANGES)
        self._odd_time = False
        self._last: list[tuple[Value, ...]] = []
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.create_collation("TEXTO", _by(sql.compared_text))
        self._db.create_collation("FECHA", self._compare_times)
        for name, count, function in (
            ("like", 2, sql.like),
            ("upper", 1, lambda value: None if value is None else str(value).upper()),
            ("lower", 1, lambda value: None if value is None else str(value).lower()),
            ("len", 1, lambda value: None if value is None else len(str(value).rstrip())),
            ("a_fecha", 2, sql.to_date),
            ("getdate", 0, now),
        ):
            self._db.create_function(name, count, function)
        for table in schema.TABLES.values():
            self._db.execute(table.sql)
        self._describe()

    def close(self) -> None:
        self._db.close()

    def columns(self, table: Table) -> tuple[Column, ...]:
        return schema.visible(table, self.version)

    def take_version(self, version: str) -> None:
        """Follow the installed version of the program: its newer columns come and go."""
        if version == self.version:
            return
        before = {column.name for column in self.columns(schema.F_CLI)}
        self.version = version
        wanted = {column.name: column for column in self.columns(schema.F_CLI)}
        for name in before - set(wanted):
            self._db.execute(f"ALTER TABLE F_CLI DROP COLUMN {name}")
        for name in wanted.keys() - before:
            self._db.execute(f"ALTER TABLE F_CLI ADD COLUMN {wanted[name].sql}")
        self._changes.clear()
        self._describe()

    # Reading

    def query(
        self,
        text: str,
        *,
        as_of: datetime | None = None,
        catalogue: bool = True,
        functions: frozenset[str] = FUNCTIONS,
    ) -> Rows:
        """Run a SELECT in the vendor's dialect. Raises BadSqlError."""
        translated = sql.translated(text)
        with self._at(as_of):
            self._odd_time = False
            self._db.set_authorizer(_guard(catalogue, functions))
            try:
                cursor = self._db.execute(translated)
                rows = cursor.fetchall()
                names = [entry[0] for entry in cursor.description or ()]
            except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError, ValueError) as problem:
                raise BadSqlError(str(problem)) from problem
            finally:
                self._db.set_authorizer(None)
        if self._odd_time:
            raise BadSqlError("a text that is compared with a time is none")
        return Rows(columns=tuple(n.upper() if sql.plain_name(n) else None for n in names), rows=rows)

    def endless(self, rows: list[tuple[Value, ...]]) -> list[tuple[Value, ...]]:
        """The last rows that were found, once there are no more."""
        self._last = rows or self._last
        return self._last

    def find(self, table: Table, key: Sequence[Value]) -> dict[str, Value] | None:
        where = " AND ".join(f"{name} = ?" for name in table.key)
        cursor = self._db.execute(f"SELECT * FROM {table.name} WHERE {where}", tuple(key))  # noqa: S608 - ours
        row = cursor.fetchone()
        return None if row is None else dict(zip((entry[0] for entry in cursor.description), row, strict=True))

    def everything(self, table: Table, *, last: int | None = None) -> list[dict[str, Value]]:
        """All rows in the order of their keys, or the last ones only."""
        order = ", ".join(f"{name} DESC" for name in table.key)
        limit = -1 if last is None else last
        cursor = self._db.execute(f"SELECT * FROM {table.name} ORDER BY {order} LIMIT {limit}")  # noqa: S608 - ours
        names = [entry[0] for entry in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor][::-1]

    def count(self, table: Table) -> int:
        (rows,) = self._db.execute(f"SELECT COUNT(*) FROM {table.name}").fetchone()  # noqa: S608 - our own name
        return int(rows)

    def next_number(self, table: Table) -> int:
        """MAX+1, as every writer chooses it."""
        (highest,) = self._db.execute(f"SELECT MAX({table.key[0]}) FROM {table.name}").fetchone()  # noqa: S608
        return int(highest or 0) + 1

    # Writing

    def insert(self, table: Table, values: dict[str, Value], at: datetime) -> None:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        self._db.execute(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608
        key = tuple(values[name] for name in table.key)
        self._changes.append(_Change(at=at, table=table, key=key, before=None))

    def update(self, table: Table, key: tuple[Value, ...], values: dict[str, Value], at: datetime) -> None:
        before = self.find(table, key)
        self._changes.append(_Change(at=at, table=table, key=key, before=before))
        if values:
            changes = ", ".join(f"{name} = ?" for name in values)
            where = " AND ".join(f"{name} = ?" for name in table.key)
            self._db.execute(
                f"UPDATE {table.name} SET {changes} WHERE {where}",  # noqa: S608 - names from the schema
                (*values.values(), *key),
            )

    def delete(self, table: Table, key: tuple[Value, ...], at: datetime) -> None:
        before = self.find(table, key)
        self._changes.append(_Change(at=at, table=table, key=key, before=before))
        self._remove(table, key)

    def copy_from(self, other: "Database") -> None:
        """A new year starts with what the old one holds."""
        for table in schema.TABLES.values():
            for row in other.everything(table):
                names, marks = ", ".join(row), ", ".join("?" * len(row))
                self._db.execute(
                    f"INSERT INTO {table.name} ({names}) VALUES ({marks})",  # noqa: S608 - names from the schema
                    tuple(row.values()),
                )

    # Inside

    def _remove(self, table: Table, key: tuple[Value, ...]) -> None:
        where = " AND ".join(f"{name} = ?" for name in table.key)
        self._db.execute(f"DELETE FROM {table.name} WHERE {where}", key)  # noqa: S608 - names from the schema

    @contextmanager
    def _at(self, when: datetime | None) -> Iterator[None]:
        """The database as it was; what happened since is undone for as long as the block lasts."""
        if when is None:
            yield
            return
        self._db.execute("BEGIN")
        try:
            for change in reversed(self._changes):
                if change.at <= when:
                    break
                self._remove(change.table, change.key)
                if change.before is not None:
                    names, marks = ", ".join(change.before), ", ".join("?" * len(change.before))
                    statement = f"INSERT INTO {change.table.name} ({names}) VALUES ({marks})"  # noqa: S608
                    self._db.execute(statement, tuple(change.before.values()))
            yield
        finally:
            self._db.execute("ROLLBACK")

    def _compare_times(self, left: str, right: str) -> int:
        if len(left) != len(right) or left[10:11] != right[10:11] or len(left) != len(schema.NO_TIME):
            one, other = sql.time_of(left), sql.time_of(right)
            self._odd_time = self._odd_time or one is None or other is None
            left, right = one or "", other or ""
        return (left > right) - (left < right)

    def _describe(self) -> None:
        """The catalogue views: what the vendor's database says of its own tables."""
        attached = {row[1] for row in self._db.execute("PRAGMA database_list")}
        if "INFORMATION_SCHEMA" not in attached:
            self._db.execute("ATTACH ':memory:' AS INFORMATION_SCHEMA")
        for name, columns in _VIEWS.items():
            self._db.execute(f"DROP TABLE IF EXISTS {name}")
            self._db.execute(f"CREATE TABLE {name} ({columns})")
        for number, table in enumerate(schema.TABLES.values(), start=1):
            self._db.execute("INSERT INTO main.sysobjects VALUES (?, ?, 'U')", (table.name, number))
            self._db.execute(
                "INSERT INTO INFORMATION_SCHEMA.TABLES VALUES ('dbo', ?, 'BASE TABLE')", (table.name,)
            )
            self._db.executemany(
                "INSERT INTO INFORMATION_SCHEMA.COLUMNS VALUES ('dbo', ?, ?, ?, 'NO', ?, ?)",
                [
                    (table.name, column.name, place, column.data_type, column.length)
                    for place, column in enumerate(self.columns(table), start=1)
                ],
            )


_TEXT = "TEXT COLLATE TEXTO"
_VIEWS = {
    "main.sysobjects": f"name {_TEXT}, id INTEGER, xtype {_TEXT}",
    "INFORMATION_SCHEMA.TABLES": f"TABLE_SCHEMA {_TEXT}, TABLE_NAME {_TEXT}, TABLE_TYPE {_TEXT}",
    "INFORMATION_SCHEMA.COLUMNS": (
        f"TABLE_SCHEMA {_TEXT}, TABLE_NAME {_TEXT}, COLUMN_NAME {_TEXT}, ORDINAL_POSITION INTEGER, "
        f"IS_NULLABLE {_TEXT}, DATA_TYPE {_TEXT}, CHARACTER_MAXIMUM_LENGTH INTEGER"
    ),
}
_CATALOGUE = frozenset({"SYSOBJECTS", "TABLES", "COLUMNS"})


def _by(key: Callable[[str], str]) -> Callable[[str, str], int]:
    def compare(left: str, right: str) -> int:
        one, other = key(left), key(right)
        return (one > other) - (one < other)

    return compare


def _guard(
    catalogue: bool, functions: frozenset[str]
) -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """Reading the vendor's tables is all that a query may do."""

    def allowed(action: int, first: str | None, second: str | None, _db: str | None, _in: str | None) -> int:
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            table = str(first).upper()
            known = table in schema.TABLES or first == "" or (catalogue and table in _CATALOGUE)
            return sqlite3.SQLITE_OK if known else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in functions:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    return allowed


class Years:
    """The databases of one company, by fiscal year. The first one is made when it is first asked for."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._years: dict[str, Database] = {}

    def clear(self) -> None:
        for database in self._years.values():
            database.close()
        self._years.clear()

    def get(self, year: str) -> Database | None:
        self._begin()
        return self._years.get(year)

    def newest(self) -> str:
        """The year that a person works in: the last one that is open, else the last one."""
        self._begin()
        opened = [year for year, database in self._years.items() if database.state == "open"]
        return max(opened or self._years)

    def known(self) -> list[str]:
        self._begin()
        return sorted(self._years)

    def add(self, year: str) -> Database:
        self._begin()
        self._years[year] = database = Database(lambda: self._now().strftime("%Y-%m-%d %H:%M:%S"))
        return database

    def _begin(self) -> None:
        if not self._years:
            year = str(self._now().year)
            self._years[year] = Database(lambda: self._now().strftime("%Y-%m-%d %H:%M:%S"))
