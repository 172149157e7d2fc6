"""The runtime's own sentences in Spanish: why a change waits, how an attempt ended, why a flow is paused.

What is stored stays English, so that rows, logs and alerts of every version agree; `in_language` translates when a
sentence is shown. A sentence is found by its fixed parts, and what stands in its gaps is kept as it is: ids,
numbers and a system's own words. A text that is not known whole is given back as it came.

Gaps of the tables: `{says}` is another sentence of ours, or somebody's words; `{field}`, `{fields}`, `{others}`
and `{writes}` hold names of fields, `{state}` a state, `{resource}` a kind of record, `{wanted}` half a sentence,
`{host}` a name on the network; any other is kept.
Behind the message there may be tails: the way out, and remarks on fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Final

from shared.operations.sentences import flows, names, vendors

_LONGEST: Final = 4000
_NESTED: Final = 5
_FIELD: Final = re.compile(r"[^\s:]{1,64}( kind)?: ")
_JOINED: Final = {"and": "y", "or": "o"}
_HALVES: Final = {**flows.HALVES, **vendors.HALVES}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pattern:
    """A sentence as its fixed parts, one more than it has gaps, and its Spanish with the gaps by name."""

    fixed: Sequence[str]
    gaps: Sequence[str]
    spanish: str

    def gaps_of(self, text: str) -> Mapping[str, str] | None:
        """What stands in the gaps, if a text is this sentence. A gap ends where the next fixed part first stands.

        Takes time in proportion to the text, whatever the gaps hold.
        """
        first, last = self.fixed[0], self.fixed[-1]
        if not self.gaps:
            return {} if text == first else None
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return None
        at, end = len(first), len(text) - len(last)
        held = []
        for part in self.fixed[1:-1]:
            found = text.find(part, at, end)
            if found < 0:
                return None
            held.append(text[at:found])
            at = found + len(part)
        return dict(zip(self.gaps, [*held, text[at:end]], strict=True))

    def say(self, gaps: Mapping[str, str], depth: int) -> str:
        return self.spanish.format(**{name: _gap(name, held, depth) for name, held in gaps.items()})


def _patterns(*tables: Mapping[str, str]) -> Sequence[_Pattern]:
    """The most telling first: a sentence with a gap also fits one that has words there."""
    made = []
    for english, spanish in [each for table in tables for each in table.items()]:
        parts = list(Formatter().parse(english))
        fixed = [literal for literal, _name, _form, _conversion in parts]
        gaps = [name for _literal, name, _form, _conversion in parts if name is not None]
        if len(fixed) == len(gaps):
            fixed.append("")
        made.append(_Pattern(fixed=fixed, gaps=gaps, spanish=spanish))
    return sorted(made, key=lambda each: -sum(map(len, each.fixed)))


_MESSAGES: Final = _patterns(flows.MESSAGES, vendors.MESSAGES)
_TAILS: Final = _patterns(flows.TAILS, vendors.TAILS)


def in_language(says: str, language: str) -> str:
    """A stored sentence as a person of this language reads it. What is not known is given back as it is."""
    if language != "es" or not says or len(says) > _LONGEST:
        return says
    return _spanish(says)


@lru_cache(maxsize=2048)
def _spanish(says: str) -> str:
    return _HALVES.get(says) or _translated(says.strip(), _NESTED) or says


def _translated(text: str, depth: int) -> str | None:
    """The whole text in Spanish; None where a part of it is not known."""
    if depth <= 0:
        return None
    return _with_tail(text, depth - 1) or _message(text, depth - 1) or _of_field(text, depth - 1)


def _message(text: str, depth: int) -> str | None:
    for pattern in _MESSAGES:
        gaps = pattern.gaps_of(text)
        if gaps is not None:
            return pattern.say(gaps, depth)
    return None


def _with_tail(text: str, depth: int) -> str | None:
    """A text whose end is a way out or a remark, and whose beginning is known too."""
    for pattern in _TAILS:
        start = _start_of(pattern, text)
        gaps = pattern.gaps_of(text[start:]) if start is not None else None
        if start is None or gaps is None:
            continue
        head = text[:start].rstrip()
        said = _translated(head, depth) if head else ""
        if said is not None:
            return f"{said} {pattern.say(gaps, depth)}".strip()
    return None


def _start_of(pattern: _Pattern, text: str) -> int | None:
    """Where a tail begins: at its first words, or at the name of the field that it is about."""
    if not text.endswith(pattern.fixed[-1]):
        return None
    if pattern.fixed[0]:
        found = text.rfind(pattern.fixed[0])
    else:
        found = text.rfind(" ", 0, len(text) - len(pattern.fixed[-1])) + 1
    return found if found == 0 or (found > 0 and text[found - 1] == " ") else None


def _of_field(text: str, depth: int) -> str | None:
    """A refusal names the field before the sentence: `email: The vendor refused: ...`."""
    found = _FIELD.match(text)
    said = _translated(text[found.end() :], depth) if found is not None else None
    return f"{_name(found[0][:-2])}: {said}" if found is not None and said is not None else None


def _gap(name: str, held: str, depth: int) -> str:
    match name:
        case "says":
            return _translated(held, depth) or held
        case "field":
            return _name(held)
        case "fields" | "others":
            return " ".join(_JOINED.get(each) or _name(each) for each in held.split(" "))
        case "writes":
            return "; ".join(_write(each) for each in held.split("; "))
        case "state":
            return names.STATES.get(held, held)
        case "resource":
            return names.RECORDS.get(held, held)
        case "host":
            return "el sistema" if held == "the vendor" else held
        case "wanted":
            return _HALVES.get(held, held)
    return held


def _write(held: str) -> str:
    """`city, name to Clientify`: what was written to one side."""
    fields, to, system = held.rpartition(" to ")
    return f"{', '.join(_name(each) for each in fields.split(', '))} en {system}" if to else held


def _name(field: str) -> str:
    return names.FIELDS.get(field, names.RECORDS.get(field, field))
