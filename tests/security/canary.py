"""Looking for canaries: values that must stand nowhere in clear, in whatever form."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

_LEAST: Final = 6
"""Shorter texts are found by chance."""
_VARYING: Final = re.compile(r'\b0x[0-9a-f]+\b|"timestamp": "[^"]*"')


def forms_of(text: str) -> dict[str, set[bytes]]:
    """The forms of a text by name. Those of "any case" are in lower case as bytes go, to be sought in such bytes.

    Base64 is sought at all three offsets that a text can have in it. The plain hashes stand for a hash without a
    key, which whoever has a list of names can reverse.
    """
    plain = {text, unicodedata.normalize("NFD", text), _without_accents(text)}
    digits = re.sub(r"[^0-9+]", "", text)
    if len(digits) > _LEAST and re.fullmatch(r"[+0-9 ()-]+", text):
        plain |= {digits, digits.removeprefix("+"), digits.removeprefix("+34")}
    any_case: set[bytes] = set()
    exact: set[bytes] = set()
    # Lower case of bytes leaves letters with accents as they are, so these come in each case.
    cases = {case for way in plain for case in (way, way.lower(), way.upper(), way.title())}
    for each in cases:
        escaped = json.dumps(each)[1:-1]
        written = {each, escaped, escaped.replace("/", "\\/"), quote(each), quote(each, safe=""), quote_plus(each)}
        any_case |= {form.encode().lower() for form in written}
        raw = each.encode()
        any_case |= {raw.hex().encode(), each.encode("utf-16-le").lower()}
        exact |= _in_base64(raw)
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, raw, usedforsecurity=False).digest()
            any_case.add(digest.hex().encode())
            exact |= {digest, base64.b64encode(digest)[:-2], base64.urlsafe_b64encode(digest)[:-2]}
    return {"any case": any_case, "exact": exact}


def _without_accents(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", text) if not unicodedata.combining(each))


def _in_base64(raw: bytes) -> set[bytes]:
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        # The first and the last characters hold bits of the neighbours.
        inner = encoded.rstrip(b"=")[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


@dataclass(kw_only=True)
class Canaries:
    """Named values, and where any of them was found."""

    values: Mapping[str, str]
    found: list[str] = field(default_factory=list)
    looked: dict[str, int] = field(default_factory=dict)
    """Bytes by place: a search that saw nothing has proved nothing."""

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            assert len(value) >= _LEAST, f"{name} is too short for a canary"
        self._forms = {name: forms_of(value) for name, value in self.values.items()}

    def look(self, place: str, content: bytes | str, *, but: Iterable[str] = ()) -> None:
        """Note every canary in this content, except those that may stand there."""
        raw = content.encode() if isinstance(content, str) else content
        self.looked[place] = self.looked.get(place, 0) + len(raw)
        lower = raw.lower()
        for name, forms in self._forms.items():
            if name in but:
                continue
            hits = [form for form in forms["any case"] if form in lower]
            hits += [form for form in forms["exact"] if form in raw]
            if hits:
                at = lower.find(hits[0]) if hits[0] in lower else raw.find(hits[0])
                self.found.append(f"{name} in {place}: ...{raw[max(0, at - 80) : at + 80]!r}...")

    def look_at_lines(self, place: str, log: str) -> None:
        """As `look`, at each line of a log once: at its loudest it says the same some hundred thousand times."""
        self.look(place, "\n".join(sorted({_VARYING.sub("", line) for line in log.splitlines()})))

    def look_in_files(self, folder: Path, *, leaving_out: Sequence[str] = ()) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in leaving_out:
                self.look(f"file {path.relative_to(folder)}", path.read_bytes())
