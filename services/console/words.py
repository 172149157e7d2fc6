"""What the console says, in English and Spanish. A page is written in English; `spanish.py` has each sentence."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from services.console.spanish import SPANISH
from shared.operations.sentences import in_language

Language = Literal["en", "es"]

_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def say(language: Language, text: str, **values: object) -> str:
    """The sentence in the language asked for, with its `{names}` filled in."""
    found = SPANISH.get(text, text) if language == "es" else text
    return found.format(**values) if values else found


def told(language: Language, text: str) -> str:
    """What is stored or raised in English: a sentence of the console, or of the runtime with its gaps filled."""
    return SPANISH.get(text) or in_language(text, language) if language == "es" else text


def shown(language: Language, value: object) -> str:
    """A value of a record as a person reads it."""
    match value:
        case None | "":
            return "·"
        case True:
            return say(language, "yes")
        case False:
            return say(language, "no")
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case Mapping():
            return ", ".join(f"{name}: {shown(language, each)}" for name, each in value.items())
        case _:
            return str(value)


def since(language: Language, seconds: float | None) -> str:
    """A span of time in its largest unit: 3 min, 2 h, 5 d; "unknown" for None."""
    if seconds is None:
        return say(language, "unknown")
    for size, unit in _SPANS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


def seal(key: str, text: str) -> str:
    """A short proof that a text was written by somebody who has the key."""
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()[:32]


def same(one: str, two: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), two.encode())
