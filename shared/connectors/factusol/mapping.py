"""Factusol's rows of F_CLI to Puente's customers and back. Pure.

Column names, types and lengths are those of the desktop program's schema as public clients show it. The columns
end in the letters of their table, which does not let anybody guess one: only what stands here is asked for or
written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.connectors import values
from shared.connectors.answers import Json
from shared.connectors.contract import Access, Column, Row
from shared.connectors.factusol import countries
from shared.connectors.values import Object
from shared.model import phones
from shared.model.normal import is_persons_tax_number, is_valid_tax_number, tax_number
from shared.model.record import Fields, Value

TABLE: Final = "F_CLI"
KEY: Final = "CODCLI"
CHANGED: Final = "FUMCLI"
MADE: Final = "FALCLI"
ACCOUNTING: Final = "CCOCLI"
TAX_KIND: Final = "IFICLI"

# Our field to their column. `company` is told by the tax number and has no column.
CLIENT: Final[Mapping[str, str]] = {
    "name": "NOFCLI",
    "shortcut": "NOCCLI",
    "tax_no": "NIFCLI",
    "email": "EMACLI",
    "phone": "TELCLI",
    "mobile_phone": "MOVCLI",
    "fax": "FAXCLI",
    "www": "WEBCLI",
    "street": "DOMCLI",
    "post_code": "CPOCLI",
    "city": "POBCLI",
    "province": "PROCLI",
    "country": "PAICLI",
    "note": "OBSCLI",
}
LENGTHS: Final[Mapping[str, int | None]] = {
    "NOFCLI": 100,
    "NOCCLI": 100,
    "NIFCLI": 18,
    "EMACLI": 255,
    "TELCLI": 50,
    "MOVCLI": 50,
    "FAXCLI": 25,
    "WEBCLI": 60,
    "DOMCLI": 100,
    "CPOCLI": 10,
    "POBCLI": 30,
    "PROCLI": 40,
    "PAICLI": 50,
    "OBSCLI": None,
}
PHONES: Final = ("phone", "mobile_phone", "fax")
# Everything that this connector reads or writes.
WANTED: Final = (KEY, ACCOUNTING, TAX_KIND, MADE, CHANGED, *CLIENT.values())

COLUMNS: Final[Mapping[str, Column]] = {
    **{
        name: Column(max_length=LENGTHS[column], code_page="cp1252", caseless=column != "OBSCLI")
        for name, column in CLIENT.items()
    },
    "company": Column(writable=False),
    "phone_note": Column(writable=False),
}

_DIVIDERS: Final = re.compile(r"[;,\s]+")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?)?")
_NO_DATE: Final = 1900


def customer_from_row(wire: Object, access: Access) -> Row:
    """A row as a customer. Columns that were not asked for, or are not there, are fields that are not shown."""
    fields: dict[str, Value] = {}
    for name, column in CLIENT.items():
        if column in wire:
            text = values.text(wire[column], column)
            fields[name] = None if text is None else _read(name, text)
    for name in PHONES:
        shown = fields.get(name)
        if isinstance(shown, str):
            fields[name] = phones.international(shown, _countries(fields.get("country"), access))
    if "phone" in fields or "mobile_phone" in fields:
        fields["phone_note"] = _beside_numbers(fields)
    tax_no = fields.get("tax_no")
    if isinstance(tax_no, str):
        fields["company"] = not is_persons_tax_number(tax_no)
    changed = day(wire.get(CHANGED), CHANGED)
    return Row(record_id=number(wire.get(KEY)), fields=fields, changed_at=_moment_of(changed, access))


def _beside_numbers(fields: Fields) -> str | None:
    """The words and further numbers that stand beside the two numbers."""
    given = (fields.get(name) for name in ("phone", "mobile_phone"))
    beside = (phones.rest(each) for each in given if isinstance(each, str))
    return "; ".join(each for each in beside if each) or None


def _countries(country: Value, access: Access) -> tuple[str, ...]:
    """Whose national numbers are meant: the business's country first, then the record's."""
    return (access.country, country) if isinstance(country, str) and len(country) == 2 else (access.country,)


def number(value: Json) -> str:
    """A customer's number, which comes as 5 or as '5'. Raises Rejected for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,10}", value.strip()):
        return str(int(value))
    raise values.wrong(KEY, "a customer's number")


def day(value: Json, field: str) -> date | None:
    """The date of a time column; the program's null date, and everything before it, is none."""
    if value is None or value == "":
        return None
    found = _MOMENT.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        read = date.fromisoformat(found[1]) if found else None
    except ValueError:
        read = None
    if read is None:
        raise values.wrong(field, "a date")
    return read if read.year > _NO_DATE else None


