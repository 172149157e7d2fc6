"""Binding: two existing records are joined. What is equal is adopted without a write, the rest is merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared import failpoints
from shared.connectors.contract import Row
from shared.flows import documents, pairs
from shared.flows.context import FlowContext, Outcome
from shared.flows.desk import Desk
from shared.flows.merge import Digest, fits
from shared.flows.spec import Document, Side, TwoWay
from shared.store import index
from shared.store.rows import Binding, Intent, PairBase, Seen, SideBase
from shared.store.settlement import Settlement


async def bind(
    desk: Desk, row: Row, own: Seen, other_id: str, *, base: PairBase | None = None, ends: Sequence[Intent] = ()
) -> Outcome:
    """Join two existing records, then bring them to agree. What is equal is adopted without a write.

    `base` is what is known of the two from before; `ends` are intents that end with their joining.
    """
    flow, look = desk.flow, desk.look
    binding = replace(new_binding(desk, other_id), base=base or desk.empty_base())
    known = await desk.read(
        lambda connection: index.seen(
            connection, flow.accounts[look.side.other].id, flow.resource_name(look.side.other), [other_id]
        )
    )
    if isinstance(flow.spec, TwoWay) and other_id in known and look.origin in {"load", "sweep"}:
        equal = _equal_base(desk, flow, flow.spec, look.side, row, known[other_id])
        if equal is not None:
            return await _save_bound(desk, replace(binding, base=equal), own, ends)
    wake = both_keys(desk, other_id)
    await desk.grouped(Settlement(now=desk.now, new_binding=binding, close=ends, wake=wake))
    failpoints.reach("binding saved")
    if isinstance(flow.spec, Document):
        return await documents.follow(desk, binding, row)
    return await pairs.agree(desk, binding, row)


async def _save_bound(desk: Desk, binding: Binding, own: Seen, ends: Sequence[Intent]) -> Outcome:
    other_id = binding.right_id if desk.look.side is Side.LEFT else binding.left_id
    wake = both_keys(desk, other_id)
    save = Settlement(now=desk.now, new_binding=binding, close=ends, seen=[own], wake=wake)
    return await desk.settle("bound", "Both records were there and agree.", other_id=other_id, save=save)


def _equal_base(desk: Desk, flow: FlowContext, spec: TwoWay, side: Side, row: Row, other: Seen) -> Any:
    """The base of a pair whose shared fields are all equal, told from hashes alone; None if any differs."""
    digest: Digest = flow.digester(spec.entity)
    mine: dict[str, str] = {}
    theirs: dict[str, str] = {}
    for name in spec.shared_fields():
        if name not in row.fields or name not in other.fields:
            return None
        mine[name], theirs[name] = digest(name, row.fields[name]), other.fields[name]
        same = mine[name] == theirs[name]
        if not same and not fits(flow.resource(side.other), name, row.fields[name], theirs[name], digest):
            return None
    field = flow.id_field
    if field is not None:
        numbered = row.fields if field.side is side else other.fields
        ours = other.record_id if field.side is side else row.record_id
        said = digest(field.name, row.fields.get(field.name)) if field.side is side else numbered.get(field.name)
        if said != digest(field.name, ours):
            return None
    sides = {side: SideBase(shown=mine), side.other: SideBase(shown=theirs)}
    return replace(desk.empty_base(), left=sides[Side.LEFT], right=sides[Side.RIGHT])


def both_keys(desk: Desk, other_id: str) -> list[str]:
    side = desk.look.side
    return [desk.flow.key(side, desk.look.record_id), desk.flow.key(side.other, other_id)]


def new_binding(desk: Desk, other_id: str) -> Binding:
    look, flow, now = desk.look, desk.flow, desk.now
    left, right = (look.record_id, other_id) if look.side is Side.LEFT else (other_id, look.record_id)
    return Binding(
        id=desk.new_id(),
        workspace_id=flow.workspace.id,
        bridge_id=flow.bridge.id,
        entity=desk.entity,
        role=flow.spec.role,
        left_id=left,
        right_id=right,
        state="active",
        version=1,
        base=desk.empty_base(),
        reference=flow.reference(look.side, look.record_id),
        created_at=now,
        updated_at=now,
    )
