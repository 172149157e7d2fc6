"""The judgement of the second bridge, on books that were made up: what is wrong in them is found, no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from shared.clock import SystemClock
from shared.operations.views import Status
from shared.store.rows import Attempt, Binding, PairBase
from tests.kill.audit import Verdict, judge
from tests.kill.books import Books
from tests.kill.bridges import BRIDGES
from tests.kill.people import Client
from tests.kill.shop import LEFT, RIGHT, Shop
from tests.kill.vendors import Json, Vendors

NOW: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MARKER: Final = "c00001@rig.example"
SHOWN: Final[Json] = {"name": "Cliente 00001", "tax_no": "10000001F", "email": MARKER, "city": "Jaén"}
DESK: Final[Json] = {**SHOWN, "id": 7, "deleted": False}
PANEL: Final[Json] = {**SHOWN, "id": 140, "deleted": False, "other_id": "7"}
STRANGER: Final[Json] = {"name": "CLIENTE DE MOSTRADOR 8", "email": "", "id": 8, "deleted": False}
PAIR: Final = Binding(
    id="1",
    workspace_id="acme",
    bridge_id="1",
    entity="customer",
    role="",
    left_id="7",
    right_id="140",
    state="active",
    version=1,
    base=PairBase(normaliser=1, map_version=1),
    reference="",
    created_at=NOW,
    updated_at=NOW,
)


def found_in(
    desk: Sequence[Json] = (DESK,), panel: Sequence[Json] = (PANEL,), pairs: Sequence[Binding] = (PAIR,)
) -> dict[str, int]:
    """The violations in these books, after a person has typed one client in at the desk."""
    return judged(desk, panel, pairs).by_kind


def attempt(outcome: str, other_id: str = "") -> Attempt:
    return Attempt(
        id="1",
        workspace_id="acme",
        flow_id="1",
        account_id="1",
        resource="contacts",
        record_id="139",
        other_id=other_id,
        at=NOW,
        took_ms=1,
        origin="change",
        outcome=outcome,
        says="",
    )


def judged(
    desk: Sequence[Json] = (DESK,),
    panel: Sequence[Json] = (PANEL,),
    pairs: Sequence[Binding] = (PAIR,),
    *,
    deleted_on: str = "",
    told: Mapping[tuple[str, str], Sequence[Attempt]] | None = None,
) -> Verdict:
    people = Shop(Vendors(""), SystemClock(), 1, rate=1.0)
    people.clients[MARKER] = Client(marker=MARKER, ids={LEFT: 7}, made_on={LEFT})
    people.clients[MARKER].deleted_on.update({deleted_on} - {""})
    people.clients[MARKER].note(LEFT, {"city": "Jaén"}, NOW)
    books = Books(
        status=Status(workspace="acme", lag=0, at=NOW),
        clients={LEFT: desk, RIGHT: panel},
        deals=(),
        deal_statuses={},
        pairs={"customer": pairs, "invoice": ()},
        waits=(),
        entries=(),
        seen_changes=frozenset(),
        told=told or {},
    )
    return judge(books, people, {}, (), bridge=BRIDGES["factusol-clientify"])


def test_books_in_order_show_nothing() -> None:
    assert found_in() == {}
    assert found_in(desk=(DESK, STRANGER), panel=(PANEL, {**STRANGER, "id": 141})) == {}
    # The program may keep its letters in capitals: no difference.
    assert found_in(desk=({**DESK, "name": "CLIENTE 00001"},)) == {}


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"panel": ()}, "missing"),
        ({"panel": (PANEL, {**PANEL, "id": 141})}, "doubled"),
        ({"desk": (DESK, {**DESK, "id": 8})}, "doubled"),
        ({"desk": (DESK, STRANGER), "panel": (PANEL, STRANGER, {**STRANGER, "id": 9})}, "doubled"),
        ({"panel": ({**PANEL, "other_id": "8"},)}, "other number"),
        ({"panel": ({**PANEL, "city": "Baeza"},)}, "different"),
        ({"desk": ({**DESK, "city": "Baeza"},), "panel": ({**PANEL, "city": "Baeza"},)}, "lost edit"),
        ({"pairs": ()}, "unbound"),
        ({"pairs": (replace(PAIR, state="gone-right"),)}, "unbound"),
    ],
)
def test_what_is_wrong_is_found(changed: dict[str, Sequence[Json]], kind: str) -> None:
    assert found_in(**changed) == {kind: 1}  # type: ignore[arg-type]


def test_a_record_in_two_pairs_is_found() -> None:
    assert found_in(pairs=(replace(PAIR, id="2", right_id="141"), PAIR)) == {"bound twice": 1}


DELETED: Final[Json] = {**PANEL, "id": 139, "deleted": True}


@pytest.mark.parametrize(("looked", "made"), [("gone", "139"), ("unchanged", "140")])
def test_a_deleted_record_that_was_known_came_back(looked: str, made: str) -> None:
    told = {
        (f"{RIGHT}/contacts", "139"): (attempt(looked),),
        (f"{LEFT}/clients", "7"): (attempt("created", made),),
    }
    verdict = judged(panel=(DELETED, PANEL), deleted_on=RIGHT, told=told)
    assert (verdict.by_kind, verdict.never_met) == ({"came back": 1}, [])


def test_one_that_nobody_knew_to_be_made_is_counted_apart() -> None:
    told = {
        (f"{RIGHT}/contacts", "139"): (attempt("gone"),),
        (f"{LEFT}/clients", "7"): (attempt("created", "140"),),
    }
    verdict = judged(panel=(DELETED, PANEL), deleted_on=RIGHT, told=told)
    assert (verdict.by_kind, len(verdict.never_met)) == ({}, 1)
    # Only one of them: a second one is a double all the same.
    verdict = judged(panel=(DELETED, PANEL, {**PANEL, "id": 141}), deleted_on=RIGHT, told=told)
    assert verdict.by_kind == {"came back": 1}
