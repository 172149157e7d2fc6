"""A small flow with two made-up sides, for tests of the merge."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from shared.connectors.contract import Column, Connector, LookUp, Resource
from shared.flows.merge import Base, Plan
from shared.flows.spec import End, Side, TwoWay
from shared.model.normal import normal
from shared.model.record import CUSTOMER, EntityType, Fields, Value

PERSON = EntityType(
    "customer", {name: CUSTOMER.fields[name] for name in ("name", "city", "phone", "email", "note")}
)
NAMES = tuple(PERSON.fields)
CUT = 12


class Shop:
    """A connector of which only the resource is asked."""

    def __init__(self, name: str, columns: Mapping[str, Column]) -> None:
        self.name = self.title = name
        self.resources = {
            "clients": Resource(
                name="clients",
                entity=PERSON,
                columns=columns,
                look_up=LookUp.REFERENCE,
                visible_after=timedelta(seconds=15),
            )
        }


def end(name: str, /, **columns: Column) -> End:
    return End(cast(Connector, Shop(name, {each: columns.get(each, Column()) for each in NAMES})), "clients")


FLOW = TwoWay(
    name="clients",
    says="Clients, both ways",
    entity=PERSON,
    left=end("office"),
    right=end("crm", city=Column(max_length=CUT)),
    match_on=("email",),
    default_winner=Side.LEFT,
    winner={"note": Side.RIGHT},
    may_clear=("note",),
)


def digest(name: str, value: Value) -> str:
    return hashlib.sha256(f"{name}|{normal(PERSON.fields[name], value, country='ES')}".encode()).hexdigest()[:12]


def hashes(fields: Fields) -> dict[str, str]:
    return {name: digest(name, value) for name, value in fields.items()}


def agreed(left: Fields, right: Fields, **more: Any) -> Base:
    """The base of a pair whose sides showed this when they last agreed."""
    return Base(left=hashes(left), right=hashes(right), **more)


def fields(**values: Value) -> dict[str, Value]:
    return {name: values.get(name) for name in NAMES}


def carried_out(
    plan: Plan, left: Fields, right: Fields, base: Base
) -> tuple[dict[str, Value], dict[str, Value], Base]:
    """What both sides show after the writes of a plan, and the base that the engine would save."""
    shown = {side: dict(own) | plan.writes(side) for side, own in ((Side.LEFT, left), (Side.RIGHT, right))}
    bases = {side: dict(base.of(side)) | dict(plan.agreed(side)) | hashes(plan.writes(side)) for side in Side}
    return shown[Side.LEFT], shown[Side.RIGHT], Base(left=bases[Side.LEFT], right=bases[Side.RIGHT])
