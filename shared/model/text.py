"""What a person reads, in the languages of those who use it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A sentence for a person, in both languages."""

    en: str
    es: str
