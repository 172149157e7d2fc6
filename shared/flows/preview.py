"""Preview: what a look would write, told without writing anything. For dry runs and for a record's story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.connectors.contract import Row
from shared.flows import idfield, joining, pairs
from shared.flows.context import FlowContext
from shared.flows.merge import Digest, Why, merge
from shared.flows.spec import Document, Side, TwoWay
from shared.model.record import Fields, Value
from shared.store import bindings
from shared.store.database import Database
from shared.store.rows import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One field of a pair: what both sides show now and what a look would write, and why.

    `writes` is the side that would be written, None if neither; `value` is what would be written there.
    """

    name: str
    left: Value
    right: Value
    agrees: bool
    writes: Side | None = None
    value: Value = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a record's pair shows and what would happen. `says` is one sentence."""

    says: str
    state: Literal["bound", "unbound", "gone"]
    binding: Binding | None
    left: Row | None
    right: Row | None
    fields: Sequence[FieldView] = ()

    @property
    def writes(self) -> int:
        return sum(field.writes is not None for field in self.fields)


async def preview(
    flow: FlowContext, side: Side, record_id: str, *, database: Database, now: datetime, repair: bool = False
) -> Preview:
    """Read both sides of a record and tell what a look at it would write. Calls vendors; writes nothing."""
    entity = flow.spec.left.resource.entity.name
    binding = await database.read(
        lambda connection: bindings.find(connection, flow.bridge.id, entity, flow.spec.role, side.value, record_id)
    )
    own = await flow.session(side).read(flow.resource_name(side), record_id)
    if binding is None:
        state: Literal["unbound", "gone"] = "unbound" if own is not None else "gone"
        says = (
            "It has no counterpart yet: it would be matched, or made." if own is not None else "It is not there."
        )
        rows = {side: own, side.other: None}
        fields = _made_fields(flow, side, record_id, own) if own is not None else []
        return Preview(
            says=says, state=state, binding=None, left=rows[Side.LEFT], right=rows[Side.RIGHT], fields=fields
        )
    other = await flow.session(side.other).read(flow.resource_name(side.other), binding.id_of(side.other.value))
    rows = {side: own, side.other: other}
    left, right = rows[Side.LEFT], rows[Side.RIGHT]
    if left is None or right is None or binding.state != "active":
        return Preview(
            says=f"The pair is {binding.state}: nothing would be written.",
            state="bound",
            binding=binding,
            left=left,
            right=right,
        )
    fields = _fields(flow, side, binding, left, right, now, repair=repair)
    count = sum(field.writes is not None for field in fields)
    says = f"{count} fields would be written." if count else "Both sides agree; nothing would be written."
    return Preview(says=says, state="bound", binding=binding, left=left, right=right, fields=fields)


def _made_fields(flow: FlowContext, side: Side, record_id: str, own: Row) -> list[FieldView]:
    """What the counterpart would be made with. Where none would be made, the reason stands at each field.

    A document shows its links with the ids of its own side: what they become is known when it is made.
    """
    spec = flow.spec
    if isinstance(spec, Document) and side is Side.RIGHT:
        return []
    source: Fields = spec.make(own.fields, flow.options) if isinstance(spec, Document) else own.fields
    reason = joining.unwanted(flow, side, own) or flow.not_yet(side, own)
    links = spec.links if isinstance(spec, Document) else {}
    views = []
    for name, value in joining.fitted(flow, side, record_id, source).items():
        shown: dict[Side, Value] = {side: own.fields.get(name, source.get(name)), side.other: None}
        views.append(
            FieldView(
                name=name,
                left=shown[Side.LEFT],
                right=shown[Side.RIGHT],
                agrees=False,
                writes=None if reason else side.other,
                value=None if reason else value,
                why=reason or ("a link" if name in links else Why.MADE.value),
            )
        )
    return views