def coarse(rows: Sequence[Row], access: Access, now: datetime) -> list[Row]:
    """The rows of a list of changes, with the latest moment that their month allows where only months are kept.

    Some installations set every day of change to the first of its month; then all that is known of a customer
    changed in this month is that it was not later than today.
    """
    zone = ZoneInfo(access.time_zone)
    days = [each.changed_at.astimezone(zone).date() for each in rows if each.changed_at is not None]
    if not days or any(each.day != 1 for each in days):
        return list(rows)
    today = now.astimezone(zone).date()
    return [
        each
        if each.changed_at is None
        else replace(each, changed_at=_moment_of(min(_end(each.changed_at.astimezone(zone)), today), access))
        for each in rows
    ]


def _end(moment: datetime) -> date:
    """The last day of a month."""
    return (moment.date().replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _moment_of(changed: date | None, access: Access) -> datetime | None:
    """The beginning of that day where the business is: the time of day is not known."""
    if changed is None:
        return None
    return datetime(changed.year, changed.month, changed.day, tzinfo=ZoneInfo(access.time_zone)).astimezone(UTC)


def emails_in(text: str) -> list[str]:
    """The addresses of a column that may hold several, in order."""
    return [piece for piece in _DIVIDERS.split(text) if _EMAIL.fullmatch(piece)]


def _main_email(text: str) -> str:
    found = emails_in(text)
    return found[0] if found else text.strip()


def _read(name: str, text: str) -> str:
    match name:
        case "email":
            return _main_email(text)
        case "country":
            return countries.read(text)
        case _:
            return text.strip()


def row_from_customer(fields: Fields, old: Object, form: countries.Form, access: Access) -> Object:
    """The columns to write for the fields given. Raises Rejected for a field that F_CLI does not have.

    `old` is the row as it stands, or nothing for a new one. Further e-mail addresses in it, and what stands beside
    the first telephone number, are kept; a country keeps its form (else `form`), and a trade name that repeated
    the name goes on repeating it.
    """
    row: Object = {column: value or "" for column, value in values.wire_from(fields, CLIENT).items()}
    known = _countries(fields.get("country") or countries.read(str(old.get("PAICLI") or "")), access)
    for name in PHONES:
        if fields.get(name):
            column = CLIENT[name]
            before = old.get(column)
            row[column] = _phone(str(fields[name]), before if isinstance(before, str) else "", known)
    if "country" in fields:
        before = old.get("PAICLI")
        kept = countries.form_of(before) if isinstance(before, str) else None
        row["PAICLI"] = countries.written(str(fields["country"] or ""), kept or form)
    if "email" in fields:
        row["EMACLI"] = _with_others(str(fields["email"] or ""), old.get("EMACLI"))
    if "name" in fields and "shortcut" not in fields and _repeats(old):
        row["NOCCLI"] = row["NOFCLI"]
    return row


def _phone(new: str, before: str, known: tuple[str, ...]) -> str:
    """What to write for a telephone field: what shows the same stays; one number replaces the first that stands
    there, several replace all."""
    if phones.international(before, known) == phones.international(new, known):
        return before
    if len(phones.numbers_in(new, known)) != 1 or phones.rest(new, known):
        return new
    return phones.replaced(before, new, known, known[0])


def _repeats(old: Object) -> bool:
    return old.get("NOCCLI", "") == old.get("NOFCLI", "")


def _with_others(main: str, before: Json) -> str:
    """The main address, and behind it the others that stood there and still fit."""
    others = emails_in(before)[1:] if isinstance(before, str) else []
    kept = main
    for each in others:
        longer = f"{kept};{each}" if kept else each
        if each.casefold() != main.casefold() and len(longer) <= (LENGTHS["EMACLI"] or 0):
            kept = longer
    return kept


def tax_kind(tax_no: Value) -> int | None:
    """What kind of number it is, where that is certain: 1 a Spanish one, 2 one of the EU's."""
    if not isinstance(tax_no, str):
        return None
    plain = tax_number(tax_no, "ES")
    if is_valid_tax_number(plain, "ES"):
        return 1
    return 2 if plain[:2].isalpha() and is_valid_tax_number(plain, "EU") else None


def date_on_wire(moment: datetime, access: Access) -> str:
    """The day where the business is, as the database takes it."""
    local = moment.astimezone(ZoneInfo(access.time_zone))
    return f"{local:%Y-%m-%d}T00:00:00"
