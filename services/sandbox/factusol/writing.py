"""What a row may hold: the database refuses the whole row for one column and does not say which."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.sandbox.factusol import sql
from services.sandbox.factusol.databases import Database, Value, Years
from services.sandbox.factusol.envelope import refused, setting
from services.sandbox.factusol.schema import F_CLI, INTS, NO_TIME, TABLES, Column, Table
from services.sandbox.system import Call
from services.sandbox.wire import decimal_of, int_of


class BadRowError(ValueError):
    """The database would not take the row."""


# Where


def local(call: Call) -> datetime:
    """Now, as the clock on the shop's wall shows it."""
    return call.now.astimezone(UTC if (zone := call.choice("time_zone")) == "UTC" else ZoneInfo(zone))


def years_of(call: Call) -> Years:
    """The databases of the account."""
    years = call.account.stores.get("years")
    if not isinstance(years, Years):
        world, name = call.world, call.account.name

        def now() -> datetime:
            return world.clock.now().astimezone(ZoneInfo(str(setting(world, "time_zone", name))))

        years = call.account.stores["years"] = Years(now)
    return years


def open_database(call: Call, year: str, *, writes: bool = False) -> Database:
    """Raises Refused with the word for a year that is not there, sick or closed."""
    database = years_of(call).get(year)
    if database is None:
        raise refused(call, "BDNoExiste")
    database.take_version(call.choice("columns"))
    if database.state == "sick":
        raise refused(call, "KO")
    if database.state == "closed":
        closed = call.choice("closed_year")
        if closed != "read_only":
            raise refused(call, closed)
        if writes:
            raise refused(call, "KO")
    return database


def table_named(name: str) -> Table | None:
    return TABLES.get(name.strip().strip("[]").upper())


# What


def read_row(call: Call, database: Database, table: Table, given: Mapping[str, object]) -> dict[str, Value]:
    """The row as it is stored. Raises BadRowError for an unknown column and for a value that does not fit."""
    columns = {column.name: column for column in database.columns(table)}
    row: dict[str, Value] = {}
    for name, value in given.items():
        column = columns.get(name.upper())
        if column is None or column.name in row:
            raise BadRowError(name)
        stored = _stored(call, column, value)
        if stored is not None:
            row[column.name] = stored
    return row


def _stored(call: Call, column: Column, value: object) -> Value:
    """None for null, which leaves the default."""
    if value is None:
        return None
    if isinstance(value, dict | list):
        raise BadRowError(column.name)
    if column.kind in ("int", "small"):
        return _number(column, value)
    if column.kind == "money":
        amount = decimal_of(value)
        if amount is None:
            raise BadRowError(column.name)
        return float(amount)
    if column.kind == "time":
        return _time(column, value)
    return _text(call, column, {True: "1", False: "0"}[value] if isinstance(value, bool) else str(value))


def _number(column: Column, value: object) -> int:
    number = int(value) if isinstance(value, bool) else int_of(0 if value == "" else value)
    if number is None and isinstance(value, float) and value.is_integer():
        number = int(value)
    limit = INTS[column.kind]
    if number is None or not -limit <= number < limit:
        raise BadRowError(column.name)
    return number


def _time(column: Column, value: object) -> str:
    if value == "":
        return NO_TIME
    found = sql.time_of(value) if isinstance(value, str) else None
    if found is None:
        raise BadRowError(column.name)
    return found


def _text(call: Call, column: Column, text: str) -> str:
    if column.length is not None and call.choice("text_case") == "upper":
        text = text.upper()
    page = call.choice("code_page")
    if page != "unicode":
        known = text.encode("cp1252", "replace").decode("cp1252")
        if page == "refuse" and known != text:
            raise BadRowError(column.name)
        text = known
    if column.length is not None and len(text) > column.length:
        if call.choice("long_text") == "refuse":
            raise BadRowError(column.name)
        text = text[: column.length]
    return text


def mark_change(call: Call, table: Table, row: dict[str, Value], *, by_program: bool, new: bool) -> None:
    """Set, bend or leave alone the columns that say when a client was made and changed."""
    if table is not F_CLI:
        return
    how, now = call.choice("fumcli"), local(call)
    today = sql.stored_time(now.date())
    if how == "lies":
        row["FUMCLI"] = NO_TIME
    elif how == "month" and (by_program or "FUMCLI" in row):
        row["FUMCLI"] = sql.stored_time(now.date().replace(day=1))
    elif how == "everyone" or (how == "program" and by_program):
        row["FUMCLI"] = today
    if not by_program:
        return
    newer = call.choice("columns") != "older"
    at = sql.stored_time(datetime(1900, 1, 1).date(), now.time())  # noqa: DTZ001 - the program's null date
    if newer and how in ("program", "everyone"):
        row["HUMCLI"] = at
    if new:
        row["FALCLI"] = today
        if newer:
            row["HALCLI"] = at


def insert(call: Call, database: Database, table: Table, row: dict[str, Value]) -> None:
    """Raises BadRowError without a key, sqlite3.IntegrityError for a key that is taken."""
    if any(name not in row for name in table.key):
        raise BadRowError("key")
    if database.find(table, [row[name] for name in table.key]) is not None:
        raise sqlite3.IntegrityError(table.name)
    database.insert(table, row, call.now)
