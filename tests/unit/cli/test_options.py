"""Options of flows as they are typed, and the directions of a load."""

from __future__ import annotations

import pytest

from services.cli.commands import bridges
from shared import errors
from shared.flows.catalog import FLOWS
from shared.operations import steering
from shared.store.rows import FlowRow

CUSTOMERS = "customer_bitfactura_sugester"
DOCUMENTS = "asunto_bitfactura_sugester"


def row(spec: str, **options: object) -> FlowRow:
    return FlowRow(
        id=f"acme.{spec}",
        workspace_id="acme",
        bridge_id="acme.bitfactura-sugester",
        spec=spec,
        entity="customer",
        state="live",
        state_before_pause=None,
        pause_reason=None,
        options=options,
        live_since=None,
    )


def changed(spec: str, wanted: dict[str, str], **options: object) -> dict[str, object]:
    return steering.changed_options(row(spec, **options), FLOWS[spec], wanted)


def test_words_are_divided_by_commas() -> None:
    assert changed(DOCUMENTS, {"kinds": "vat, receipt"}) == {"kinds": ["vat", "receipt"]}


def test_an_empty_value_gives_the_default_back() -> None:
    assert changed(DOCUMENTS, {"kinds": ""}, kinds=["vat"]) == {}


def test_a_winner_is_set_field_by_field() -> None:
    first = changed(CUSTOMERS, {"winner.note": "left", "winner.city": "right"})
    assert first == {"winner": {"note": "left", "city": "right"}}
    assert changed(CUSTOMERS, {"winner.note": ""}, **first) == {"winner": {"city": "right"}}


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        (DOCUMENTS, {"sorts": "vat"}),
        (CUSTOMERS, {"winner.shoe_size": "left"}),
        (CUSTOMERS, {"winner.note": "above"}),
        (CUSTOMERS, {"winner": "left"}),
        (DOCUMENTS, {"winner.price": "left"}),
    ],
)
def test_what_a_flow_does_not_have_is_refused(spec: str, wanted: dict[str, str]) -> None:
    with pytest.raises(errors.Misconfigured):
        changed(spec, wanted)


def test_flows_stand_in_the_order_in_which_they_need_each_other() -> None:
    assert [each.spec for each in bridges.in_order([row(DOCUMENTS), row(CUSTOMERS)])] == [CUSTOMERS, DOCUMENTS]


def test_a_load_goes_both_ways_where_the_flow_does() -> None:
    assert steering.directions(row(CUSTOMERS), FLOWS[CUSTOMERS], "") == ("left", "right")
    assert steering.directions(row(CUSTOMERS), FLOWS[CUSTOMERS], "right") == ("right", None)
    assert steering.directions(row(DOCUMENTS), FLOWS[DOCUMENTS], "both") == ("left", None)
    with pytest.raises(errors.Misconfigured):
        steering.directions(row(DOCUMENTS), FLOWS[DOCUMENTS], "right")
