"""Hook bodies that no vendor has sent yet: recorded shapes, mutated in meaning and in bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from shared.connectors.registry import CONNECTORS
from tests.unit.connectors.test_changes_in import mutated

_PAYLOADS = Path(__file__).parents[1] / "payloads"
_FILES = sorted(
    path for name, known in CONNECTORS.items() if known.hooks.kinds for path in (_PAYLOADS / name).glob("*.json")
)
_SECRET: Final = "the-secret-stands-here"


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A body that was met, or is assumed; its vendor, and the kind of its hook."""

    system: str
    hook_kind: str
    body: Any


def recorded() -> list[Recorded]:
    found = []
    for path in _FILES:
        known = json.loads(path.read_text())
        if known["hook_kind"] in CONNECTORS[path.parent.name].hooks.kinds:
            found.append(Recorded(system=path.parent.name, hook_kind=known["hook_kind"], body=known["body"]))
    return found


def with_secret(of: Recorded, body: Any, secret: str) -> Any:
    """The body with this secret where the vendor puts it; one that is no object cannot carry any."""
    key = CONNECTORS[of.system].hooks.secret_key
    return {**body, key: secret} if key and isinstance(body, dict) else body


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = {"client": value}
    return value


# What is done to the value under some key at the top: wrong types, depth, size, numbers, characters.
_ODD: Final[Mapping[str, Any]] = {
    "null": None,
    "list": [],
    "nested": _nested("x", 25),
    "too deep": _nested("x", 60),
    "far too deep": _nested("x", 700),
    "large": "x" * 200_000,
    "many keys": {f"k{n}": n for n in range(5000)},
    "huge number": 10**400,
    "more digits than Python reads": "#" + "9" * 5000,
    "huge exponent": "#1e999999",
    "negative zero": "#-0",
    "NaN": float("nan"),
    "infinity": float("inf"),
    "NUL": "\x00",
    "lone surrogate": "\ud800",
    "astral": "𝕏" * 100,
    "right to left": "\u202eabc",
    "path": "../../etc/passwd",
    "statement": "'; DROP TABLE binding; --",
    "template": "{{7*7}}${7*7}",
}

# What is done to the bytes of the whole; each leaves the secret readable.
_READABLE: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "as it is": lambda raw: raw,
    "BOM": lambda raw: b"\xef\xbb\xbf" + raw,
    "white space": lambda raw: b" \r\n\t" + raw + b"\n\n",
    "cut at the end": lambda raw: raw[:-1],
    "rubbish behind": lambda raw: raw + b"}}garbage",
    "a byte of no UTF-8": lambda raw: raw[:-1] + b',"odd":"\xff\xfe"}',
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "UTF-32": lambda raw: raw.decode().encode("utf-32"),
    "a key twice": lambda raw: raw[:-1] + b',"again":1,"again":2}',
    "NUL behind": lambda raw: raw + b"\x00",
    "comment": lambda raw: b"/* hello */" + raw,
    "inside a list": lambda raw: b"[" + raw + b"]",
}

# Here nobody could read a secret.
_UNREADABLE: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "empty": lambda _: b"",
    "turned round": lambda raw: raw[::-1],
    "form": lambda _: b"client=1&api_token=x",
    "XML": lambda _: b"<client><id>1</id></client>",
}


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """`raw(secret)` is the body with this secret in it. `carries`: it can be made out."""

    of: Recorded
    text: str
    change: Callable[[bytes], bytes]
    carries: bool

    def raw(self, secret: str) -> bytes:
        return self.change(self.text.replace(_SECRET, secret).encode())


def _text(body: Any) -> str:
    """JSON text; a text that begins with # is written bare, as a number that no number of ours can be."""
    text = json.dumps(body)
    for name in ("more digits than Python reads", "huge exponent", "negative zero"):
        text = text.replace(json.dumps(_ODD[name]), _ODD[name][1:])
    return text


@st.composite
def hostile_bodies(draw: st.DrawFn) -> Hostile:
    of = draw(st.sampled_from(recorded()))
    body = of.body
    for _ in range(draw(st.integers(0, 3))):
        body = mutated(body, draw)
    if not isinstance(body, dict):
        body = {"client": body}
    if draw(st.booleans()):
        key = draw(st.sampled_from(["client", "id", "client_id", "deal", "app_name", "new"]))
        body = {**body, key: _ODD[draw(st.sampled_from(sorted(_ODD)))]}
    how = draw(st.sampled_from([*_READABLE, *_UNREADABLE]))
    needs = bool(CONNECTORS[of.system].hooks.secret_key)
    return Hostile(
        of=of,
        text=_text(with_secret(of, body, _SECRET)),
        change=_READABLE.get(how) or _UNREADABLE[how],
        carries=how in _READABLE or not needs,
    )
