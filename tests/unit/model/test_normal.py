"""Normal forms: what counts as the same value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.normal import document_key, is_empty, normal
from shared.model.record import Field, FieldKind, Value

SAME: list[tuple[FieldKind, Value, Value]] = [
    ("text", " Talleres   Anaga ", "Talleres Anaga"),
    ("text", "Cafe\u0301", "Café"),
    ("text", None, ""),
    ("long_text", "una línea \r\notra", "una línea\notra"),
    ("email", "Taller@Anaga.example", "taller@anaga.EXAMPLE "),
    ("phone", "922 000 111", "+34 922-000-111"),
    ("phone", "0034922000111", "+34922000111"),
    ("phone", "ask for Yaiza", "Ask  for  Yaiza"),
    ("phone", "922 000 111 / 600 000 222", "+34922000111; +34 600000222"),
    ("phone", "922 000 111 ext 5", "+34 922 000 111 x5"),
    ("phone", "922000111 (ask for  Yaiza)", "+34922000111 (Ask for Yaiza)"),
    ("words", "vip, Factusol", "factusol,VIP,vip"),
    ("tax_no", "B-76.123.458", "b76123458"),
    ("tax_no", "ES B76123458", "B76123458"),
    ("tax_no", "ESB38000005", "B-38000005"),
    ("tax_no", "es 12345678-Z", "12345678Z"),
    ("country", "es", "ES"),
    ("account_no", "ES91 2100 0418 4502 0005 1332", "ES9121000418450200051332"),
    ("money", Decimal("121.00"), Decimal("121")),
    ("money", "121.0", Decimal("121")),
    ("money", Decimal("-0.00"), Decimal("0")),
    ("date", date(2026, 3, 4), "2026-03-04"),
    ("flag", False, None),
    ("document_link", "https://a.example/invoice/Zk3pQ7.pdf", "https://b.example/f/7/Zk3pQ7/"),
]
DIFFERENT: list[tuple[FieldKind, Value, Value]] = [
    ("text", "Anaga", "anaga"),
    ("long_text", "una\notra", "una otra"),
    ("phone", "922 000 111", "922 000 112"),
    ("phone", "922 000 111 ext. 5", "922 000 111"),
    ("phone", "922 000 111 / 600 000 222", "922 000 111"),
    ("phone", "922 000 111 Yaiza", "922 000 111"),
    ("tax_no", "PT123456789", "123456789"),
    ("tax_no", "ESTABLO", "TABLO"),
    ("money", Decimal("1.10"), Decimal("1.1001")),
    ("flag", True, False),
    ("document_link", "https://a.example/invoice/Zk3pQ7", "https://a.example/invoice/Zk3pQ8"),
]


@pytest.mark.parametrize(("kind", "one", "other"), SAME)
def test_the_same_value(kind: FieldKind, one: Value, other: Value) -> None:
    field = Field("x", kind)
    assert normal(field, one, country="ES") == normal(field, other, country="ES")


@pytest.mark.parametrize(("kind", "one", "other"), DIFFERENT)
def test_different_values(kind: FieldKind, one: Value, other: Value) -> None:
    field = Field("x", kind)
    assert normal(field, one, country="ES") != normal(field, other, country="ES")


KINDS: list[FieldKind] = [
    "text",
    "long_text",
    "email",
    "phone",
    "tax_no",
    "country",
    "account_no",
    "url",
    "words",
    "document_link",
]


@given(kind=st.sampled_from(KINDS), value=st.text(max_size=40), country=st.sampled_from(["ES", "PL", ""]))
def test_a_normal_form_is_its_own_and_nothing_a_vendor_sends_breaks_it(
    kind: FieldKind, value: str, country: str
) -> None:
    once = normal(Field("x", kind), value, country=country)
    if kind != "document_link":
        assert normal(Field("x", kind), once, country=country) == once
    assert is_empty(value) <= (once == "")


@given(st.text(max_size=60))
def test_the_key_of_any_text_can_be_told(link: str) -> None:
    assert isinstance(document_key(link), str)


@pytest.mark.parametrize(
    ("value", "empty"), [(None, True), ("", True), (" \n", True), (False, False), (Decimal(0), False)]
)
def test_false_and_zero_are_values(value: Value, empty: bool) -> None:
    assert is_empty(value) is empty
