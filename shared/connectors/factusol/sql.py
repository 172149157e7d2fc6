"""The queries, made of checked values only: digits for numbers, ISO dates, names of columns that were discovered.

The dialect is SQL Server's as far as public clients use it: TOP, ORDER BY, MAX and COUNT with an alias, AND, OR,
IN, LIKE.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from shared import errors
from shared.connectors.factusol.mapping import CHANGED, KEY, TABLE

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,30}")
_NUMBER = re.compile(r"[0-9]{1,10}")

# The day before which a date is none; written so that a column of dates is compared with a date.
UNDATED = f"{CHANGED} < '1901-01-01'"
DATED = f"{CHANGED} >= '1901-01-01'"


def quoted(text: str) -> str:
    """A text as the database reads one. Raises Rejected for what no value of a customer holds."""
    if not text.isprintable() or len(text) > 255:
        raise errors.Rejected("The value cannot be searched for.", field="search")
    return "'" + text.replace("'", "''") + "'"


def columns_of(names: Sequence[str]) -> str:
    """Names that came from the database itself, or from our own list."""
    if not names or not all(_NAME.fullmatch(name) for name in names):
        raise errors.Retryable("Factusol names a column in a form that is not known.")
    return ", ".join(names)


def numbered(record_id: str) -> str:
    """The condition for one customer. Raises Rejected for what is no number."""
    return f"{KEY} = {checked(record_id)}"


def checked(record_id: str) -> int:
    if not _NUMBER.fullmatch(record_id) or int(record_id) >= 2**31:
        raise errors.Rejected("This is no customer's number.", field=KEY)
    return int(record_id)


def one_of(numbers: Sequence[int]) -> str:
    return f"{KEY} IN ({', '.join(str(int(each)) for each in numbers)})"


def after(last: int) -> str:
    return f"{KEY} > {last}"


def before_change(day: date, number: int) -> str:
    """What follows this row in a list of the newest changes first."""
    return (
        f"{DATED} AND ({CHANGED} < '{day.isoformat()}' OR ({CHANGED} = '{day.isoformat()}' AND {KEY} < {number}))"
    )


def rows(names: Sequence[str], condition: str, *, top: int, order: str = KEY) -> str:
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT TOP {top} {columns_of(names)} FROM {TABLE}{where} ORDER BY {order}"  # noqa: S608 - checked values


def count(condition: str) -> str:
    """How many there are. It answers a row also for none: an answer without a row means a wrong condition."""
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT COUNT(*) AS HOWMANY FROM {TABLE}{where}"  # noqa: S608 - checked values


def highest(low: int, high: int) -> str:
    """The highest number of a range; null for none."""
    return f"SELECT MAX({KEY}) AS HIGHEST FROM {TABLE} WHERE {KEY} >= {low} AND {KEY} <= {high}"  # noqa: S608


def catalogue(names: Sequence[str]) -> str:
    """Which of these columns the table has; of its two hundred the rest is nobody's business."""
    columns_of(names)
    asked = "COLUMN_NAME AS NAME, CHARACTER_MAXIMUM_LENGTH AS LENGTH"
    which = f"TABLE_NAME = '{TABLE}' AND COLUMN_NAME IN ({', '.join(map(quoted, names))})"
    return f"SELECT {asked} FROM INFORMATION_SCHEMA.COLUMNS WHERE {which}"  # noqa: S608 - our own names


def any_row() -> str:
    return f"SELECT TOP 1 * FROM {TABLE}"  # noqa: S608


def counted(names: Sequence[str]) -> str:
    """A row with a number for each column; no row if one of them is not there."""
    asked = ", ".join(f"COUNT({name}) AS {name}" for name in names)
    columns_of(names)
    return f"SELECT {asked} FROM {TABLE}"  # noqa: S608


def countries(top: int) -> str:
    return f"SELECT TOP {top} {KEY}, PAICLI FROM {TABLE} WHERE PAICLI <> '' ORDER BY {KEY} DESC"  # noqa: S608
