"""What differs only in capitals, letters or length is no edit; who wears values is asked before a write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.connectors.contract import Column
from shared.flows.merge import Base, changed_fields, merge, plan_owned
from shared.flows.spec import Side
from shared.model.record import Fields
from tests.unit.flows import sides

OFFICE = sides.end(
    "office",
    name=Column(caseless=True, code_page="cp1252", max_length=20),
    city=Column(caseless=True, code_page="cp1252", max_length=sides.CUT),
)
CRM = sides.end("crm", phone=Column(one_number=True))
FLOW = replace(sides.FLOW, left=OFFICE, right=CRM)


def base(left: Fields, right: Fields) -> Base:
    return Base(left=sides.hashes(left), right=sides.hashes(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"name": "TALLERES LA NORIA"}, {"name": "Talleres La Noria"}),
        ({"city": "VILLANUEVA D"}, {"city": "Villanueva del Arzobispo"}),
        ({"city": "LÓDZ"}, {"city": "Łódź"}),
        ({"phone": "+34953000001 / +34600000002"}, {"phone": "+34953000001"}),
    ],
)
def test_the_same_in_another_form_is_written_by_nobody(left: dict[str, str], right: dict[str, str]) -> None:
    plan = merge(FLOW, {}, left, right, Base(), sides.digest)
    assert not plan.writes(Side.LEFT)
    assert not plan.writes(Side.RIGHT)
    assert plan.agreed(Side.LEFT) == sides.hashes(left)


def test_a_record_saved_again_in_capitals_is_read_with_its_counterpart_and_not_carried() -> None:
    before, now, there = {"name": "Talleres Anaga"}, {"name": "TALLERES ANAGA"}, {"name": "Talleres Anaga"}
    known = base(before, there)
    edited, _ = changed_fields(("name",), now, known, Side.LEFT, sides.digest, doubt_previous=False)
    assert plan_owned(FLOW, now, edited, known, Side.LEFT, sides.digest) is None
    assert not merge(FLOW, {}, now, there, known, sides.digest).decisions


def test_another_name_in_capitals_is_carried() -> None:
    known = base({"name": "TALLERES ANAGA"}, {"name": "Talleres Anaga"})
    plan = merge(FLOW, {}, {"name": "TALLERES TEIDE"}, {"name": "Talleres Anaga"}, known, sides.digest)
    assert plan.writes(Side.RIGHT) == {"name": "TALLERES TEIDE"}
