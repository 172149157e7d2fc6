"""How Factusol answers: an object of resultado and respuesta, nearly always with 200; and how it reads."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from services.sandbox.factusol import schema
from services.sandbox.factusol.databases import Rows, Value
from services.sandbox.storage import Fields
from services.sandbox.switches import SwitchValue
from services.sandbox.system import Call, Incoming
from services.sandbox.wire import Answer, BadJsonError, Refused, json_answer, parse_object

if TYPE_CHECKING:
    from services.sandbox.world import World

SYSTEM = "factusol"
OK = json_answer({"resultado": "", "respuesta": "OK"})

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'', re.DOTALL)
_STORED_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")

Pair = dict[str, object]


# Reading


def parse(incoming: Incoming) -> Fields:
    """JSON, with single quotes too; a login may be a form. Raises BadJsonError."""
    if "form-urlencoded" in incoming.headers.get("content-type", ""):
        return dict(parse_qsl(incoming.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        return parse_object(incoming.body)
    except BadJsonError:
        try:
            return parse_object(_QUOTED.sub(_double_quoted, incoming.body.decode()).encode())
        except UnicodeDecodeError as problem:
            raise BadJsonError(str(problem)) from problem


def _double_quoted(match: re.Match[str]) -> str:
    text = match.group()
    if text.startswith('"'):
        return text
    inner = text[1:-1].replace('"', '\\"').replace("\\'", "'")
    return f'"{inner}"'


def text_field(call: Call, name: str) -> str:
    """A field of the body, or of the path. Raises Refused."""
    value = call.path.get(name, call.body.get(name))
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Refused(invalid_body(call.world, call.account.name, f"{name} is required"))
    return str(value)


# Refusing


def setting(world: "World", switch: str, account: str | None) -> SwitchValue:
    return world.switches.value(SYSTEM, switch, account)


def failure(world: "World", word: str, account: str | None = None) -> Answer:
    """200 with a word that is not OK."""
    said: Fields = {"resultado": "", "respuesta": word}
    if setting(world, "says_mensaje", account):
        said["mensaje"] = f"Error: {word}"
    return json_answer(said)


def refused(call: Call, word: str) -> Refused:
    return Refused(failure(call.world, word, call.account.name))


def invalid_body(world: "World", account: str | None, reason: str) -> Answer:
    if setting(world, "invalid_body_answer", account) == "KO":
        return failure(world, "KO", account)
    return json_answer({"Message": f"The request is invalid. {reason}"}, 400)


def bad_body(world: "World", problem: BadJsonError) -> Answer:
    return invalid_body(world, None, str(problem))


def unknown_path(world: "World", incoming: Incoming) -> Answer:
    uri = f"{world.origin}/{SYSTEM}{incoming.path}"
    return json_answer({"Message": f"No HTTP resource was found that matches the request URI '{uri}'."}, 404)


def ko(seconds: float) -> Answer:
    return json_answer({"resultado": "", "respuesta": "KO"})


def too_many(seconds: float) -> Answer:
    return json_answer({"Message": "Too many requests."}, 429, **{"Retry-After": f"{seconds:g}"})


# Rows


def rows_answer(call: Call, found: Rows) -> Answer:
    """A list of rows, each a list of column and value; or what stands for no rows."""
    if not found.rows:
        return no_rows(call)
    return _with_result([pairs(call, found.columns, row) for row in found.rows])


def row_answer(call: Call, found: Rows) -> Answer:
    if not found.rows:
        return no_rows(call)
    row = pairs(call, found.columns, found.rows[0])
    return _with_result(row if call.choice("single_record") == "row" else [row])


def no_rows(call: Call) -> Answer:
    how = call.choice("no_rows")
    if how == "missing":
        return json_answer({"respuesta": "OK"})
    return _with_result({"null": None, "empty_list": [], "empty_text": ""}[how])


def _with_result(result: object) -> Answer:
    return Answer(body=msgspec.json.encode({"resultado": result, "respuesta": "OK"}))


def pairs(call: Call, columns: Sequence[str | None], row: Sequence[Value]) -> list[Pair]:
    form = _Form(call)
    return [{"columna": form.name(name, place), "dato": form.value(value)} for place, (name, value) in
            enumerate(zip(columns, row, strict=True), start=1)]  # fmt: skip


class _Form:
    """How this installation writes values."""

    def __init__(self, call: Call) -> None:
        self._numbers_as_text = call.choice("numbers_as") == "text"
        self._blank = None if call.choice("blank_text") == "null" else ""
        self._between = " " if call.choice("times_with") == "blank" else "T"
        self._numbered = call.choice("unnamed_column") == "numbered"

    def name(self, name: str | None, place: int) -> str:
        if name is not None:
            return name
        return f"Column{place}" if self._numbered else ""

    def value(self, value: Value) -> Value:
        if value == "":
            return self._blank
        if isinstance(value, str):
            if len(value) == len(schema.NO_TIME) and _STORED_TIME.fullmatch(value):
                return value.replace(" ", self._between)
            return value
        return str(value) if self._numbers_as_text and value is not None else value
