"""Normal forms: what counts as the same value. Two values are equal when their normal forms are.

`NORMALISER` is stored beside every hash made from a normal form, so that a change of these rules is seen as a
change of rules and never as an edit.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlsplit

import phonenumbers
from stdnum import get_cc_module
from stdnum.exceptions import ValidationError

from shared.model.record import Field, Value

NORMALISER = 1

_SPACES = re.compile(r"\s+")
_PUNCTUATION = re.compile(r"[^0-9A-Z]")
_SPANISH = re.compile(r"[0-9A-Z]\d{7}[0-9A-Z]")


def normal(field: Field, value: Value, *, country: str) -> str:
    """The normal form of a value as text; "" for an empty one. `country` is the workspace's, ISO alpha-2."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, date):
        return value.isoformat()
    text = unicodedata.normalize("NFC", value).strip()
    match field.kind:
        case "long_text":
            return "\n".join(line.rstrip() for line in text.splitlines())
        case "email":
            return text.casefold()
        case "phone":
            return _phone(text, country)
        case "tax_no":
            return tax_number(text, country)
        case "country" | "currency":
            return text.upper()
        case "account_no":
            return _PUNCTUATION.sub("", text.upper())
        case "money":
            return _number(Decimal(text)) if text else ""
        case "document_link":
            return document_key(text)
        case "url" | "link" | "code":
            return text
        case _:
            return _SPACES.sub(" ", text)


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
    """E.164 with the extension, or the text with only digits and plus signs kept if no number can be read."""
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
