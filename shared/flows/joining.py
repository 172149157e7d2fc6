"""Joining: an unbound record was looked at. Find its counterpart, or make it; double nothing.

Creating is the one step that is not idempotent. The order is: what was read goes into the match index; an intent
with our reference, a deadline and the strong match keys is committed; the index is asked once more (of two
processes that meet here, one sees the other); the write is sent; binding, base and closing are one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared import errors, failpoints
from shared.connectors.contract import LookUp, Row
from shared.connectors.http import sending_by
from shared.flows import documents, matching, pairs
from shared.flows.context import FlowContext, Outcome, is_ours
from shared.flows.desk import Desk, Waits, in_doubt_error
from shared.flows.merge import Digest, fits
from shared.flows.spec import Document, Side, TwoWay
from shared.model.normal import NORMALISER, is_empty
from shared.model.record import Fields
from shared.store import bindings, index, intents, matches, sweeps
from shared.store.rows import Binding, Intent, PairBase, Seen, SideBase
from shared.store.settlement import Settlement


async def join(desk: Desk, row: Row) -> Outcome:
    """Bring an unbound record of a live flow to its counterpart: found, made, or put before a person."""
    flow, look = desk.flow, desk.look
    spec = flow.spec
    own = desk.seen(look.side, row)
    await desk.run(lambda connection: index.save(connection, [own]))
    subject = intents.create_subject(flow.bridge.id, desk.entity, spec.role, look.side.value, look.record_id)
    pending: Intent | None = await desk.read(lambda connection: intents.by_subject(connection, subject))
    if pending is not None and desk.now < _looked_for_at(flow, look.side.other, pending):
        raise Waits(
            "intent",
            "The counterpart is being made by another attempt.",
            until=_looked_for_at(flow, look.side.other, pending),
            blocked_on=(flow, look.side, look.record_id),
        )
    if pending is None:
        unwanted = _unwanted(flow, look.side, row)
        if unwanted:
            return await desk.settle("not wanted", unwanted)
    fields = await wanted_fields(desk, row)
    if pending is not None:
        return await _resume(desk, row, own, fields, pending)
    await _wait_for_maker(desk, row, own)
    decided = await _decision(desk)
    if decided is not None and decided.decision == "apart":
        return await desk.settle("kept apart", "A person decided that this record stays alone.")
    if decided is not None and decided.decision == "bind" and decided.chosen_id:
        return await _bind(desk, row, own, decided.chosen_id)
    if decided is None or decided.decision != "new":
        found = await matching.find(desk, row, own, fields)
        if found is not None:
            return await _bind(desk, row, own, found)
    return await _create(desk, row, own, fields, subject)


def _unwanted(flow: FlowContext, side: Side, row: Row) -> str:
    """Why this record is not made on the other side; "" if it is."""
    if not flow.resource(side.other).writable:
        return f"{flow.spec.end(side.other).connector.title} takes no new records of this kind."
    if isinstance(flow.spec, Document):
        return documents.unwanted(flow, row)
    return flow.spec.create_when(row.fields, flow.options) if flow.spec.create_when is not None else ""


async def wanted_fields(desk: Desk, row: Row) -> dict[str, Any]:
    """The fields of the counterpart to be made, as its side can hold them, empty ones left out."""
    flow, look = desk.flow, desk.look
    spec = flow.spec
    resource = flow.resource(look.side.other)
    source: Fields = await documents.made(desk, row) if isinstance(spec, Document) else row.fields
    names = spec.shared_fields()
    return {
        name: resource.fit(name, source[name])
        for name in names
        if name in source and resource.columns[name].writable and not is_empty(source[name])
    }


def _looked_for_at(flow: FlowContext, target: Side, intent: Intent) -> datetime:
    """From when an unanswered create may be looked for: looking earlier would find nothing and double it."""
    return intent.deadline + flow.resource(target).visible_after


async def _wait_for_maker(desk: Desk, row: Row, own: Seen) -> None:
    """Wait if an open create made this record, or is about to make one with the same strong keys."""
    flow = desk.flow
    if is_ours(row.reference):
        maker = await desk.read(lambda connection: intents.by_reference(connection, row.reference))
        if maker is not None and maker.kind == "create":
            raise _meeting(desk, maker, "This record is being bound by the attempt that made it.")
    if not desk.settings.guards.match_keys:
        return
    keys = strong_keys(flow, desk.look.side, own)
    holder = await desk.read(lambda connection: intents.holder_of_keys(connection, _scope(desk), keys))
    if holder is not None:
        raise _meeting(desk, holder, "The same record is being carried from the other side.")


def _meeting(desk: Desk, open_create: Intent, says: str) -> Waits:
    """Wait for an open create: until its pair is bound, or at the latest until it may be taken over."""
    source = Side(open_create.side)
    until = min(desk.next_try(), _looked_for_at(desk.flow, source.other, open_create))
    return Waits("intent", says, until=until, blocked_on=(desk.flow, source, open_create.source_id))


def strong_keys(flow: FlowContext, side: Side, own: Seen) -> dict[str, str]:
    return {name: own.keys[name] for name in flow.spec.match_on if name in own.keys}


def _scope(desk: Desk) -> str:
    return f"{desk.flow.bridge.id}/{desk.entity}/{desk.flow.spec.role}"


async def _decision(desk: Desk) -> matches.Finding | None:
    flow, look = desk.flow, desk.look
    found: matches.Finding | None = await desk.read(
        lambda connection: matches.decision(connection, flow.row.id, look.side.value, look.record_id)
    )
    return found


async def _bind(desk: Desk, row: Row, own: Seen, other_id: str) -> Outcome:
    """Join two existing records, then bring them to agree. What is equal is adopted without a write."""
    flow, look = desk.flow, desk.look
    binding = new_binding(desk, other_id)
    known = await desk.read(
        lambda connection: index.seen(
            connection, flow.accounts[look.side.other].id, flow.resource_name(look.side.other), [other_id]
        )
    )
    if isinstance(flow.spec, TwoWay) and other_id in known and look.origin in {"load", "sweep"}:
        base = _equal_base(flow, flow.spec, look.side, row, known[other_id])
        if base is not None:
            binding = replace(binding, base=base)
            return await _save_bound(desk, binding, own, other_id)
    await desk.run(lambda connection: bindings.add(connection, binding))
    failpoints.reach("binding saved")
    await desk.run(Settlement(now=desk.now, wake=_both_keys(desk, other_id)))
    if isinstance(flow.spec, Document):
        return await documents.follow(desk, binding, row)
    return await pairs.agree(desk, binding, row)


async def _save_bound(desk: Desk, binding: Binding, own: Seen, other_id: str) -> Outcome:
    save = Settlement(now=desk.now, new_binding=binding, seen=[own], wake=_both_keys(desk, other_id))
    return await desk.settle("bound", "Both records were there and agree.", other_id=other_id, save=save)


def _equal_base(flow: FlowContext, spec: TwoWay, side: Side, row: Row, other: Seen) -> Any:
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
    sides = {side: SideBase(shown=mine), side.other: SideBase(shown=theirs)}
    return replace(_empty(flow), left=sides[Side.LEFT], right=sides[Side.RIGHT])


def _empty(flow: FlowContext) -> PairBase:
    return PairBase(normaliser=NORMALISER, map_version=flow.map_version)


def _both_keys(desk: Desk, other_id: str) -> list[str]:
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


async def _create(desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], subject: str) -> Outcome:
    """Make the counterpart, intent first."""
    flow, look = desk.flow, desk.look
    await _index_is_complete(desk)
    now = desk.now
    intent = Intent(
        id=desk.new_id(),
        workspace_id=flow.workspace.id,
        flow_id=flow.row.id,
        subject=subject,
        kind="create",
        side=look.side.value,
        source_id=look.record_id,
        target_id=None,
        reference=flow.reference(look.side, look.record_id),
        sent=await _sent(desk, row, fields),
        owner=desk.owner,
        version=1,
        opened_at=now,
        deadline=now + desk.settings.attempt_limit,
    )
    keys = strong_keys(flow, look.side, own) if desk.settings.guards.match_keys else {}
    if desk.settings.guards.intent:
        await desk.run(lambda connection: intents.open_intent(connection, intent, scope=_scope(desk), keys=keys))
        failpoints.reach("intent saved")
    if desk.settings.guards.match_keys:
        if await desk.binding() is not None:
            # Bound by another attempt since this one looked; before its intent was closed, ours could not open.
            await desk.close_intent(intent)
            raise errors.Lost("The record was bound meanwhile.")
        try:
            found = await matching.find(desk, row, own, fields, ask_vendor=False)
        except Waits:
            await desk.close_intent(intent)
            raise
        if found is not None:
            await desk.close_intent(intent)
            return await _bind(desk, row, own, found)
    return await _send_create(desk, row, own, fields, intent)


async def _index_is_complete(desk: Desk) -> None:
    """Creating is safe only if everything that exists on the other side has been seen; else ask for a sweep."""
    flow, target = desk.flow, desk.look.side.other
    account, resource = flow.accounts[target].id, flow.resource_name(target)
    row = await desk.read(lambda connection: sweeps.find(connection, account, resource))
    age = desk.settings.index_max_age.total_seconds()
    if sweeps.is_complete(row, now=desk.now, max_age_seconds=age):
        return
    await desk.run(lambda connection: sweeps.request(connection, account, resource, now=desk.now))
    raise Waits(
        "index",
        f"{flow.spec.end(target).connector.title} is listed before anything is made there.",
        until=desk.now + timedelta(seconds=1),
    )


async def _send_create(desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], intent: Intent) -> Outcome:
    flow, target = desk.flow, desk.look.side.other
    session, resource = flow.session(target), flow.resource_name(target)
    if desk.deadline_passed(intent):
        raise errors.InDoubt("The time for this write was over before it was sent.")
    desk.note("wrote", target, fields)
    try:
        with sending_by(desk.send_by(intent)):
            answer = await session.create(resource, fields, reference=intent.reference)
    except errors.InDoubt as problem:
        raise in_doubt_error(problem, intent, desk.now) from problem
    except (errors.Retryable, errors.Rejected, errors.NeedsOperator):
        await desk.close_intent(intent)
        raise
    failpoints.reach("write answered")
    base = await made_base(desk, row, answer)
    binding = replace(new_binding(desk, answer.record_id), base=base)
    return await _made(desk, own, fields, answer, intent, binding, "The counterpart was made.")


async def _made(
    desk: Desk, own: Seen, fields: Mapping[str, Any], answer: Row, intent: Intent, binding: Binding, says: str
) -> Outcome:
    """Save the binding of a record that we made, and with it the end of its intent."""
    flow, look = desk.flow, desk.look
    save = Settlement(
        now=desk.now,
        new_binding=binding,
        close=[intent] if desk.settings.guards.intent else [],
        seen=[own, flow.seen(look.side.other, answer, desk.now)],
        wake=_both_keys(desk, answer.record_id),
    )
    return await desk.settle("created", says, other_id=answer.record_id, fields=sorted(fields), save=save)


async def _sent(desk: Desk, row: Row, fields: Mapping[str, Any]) -> dict[str, str]:
    """What the source showed and what is sent of it, as hashes: whoever finds the record again needs both."""
    flow, side = desk.flow, desk.look.side
    source, mine = await _source(desk, row)
    theirs = flow.digester(flow.resource(side.other).entity)
    sent = {f"{side.other.value}.{name}": theirs(name, value) for name, value in fields.items()}
    return sent | {f"{side.value}.{name}": mine(name, source[name]) for name in fields}


async def _source(desk: Desk, row: Row) -> tuple[Fields, Digest]:
    """The source as it is compared, and how: a document as what it becomes, anything else as it stands."""
    flow, spec = desk.flow, desk.flow.spec
    if isinstance(spec, Document):
        return await documents.made(desk, row), flow.digester(spec.entity)
    return row.fields, flow.digester(spec.entity)


async def made_base(desk: Desk, row: Row, answer: Row) -> PairBase:
    """What both sides showed when the counterpart was made; a field that the answer did not show has no base."""
    flow, side = desk.flow, desk.look.side
    spec = flow.spec
    resource = flow.resource(side.other)
    theirs_digest = flow.digester(resource.entity)
    source, mine_digest = await _source(desk, row)
    mine: dict[str, str] = {}
    theirs: dict[str, str] = {}
    for name in spec.shared_fields():
        if name not in source:
            continue
        if not resource.columns[name].shown:
            mine[name] = mine_digest(name, source[name])
        elif name in answer.fields:
            mine[name] = mine_digest(name, source[name])
            theirs[name] = theirs_digest(name, answer.fields[name])
    sides = {
        side: SideBase(shown=mine),
        side.other: SideBase(shown=theirs, written_at=desk.now),
    }
    return replace(_empty(flow), left=sides[Side.LEFT], right=sides[Side.RIGHT])


async def _resume(desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], pending: Intent) -> Outcome:
    """A create of this record was sent, or not, and nobody knows: look for it; make it if it is not there."""
    flow, target = desk.flow, desk.look.side.other
    resource = flow.resource(target)
    intent: Intent = await desk.run(
        lambda connection: intents.take_over(
            connection,
            pending,
            owner=desk.owner,
            now=desk.now,
            deadline=desk.now + desk.settings.attempt_limit,
        )
    )
    if resource.look_up is LookUp.NONE:
        raise Waits(
            "in doubt",
            "The counterpart may or may not have been made, and this vendor cannot be asked. "
            "Look there; then join the two, or retry to make it.",
        )
    hits = await flow.session(target).by_reference(resource.name, intent.reference, fields)
    hits = [hit for hit in hits if not hit.gone and await _is_free(desk, hit.record_id)]
    if len(hits) > 1:
        raise Waits(
            "ambiguous",
            "More than one record carries our reference.",
            candidates=[hit.record_id for hit in hits],
        )
    if hits:
        return await _found_again(desk, row, own, fields, hits[0], intent)
    found = await matching.find(desk, row, own, fields)
    if found is not None:
        await desk.close_intent(intent)
        return await _bind(desk, row, own, found)
    return await _send_create(desk, row, own, fields, intent)


async def _found_again(
    desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], hit: Row, intent: Intent
) -> Outcome:
    """Bind what an unanswered create had made, then bring in what either side changed since it was sent."""
    binding = replace(new_binding(desk, hit.record_id), base=resumed_base(desk, intent, hit))
    says = "The counterpart had been made before a crash or a lost answer; it was found again."
    outcome = await _made(desk, own, fields, hit, intent, binding, says)
    since = (
        await documents.follow(desk, binding, row)
        if isinstance(desk.flow.spec, Document)
        else await pairs.agree(desk, binding, row)
    )
    return outcome if since.kind in {"nothing", "echo"} else since


def resumed_base(desk: Desk, intent: Intent, hit: Row) -> PairBase:
    """The base of a pair whose create was not answered: a field that shows what was sent has one, any other none.

    What the source showed is told by the intent, since it may have been edited while nobody knew of the pair.
    """
    flow, side = desk.flow, desk.look.side
    digest = flow.digester(flow.resource(side.other).entity)
    mine, theirs = pairs.sent_of(intent.sent, side), pairs.sent_of(intent.sent, side.other)
    shown = {
        name: value
        for name, value in theirs.items()
        if name in hit.fields and digest(name, hit.fields[name]) == value
    }
    unshown = {name for name in theirs if not flow.resource(side.other).columns[name].shown}
    sides = {
        side: SideBase(shown={name: value for name, value in mine.items() if name in shown or name in unshown}),
        side.other: SideBase(shown=shown, written_at=desk.now),
    }
    return replace(desk.empty_base(), left=sides[Side.LEFT], right=sides[Side.RIGHT])


async def deleted_before_bound(desk: Desk) -> Outcome | None:
    """A record that we made, and that a person deleted before its creation was noted (a crash in between).

    It was seen with our reference while its intent was still open. Without a word here the intent's look-up would
    find nothing and make it again: a deleted record would come back. None if this record is no such one.
    """
    flow, look = desk.flow, desk.look
    account, resource = flow.accounts[look.side].id, flow.resource_name(look.side)
    found = await desk.read(lambda connection: index.keys_of(connection, account, resource, [look.record_id]))
    reference = found[look.record_id].get("_carries", "")
    if not is_ours(reference):
        return None
    maker: Intent | None = await desk.read(lambda connection: intents.by_reference(connection, reference))
    if maker is None or maker.kind != "create" or maker.flow_id != flow.row.id:
        return None
    visible = maker.opened_at + flow.resource(look.side).visible_after
    if desk.now < visible:
        raise Waits("stale", "The record was made moments ago and is not shown now.", until=visible)
    deadline = desk.now + desk.settings.attempt_limit
    taken: Intent = await desk.run(
        lambda connection: intents.take_over(connection, maker, owner=desk.owner, now=desk.now, deadline=deadline)
    )
    binding = replace(
        new_binding(desk, maker.source_id),
        state="gone-left" if look.side is Side.LEFT else "gone-right",
        reference=reference,
    )
    save = Settlement(
        now=desk.now, new_binding=binding, close=[taken], forget=[(account, resource, look.record_id)]
    )
    says = "It was made by us and deleted before that was noted; it is not made again."
    return await desk.settle("gone", says, other_id=maker.source_id, save=save)


async def _is_free(desk: Desk, record_id: str) -> bool:
    taken = await bound_on(desk, [record_id])
    return record_id not in taken


async def bound_on(desk: Desk, record_ids: Sequence[str]) -> dict[str, Binding]:
    """Which of these records of the other side are bound already."""
    flow, look = desk.flow, desk.look
    found: dict[str, Binding] = await desk.read(
        lambda connection: bindings.find_many(
            connection, flow.bridge.id, desk.entity, flow.spec.role, look.side.other.value, record_ids
        )
    )
    return found
