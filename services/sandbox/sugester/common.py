"""What Sugester's resources share: finding, listing, showing, storing."""

from collections.abc import Mapping
from dataclasses import replace

from services.sandbox.fields import Kind, read_fields
from services.sandbox.lists import newest_first, page_of, sort_key
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call
from services.sandbox.wire import Answer, json_answer, not_found, stamp

SLOTS: dict[str, Kind] = {
    **{f"string{n}": "short" for n in range(1, 11)},
    **{f"integer{n}": "int" for n in range(1, 11)},
    **{f"decimal{n}": "decimal" for n in range(1, 11)},
    **{f"checkbox{n}": "flag" for n in range(1, 11)},
    **{f"date{n}": "date" for n in range(1, 11)},
    **{f"text{n}": "long" for n in range(1, 11)},
    **{f"datetime{n}": "short" for n in range(1, 11)},
}
"""Custom fields; their labels cannot be read through the API."""

USER_ID = 4411
"""The user whom the token belongs to."""

NUMBERS = frozenset({"price", "discount"})


def found(call: Call, resource: str) -> Record:
    """The record that the path names. Raises Refused(404)."""
    record = call.table(resource).get(call.record_id, call.as_of)
    if record is None:
        raise not_found()
    return record


def rows(call: Call, resource: str) -> list[Record]:
    table = call.table(resource)
    return table.everything(call.as_of) if call.flag("deleted_listed") else table.live(call.as_of)


def page(call: Call, records: list[Record]) -> list[Record]:
    return page_of(
        call,
        _ordered(call, records),
        size_counts=not call.flag("per_page_ignored"),
        page_counts=not call.flag("page_ignored"),
    )


def _ordered(call: Call, records: list[Record]) -> list[Record]:
    name, _, direction = (call.param("order") or "").partition(".")
    known = name in ("updated_at", "created_at") or (bool(records) and name in records[0].fields)
    if call.flag("list_order") and known:
        return sorted(records, key=sort_key(name, NUMBERS), reverse=direction == "desc")
    return newest_first(records) if call.choice("default_order") == "newest_first" else records


def times(record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    return {
        "created_at": stamp(record.created_at, millis=created),
        "updated_at": stamp(record.updated_at, millis=created or updated),
    }


def marked(record: Record) -> Fields:
    """Only a listed deleted record says that it is."""
    return {"deleted": True} if record.deleted else {}


def create_answer(call: Call, shown: Fields) -> Answer:
    return json_answer(shown, int(call.choice("create_status")))


def read_known(call: Call, kinds: Mapping[str, Kind], blank: Mapping[str, object], given: Fields) -> Fields:
    """The fields to store; a field that is never unset keeps its value when null is sent."""
    fields = read_fields(call, kinds, given)
    for name, value in blank.items():
        if value is not None and name in fields and fields[name] is None:
            del fields[name]
    return fields


def text_ids(value: object) -> dict[str, str]:
    """`external_ids` with every id as text, empty ones left out; numbers and texts mean the same."""
    if not isinstance(value, dict):
        return {}
    return {
        str(key): str(number)
        for key, number in value.items()
        if isinstance(number, str | int) and not isinstance(number, bool) and str(number)
    }


def quiet(call: Call, given: Fields) -> Call:
    """`skip_webhooks` in a write saves without a notice."""
    return replace(call, quiet=call.quiet or bool(given.get("skip_webhooks")))


def shares_id(record: Record, wanted: Mapping[str, str]) -> bool:
    stored = text_ids(record.fields["external_ids"])
    return any(stored.get(key) == number for key, number in wanted.items())
