"""Values on the wire: what is read, what is refused by name, and what nobody makes us swallow."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import errors
from shared.connectors import values
from shared.connectors.answers import Json
from shared.connectors.countries import alpha2, form_of, written


@pytest.mark.parametrize(
    ("wire", "amount"),
    [
        ("339.99", "339.99"),
        ("0.0", "0"),
        ("13.0", "13"),
        ("59,00", "59"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("-5,5", "-5.5"),
        (121, "121"),
        (Decimal("121.10"), "121.1"),
        ("1e3", "1000"),
    ],
)
def test_amounts_are_read_with_dot_or_comma(wire: Json, amount: str) -> None:
    assert values.money(wire, "price") == Decimal(amount)


@pytest.mark.parametrize("wire", [None, "", "  "])
def test_an_unset_amount_is_none(wire: Json) -> None:
    assert values.money(wire, "price") is None


@pytest.mark.parametrize(
    "wire",
    [
        True,
        "abc",
        "NaN",
        "Infinity",
        "1e999",
        Decimal("1e999999"),
        Decimal("NaN"),
        "1,2,3,4",
        "٣",
        [],
        {},
        "9" * 41,
    ],
)
def test_what_is_no_amount_is_refused_by_name(wire: Json) -> None:
    with pytest.raises(errors.Rejected) as refused:
        values.money(wire, "price")
    assert refused.value.field == "price"


@pytest.mark.parametrize(
    ("wire", "flag"),
    [(True, True), ("1", True), (1, True), ("true", True), (False, False), ("0", False), (0, False), (None, None)],
)
def test_flags_are_read_in_every_form(wire: Json, flag: bool | None) -> None:
    assert values.flag(wire, "company") is flag


def test_times_are_utc_to_the_second() -> None:
    expected = datetime(2026, 3, 4, 9, 11, 12, tzinfo=UTC)
    for shown in ("2026-03-04T10:11:12.345+01:00", "2026-03-04T10:11:12.000+01:00", "2026-03-04T09:11:12Z"):
        assert values.moment(shown, "updated_at") == expected
    assert values.moment(None, "updated_at") is None
    odd: list[Json] = ["2026-03-04T10:11:12", "ayer", "0001-01-01T00:00:00+14:00", True]
    for wire in odd:
        with pytest.raises(errors.Rejected):
            values.moment(wire, "updated_at")


def test_dates_are_read_from_dates_and_time_stamps() -> None:
    assert values.day("2026-03-06", "date") == date(2026, 3, 6)
    assert values.day("2026-03-06T00:00:00Z", "date") == date(2026, 3, 6)
    assert values.day("", "date") is None
    odd: list[Json] = ["06/03/2026", "2026-02-30", "2026-3-6", 20260306, "0000-00-00"]
    for wire in odd:
        with pytest.raises(errors.Rejected):
            values.day(wire, "date")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ES", "ES"),
        ("es", "ES"),
        ("España", "ES"),
        ("ESPAÑA", "ES"),
        ("Spain", "ES"),
        ("Hiszpania", "ES"),
        ("UK", "GB"),
        ("Reino Unido", "GB"),
        ("United Kingdom", "GB"),
        ("The Netherlands", "NL"),
        ("Países Bajos", "NL"),
        ("Alemania", "DE"),
        ("Niemcy", "DE"),
        ("Francja", "FR"),
        ("Perú", "PE"),
        ("EE.UU.", "US"),
        ("Estados Unidos", "US"),
        ("Portugal", "PT"),
        ("Tatooine", "Tatooine"),
        ("", ""),
    ],
)
def test_countries_are_read_as_codes_and_names(name: str, code: str) -> None:
    assert alpha2(name) == code


def test_text_is_text() -> None:
    assert values.text("  con espacios ", "name") == "  con espacios "
    assert values.text(" ", "name") is None
    odd: list[Json] = [7, True, [], {}, Decimal(1)]
    for wire in odd:
        with pytest.raises(errors.Rejected) as refused:
            values.text(wire, "name")
        assert refused.value.field == "name"
        assert "7" not in refused.value.message


def test_ids_are_numbers_or_plain_text() -> None:
    assert values.record_id(7, "id") == values.record_id("7", "id") == "7"
    assert values.link(0, "client_id") is values.link("", "client_id") is values.link(None, "client_id") is None
    odd: list[Json] = [True, False, 0, -1, 1.0, "", "a b", "../x", None, 10**19]
    for wire in odd:
        with pytest.raises(errors.Rejected):
            values.record_id(wire, "id")


READERS: list[Callable[[Json, str], object]] = [
    values.text,
    values.flag,
    values.money,
    values.day,
    values.moment,
    values.country,
    values.link,
    values.record_id,
    values.loose_text,
]


@given(
    st.sampled_from(READERS),
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.text()
    | st.text(alphabet="0123456789-+:.,TZe ")
    | st.just([])
    | st.just({}),
)
def test_no_value_raises_anything_but_a_refusal(reader: Callable[[Json, str], object], wire: Json) -> None:
    field = ""
    try:
        reader(wire, "some_field")
    except errors.Rejected as refused:
        field = refused.field
    assert field in {"", "some_field"}


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_an_amount_survives_the_way_out_and_back(amount: Decimal) -> None:
    assert values.money(values.plain(amount), "price") == amount


@pytest.mark.parametrize(
    ("text", "form", "germany"),
    [
        ("Spain", "en", "Germany"),
        ("España", "es", "Alemania"),
        ("ESPAÑA", "es", "Alemania"),
        ("ES", "code", "DE"),
        (" es ", "code", "DE"),
        ("Niemcy", "pl", "Niemcy"),
        ("Portugal", "en", "Germany"),
        ("xx", "", "Germany"),
        ("Atlantis", "", "Germany"),
        ("", "", "Germany"),
    ],
)
def test_a_country_is_written_in_the_form_of_another(text: str, form: str, germany: str) -> None:
    assert form_of(text) == form
    assert written("DE", form or "en") == germany
    assert written("Atlantis", form or "en") == "Atlantis"
    assert alpha2(germany) == "DE"
