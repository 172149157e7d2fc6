"""Normal forms: what counts as the same value. Two values are equal when their normal forms are.

`NORMALISER` is stored beside every hash made from a normal form, so that a change of these rules is seen as a
change of rules and never as an edit. The rules before the last change stay for one release as `PREVIOUS`, so that
hashes made by them can still be compared.

2: several numbers and words in one telephone field (1 knew one number, or text).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import phonenumbers
from stdnum import get_cc_module
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from shared.model import phones
from shared.model.record import Field, FieldKind, Value

NORMALISER = 2
PREVIOUS = 1

_SPACES = re.compile(r"\s+")
_PUNCTUATION = re.compile(r"[^0-9A-Z]")
_SPANISH = re.compile(r"[0-9A-Z]\d{7}[0-9A-Z]")


def normal(field: Field, value: Value, *, country: str, version: int = NORMALISER) -> str:
    """The normal form of a value as text; "" for an empty one. `country` is the workspace's, ISO alpha-2.

    `version` is NORMALISER or PREVIOUS.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, date):
        return value.isoformat()
    text = (value if value.isascii() else unicodedata.normalize("NFC", value)).strip()
    if not text:
        return ""
    if field.kind == "phone":
        return _phone(text, country) if version == NORMALISER else _one_phone(text, country)
    if field.kind == "tax_no":
        return tax_number(text, country)
    return _FORMS.get(field.kind, _one_line)(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def _words(text: str) -> str:
    return ",".join(sorted({word.strip().casefold() for word in text.split(",") if word.strip()}))


def is_empty(value: Value) -> bool:
    """Whether a side shows nothing here. False and zero are values, not emptiness."""
    return value is None or (isinstance(value, str) and not value.strip())


def document_key(link: str) -> str:
    """The last path segment of a document's public link, without `.pdf`: the same on every host and path form."""
    try:
        path = urlsplit(link).path.rstrip("/")
    except ValueError:
        return link  # no URL at all, `https://[` say: then only the same text is the same document
    return path.rpartition("/")[2].removesuffix(".pdf")


def _number(value: Decimal) -> str:
    plain = format(value.normalize(), "f")
    return "0" if plain in {"-0", "0"} else plain


@lru_cache(maxsize=16_384)
def _phone(text: str, country: str) -> str:
    """The numbers in E.164, with extensions, then the words beside them; only words if no number can be read."""
    found = phones.numbers_in(text, (country,))
    ends = [0, *(each.end for each in found)]
    starts = [*(each.start for each in found), len(text)]
    words = (text[end:start].strip(phones.EDGES) for end, start in zip(ends, starts, strict=True))
    said = [_SPACES.sub(" ", each).casefold() for each in words if each]
    if not found:
        return _SPACES.sub(" ", text).casefold()
    return "|".join([",".join(map(str, found)), *said])


_FORMS: Final[Mapping[FieldKind, Callable[[str], str]]] = {
    "long_text": _lines,
    "email": str.casefold,
    "country": str.upper,
    "currency": str.upper,
    "words": _words,
    "account_no": lambda text: _PUNCTUATION.sub("", text.upper()),
    "money": lambda text: _number(Decimal(text)),
    "document_link": document_key,
    "url": str,
    "link": str,
    "code": str,
}


@lru_cache(maxsize=16_384)
def _one_phone(text: str, country: str) -> str:
    """As normaliser 1 read it: E.164 with the extension, or the text if it is not one number."""
    if not text:
        return ""
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return _SPACES.sub(" ", text).casefold()
    if not phonenumbers.is_possible_number(number):
        return _SPACES.sub(" ", text).casefold()
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{plain};{number.extension}" if number.extension else plain


@lru_cache(maxsize=16_384)
def tax_number(text: str, country: str) -> str:
    """Upper case without punctuation; the home country's prefix is dropped where one of its numbers is left.

    In Spain one with a wrong check digit too: no number of its own begins with ES, and people mistype.
    """
    compact = _PUNCTUATION.sub("", text.upper())
    if not country or not compact.startswith(country):
        return compact
    rest = compact[2:]
    is_number = is_valid_tax_number(rest, country) or (country == "ES" and _SPANISH.fullmatch(rest) is not None)
    return rest if is_number else compact


def is_valid_tax_number(text: str, country: str) -> bool:
    """Whether the number is valid as a tax number of that country; False for countries without rules here."""
    for kind in ("nif", "vat"):
        module = get_cc_module(country.lower(), kind)
        if module is not None:
            try:
                module.validate(text)
            except ValidationError:
                continue
            return True
    return False


@lru_cache(maxsize=16_384)
def is_valid_anywhere(text: str, countries: tuple[str, ...]) -> bool:
    """Whether this is a valid tax number of one of these countries, or a VAT number of the EU with its prefix."""
    compact = _PUNCTUATION.sub("", text.upper())
    at_home = any(is_valid_tax_number(tax_number(text, each), each) for each in countries if each)
    return at_home or bool(vat.is_valid(compact))


def is_persons_tax_number(text: str) -> bool:
    """Whether a Spanish tax number is a person's: DNI, NIE, or one of those given out in their place."""
    compact = tax_number(text, "ES")
    return _SPANISH.fullmatch(compact) is not None and (compact[0].isdigit() or compact[0] in "XYZKLM")
