"""A field that one account has not got is never looked at; when it has it, it is compared where it was left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.connectors.contract import Row
from shared.flows.merge import Base, Why, changed_fields, merge, plan_owned
from shared.flows.pairs import renewed
from shared.flows.spec import Side, TwoWay
from shared.model.normal import NORMALISER, PREVIOUS
from shared.model.record import Fields, Value
from tests.unit.flows.sides import FLOW, agreed, carried_out, digest, fields
from tests.unit.flows.test_renewed import SHOWN, base_of, context

OLD, NEW, OTHER = "Adeje", "Arona", "Garachico"
NARROW = FLOW.without({"city"})


def without_city(**values: Value) -> Fields:
    return {name: value for name, value in fields(**values).items() if name != "city"}


def edited(flow: TwoWay, shown: Fields, base: Base, side: Side = Side.LEFT) -> frozenset[str]:
    """What a listing of this side would look at."""
    return changed_fields(flow.shared_fields(), shown, base, side, digest, doubt_previous=False)[0]


def test_a_flow_that_lacks_nothing_is_the_one_of_the_catalogue() -> None:
    assert FLOW.without(()) is FLOW
    assert set(FLOW.shared_fields()) - set(NARROW.shared_fields()) == {"city"}
    assert NARROW.without(()).shared_fields() == NARROW.shared_fields()
    assert NARROW.winner_of("note", {}) is Side.RIGHT, "whoever wins, wins as before"


@pytest.mark.parametrize("city", [OLD, None])
def test_a_listing_looks_at_nothing_for_a_field_that_the_other_account_lacks(city: str | None) -> None:
    left, right = fields(name="Anaga", city=city), without_city(name="Anaga")
    base = Base()
    plan = merge(NARROW, {}, left, right, base, digest)
    assert plan.decisions == ()
    assert "city" not in plan.agreed_left, "what was not compared has no base"
    _, _, base = carried_out(plan, left, right, base)
    assert edited(NARROW, left, base) == frozenset()
    assert edited(NARROW, right, base, Side.RIGHT) == frozenset()
    assert edited(FLOW, left, base) == {"city"}, "which the flow of all accounts would look at every time"


def test_an_edit_beside_it_is_carried_without_it() -> None:
    base = agreed(without_city(name="Anaga"), without_city(name="Anaga"))
    left = fields(name="Anaga S.L.", city=NEW)
    owned = plan_owned(NARROW, left, edited(NARROW, left, base), base, Side.LEFT, digest)
    assert owned is not None
    assert owned.writes(Side.RIGHT) == {"name": "Anaga S.L."}
    both = merge(NARROW, {}, left, without_city(name="Anaga"), base, digest)
    assert both.writes(Side.RIGHT) == {"name": "Anaga S.L."}


def test_a_repair_leaves_it_alone_at_the_account_that_shows_it() -> None:
    base = agreed(fields(city=OLD), fields(city=OLD))
    plan = merge(NARROW, {}, fields(city=NEW), without_city(), base, digest, repair_from=Side.RIGHT)
    assert plan.writes(Side.LEFT) == {}


BACK = {
    "nobody edited it": (OLD, OLD, None, None, None),
    "edited on the left meanwhile": (NEW, OLD, Side.RIGHT, NEW, Why.EDITED),
    "edited on the right meanwhile": (OLD, NEW, Side.LEFT, NEW, Why.EDITED),
    "edited on both, the winner's stands": (NEW, OTHER, Side.RIGHT, NEW, Why.BOTH),
    "emptied at the account that lacked it": (OLD, None, None, None, Why.KEPT),
}


@pytest.mark.parametrize(("left", "right", "to", "value", "why"), BACK.values(), ids=BACK)
def test_a_field_that_goes_and_comes_back_is_compared_where_it_was_left(
    left: Value, right: Value, to: Side | None, value: Value, why: Why | None
) -> None:
    base = agreed(fields(name="Anaga", city=OLD), fields(name="Anaga", city=OLD))
    here, there = fields(name="Anaga", city=left), without_city(name="Teno")
    gone = merge(NARROW, {}, here, there, base, digest)
    assert gone.writes(Side.LEFT) == {"name": "Teno"}, "not read as emptied over there"
    here, there, base = carried_out(gone, here, there, base)
    assert base.left["city"] == digest("city", OLD), "its base waits"
    assert edited(NARROW, here, base) == frozenset()

    back = merge(FLOW, {}, here, {**there, "city": right}, base, digest)
    assert [each.why for each in back.decisions] == ([why] if why else [])
    assert [(each.to, each.value) for each in back.decisions if each.to] == ([(to, value)] if to else [])


APPEARS = {
    "equal": (OLD, OLD, None, None, None),
    "empty on both": (None, None, None, None, None),
    "different: the winner's stands": (OLD, NEW, Side.RIGHT, OLD, Why.WINNER),
    "empty at the winner": (None, NEW, Side.LEFT, NEW, Why.FILLS),
    "empty at the other": (OLD, None, Side.RIGHT, OLD, Why.FILLS),
}


@pytest.mark.parametrize(("left", "right", "to", "value", "why"), APPEARS.values(), ids=APPEARS)
def test_a_field_that_appears_is_compared_without_a_base_once(
    left: Value, right: Value, to: Side | None, value: Value, why: Why | None
) -> None:
    base = agreed(without_city(name="Anaga"), without_city(name="Anaga"))
    here, there = fields(name="Anaga", city=left), fields(name="Anaga", city=right)
    assert edited(FLOW, here, base) == {"city"}
    plan = merge(FLOW, {}, here, there, base, digest)
    assert [each.why for each in plan.decisions] == ([why] if why else [])
    assert [(each.to, each.value) for each in plan.decisions] == ([(to, value)] if to else [])
    here, there, base = carried_out(plan, here, there, base)
    assert (edited(FLOW, here, base), edited(FLOW, there, base, Side.RIGHT)) == (frozenset(), frozenset())


def test_new_rules_of_hashing_take_the_base_of_what_is_not_carried() -> None:
    """Its hash at the account that lacks it cannot be told anew, and would count as an edit when it is back."""
    flow = context()
    old = base_of(flow, SHOWN, version=PREVIOUS)
    narrow = replace(flow, spec=flow.spec.without({"phone"}))
    told = {name: value for name, value in SHOWN.items() if name != "phone"}
    now = renewed(narrow, old, {side: Row(record_id="1", fields=told) for side in Side})
    assert now.normaliser == NORMALISER
    for side in (now.left, now.right):
        assert side.shown.keys() == told.keys()
