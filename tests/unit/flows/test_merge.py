"""The merge: field by field, from what both sides show and what they showed when they last agreed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flows.merge import Base, Why, merge, plan_owned
from shared.flows.spec import Side
from shared.model.normal import is_empty
from shared.model.record import Fields, Value
from tests.unit.flows.sides import CUT, FLOW, NAMES, agreed, carried_out, digest, fields, hashes

OLD, NEW, OTHER = "Adeje", "Arona", "Garachico"


@dataclass(frozen=True)
class Row:
    """One field: what both sides agreed on ("?" for no base), what they show now, and what is written where."""

    name: str
    base: tuple[Value, Value] | None
    left: Value
    right: Value
    to: Side | None
    value: Value = None
    why: Why | None = None


TABLE = {
    "nothing changed": Row("city", (OLD, OLD), OLD, OLD, None),
    "edited on the left": Row("city", (OLD, OLD), NEW, OLD, Side.RIGHT, NEW, Why.EDITED),
    "edited on the right": Row("city", (OLD, OLD), OLD, NEW, Side.LEFT, NEW, Why.EDITED),
    "edited on both sides, the left wins": Row("city", (OLD, OLD), NEW, OTHER, Side.RIGHT, NEW, Why.BOTH),
    "edited on both sides, the right wins": Row("note", (OLD, OLD), NEW, OTHER, Side.LEFT, OTHER, Why.BOTH),
    "edited to the same value": Row("city", (OLD, OLD), NEW, NEW, None),
    "no base, equal": Row("city", None, OLD, OLD, None),
    "no base, different": Row("city", None, OLD, NEW, Side.RIGHT, OLD, Why.WINNER),
    "no base, empty on the winner's side": Row("city", None, None, NEW, Side.LEFT, NEW, Why.FILLS),
    "no base, a field that may be emptied": Row("note", None, OLD, None, Side.RIGHT, OLD, Why.FILLS),
    "emptied, and kept on the other side": Row("city", (OLD, OLD), None, OLD, None, None, Why.KEPT),
    "emptied, and emptied on the other side": Row("note", (OLD, OLD), None, OLD, Side.RIGHT, None, Why.EDITED),
    "filled after it had been kept": Row("city", (None, OLD), NEW, OLD, Side.RIGHT, NEW, Why.EDITED),
    "kept, nothing new": Row("city", (None, OLD), None, OLD, None),
    "cut by the right": Row("city", None, "Santa Cruz de Tenerife", "Santa Cruz d", None),
    "edited behind the cut": Row(
        "city", ("Santa Cruz de La Palma", "Santa Cruz d"), "Santa Cruz de Tenerife", "Santa Cruz d", None
    ),
    "edited before the cut": Row(
        "city", ("Santa Cruz de La Palma", "Santa Cruz d"), "San Cristóbal de La Laguna", "Santa Cruz d",
        Side.RIGHT, "San Cristóba", Why.EDITED,
    ),
    "typed in another form": Row("phone", ("+34922000111", "+34922000111"), "922 000 111", "+34922000111", None),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_one_field(row: Row) -> None:
    base = Base()
    if row.base is not None:
        base = agreed({row.name: row.base[0]}, {row.name: row.base[1]})
    plan = merge(FLOW, {}, {row.name: row.left}, {row.name: row.right}, base, digest)
    writes = {side: plan.writes(side) for side in Side}
    if row.to is None:
        assert writes == {Side.LEFT: {}, Side.RIGHT: {}}
    else:
        assert writes == {row.to: {row.name: row.value}, row.to.other: {}}
    assert [each.why for each in plan.decisions] == ([row.why] if row.why else [])


def test_a_value_from_before_our_write_is_doubted_only_while_it_may_be_stale() -> None:
    base = agreed(fields(city=NEW), fields(city=NEW), previous_right={"city": digest("city", OLD)})
    late = merge(FLOW, {}, fields(city=NEW), fields(city=OLD), base, digest, doubt=frozenset({Side.RIGHT}))
    assert late.stale == {Side.RIGHT}
    assert late.writes(Side.LEFT) == {}
    later = merge(FLOW, {}, fields(city=NEW), fields(city=OLD), base, digest)
    assert later.writes(Side.LEFT) == {"city": OLD}


def test_what_we_sent_and_never_saw_confirmed_is_no_edit() -> None:
    base = agreed(fields(city=OLD), fields(city=OLD), ours_right={"city": frozenset({digest("city", NEW)})})
    plan = merge(FLOW, {}, fields(city=OLD), fields(city=NEW), base, digest)
    assert plan.decisions == ()


def test_an_edit_over_what_we_sent_and_never_saw_confirmed_stands() -> None:
    base = agreed(fields(city=OLD), fields(city=OLD), ours_right={"city": frozenset({digest("city", NEW)})})
    plan = merge(FLOW, {}, fields(city=NEW), fields(city=OTHER), base, digest)
    assert (plan.writes(Side.LEFT), plan.writes(Side.RIGHT)) == ({"city": OTHER}, {})


def test_what_we_sent_and_may_never_have_landed_is_sent_again_where_there_was_no_base() -> None:
    """The answer to the creation did not show the empty field; the write of an edit died before it landed."""
    base = Base(ours_right={"city": frozenset({digest("city", NEW)})})
    plan = merge(FLOW, {}, fields(city=NEW), fields(city=None), base, digest)
    assert plan.writes(Side.RIGHT) == {"city": NEW}


def test_the_overwritten_value_of_a_conflict_is_told() -> None:
    plan = merge(
        FLOW, {}, fields(city=NEW), fields(city=OTHER), agreed(fields(city=OLD), fields(city=OLD)), digest
    )
    assert [each.loser for each in plan.decisions] == [OTHER]


def test_the_winner_of_a_field_can_be_chosen() -> None:
    options = {"winner": {"city": "right"}}
    base = agreed(fields(city=OLD), fields(city=OLD))
    plan = merge(FLOW, options, fields(city=NEW), fields(city=OTHER), base, digest)
    assert plan.writes(Side.LEFT) == {"city": OTHER}


def test_a_repair_overwrites_only_what_is_still_ours() -> None:
    base = agreed(fields(city=OLD, phone="1"), fields(city=OLD, phone="1"))
    left, right = fields(city=NEW, phone="2"), fields(city=OLD, phone="3")
    plan = merge(FLOW, {}, left, right, base, digest, repair_from=Side.LEFT)
    assert plan.writes(Side.RIGHT) == {"city": NEW}
    assert plan.writes(Side.LEFT) == {}


# Properties

texts = st.sampled_from(
    ["", " ", OLD, OLD.upper(), NEW, OTHER, "Santa Cruz de Tenerife", "Santa Cruz d", "922 000 111"]
)
values = st.none() | texts
records = st.fixed_dictionaries(dict.fromkeys(NAMES, values))
agreements = st.none() | st.tuples(records, records)


def base_of(agreement: tuple[Fields, Fields] | None) -> Base:
    return Base() if agreement is None else agreed(*agreement)


@given(left=records, right=records, agreement=agreements)
def test_merging_twice_changes_nothing(
    left: dict[str, Value], right: dict[str, Value], agreement: tuple[Fields, Fields] | None
) -> None:
    base = base_of(agreement)
    left, right, base = carried_out(merge(FLOW, {}, left, right, base, digest), left, right, base)
    again = merge(FLOW, {}, left, right, base, digest)
    assert (again.writes(Side.LEFT), again.writes(Side.RIGHT)) == ({}, {})


@given(left=records, right=records, agreement=agreements)
def test_empty_never_overwrites_filled_unless_the_field_allows_it(
    left: dict[str, Value], right: dict[str, Value], agreement: tuple[Fields, Fields] | None
) -> None:
    plan = merge(FLOW, {}, left, right, base_of(agreement), digest)
    for decision in plan.decisions:
        if decision.to is not None and is_empty(decision.value):
            assert decision.name in FLOW.may_clear
            assert agreement is not None, "without a base nobody knows that it was emptied"


@given(left=records, right=records, agreement=agreements)
def test_what_both_sides_show_equal_is_never_written(
    left: dict[str, Value], right: dict[str, Value], agreement: tuple[Fields, Fields] | None
) -> None:
    plan = merge(FLOW, {}, left, right, base_of(agreement), digest)
    equal = {name for name in NAMES if digest(name, left[name]) == digest(name, right[name])}
    assert not equal & {*plan.writes(Side.LEFT), *plan.writes(Side.RIGHT)}


@given(left=records, right=records, agreement=agreements)
def test_a_field_is_written_on_one_side_at_most_and_as_that_side_can_hold_it(
    left: dict[str, Value], right: dict[str, Value], agreement: tuple[Fields, Fields] | None
) -> None:
    plan = merge(FLOW, {}, left, right, base_of(agreement), digest)
    assert not set(plan.writes(Side.LEFT)) & set(plan.writes(Side.RIGHT))
    assert all(len(str(value)) <= CUT for name, value in plan.writes(Side.RIGHT).items() if name == "city")


@given(shared=records, edits=records, names=st.sets(st.sampled_from(NAMES)), target=records)
def test_a_plan_made_without_reading_the_target_writes_what_the_merge_would(
    shared: dict[str, Value], edits: dict[str, Value], names: set[str], target: dict[str, Value]
) -> None:
    """Whatever the target shows now: an edit there of another field is left to its own look."""
    left = shared | {name: edits[name] for name in names}
    right = {name: FLOW.right.resource.fit(name, value) for name, value in shared.items()}
    base = agreed(shared, right)
    edited = frozenset(name for name in names if digest(name, left[name]) != base.left[name] and name != "note")
    owned = plan_owned(FLOW, left, edited, base, Side.LEFT, digest)
    assert owned is not None
    shown = {name: target[name] if name in names else right[name] for name in NAMES}
    merged = merge(FLOW, {}, left, right, base, digest)
    expected = {name: value for name, value in merged.writes(Side.RIGHT).items() if name in edited}
    assert owned.writes(Side.RIGHT) == expected
    assert set(owned.writes(Side.RIGHT)) <= set(shown)


@given(left=records, right=records)
def test_a_base_of_one_side_only_is_as_none(left: dict[str, Value], right: dict[str, Value]) -> None:
    plan = merge(FLOW, {}, left, right, replace(Base(), left=hashes(left)), digest)
    assert plan.writes(Side.LEFT) == merge(FLOW, {}, left, right, Base(), digest).writes(Side.LEFT)
