"""Whether both systems agree: every shared field of every pair, as the systems themselves hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.cli.demo.owner import Owner, Record
from shared.connectors.contract import Row
from shared.flows.catalog import FLOWS
from shared.flows.context import FlowContext
from shared.flows.merge import equal
from shared.flows.spec import Document, Side, TwoWay
from shared.model.normal import is_empty, normal
from shared.model.record import Value
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import bindings
from shared.store.rows import Binding

_ALL = 10_000


async def differences(parts: Parts, used: Used, owner: Owner) -> list[str]:
    """Everything in which the systems do not agree, as sentences; empty if they do.

    Each live record must have exactly one living counterpart, but for those whose counterpart was deleted.
    """
    found: list[str] = []
    for flow in used.flows.values():
        pairs = await _pairs(parts, flow)
        left = await _by_id(owner, flow, Side.LEFT)
        right = await _by_id(owner, flow, Side.RIGHT)
        if isinstance(flow.spec, Document):
            found += _documents(flow, pairs, left, right)
        else:
            found += _alone(flow, pairs, left, right)
            found += [each for pair in pairs for each in _fields(flow, flow.spec, pair, left, right)]
    return found


async def as_shown(parts: Parts, used: Used) -> list[str]:
    """As `differences`, of what each side shows and as far as the other can hold it: for systems whose own names
    and forms of values are not the model's."""
    found: list[str] = []
    for flow in used.flows.values():
        if not isinstance(flow.spec, TwoWay):
            continue
        rows = {side: {row.record_id: row for row in await _listed(flow, side)} for side in Side}
        digest = flow.digester(flow.spec.entity)
        for pair in await _pairs(parts, flow):
            one, two = rows[Side.LEFT].get(pair.left_id), rows[Side.RIGHT].get(pair.right_id)
            if pair.state != "active":
                continue
            if one is None or two is None:
                found.append(f"{pair.left_id} and {pair.right_id} are joined, and one is not there.")
                continue
            for name in flow.spec.shared_fields():
                values = {Side.LEFT: one.fields.get(name), Side.RIGHT: two.fields.get(name)}
                hashes = {side: digest(name, value) for side, value in values.items()}
                if not equal(flow.spec, name, values, hashes, digest) and not _unsayable(flow, name, values):
                    found.append(f"{name} of {pair.left_id} and {pair.right_id} differs.")
    return found


def _unsayable(flow: FlowContext, name: str, values: Mapping[Side, Value]) -> bool:
    """Whether the left side's value is one that the right side cannot hold at all."""
    return is_empty(values[Side.RIGHT]) and is_empty(flow.resource(Side.RIGHT).fit(name, values[Side.LEFT]))


async def _listed(flow: FlowContext, side: Side) -> Sequence[Row]:
    rows: list[Row] = []
    cursor: str | None = None
    while True:
        page = await flow.session(side).page(flow.resource_name(side), cursor)
        rows += page.rows
        if page.next is None:
            return rows
        cursor = page.next


async def _pairs(parts: Parts, flow: FlowContext) -> Sequence[Binding]:
    entity = flow.spec.left.resource.entity.name
    return await parts.database.read(
        lambda connection: bindings.page(connection, flow.bridge.id, entity, flow.spec.role, after="", limit=_ALL)
    )


async def _by_id(owner: Owner, flow: FlowContext, side: Side) -> dict[str, Record]:
    system = flow.accounts[side].system
    return {str(each["id"]): each for each in await owner.records(system, flow.resource_name(side))}


def _fields(
    flow: FlowContext, spec: TwoWay, pair: Binding, left: Mapping[str, Record], right: Mapping[str, Record]
) -> list[str]:
    if pair.state != "active":
        return []
    one, two = left.get(pair.left_id), right.get(pair.right_id)
    if one is None or two is None:
        return [f"{pair.left_id} and {pair.right_id} are joined, and one is not there."]
    country = flow.workspace.country
    return [
        f"{name} of {pair.left_id} and {pair.right_id}: {one.get(name)!r} and {two.get(name)!r}"
        for name in spec.shared_fields()
        if normal(spec.entity.fields[name], _value(one, name), country=country)
        != normal(spec.entity.fields[name], _value(two, name), country=country)
    ]


def _value(record: Record, name: str) -> Any:
    value = record.get(name)
    return value if isinstance(value, bool) or value is None else str(value)


def _alone(
    flow: FlowContext, pairs: Sequence[Binding], left: Mapping[str, Record], right: Mapping[str, Record]
) -> list[str]:
    """Records without a pair, and records that stand in two."""
    found = []
    for side, records in ((Side.LEFT, left), (Side.RIGHT, right)):
        paired = [pair.id_of(side.value) for pair in pairs]
        title = flow.spec.end(side).connector.title
        found += [f"{each} of {title} has no counterpart." for each in records if each not in paired]
        if len(paired) != len(set(paired)):
            found.append(f"A record of {title} stands in two pairs.")
    return found


def _documents(
    flow: FlowContext, pairs: Sequence[Binding], left: Mapping[str, Record], right: Mapping[str, Record]
) -> list[str]:
    """Every document has one Asunto, with its amount and the right client."""
    found = []
    if len(right) != len(left):
        found.append(f"{len(left)} documents and {len(right)} Asuntos.")
    for pair in pairs:
        one, two = left.get(pair.left_id), right.get(pair.right_id)
        if one is None or two is None:
            found.append(f"The Asunto of document {pair.left_id} is not there.")
            continue
        field = FLOWS[flow.row.spec].entity.fields["price"]
        country = flow.workspace.country
        amounts = [normal(field, str(each), country=country) for each in (one["price_gross"], two["price"])]
        if amounts[0] != amounts[1]:
            found.append(f"The amount of document {pair.left_id}: {amounts[0]} and {amounts[1]}.")
    return found
