"""Forms that both vendors share on the wire: answers, errors, decimal strings, times, JSON."""

import re
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import msgspec

from services.sandbox.clock import ACCOUNT_OFFSET
from services.sandbox.storage import Fields

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

LOGIN_HTML = b"""<!DOCTYPE html><html><head><title>Iniciar sesion</title></head><body>
<form action="/login" method="post"><input name="login"><input name="password" type="password">
<button>Entrar</button></form></body></html>"""
ERROR_HTML = b"""<!DOCTYPE html><html><head><title>500</title></head><body>
<h1>We're sorry, but something went wrong.</h1></body></html>"""
GATEWAY_HTML = b"""<html><head><title>Service Temporarily Unavailable</title></head><body>
<center><h1>Service Temporarily Unavailable</h1></center></body></html>"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The vendor answers with an error; raised by handlers, sent as it is."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Dropped(Exception):
    """The vendor closes the connection without an answer."""


class BadJsonError(ValueError):
    """The body is no JSON object."""


def json_answer(value: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status=status, body=msgspec.json.encode(value), headers=headers)


def error(status: int, message: object) -> Refused:
    """The vendors' main error shape: `message` is a text, or an object of lists."""
    return Refused(json_answer({"code": "error", "message": message}, status))


def invalid(**messages: str) -> Refused:
    """422 with one text per field."""
    return error(422, {name: [text] for name, text in messages.items()})


def not_found() -> Refused:
    """The 404 of the framework underneath, which differs from every other error."""
    return Refused(json_answer({"status": "404", "error": "Not Found"}, 404))


def not_found_newer() -> Refused:
    """The 404 of newer resources."""
    return error(404, "Not found")


OK = Answer(body=b'"ok"')
"""The answer to a DELETE: a JSON string."""


def parse_object(body: bytes) -> Fields:
    """The body as a JSON object; an empty body is an empty object. Raises `BadJsonError`."""
    if not body.strip():
        return {}
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadJsonError(str(problem)) from problem
    if not isinstance(value, dict):
        raise BadJsonError("the body must be a JSON object")
    return value


def with_wrong_types(answer: Answer) -> Answer:
    """The same answer with every text of its JSON inside a list; as it is where it holds no JSON."""
    try:
        value: object = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return answer
    return replace(answer, body=msgspec.json.encode(_wrongly(value)))


def _wrongly(value: object) -> object:
    if isinstance(value, dict):
        return {name: _wrongly(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_wrongly(each) for each in value]
    return [value] if isinstance(value, str) else value


def decimal_text(value: Decimal) -> str:
    """A dot, no padding, at least one digit behind it: 339.99, 0.0, 13.0."""
    text = format(value.normalize() if value else Decimal(0), "f")
    return text if "." in text else f"{text}.0"


LARGEST = 12
"""Digits before the point beyond which an amount is refused; without it `1e999999` would fill the memory."""


def decimal_of(value: object) -> Decimal | None:
    """A number, or a text with dot or comma. None when it is unset or no number."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation:
        return None
    if not number.is_finite() or (number and number.adjusted() >= LARGEST):
        return None
    return number


def flag_of(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    if value in (1, "1", "true", "yes"):
        return True
    if value in (0, "0", "false", "no"):
        return False
    return None


LARGEST_INT = 2**63


def int_of(value: object) -> int | None:
    """A whole number that the vendor's database can hold, or a text of one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if -LARGEST_INT <= value < LARGEST_INT else None
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value.strip(), re.ASCII):
        return int(value)
    return None


def date_of(value: object) -> date | None:
    """A date, or the date of a timestamp. None when it is unset or not readable."""
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value.strip()[:10])
    except ValueError:
        return None


def stamp(when: datetime, *, millis: bool = False) -> str:
    """`2026-03-04T10:11:12.345+01:00`; answers to writes show real milliseconds, later reads `.000`."""
    local = when.astimezone(ACCOUNT_OFFSET)
    return (local if millis else local.replace(microsecond=0)).isoformat(timespec="milliseconds")
