"""Text in the letters that an older program has. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

# Letters that no accent was added to, and signs that people paste, with what stands for them elsewhere.
_LIKE: Final[Mapping[str, str]] = {
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ħ": "h",
    "Ħ": "H",
    "ı": "i",
    "\N{MINUS SIGN}": "-",
    "\N{HYPHEN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
}


@lru_cache(maxsize=16_384)
def in_code_page(text: str, code_page: str) -> str:
    """The text in the letters of a code page. One that it lacks loses its accent; what has no such form is a `?`.

    A text that the code page holds stays as it is.
    """
    if _holds(code_page, text):
        return text
    whole = unicodedata.normalize("NFC", text)
    return "".join(each if _holds(code_page, each) else _plain(each, code_page) for each in whole)


def _holds(code_page: str, text: str) -> bool:
    try:
        text.encode(code_page)
    except UnicodeEncodeError:
        return False
    return True


def _plain(letter: str, code_page: str) -> str:
    apart = unicodedata.normalize("NFKD", _LIKE.get(letter, letter))
    bare = "".join(each for each in apart if not unicodedata.combining(each))
    return bare.encode(code_page, "replace").decode(code_page)
