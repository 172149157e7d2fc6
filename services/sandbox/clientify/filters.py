"""Filters of lists. One that is not known is ignored, and the whole list comes back."""

import operator
import re
from collections.abc import Callable
from datetime import datetime

from services.sandbox.clientify import custom_fields
from services.sandbox.clientify.envelope import invalid, moment
from services.sandbox.clientify.records import parts_of
from services.sandbox.storage import Record
from services.sandbox.system import Call

Test = Callable[[Record], bool]
_COMPARED = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def contact_tests(call: Call) -> list[Test]:
    """One test for each filter that counts. Raises Refused(400)."""
    how = call.choice("filters")
    if how == "ignored":
        return []
    tests = _query_tests(call, ("first_name", "last_name"), emails=True)
    if how == "query_only":
        return tests
    for name in ("contact_source", "contact_type"):
        wanted = call.filled(name)
        if wanted is not None:
            tests.append(_equals(name, wanted))
    email, phone = call.filled("email"), call.filled("phone")
    if email is not None:
        tests.append(lambda r: any(str(i["email"]).casefold() == email.casefold() for i in parts_of(r, "emails")))
    if phone is not None:
        tests.append(_phone(call, phone))
    return [*tests, *_custom_tests(call), *_date_tests(call)]


def company_tests(call: Call) -> list[Test]:
    how = call.choice("filters")
    if how == "ignored":
        return []
    tests = _query_tests(call, ("name", "business_name"), emails=False)
    number = call.filled("taxpayer_identification_number")
    if number is not None and how == "documented":
        tests.append(_equals("taxpayer_identification_number", number))
    return [*tests, *(_date_tests(call) if how == "documented" else [])]


def _equals(name: str, wanted: str) -> Test:
    return lambda record: record.text(name).casefold() == wanted.casefold()


def _query_tests(call: Call, names: tuple[str, ...], *, emails: bool) -> list[Test]:
    """Free text: `query` or `search`."""
    if emails and call.flag("query_matches_tax_number"):
        names = (*names, "taxpayer_identification_number")

    def test_of(wanted: str) -> Test:
        def test(record: Record) -> bool:
            if any(wanted in record.text(name).casefold() for name in names):
                return True
            return emails and any(wanted in str(i["email"]).casefold() for i in parts_of(record, "emails"))

        return test

    return [test_of(text.casefold()) for name in ("query", "search") if (text := call.filled(name))]


def _digits(text: object) -> str:
    return re.sub(r"\D", "", str(text))


def _phone(call: Call, wanted: str) -> Test:
    if call.choice("phone_filter") == "exact":
        return lambda record: any(item["phone"] == wanted for item in parts_of(record, "phones"))
    digits = _digits(wanted)
    return lambda record: any(digits in _digits(item["phone"]) for item in parts_of(record, "phones"))


def _custom_tests(call: Call) -> list[Test]:
    how = call.choice("custom_field_filter")
    if how == "ignored":
        return []
    prefix = "cf_" if how == "cf_name" else ""
    tests = []
    for definition in custom_fields.definitions(call, "contacts"):
        wanted = call.filled(f"{prefix}{definition.text('name')}")
        if wanted is not None:
            tests.append(_has_value(definition.id, wanted))
    return tests


def _has_value(number: int, wanted: str) -> Test:
    return lambda record: any(
        value["id"] == number and value["value"] == wanted for value in parts_of(record, "custom_fields")
    )


def _date_tests(call: Call) -> list[Test]:
    how = call.choice("date_filters")
    if how == "ignored":
        return []
    tests = []
    for name, time_of in (("created", _created), ("modified", _modified)):
        for word, compare in _COMPARED.items():
            given = call.filled(f"{name}[{word}]")
            if given is None:
                continue
            when = moment(given, days_only=how == "days")
            if when is None:
                raise invalid(**{f"{name}[{word}]": "Enter a valid date."})
            tests.append(_dated(time_of, compare, when))
    return tests


def _created(record: Record) -> datetime:
    return record.created_at


def _modified(record: Record) -> datetime:
    return record.updated_at


def _dated(
    time_of: Callable[[Record], datetime], compare: Callable[[datetime, datetime], bool], when: datetime
) -> Test:
    return lambda record: compare(time_of(record), when)


def ordered(call: Call, rows: list[Record]) -> list[Record]:
    """By `ordering`, a dash in front inverts it; the newest first without."""
    given = call.filled("ordering")
    if given is None:
        return rows[::-1]
    name, descends = given.removeprefix("-"), given.startswith("-")
    keys: dict[str, Callable[[Record], float | str]] = {
        "id": lambda r: r.id,
        "created": lambda r: r.created_at.timestamp(),
        "modified": lambda r: r.updated_at.timestamp(),
        "first_name": lambda r: r.text("first_name").casefold(),
        "name": lambda r: r.text("name").casefold(),
    }
    key = keys.get(name)
    return sorted(rows, key=key, reverse=descends) if key else rows
