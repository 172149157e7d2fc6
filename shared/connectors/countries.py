"""Country names as vendors and people write them, to ISO 3166-1 alpha-2."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Final

import phonenumbers

_LANGUAGES: Final = ("en", "es", "pl", "fr", "de", "it", "pt", "nl")

# What the language tables lack: short forms, older names, and two codes that are in use but not ISO's.
_ALSO: Final[Mapping[str, str]] = {
    "uk": "GB",
    "el": "GR",
    "esp": "ES",
    "deu": "DE",
    "fra": "FR",
    "prt": "PT",
    "ita": "IT",
    "gbr": "GB",
    "pol": "PL",
    "nld": "NL",
    "usa": "US",
    "eeuu": "US",
    "ee uu": "US",
    "estados unidos de america": "US",
    "united states of america": "US",
    "espana": "ES",
    "spain": "ES",
    "great britain": "GB",
    "gran bretana": "GB",
    "inglaterra": "GB",
    "england": "GB",
    "escocia": "GB",
    "scotland": "GB",
    "holanda": "NL",
    "holland": "NL",
    "paises bajos": "NL",
    "netherlands": "NL",
    "ireland": "IE",
    "irlanda": "IE",
    "czech republic": "CZ",
    "republica checa": "CZ",
}


@lru_cache(maxsize=4096)
def alpha2(text: str) -> str:
    """The code of a country given as a code or by name; the text as it is where it is neither."""
    plain = _plain(text)
    known = _ALSO.get(plain)
    if known is not None:
        return known
    if len(plain) == 2 and plain.isascii() and plain.isalpha():
        return plain.upper()
    return _names().get(plain, text)


def spanish_name(code: str) -> str:
    """The name of a country in Spanish; the code itself where none is known."""
    return name_of(code, "es") or code


def form_of(text: str) -> str:
    """How a country is written: "code", or the language of its name, "en" and "es" first; "" for what is none."""
    plain = text.strip()
    code = alpha2(plain) if plain else ""
    if len(code) != 2 or not code.isupper() or (len(plain) == 2 and plain.upper() not in _table()):
        return ""
    if len(plain) == 2:
        return "code"
    return next((each for each in _LANGUAGES if _plain(name_of(code, each)) == _plain(plain)), "")


def written(country: str, form: str) -> str:
    """A country, given as code or name, in the form that `form_of` tells; what is no country stays as it is."""
    code = alpha2(country.strip())
    return code if form == "code" else name_of(code, form) or country


def name_of(code: str, language: str) -> str:
    """The name of a country in a language, "" where none is known."""
    return _resolved(_table().get(code, {}), language)


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    """Names by country and language, from the region names that `phonenumbers` ships. Loaded at the first use.

    The file is loaded by itself: to import it is to import its package, which holds the places of all telephone
    numbers of the world, a hundred megabytes.
    """
    path = str(Path(phonenumbers.__file__).parent / "geodata" / "locale.py")
    spec = spec_from_file_location("phonenumbers.geodata.locale", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    table: Mapping[str, Mapping[str, str]] = module.LOCALE_DATA
    return table


def _plain(text: str) -> str:
    """Lower case, without accents, dots and articles."""
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold().replace(".", "")
    return re.sub(r"^(the|el|la|los|las) (?=.{4})", "", " ".join(bare.split()))


@cache
def _names() -> Mapping[str, str]:
    """Countries by their names in any of the languages, made at the first name that is not in the short table."""
    return {
        _plain(name): region
        for region, names in _table().items()
        for name in (_resolved(names, language) for language in _LANGUAGES)
        if name
    }


def _resolved(names: Mapping[str, str], language: str) -> str:
    """The name in a language; `*aa` in the table means "as in the language aa"."""
    name = names.get(language, "")
    return names.get(name[1:], "") if name.startswith("*") else name
