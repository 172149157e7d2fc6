"""Reading what a request wants to store: kinds of fields, and the vendors' way of taking odd values."""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from services.sandbox.storage import Fields
from services.sandbox.system import Call
from services.sandbox.wire import LARGEST, date_of, decimal_of, decimal_text, error, flag_of, int_of, invalid

Kind = Literal["short", "long", "flag", "int", "decimal", "date", "texts", "object"]

LONG_LIMIT = 65_535

REQUIRED = "no puede estar en blanco"
NOT_A_NUMBER = "no es un número"
NOT_IN_LIST = "no está incluido en la lista"
NOT_RIGHT = "no es correcto"


def too_long(limit: int) -> str:
    return f"es demasiado largo ({limit} caracteres máximo)"


class _Reader:
    def __init__(self, call: Call) -> None:
        self._limit = int(call.amount("short_text_limit"))
        self._cuts = call.choice("long_text") == "truncate"
        self.problems: dict[str, list[str]] = {}

    def read(self, name: str, kind: Kind, value: object) -> object:
        if kind in ("short", "long"):
            return self._text(name, value, self._limit if kind == "short" else LONG_LIMIT)
        if kind == "decimal":
            return self._decimal(name, value)
        if kind == "texts":
            return [str(item) for item in value] if isinstance(value, list) else []
        if kind == "object":
            return value if isinstance(value, dict) else {}
        if kind == "date":
            day = date_of(value)
            return None if day is None else day.isoformat()
        return flag_of(value) if kind == "flag" else int_of(value)

    def _text(self, name: str, value: object, limit: int) -> str | None:
        if value is None:
            return None
        text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        if len(text) <= limit:
            return text
        if self._cuts:
            return text[:limit]
        self.problems.setdefault(name, []).append(too_long(limit))
        return None

    def _decimal(self, name: str, value: object) -> str | None:
        if value is None or value == "":
            return None
        number = decimal_of(value)
        if number is None:
            self.problems.setdefault(name, []).append(NOT_A_NUMBER)
            return None
        return decimal_text(number)


def read_fields(call: Call, kinds: Mapping[str, Kind], given: Mapping[str, object]) -> Fields:
    """The known fields of `given` in the form in which they are stored.

    Unknown and read-only keys are ignored, and so are objects and lists where a plain value belongs.
    Raises Refused(422) for amounts that are none and for texts that are too long.
    """
    reader = _Reader(call)
    result: Fields = {}
    for name, kind in kinds.items():
        if name not in given:
            continue
        value = given[name]
        if isinstance(value, dict | list) and kind not in ("texts", "object"):
            continue
        result[name] = reader.read(name, kind, value)
    if reader.problems:
        raise error(422, reader.problems)
    return result


def blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def objects(value: object) -> list[Fields]:
    """The objects in a list; anything else in it is ignored."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def wrapped(call: Call, wrapper: str) -> Fields:
    """The object below the wrapper key. Raises Refused(400) without it."""
    inner = call.body.get(wrapper)
    if not isinstance(inner, dict) or not inner:
        raise error(400, f"param is missing or the value is empty: {wrapper}")
    return inner


def amount(value: object) -> Decimal:
    """A stored decimal string as a number; unset is zero."""
    return decimal_of(value) or Decimal(0)


def money(value: Decimal) -> Decimal:
    """Rounded to cents. Raises Refused(422) for an amount that no invoice has."""
    if value and value.adjusted() >= LARGEST:
        raise invalid(price_gross=NOT_A_NUMBER)
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def day(value: object) -> date | None:
    return date_of(value)