def _fields(
    flow: FlowContext, side: Side, binding: Binding, left: Row, right: Row, now: datetime, *, repair: bool
) -> list[FieldView]:
    digest = flow.digester(flow.spec.entity)
    if isinstance(flow.spec, Document):
        return _document_fields(flow, flow.spec, binding, left, right, digest, now, repair=repair)
    return _pair_fields(flow, flow.spec, side, binding, left, right, digest, now, repair=repair)


def _pair_fields(
    flow: FlowContext,
    spec: TwoWay,
    side: Side,
    binding: Binding,
    left: Row,
    right: Row,
    digest: Digest,
    now: datetime,
    *,
    repair: bool,
) -> list[FieldView]:
    base = pairs.usable_base(binding.base, flow.map_version, now)
    plan = merge(spec, flow.options, left.fields, right.fields, base, digest, repair_from=side if repair else None)
    decided = {each.name: each for each in plan.decisions}
    views = []
    for name in spec.shared_fields():
        one, two = left.fields.get(name), right.fields.get(name)
        decision = decided.get(name)
        views.append(
            FieldView(
                name=name,
                left=one,
                right=two,
                agrees=digest(name, one) == digest(name, two),
                writes=decision.to if decision is not None else None,
                value=decision.value if decision is not None else None,
                why=decision.why.value if decision is not None else "",
            )
        )
    return [
        *views,
        *_not_carried(flow, left, right),
        *_number(flow, binding, {Side.LEFT: left, Side.RIGHT: right}),
    ]


def _not_carried(flow: FlowContext, left: Row, right: Row) -> Sequence[FieldView]:
    """What one side shows and the other one's account has not got."""
    return [
        FieldView(
            name=name,
            left=left.fields.get(name),
            right=right.fields.get(name),
            agrees=False,
            why=Why.LACKING.value,
        )
        for name in flow.lacking
    ]


def _number(flow: FlowContext, binding: Binding, rows: Mapping[Side, Row]) -> Sequence[FieldView]:
    """The field that shows the other side's number, where the flow has one: filled where it is empty; a number
    that is not the pair's is a person's to decide."""
    field = flow.id_field
    said = idfield.shown(flow, field.side, rows[field.side].fields) if field is not None else None
    if field is None or said is None:
        return ()
    ours = binding.id_of(field.side.other.value)
    values: dict[Side, Value] = {field.side: said, field.side.other: ours}
    return [
        FieldView(
            name=field.name,
            left=values[Side.LEFT],
            right=values[Side.RIGHT],
            agrees=said == idfield.plain(ours),
            writes=field.side if not said else None,
            value=ours if not said else None,
            why=Why.NUMBER.value if not said else "",
        )
    ]


def _document_fields(
    flow: FlowContext,
    spec: Document,
    binding: Binding,
    left: Row,
    right: Row,
    digest: Digest,
    now: datetime,
    *,
    repair: bool,
) -> list[FieldView]:
    base = pairs.usable_base(binding.base, flow.map_version, now)
    made: Fields = spec.make(left.fields, flow.options)
    resource = flow.resource(Side.RIGHT)
    views = []
    for name in spec.shared_fields():
        if name not in made:
            continue
        if name in spec.links:
            views.append(
                FieldView(name=name, left=made[name], right=right.fields.get(name), agrees=True, why="a link")
            )
            continue
        value = resource.fit(name, made[name])
        shown = right.fields.get(name)
        same = name not in right.fields or digest(name, value) == digest(name, shown)
        changed = repair or digest(name, made[name]) != base.left.get(name)
        edited = name in right.fields and digest(name, shown) != base.right.get(name, digest(name, shown))
        writes = changed and not (same and resource.columns[name].shown) and not (repair and edited)
        views.append(
            FieldView(
                name=name,
                left=value,
                right=shown,
                agrees=same,
                writes=Side.RIGHT if writes and resource.columns[name].writable else None,
                value=value,
                why="changed in the document" if writes else "",
            )
        )
    return views
