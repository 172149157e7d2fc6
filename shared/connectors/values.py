"""Values on the wire to values of the model and back, one reader per kind; a wrong type is Rejected by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from shared import errors
from shared.connectors.answers import Json
from shared.connectors.countries import alpha2
from shared.model.change import is_record_id
from shared.model.record import EntityType, FieldKind, Fields, Value

Object = dict[str, Json]

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMBER: Final = re.compile(r"[+-]?\d[\d.,]*(?:[eE][+-]?\d{1,2})?")
_MOST_DIGITS: Final = 18
_YES: Final = frozenset({"1", "true"})
_NO: Final = frozenset({"0", "false"})


def wrong(field: str, wanted: str) -> errors.Rejected:
    """The error for a value of another type or form. It never quotes the value."""
    return errors.Rejected(
        f"The field {field!r} is not {wanted}.",
        field=field,
        way_out="Mend the record at the vendor, then retry it.",
    )


def text(value: Json, field: str) -> str | None:
    """Text as it stands; empty text and null are None. A number is no text: leading zeros would be lost."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(field, "text")
    return value if value.strip() else None


def flag(value: Json, field: str) -> bool | None:
    """true and false, 1 and 0, also as text."""
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else "?"
    if word in _YES:
        return True
    if word in _NO:
        return False
    if not word:
        return None
    raise wrong(field, "true or false")


def money(value: Json, field: str) -> Decimal | None:
    """A number, or text with a dot or a comma as decimal mark; bounded, since 1e999999 would print a megabyte."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = _decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS or len(number.as_tuple().digits) > 40:
        raise wrong(field, "an amount")
    return number


def _decimal(value: Json) -> Decimal:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return Decimal(value)
    if not isinstance(value, str):
        return Decimal("NaN")
    plain = value.strip().replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
    if not plain.isascii() or len(plain) > 40 or not _NUMBER.fullmatch(plain):
        return Decimal("NaN")
    if "," in plain:
        mark, thousands = (",", ".") if plain.rfind(",") > plain.rfind(".") else (".", ",")
        plain = plain.replace(thousands, "").replace(mark, ".")
    return Decimal(plain)


def day(value: Json, field: str) -> date | None:
    """A date; of a time stamp its date."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and (value[10:11] in {"", "T", " "}) and _DAY.fullmatch(value[:10]):
        try:
            return date.fromisoformat(value[:10])
        except ValueError:
            pass
    raise wrong(field, "a date")


def moment(value: Json, field: str) -> datetime | None:
    """A time stamp with an offset, as UTC to the second: vendors show more digits at one time than at another."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
            if found.tzinfo is not None:
                return found.astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError):
            pass
    raise wrong(field, "a time with an offset")


def country(value: Json, field: str) -> str | None:
    found = text(value, field)
    return None if found is None else alpha2(found.strip())


def link(value: Json, field: str) -> str | None:
    """The id of another record; null, "" and 0 are none."""
    if value is None or value == "" or (isinstance(value, int) and value == 0 and value is not False):
        return None
    return record_id(value, field)


def record_id(value: Json, field: str) -> str:
    """An id, given as a number or as text."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18:
        return str(value)
    if isinstance(value, str) and is_record_id(value):
        return value
    raise wrong(field, "a record id")


def loose_text(value: Json, field: str) -> str:
    """Text that a vendor may also show as a number (a foreign id); "" for none."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    return (text(value, field) or "").strip()


_READERS: Final[Mapping[FieldKind, Callable[[Json, str], Value]]] = {
    "flag": flag,
    "money": money,
    "date": day,
    "country": country,
    "link": link,
}


def fields_from(wire: Object, entity: EntityType, names: Mapping[str, str]) -> dict[str, Value]:
    """The model's fields from an object; `names` is model name to wire name. What is not shown stays absent."""
    return {
        name: _READERS.get(entity.fields[name].kind, text)(wire[key], key)
        for name, key in names.items()
        if key in wire
    }


def wire_from(fields: Fields, names: Mapping[str, str]) -> Object:
    """The vendor's keys and values for the fields given. Raises Rejected for a field that it cannot hold."""
    unknown = next((name for name in fields if name not in names), None)
    if unknown is not None:
        raise errors.Rejected(f"The vendor has no field for {unknown!r}.", field=unknown)
    return {names[name]: plain(value) for name, value in fields.items()}


def plain(value: Value) -> Json:
    """A value as JSON: amounts as text with a dot, dates as ISO."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    return value


def id_on_wire(value: Value) -> Json:
    """An id as these vendors number their records: digits as a number."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else plain(value)
