"""Documents: made once on the right, never a second time, then followed one way in the fields that are listed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from shared.connectors.contract import Row
from shared.flows import pairs
from shared.flows.context import FlowContext, Outcome, returned_state
from shared.flows.desk import Desk, Waits
from shared.flows.merge import Decision, Plan, Why
from shared.flows.spec import Document, Side
from shared.model.normal import is_empty
from shared.model.record import Value
from shared.store import bindings
from shared.store.rows import Binding
from shared.store.settlement import Settlement


def unwanted(flow: FlowContext, row: Row) -> str:
    """Why an unbound document is not made; "" if it is."""
    spec = _document(flow)
    reason = spec.wanted(row.fields, flow.options)
    if reason:
        return reason
    issued, since = row.fields.get(spec.issued_on), created_since(flow)
    if isinstance(issued, date) and since is not None and issued < since:
        return f"Issued before the flow went live ({since.isoformat()}); `puente load --since` takes older ones."
    return ""


def created_since(flow: FlowContext) -> date | None:
    """From which date documents are taken: the date asked for with a load, else the day the flow went live."""
    asked = flow.options.get("since")
    if isinstance(asked, str) and asked:
        return date.fromisoformat(asked)
    return flow.row.live_since.date() if flow.row.live_since is not None else None


async def made(desk: Desk, row: Row) -> dict[str, Value]:
    """What the document becomes on the right, its links translated.

    Raises Waits until a linked record has its counterpart; that record's change is put in front.
    """
    flow = desk.flow
    spec = _document(flow)
    fields = dict(spec.make(row.fields, flow.options))
    for name, entity in spec.links.items():
        if name in fields:
            fields[name] = await _linked(desk, entity, fields[name])
    return fields


async def _linked(desk: Desk, entity: str, left_id: Value) -> str | None:
    """The right id of a linked record; None where there is none to have."""
    flow = desk.flow
    sibling = flow.siblings.get(entity)
    if sibling is None or not isinstance(left_id, str) or is_empty(left_id):
        return None
    binding: Binding | None = await desk.read(
        lambda connection: bindings.find(
            connection, flow.bridge.id, entity, sibling.spec.role, Side.LEFT.value, left_id
        )
    )
    if binding is None:
        if desk.look.waiting is not None and desk.look.waiting.reason == "blocked":
            linked = await sibling.session(Side.LEFT).read(sibling.resource_name(Side.LEFT), left_id)
            if linked is None:
                return None  # it was deleted before it was ever carried: the document stands without it
        raise Waits(
            "blocked",
            f"Its {entity} {left_id} has no counterpart yet.",
            until=desk.next_try(),
            blocked_on=(sibling, Side.LEFT, left_id),
            in_front=True,
        )
    if binding.state != "active":
        return None  # the counterpart was deleted or unlinked: the document stands without it
    return binding.right_id


async def follow(desk: Desk, binding: Binding, row: Row) -> Outcome:
    """Write to the right what the document's later life changed."""
    flow = desk.flow
    spec = _document(flow)
    held, binding = await pairs.open_intent(desk, binding)
    fields = await made(desk, row)
    base = pairs.usable_base(binding.base, flow.map_version, desk.now)
    digest = flow.digester(spec.entity)
    resource = flow.resource(Side.RIGHT)
    target: Row | None = None
    if desk.look.repair or not base.left:
        target = await desk.read_side(Side.RIGHT, binding.right_id)
        if target is None:
            return await pairs.counterpart_gone(desk, binding, Side.RIGHT, held)
    decisions: list[Decision] = []
    agreed: dict[str, str] = {}
    for name in spec.shared_fields():
        if name not in fields or not resource.columns[name].writable:
            continue
        mine = digest(name, fields[name])
        if mine == base.left.get(name) and not desk.look.repair:
            continue
        agreed[name] = mine
        fitted = resource.fit(name, fields[name])
        shown = digest(name, target.fields[name]) if target is not None and name in target.fields else None
        if shown == digest(name, fitted):
            continue
        if shown is not None and desk.look.repair and shown != base.right.get(name, shown):
            continue  # somebody edited it there since: a repair leaves it alone
        if is_empty(fitted) and not resource.columns[name].clearable:
            continue
        decisions.append(Decision(name=name, why=Why.EDITED, to=Side.RIGHT, value=fitted))
    theirs = _shown_agreed(agreed, decisions, target, desk)
    plan = Plan(decisions=tuple(decisions), agreed_left=agreed, agreed_right=theirs, stale=frozenset())
    rows = {Side.LEFT: row} | ({Side.RIGHT: target} if target is not None else {})
    if not agreed and held is None:
        pairs.doubt_unchanged(desk, binding)
        save = Settlement(now=desk.now, seen=[desk.seen(Side.LEFT, row)])
        says = "Nothing that this flow carries has changed."
        return await desk.settle("nothing", says, other_id=binding.right_id, save=save)
    return await pairs.carry_out(desk, binding, plan, rows, held)


def _shown_agreed(
    agreed: dict[str, str], decisions: list[Decision], target: Row | None, desk: Desk
) -> dict[str, str]:
    if target is None:
        return {}
    written = {each.name for each in decisions}
    digest = desk.flow.digester(desk.flow.resource(Side.RIGHT).entity)
    return {
        name: digest(name, target.fields[name]) for name in agreed if name not in written and name in target.fields
    }


async def look_at_target(desk: Desk, binding: Binding | None, row: Row) -> Outcome:
    """The right side of a document was told to have changed: nothing goes back; it is only remembered."""
    save = Settlement(now=desk.now, seen=[desk.seen(Side.RIGHT, row)])
    if binding is None:
        return await desk.settle("not wanted", "Documents go one way.", save=save)
    if binding.state in {"gone-right", "gone-both"}:
        state = returned_state(binding, Side.RIGHT)
        save = replace(save, base_change=desk.change_base(binding, binding.base, state=state))
        return await desk.settle("nothing", "The record is there again.", other_id=binding.left_id, save=save)
    return await desk.settle("nothing", "Documents go one way.", other_id=binding.left_id, save=save)


def _document(flow: FlowContext) -> Document:
    assert isinstance(flow.spec, Document)  # noqa: S101 - the engine chose this module by the type
    return flow.spec
