"""Paging, order and the answer to a DELETE, which both vendors share.

Paging is by offset over a list that changes; there is no total and no next link.
"""

from collections.abc import Callable, Sequence
from itertools import cycle, islice

from services.sandbox.storage import Record
from services.sandbox.system import Call
from services.sandbox.wire import OK, Answer, int_of

DEFAULT_PER_PAGE = 25
LARGEST_PAGE = 100


def page_of(
    call: Call, rows: Sequence[Record], *, size_counts: bool = True, page_counts: bool = True
) -> list[Record]:
    """The page that `page` (from 1) and `per_page` ask for."""
    if call.list_fault == "empty":
        return []
    size = int_of(call.param("per_page")) if size_counts else None
    if size is None or size < 1:
        size = DEFAULT_PER_PAGE
    size = min(size, LARGEST_PAGE)
    if call.list_fault == "endless":
        return list(islice(cycle(rows), size)) if rows else []
    number = int_of(call.param("page")) if page_counts else 1
    start = (max(1, number or 1) - 1) * size
    return list(rows[start : start + size])


def newest_first(rows: list[Record]) -> list[Record]:
    return sorted(rows, key=lambda record: record.id, reverse=True)


def sort_key(name: str, numeric: frozenset[str]) -> Callable[[Record], tuple[bool, float, str, int]]:
    """Unset values come first; equal ones by id."""

    def key(record: Record) -> tuple[bool, float, str, int]:
        if name in ("updated_at", "created_at"):
            return True, getattr(record, name).timestamp(), "", record.id
        text = record.text(name)
        number = float(text) if name in numeric and text else 0.0
        return bool(text), number, text.casefold(), record.id

    return key


def delete_answer(call: Call) -> Answer:
    return Answer(status=204) if call.choice("delete_answer") == "204" else OK
