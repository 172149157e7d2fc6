"""Factusol's values, questions and tokens: pure."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import errors
from shared.connectors import factusol, settings
from shared.connectors.contract import Access
from shared.connectors.factusol import books, countries, login, mapping, sql, wire, years
from shared.model import letters

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
PAYLOADS = Path(__file__).parents[2] / "payloads" / "factusol" / "answers"
ACCESS = Access(account="a", base_url="https://api.sdelsol.com", credentials={})


def row(**columns: object) -> dict[str, object]:
    return {"CODCLI": 1042, "NOFCLI": "FERRETERIA EL CIPRES S.L.", "NIFCLI": "B12345674", **columns}


def shown(**columns: object) -> Mapping[str, object]:
    return mapping.customer_from_row(row(**columns), ACCESS).fields  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [1042, "1042", " 1042 ", "0001042"])
def test_a_number_is_the_same_as_number_and_as_text(number: object) -> None:
    assert mapping.customer_from_row(row(CODCLI=number), ACCESS).record_id == "1042"  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [None, "", -1, True, 2**31, "1.0", "x", [1]])
def test_what_is_no_number_names_its_column(number: object) -> None:
    with pytest.raises(errors.Rejected) as refused:
        mapping.customer_from_row(row(CODCLI=number), ACCESS)  # type: ignore[arg-type]
    assert refused.value.field == "CODCLI"


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("2026-11-03T00:00:00", date(2026, 11, 3)),
        ("2026-11-03 10:11:12", date(2026, 11, 3)),
        ("2026-11-03", date(2026, 11, 3)),
        ("1900-01-01T00:00:00", None),
        ("1899-12-30T00:00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_and_the_null_date(told: str | None, read: date | None) -> None:
    assert mapping.day(told, "FUMCLI") == read


@pytest.mark.parametrize("told", ["ayer", 5, "2026-13-01T00:00:00", "2026-11-03T00", "03/11/2026"])
def test_what_is_no_date_names_its_column(told: object) -> None:
    with pytest.raises(errors.Rejected) as refused:
        mapping.day(told, "FUMCLI")  # type: ignore[arg-type]
    assert refused.value.field == "FUMCLI"


def test_a_day_begins_where_the_business_is() -> None:
    changed = mapping.customer_from_row(row(FUMCLI="2026-11-21T00:00:00"), ACCESS).changed_at  # type: ignore[arg-type]
    assert changed == datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert mapping.date_on_wire(NOW, ACCESS) == "2026-11-21T00:00:00"


@pytest.mark.parametrize(
    ("text", "main"),
    [
        ("uno@f.example", "uno@f.example"),
        ("uno@f.example; dos@f.example", "uno@f.example"),
        ("llamar antes, dos@f.example", "dos@f.example"),
        ("no tiene", "no tiene"),
    ],
)
def test_the_first_address_that_is_one_counts(text: str, main: str) -> None:
    assert shown(EMACLI=text)["email"] == main


@pytest.mark.parametrize(
    ("tax_no", "company"),
    [("B12345674", True), ("b-12345674", True), ("00000000T", False), ("X0000000T", False), ("ESB12345674", True)],
)
def test_a_company_is_told_by_its_number(tax_no: str, company: bool) -> None:
    assert shown(NIFCLI=tax_no)["company"] is company
    assert "company" not in shown(NIFCLI="")


@pytest.mark.parametrize(
    ("text", "code", "form"),
    [
        ("724", "ES", "numeric"),
        ("8", "AL", "numeric"),
        ("ES", "ES", "alpha-2"),
        ("España", "ES", "name"),
        ("PORTUGAL", "PT", "NAME"),
        ("Narnia", "Narnia", None),
        ("999", "999", None),
    ],
)
def test_countries_keep_their_form(text: str, code: str, form: str | None) -> None:
    assert countries.read(text) == code
    assert countries.form_of(text) == form
    if form is not None:
        assert countries.read(countries.written(code, form)) == code


@given(st.sampled_from(sorted(countries._NUMBERS)), st.sampled_from(["numeric", "alpha-2", "name", "NAME"]))
def test_every_country_is_read_as_it_was_written(code: str, form: countries.Form) -> None:
    assert countries.read(countries.written(code, form)) == code


def test_what_is_no_country_is_written_as_it_stands() -> None:
    assert countries.written("Narnia", "numeric") == "Narnia"
    assert countries.usual_form(["724", "ES", "620", "", "Narnia"]) == "numeric"
    assert countries.usual_form([]) == "numeric"


@given(st.text(max_size=40))
def test_text_fits_the_code_page_and_stays_where_it_did(text: str) -> None:
    fitted = letters.in_code_page(text, "cp1252")
    fitted.encode("cp1252")
    assert letters.in_code_page(fitted, "cp1252") == fitted


def test_letters_that_the_program_lacks_lose_their_accents() -> None:
    assert letters.in_code_page("Łódź, Đorđe Ñandú €", "cp1252") == "Lódz, Dorde Ñandú €"
    assert letters.in_code_page("日本", "cp1252") == "??"
    assert factusol.CLIENTS.fit("city", "ł" * 40) == "l" * 30


@given(st.text(max_size=300))
def test_no_text_leaves_its_quotes(text: str) -> None:
    try:
        quoted = sql.quoted(text)
    except errors.Rejected:
        return
    assert quoted.startswith("'")
    assert quoted.endswith("'")
    assert "'" not in quoted[1:-1].replace("''", "")


@pytest.mark.parametrize("name", ["", "NOFCLI; DROP", "NOF CLI", "nofcli", "X'"])
def test_only_names_of_columns_are_asked_for(name: str) -> None:
    with pytest.raises(errors.Retryable):
        sql.rows([name], "", top=1)


# Logins and tokens


def jwt(**claims: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{middle}.x"


@pytest.mark.parametrize(
    ("token", "seconds"),
    [
        (jwt(iat=1_000_000, exp=1_000_180), 150),
        (jwt(nbf=1_000_000, exp=1_000_180), 150),
        (jwt(exp=NOW.timestamp() + 180), 150),
        (jwt(iat=1_000_000, exp=1_000_020), 15),
        (jwt(iat=1_000_180, exp=1_000_000), 120),
        (jwt(exp="soon"), 120),
        (jwt(exp=True), 120),
        (jwt(exp=10**30), 120),
        ("opaque", 120),
        ("e30.%%%.x", 120),
    ],
)
def test_a_token_is_used_until_shortly_before_its_end(token: str, seconds: float) -> None:
    found = login.token_from(token, NOW)
    assert abs((found.use_until - NOW).total_seconds() - seconds) < 1
    assert token not in repr(found)


def test_one_key_and_four_values_are_the_same_login() -> None:
    four = {"manufacturer": "990", "client": "31007", "database": "FS001", "password": "a:b:c"}
    packed = {"token": " 990:31007:FS001:a:b:c "}
    assert login.given(four) == login.given(packed) == four
    access = Access(account="a", base_url="https://x.example", credentials=packed)
    found = login.login_of(access)
    assert found.body["password"] == base64.b64encode(b"a:b:c").decode()
    assert found.body["codigoCliente"] == 31007
    assert "a:b:c" not in repr(found)
    assert factusol.CONNECTOR.identity(access) == "31007/fs001"


@pytest.mark.parametrize(
    "packed", ["", "990", "990:31007:FS001", "990:31007:FS001:", "x:31007:FS001:p", "1:2:a b:p"]
)
def test_a_key_that_lacks_something_needs_an_operator(packed: str) -> None:
    access = Access(account="a", base_url="https://x.example", credentials={"token": packed})
    with pytest.raises(errors.NeedsOperator) as refused:
        login.login_of(access)
    assert refused.value.way_out


def test_credentials_are_four_or_one() -> None:
    given_by = factusol.CONNECTOR.credentials
    four = {"manufacturer": "1", "client": "2", "database": "FS001", "password": "p"}
    assert settings.needed(given_by, four) == list(four)
    assert settings.needed(given_by, {"token": "x"}) == ["token"]
    assert settings.needed(given_by, {}) == list(four)
    assert settings.renewed(given_by, {"token": "x"}, four) == four
    assert settings.renewed(given_by, four, {"password": "q"}) == {**four, "password": "q"}
    assert settings.needed(given_by, settings.renewed(given_by, four, {"token": "x"})) == ["token"]


# Years


@pytest.mark.parametrize(
    ("day", "beside"),
    [
        (date(2026, 6, 1), []),
        (date(2027, 1, 1), [2026]),
        (date(2027, 3, 1), [2026]),
        (date(2027, 3, 2), []),
        (date(2026, 11, 1), []),
        (date(2026, 11, 2), [2027]),
        (date(2026, 12, 31), [2027]),
    ],
)
def test_years_overlap_around_new_year(day: date, beside: list[int]) -> None:
    assert list(years.neighbours(day, 60)) == beside
    assert list(years.neighbours(day, 0)) == []


def test_the_year_turns_where_the_business_is() -> None:
    midnight = datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert years.today(midnight, ACCESS) == date(2027, 1, 1)
    assert years.today(midnight - timedelta(seconds=1), ACCESS) == date(2026, 12, 31)
    canary = Access(account="a", base_url="", credentials={}, time_zone="Atlantic/Canary")
    assert years.today(midnight, canary) == date(2026, 12, 31)


def test_of_two_years_the_later_change_of_the_same_customer_counts() -> None:
    new = row(FUMCLI="2027-01-05T00:00:00", POBCLI="JAEN")
    old = row(FUMCLI="2027-01-09T00:00:00", POBCLI="BAEZA")
    other = row(FUMCLI="2027-01-09T00:00:00", NOFCLI="OTRO", NIFCLI="00000000T")
    undated = row(POBCLI="UBEDA")
    assert books.counting({"2027": new, "2026": old}) is old  # type: ignore[dict-item]
    assert books.counting({"2027": old, "2026": new}) is old  # type: ignore[dict-item]
    assert books.counting({"2027": new, "2026": other}) is new  # type: ignore[dict-item]
    assert books.counting({"2027": undated, "2026": row()}) is undated  # type: ignore[dict-item]


# Answers as they were met, or are assumed


ANSWERS = {path.stem: json.loads(path.read_text()) for path in sorted(PAYLOADS.glob("*.json"))}


@pytest.mark.parametrize("name", [name for name, each in ANSWERS.items() if isinstance(each["means"], dict)])
def test_rows_are_read_in_every_form(name: str) -> None:
    recorded = ANSWERS[name]
    assert recorded["origin"]
    listed = wire.rows_in(recorded["answer"].get("resultado"))
    found = {each.record_id: each for each in (mapping.customer_from_row(one, ACCESS) for one in listed)}
    assert found.keys() == recorded["means"].keys()
    for record_id, fields in recorded["means"].items():
        assert {each: found[record_id].fields[each] for each in fields} == fields


@pytest.mark.parametrize("name", [name for name, each in ANSWERS.items() if isinstance(each["means"], str)])
def test_words_are_told_apart(name: str) -> None:
    recorded = ANSWERS[name]
    assert recorded["origin"]
    word = recorded["answer"]["respuesta"]
    assert word == ("OK" if name == "login" else recorded["means"])
    if name != "login":
        assert wire.rows_in(recorded["answer"]["resultado"]) == []
