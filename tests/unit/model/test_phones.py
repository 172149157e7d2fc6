"""Telephone fields as people fill them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import phones

HOME = ("ES", "PT")
TYPED = "953 000 001 ext. 12 / 600 000 002 ask for Luis"


def test_every_number_is_read_and_every_word_kept() -> None:
    assert phones.international(TYPED, HOME) == "+34953000001 ext. 12 / +34600000002 ask for Luis"
    assert phones.first(TYPED, HOME) == "+34953000001 ext. 12"
    assert phones.rest(TYPED, HOME) == "+34600000002 ask for Luis"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("953000001", "+34953000001"),
        ("0034 953.000.001", "+34953000001"),
        ("+351 211 234 567", "+351211234567"),
        ("211 234 567", "+351211234567"),  # none of Spain, one of Portugal, the record's own country
        ("tel. 953000001", "+34953000001"),
        ("12345", ""),
        ("ask for Luis", ""),
        ("", ""),
    ],
)
def test_the_first_number(typed: str, read: str) -> None:
    assert phones.first(typed, HOME) == read


@pytest.mark.parametrize(
    ("typed", "new", "written"),
    [
        ("953 000 001", "+34953000001", "953 000 001"),  # the same number: its formatting is left alone
        ("953 000 001", "+34953000009", "953000009"),
        ("953 000 001", "+351211234567", "+351211234567"),
        (TYPED, "+34953000009", "953000009 / 600 000 002 ask for Luis"),
        ("ask for Luis", "+34953000009", "953000009 ask for Luis"),
        ("", "+34953000009 ext. 3", "953000009 ext. 3"),
        ("953 000 001", "ask for Luis", "ask for Luis"),
    ],
)
def test_a_new_number_takes_the_place_of_the_first(typed: str, new: str, written: str) -> None:
    assert phones.replaced(typed, new, HOME, "ES") == written


@given(st.text(max_size=60))
def test_nothing_that_a_person_types_is_lost(typed: str) -> None:
    read, after = phones.international(typed, HOME), 0
    for found in phones.numbers_in(typed, HOME):
        assert read.startswith(typed[after : found.start] + str(found))
        read, after = read.removeprefix(typed[after : found.start] + str(found)), found.end
    assert read == typed[after:]
