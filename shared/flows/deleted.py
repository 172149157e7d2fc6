"""Records that a person deleted while it was not known whether their counterparts had been made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.connectors.contract import LookUp, Row
from shared.flows import chosen, creating, pairing
from shared.flows.context import Outcome, is_ours
from shared.flows.desk import Desk, Waits
from shared.flows.spec import Side
from shared.store import index, intents
from shared.store.rows import BindingState, Intent
from shared.store.settlement import Settlement


async def deleted_before_bound(desk: Desk) -> Outcome | None:
    """A record that we made, and that a person deleted before its creation was noted (a crash in between).

    It was seen with our reference while its intent was still open. Without a word here the intent's look-up would
    find nothing and make it again: a deleted record would come back. None if this record is no such one.
    """
    flow, look = desk.flow, desk.look
    account, resource = flow.accounts[look.side].id, flow.resource_name(look.side)
    found = await desk.read(lambda connection: index.keys_of(connection, account, resource, [look.record_id]))
    maker = await _maker(desk, found[look.record_id].get("_carries", ""))
    if maker is None or maker.kind != "create" or maker.flow_id != flow.row.id:
        return None
    visible = maker.opened_at + flow.visible_after(look.side)
    if desk.now < visible:
        raise Waits("stale", "The record was made moments ago and is not shown now.", until=visible)
    taken = await creating.taken_over(desk, maker)
    binding = replace(
        pairing.new_binding(desk, maker.source_id),
        state="gone-left" if look.side is Side.LEFT else "gone-right",
        reference=maker.reference,
    )
    save = Settlement(
        now=desk.now, new_binding=binding, close=[taken], forget=[(account, resource, look.record_id)]
    )
    says = "It was made by us and deleted before that was noted; it is not made again."
    return await desk.settle("gone", says, other_id=maker.source_id, save=save)


async def _maker(desk: Desk, reference: str) -> Intent | None:
    """The open create whose record this was, told by our reference or by the id that we had chosen for it."""
    maker: Intent | None
    if is_ours(reference):
        maker = await desk.read(lambda connection: intents.by_reference(connection, reference))
        return maker
    maker = await chosen.maker(desk)
    return maker if maker is not None and await chosen.was_seen_as_sent(desk, maker) else None


async def source_deleted_before_bound(desk: Desk) -> Outcome | None:
    """A record was deleted while nobody knew whether its counterpart had been made. None if none was being made.

    What was made stays, joined with the deleted record: unbound, it would be taken for new and made again here.
    """
    flow, look = desk.flow, desk.look
    if not flow.resource(look.side.other).writable:
        return None
    subject = intents.create_subject(flow.bridge.id, desk.entity, flow.spec.role, look.side.value, look.record_id)
    pending: Intent | None = await desk.read(lambda connection: intents.by_subject(connection, subject))
    if pending is None:
        return None
    looked_for_at = creating.looked_for_at(flow, look.side.other, pending)
    if desk.now < looked_for_at:
        raise Waits("intent", "The counterpart is being made by another attempt.", until=looked_for_at)
    intent = await creating.taken_over(desk, pending)
    resource = flow.resource(look.side.other)
    hits: Sequence[Row] = ()
    if resource.look_up is not LookUp.NONE:
        hits = await chosen.look_up(desk, intent, {})
    hits = [hit for hit in hits if await creating.is_free(desk, hit.record_id)]
    forget = [(flow.accounts[look.side].id, flow.resource_name(look.side), look.record_id)]
    if not hits:
        save = Settlement(now=desk.now, close=[intent], forget=forget)
        return await desk.settle("gone", "The record was deleted before its counterpart was made.", save=save)
    state: BindingState = "gone-left" if look.side is Side.LEFT else "gone-right"
    binding = replace(pairing.new_binding(desk, hits[0].record_id), state=state)
    save = Settlement(
        now=desk.now,
        new_binding=binding,
        close=[intent],
        forget=forget,
        wake=pairing.both_keys(desk, hits[0].record_id),
    )
    says = "The record was deleted after its counterpart had been made, which stays."
    return await desk.settle("gone", says, other_id=hits[0].record_id, save=save)
