"""Telephone numbers in free text, as people type them: several numbers, extensions, words beside them. Pure.

    "953 000 001 ext. 12 / 600 000 002 ask for Luis"   read with ("ES",)
      international -> "+34953000001 ext. 12 / +34600000002 ask for Luis"
      first         -> "+34953000001 ext. 12"
      rest          -> "+34600000002 ask for Luis"

Countries are ISO alpha-2, the one that counts first in front; `+` and `00` override them. A number that is valid
in none is read by the first country if its length is possible there. What cannot be read is kept as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import phonenumbers
from phonenumbers import Leniency, PhoneNumber, PhoneNumberFormat, PhoneNumberMatcher

_SPACES: Final = re.compile(r"\s+")
_PLAIN: Final = re.compile(r"[+\d\s().-]+")
_BETWEEN: Final = re.compile(r"[/;,|]|\s[yoe&]\s", re.IGNORECASE)
EDGES: Final = " \t\r\n/;,|.:-&"


@dataclass(frozen=True, slots=True)
class Found:
    """One number, `text[start:end]`, in E.164."""

    start: int
    end: int
    number: str
    extension: str

    def __str__(self) -> str:
        return f"{self.number} ext. {self.extension}" if self.extension else self.number


def international(text: str, countries: Sequence[str]) -> str:
    """The text with each number that can be read in its international form; everything else as it stands."""
    changed, after = "", 0
    for found in numbers_in(text, tuple(countries)):
        changed += text[after : found.start] + str(found)
        after = found.end
    return changed + text[after:]


def first(text: str, countries: Sequence[str] = ()) -> str:
    """The first number, in its international form; "" if none can be read."""
    found = numbers_in(text, tuple(countries))
    return str(found[0]) if found else ""


def rest(text: str, countries: Sequence[str] = ()) -> str:
    """What a field that holds one number cannot hold: the words and the further numbers; "" if there are none."""
    found = numbers_in(text, tuple(countries))
    if not found:
        return text.strip()
    parts = (text[: found[0].start], international(text[found[0].end :], countries))
    return _SPACES.sub(" ", " ".join(filter(None, (part.strip(EDGES) for part in parts))))


def replaced(text: str, new: str, countries: Sequence[str], home: str) -> str:
    """The text with its first number replaced by `new`, so that nothing else that stands there is lost.

    A number of the country `home` is written in its national digits, any other in its international form. A text
    that shows the same number already stays as it is; a text without a number keeps its words behind the new one.
    """
    wanted = numbers_in(new, tuple(countries))
    if not wanted:
        return new
    found = numbers_in(text, tuple(countries))
    if found and str(found[0]) == str(wanted[0]):
        return text
    written = national(str(wanted[0]), home)
    if found:
        return text[: found[0].start] + written + text[found[0].end :]
    return f"{written} {text.strip()}".strip()


def national(number: str, home: str) -> str:
    """A number in its national digits where it is one of the country `home`, else as it stands."""
    try:
        parsed = phonenumbers.parse(number, home or None)
    except phonenumbers.NumberParseException:
        return number
    if phonenumbers.region_code_for_number(parsed) != home:
        return number
    digits = phonenumbers.national_significant_number(parsed)
    return f"{digits} ext. {parsed.extension}" if parsed.extension else digits


@lru_cache(maxsize=16_384)
def numbers_in(text: str, countries: tuple[str, ...]) -> tuple[Found, ...]:
    """Every number in a text, in order."""
    if not any(letter.isdigit() for letter in text):
        return ()
    known = tuple(dict.fromkeys(each for each in countries if each)) or ("",)
    if _PLAIN.fullmatch(text):
        whole = _whole(text, known)
        if whole is not None:
            return (whole,)
    for leniency in (Leniency.VALID, Leniency.POSSIBLE):
        for country in known if leniency == Leniency.VALID else known[:1]:
            found = tuple(
                each for start, part in _parts(text) for each in _matched(part, start, country, leniency)
            )
            if found:
                return found
    return ()


def _whole(text: str, countries: tuple[str, ...]) -> Found | None:
    """The text as one number; None if it is none, or more than one."""
    possible: PhoneNumber | None = None
    for country in countries:
        try:
            number = phonenumbers.parse(text, country or None)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return _found(number, 0, len(text))
        if possible is None and country == countries[0] and phonenumbers.is_possible_number(number):
            possible = number
    return _found(possible, 0, len(text)) if possible is not None else None


def _parts(text: str) -> list[tuple[int, str]]:
    """The text cut where one number ends and another begins: (where it starts, the part)."""
    cuts = [0, *(found.end() for found in _BETWEEN.finditer(text)), len(text)]
    return [(start, text[start:end]) for start, end in pairwise(cuts) if start < end]


def _matched(part: str, start: int, country: str, leniency: int) -> list[Found]:
    matcher = PhoneNumberMatcher(part, country or None, leniency=leniency)
    return [_found(each.number, start + each.start, start + each.end) for each in matcher]


def _found(number: PhoneNumber, start: int, end: int) -> Found:
    return Found(start, end, phonenumbers.format_number(number, PhoneNumberFormat.E164), number.extension or "")
