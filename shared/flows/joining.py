"""Joining: an unbound record was looked at. Find its counterpart, or have it made; double nothing."""

from __future__ import annotations

from typing import Any

from shared.connectors.contract import LookUp, Row
from shared.flows import chosen, creating, documents, matching, pairing, pairs
from shared.flows.context import FlowContext, Outcome, is_ours
from shared.flows.desk import Desk, Waits
from shared.flows.spec import Document, Side
from shared.model.normal import is_empty
from shared.model.record import Fields
from shared.store import intents, matches
from shared.store.rows import Intent, Seen
from shared.store.settlement import Settlement


async def join(desk: Desk, row: Row) -> Outcome:
    """Bring an unbound record of a live flow to its counterpart: found, made, or put before a person."""
    flow, look = desk.flow, desk.look
    spec = flow.spec
    own = desk.seen(look.side, row)
    await desk.grouped(Settlement(now=desk.now, seen=[own]))
    subject = intents.create_subject(flow.bridge.id, desk.entity, spec.role, look.side.value, look.record_id)
    pending = next((each for each in await desk.open_intents(None) if each.subject == subject), None)
    if pending is not None and desk.now < creating.looked_for_at(flow, look.side.other, pending):
        raise Waits(
            "intent",
            "The counterpart is being made by another attempt.",
            until=creating.looked_for_at(flow, look.side.other, pending),
            blocked_on=(flow, look.side, look.record_id),
        )
    if pending is None:
        reason = unwanted(flow, look.side, row)
        if reason:
            return await desk.settle("not wanted", reason)
    fields = await wanted_fields(desk, row)
    if pending is not None:
        if not await _answered_by_a_person(desk, pending):
            return await creating.resume(desk, row, own, fields, pending)
        await desk.close_intent(await creating.taken_over(desk, pending))
    await _wait_for_maker(desk, row, own)
    decided = await _decision(desk)
    if decided is not None and decided.decision == "apart":
        return await desk.settle("kept apart", "A person decided that this record stays alone.")
    if decided is not None and decided.decision == "bind" and decided.chosen_id:
        return await pairing.bind(desk, row, own, decided.chosen_id)
    if decided is None or decided.decision != "new":
        # A load begins when the other side was listed, so that its index has all that a search could find.
        found = await matching.find(desk, row, own, fields, ask_vendor=look.origin != "load")
        if found is not None:
            return await pairing.bind(desk, row, own, found)
        waits_for = flow.not_yet(look.side, row)
        if waits_for:
            return await desk.settle("not yet", f"It is not made there yet: {waits_for}.")
    numbered = flow.id_field is not None and flow.id_field.side is look.side
    desk.more_to_do = numbered
    outcome = await creating.create(desk, row, own, fields, subject)
    return await _number_shown(desk, row, outcome) if numbered else outcome


async def _number_shown(desk: Desk, row: Row, outcome: Outcome) -> Outcome:
    """Write the number of the record that was just made into the one that it was made from."""
    binding = await desk.binding()
    desk.more_to_do = False
    if binding is None or outcome.kind != "created":
        return outcome
    since = await pairs.agree(desk, binding, row)
    return outcome if since.kind in {"nothing", "echo", "applied"} else since


async def _answered_by_a_person(desk: Desk, pending: Intent) -> bool:
    """Whether a person has looked for a create that no vendor finds again, and said what becomes of the record."""
    if desk.flow.resource(desk.look.side.other).look_up is not LookUp.NONE:
        return False
    decided = await _decision(desk)
    said = decided is not None and decided.decided_at is not None and decided.decided_at >= pending.opened_at
    return said and decided is not None and decided.decision in {"apart", "bind"}


def unwanted(flow: FlowContext, side: Side, row: Row) -> str:
    """Why this record is not made on the other side; "" if it is."""
    if not flow.resource(side.other).writable:
        return f"{flow.spec.end(side.other).connector.title} takes no new records of this kind."
    if isinstance(flow.spec, Document):
        return documents.unwanted(flow, row)
    return ""


async def wanted_fields(desk: Desk, row: Row) -> dict[str, Any]:
    """The fields of the counterpart to be made, as its side can hold them, empty ones left out."""
    flow, look = desk.flow, desk.look
    source: Fields = await documents.made(desk, row) if isinstance(flow.spec, Document) else row.fields
    return fitted(flow, look.side, look.record_id, source)


def fitted(flow: FlowContext, side: Side, record_id: str, source: Fields) -> dict[str, Any]:
    """What is written to the other side for a record of this side that shows `source`."""
    resource = flow.resource(side.other)
    wanted = {
        name: resource.fit(name, source[name])
        for name in flow.spec.shared_fields()
        if name in source and resource.columns[name].writable and not is_empty(source[name])
    }
    if flow.id_field is not None and flow.id_field.side is not side:
        wanted[flow.id_field.name] = record_id
    return wanted


async def _wait_for_maker(desk: Desk, row: Row, own: Seen) -> None:
    """Wait if an open create made this record, or is about to make one with the same strong keys."""
    flow = desk.flow
    if is_ours(row.reference):
        maker = await desk.read(lambda connection: intents.by_reference(connection, row.reference))
        if maker is not None and maker.kind == "create":
            raise _meeting(desk, maker, "This record is being bound by the attempt that made it.")
    maker = await chosen.maker(desk)
    if maker is not None:
        raise _meeting(desk, maker, "This record's number was chosen by an attempt that is making it.")
    if not desk.settings.guards.match_keys:
        return
    keys = creating.strong_keys(flow, desk.look.side, own)
    holder = await desk.read(lambda connection: intents.holder_of_keys(connection, creating.scope(desk), keys))
    if holder is not None:
        raise _meeting(desk, holder, "The same record is being carried from the other side.")


def _meeting(desk: Desk, open_create: Intent, says: str) -> Waits:
    """Wait for an open create: until its pair is bound, or at the latest until it may be taken over."""
    source = Side(open_create.side)
    latest = creating.looked_for_at(desk.flow, source.other, open_create)
    until = min(desk.next_try(), latest) if latest > desk.now else desk.next_try()
    return Waits("intent", says, until=until, blocked_on=(desk.flow, source, open_create.source_id))


async def _decision(desk: Desk) -> matches.Finding | None:
    flow, look = desk.flow, desk.look
    found: matches.Finding | None = await desk.read(
        lambda connection: matches.decision(connection, flow.row.id, look.side.value, look.record_id)
    )
    return found
