"""What every system's hooks have in common: reading a hostile body, and the secret that it must carry.

The door checks sizes and content encodings before it calls here. A vendor's `hooks.py` reads the meaning.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from shared import errors
from shared.model.change import is_record_id

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

MAX_DEPTH: Final = 32

PARSER_BUGS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What a mistake in a connector's parser raises. An authentic body is kept all the same, for the mended one."""

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET: Final = re.compile(r"[][{}]")


class BadBody(errors.Rejected):
    """A body that cannot be read as the JSON object it must be. The message never quotes the body."""


def secret_in(body: bytes, key: str) -> str:
    """The text under the top-level `key`; "" where it is absent or is no text, which never matches a secret.

    Raises BadBody, naming what is wrong, for a body that is no UTF-8, no JSON object, nested deeper than
    `MAX_DEPTH`, or that gives the key twice: of two values a proxy and we might each believe another.
    Compare the answer with `DoorKeys.secret_matches`, which takes the same time for every wrong one.
    """
    top = _top_level(body)
    given = [value for name, value in top if name == key]
    if len(given) > 1:
        raise BadBody(f"The body gives {key!r} more than once.", field=key)
    return given[0] if given and isinstance(given[0], str) else ""


def secret_amid(body: bytes, key: str) -> str:
    """The text after `key` in a body that `secret_in` cannot read; "" unless there is exactly one.

    A vendor that one day sends half a body, another encoding or deeper nesting still sends the secret, and who
    knows the secret is believed. Takes time in proportion to the body, and never more.
    """
    # UTF-16 and UTF-32 are ASCII with zeros in between, as far as a key and a secret of ours go.
    pattern = rb'"' + re.escape(key.encode()) + rb'"\s*:\s*"([!#-\[\]-~]{1,512})"'
    found = re.findall(pattern, body.replace(b"\0", b""))
    return found[0].decode() if len(found) == 1 else ""


def object_in(body: bytes) -> dict[str, Json]:
    """The body as a JSON object. Raises BadBody as `secret_in` does, and for any key given twice."""
    pairs = _top_level(body, unique=True)
    return dict(pairs)


def record_id_in(value: Json, field: str) -> str:
    """A record id as text. Raises BadBody for anything that could not be one (a bool, a float, a path)."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18:
        return str(value)
    if isinstance(value, str) and is_record_id(value.strip()):
        return value.strip()
    raise BadBody(f"{field} is no record id.", field=field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """Where bodies of the BitFactura and Sugester family name their record.

    First under a key at the top, then as the id of an object, then among the object's `external_ids`: there the
    sender's own id stands under its application's name, or under its product family's.
    """

    top: Sequence[str]
    objects: Sequence[str]
    family: str


def record_named(body: Json, naming: Naming) -> str:
    """The id of the record that a body is about. Raises BadBody, naming the field."""
    if not isinstance(body, dict):
        raise BadBody("The body is not an object.", field="body")
    for key in naming.top:
        if body.get(key) is not None:
            return record_id_in(body[key], key)
    for key in naming.objects:
        found = body.get(key)
        if found is None:
            continue
        if not isinstance(found, dict):
            raise BadBody(f"{key} is not an object.", field=key)
        if found.get("id") is not None:
            return record_id_in(found["id"], f"{key}.id")
        return _sender_id(found.get("external_ids"), body.get("app_name"), naming.family, f"{key}.external_ids")
    raise BadBody("The body names no record.", field=naming.top[0])


def _sender_id(ids: Json, app_name: Json, family: str, field: str) -> str:
    if not isinstance(ids, dict):
        raise BadBody(f"{field} is not an object.", field=field)
    names = [app_name.lower(), family] if isinstance(app_name, str) else [family]
    for name in names:
        if ids.get(name) is not None:
            return record_id_in(ids[name], field)
    if len(ids) == 1:
        return record_id_in(next(iter(ids.values())), field)
    raise BadBody(f"{field} holds no id of the sender.", field=field)


def _top_level(body: bytes, *, unique: bool = False) -> Sequence[tuple[str, Json]]:
    outermost, repeated = _parsed(body)
    if unique and repeated is not None:
        raise BadBody("The body gives a key more than once.", field=repeated)
    return outermost


@lru_cache(maxsize=1)
def _parsed(body: bytes) -> tuple[Sequence[tuple[str, Json]], str | None]:
    """The pairs of the outermost object, and a key that some object gives twice.

    Kept until the next body: the door looks for the secret and then for the record in the same one.
    """
    if not body.strip():
        raise BadBody("The body is empty.")
    try:
        text = body.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise BadBody("The body is not UTF-8.") from None
    if _depth(text) > MAX_DEPTH:
        raise BadBody(f"The body is nested deeper than {MAX_DEPTH} levels.")
    outermost: list[tuple[str, Json]] = []
    repeated: str | None = None

    def keep(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        # Called from the inside out: the last call is the outermost object.
        nonlocal outermost, repeated
        outermost = pairs
        found = dict(pairs)
        if repeated is None and len(found) != len(pairs):
            repeated = _repeated(pairs)
        return found

    try:
        whole = json.loads(text, object_pairs_hook=keep, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadBody("The body is not JSON.") from None
    if not isinstance(whole, Mapping):
        raise BadBody("The body is not a JSON object.")
    return outermost, repeated


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _repeated(pairs: Sequence[tuple[str, Json]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return name if name.isidentifier() and len(name) <= 64 else ""
        seen.add(name)
    return ""


def _depth(text: str) -> int:
    """How deep brackets nest outside of strings; counted only where there are enough of them to matter."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return 0
    deepest = depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub('""', text)):
        if bracket.group() in "[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        else:
            depth -= 1
    return deepest
