"""Creating: the one step that is not idempotent, and finding again what a crash or a lost answer left open.

The order is: what was read goes into the match index; an intent with our reference, a deadline and the strong
match keys is committed; the index is asked once more (of two processes that meet here, one sees the other); the
write is sent; binding, base and closing are one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared import errors, failpoints
from shared.connectors.contract import LookUp, Row
from shared.connectors.http import sending_by
from shared.flows import chosen, documents, idfield, matching, pairing, pairs
from shared.flows.context import FlowContext, Outcome
from shared.flows.desk import Desk, Waits, in_doubt_error
from shared.flows.merge import Digest
from shared.flows.spec import Document, Side
from shared.model.record import Fields
from shared.store import bindings, intents, sweeps
from shared.store.rows import Binding, Intent, PairBase, Seen, SideBase
from shared.store.settlement import Settlement

# A hook that is read within this time of its arrival is no late one.
_PROMPT = timedelta(seconds=10)
# A vendor's clock may be that far behind ours.
_CLOCKS_DIFFER = timedelta(minutes=2)


async def create(desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], subject: str) -> Outcome:
    """Make the counterpart, intent first."""
    flow, look = desk.flow, desk.look
    await _index_is_complete(desk, row)
    chosen_id = await chosen.choose(desk)
    now = desk.now
    intent = Intent(
        id=desk.new_id(),
        workspace_id=flow.workspace.id,
        flow_id=flow.row.id,
        subject=subject,
        kind="create",
        side=look.side.value,
        source_id=look.record_id,
        target_id=chosen_id,
        reference=flow.reference(look.side, look.record_id),
        sent=await _sent(desk, row, fields) | chosen.known_by(desk, fields),
        owner=desk.owner,
        version=1,
        opened_at=now,
        deadline=now + desk.settings.attempt_limit,
    )
    keys = strong_keys(flow, look.side, own) if desk.settings.guards.match_keys else {}
    if desk.settings.guards.intent:
        await _open(desk, intent, keys)
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
            return await pairing.bind(desk, row, own, found)
    return await _send_create(desk, row, own, fields, intent)


async def _open(desk: Desk, intent: Intent, keys: Mapping[str, str]) -> None:
    """Commit the intent, with the keys and the id that it holds. Raises Lost if one of them is held."""
    where = chosen.scope(desk.flow, desk.look.side.other)
    await desk.grouped(intents.OpenCreate(intent=intent, scope=scope(desk), keys=keys, id_scope=where))


def strong_keys(flow: FlowContext, side: Side, own: Seen) -> dict[str, str]:
    return {name: own.keys[name] for name in flow.match_on if name in own.keys}


def scope(desk: Desk) -> str:
    return f"{desk.flow.bridge.id}/{desk.entity}/{desk.flow.spec.role}"


def looked_for_at(flow: FlowContext, target: Side, intent: Intent) -> datetime:
    """From when an unanswered create may be looked for: looking earlier would find nothing and double it."""
    return intent.deadline + flow.visible_after(target)


async def _index_is_complete(desk: Desk, row: Row, *, since: datetime | None = None) -> None:
    """Creating is safe only if everything that exists on the other side has been seen; else ask for a sweep.

    `since` is when the listing must have begun, where that is known better than by the record that is looked at.
    """
    flow, target = desk.flow, desk.look.side.other
    account, resource = flow.accounts[target].id, flow.resource_name(target)
    sweep = await desk.read(lambda connection: sweeps.find(connection, account, resource))
    age = desk.settings.index_max_age.total_seconds()
    await idfield.is_filled(desk)
    since = since or _listed_since(desk, row)
    if sweeps.is_complete(sweep, now=desk.now, max_age_seconds=age, since=since):
        return
    if not sweeps.will_be_complete(sweep, since=since):
        await desk.run(lambda connection: sweeps.request(connection, account, resource, now=desk.now))
    raise Waits(
        "index",
        f"{flow.spec.end(target).connector.title} is listed before anything is made there.",
        until=desk.next_try(),
        blocked_on=(flow, target, ""),  # no record: the end of its listing
    )


def _listed_since(desk: Desk, row: Row) -> datetime | None:
    """The moment from which the other side's listing must date, where we are late; None where we are not.

    A record that is looked at when its hook comes is ahead of the same one typed in on the other side. One whose
    hook waited behind a crash, or that was put aside, is not: that other one's hook may have come meanwhile and
    not be read yet, so that only a listing tells of it. What a sweep meets first is not held up: it may be
    thousands of records, and each would be read once more.
    """
    look = desk.look
    if isinstance(desk.flow.spec, Document):
        return None  # nobody types in what a document becomes
    late = look.told_at is not None and desk.now - look.told_at > _PROMPT
    known = look.waiting.first_seen if look.waiting is not None else look.told_at
    if known is None or (not late and look.origin != "waiting"):
        return None
    return known if row.changed_at is None else min(known, row.changed_at + _CLOCKS_DIFFER)


async def _send_create(desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], intent: Intent) -> Outcome:
    answer, intent = await _answered(desk, fields, intent)
    failpoints.reach("write answered")
    base = await made_base(desk, row, answer)
    binding = replace(pairing.new_binding(desk, answer.record_id), base=base)
    try:
        return await _made(desk, own, fields, answer, intent, binding, "The counterpart was made.")
    except errors.Lost:
        # The record was joined with another one meanwhile. What was made is one too many: whoever meets it next
        # puts it before a person, and this write is over.
        await desk.close_intent(intent)
        raise


async def _answered(desk: Desk, fields: Mapping[str, Any], intent: Intent) -> tuple[Row, Intent]:
    """Send a create within its intent's deadline, again under another id where the chosen one was taken."""
    flow, target = desk.flow, desk.look.side.other
    desk.note("wrote", target, fields)
    for again in range(chosen.TRIES):
        if desk.deadline_passed(intent):
            raise errors.InDoubt("The time for this write was over before it was sent.")
        try:
            with sending_by(desk.send_by(intent)):
                made = await flow.session(target).create(
                    flow.resource_name(target), fields, reference=chosen.reference(intent)
                )
        except errors.InDoubt as problem:
            raise in_doubt_error(problem, intent, desk.now) from problem
        except errors.Taken:
            if again == chosen.TRIES - 1:
                await desk.close_intent(intent)
                raise
        except (errors.Retryable, errors.Rejected, errors.NeedsOperator):
            await desk.close_intent(intent)
            raise
        else:
            return made, intent
        intent = await chosen.choose_again(desk, intent)
    raise errors.Taken("Other programs keep taking the ids that are chosen.")


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
        wake=pairing.both_keys(desk, answer.record_id),
    )
    outcome = await desk.settle("created", says, other_id=answer.record_id, fields=sorted(fields), save=save)
    if idfield.is_lost(flow, look.side.other, fields, answer):
        await idfield.make_again(desk)
    return outcome


async def _sent(desk: Desk, row: Row, fields: Mapping[str, Any]) -> dict[str, str]:
    """What the source showed and what is sent of it, as hashes: whoever finds the record again needs both."""
    flow, side = desk.flow, desk.look.side
    source, mine = await _source(desk, row)
    theirs = flow.digester(flow.resource(side.other).entity)
    sent = {f"{side.other.value}.{name}": theirs(name, value) for name, value in fields.items()}
    return sent | {f"{side.value}.{name}": mine(name, source[name]) for name in fields if name in source}


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
    return replace(desk.empty_base(), left=sides[Side.LEFT], right=sides[Side.RIGHT])


async def resume(desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], pending: Intent) -> Outcome:
    """A create of this record was sent, or not, and nobody knows: look for it; make it if it is not there."""
    if desk.flow.resource(desk.look.side.other).look_up is LookUp.NONE:
        return await _ask_about(desk, row, own, fields, pending)
    await _index_is_complete(desk, row)
    intent = await taken_over(desk, pending)
    hits = await chosen.look_up(desk, intent, fields)
    hits = [hit for hit in hits if await is_free(desk, hit.record_id)]
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
        return await _joined(desk, row, own, found, intent)
    # A look through a long list takes longer than a write may: the write gets its own time, if it is still ours.
    intent = await taken_over(desk, intent)
    return await _send_create(desk, row, own, fields, intent)


async def _ask_about(desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], pending: Intent) -> Outcome:
    """The vendor finds nothing again that we made: join what a later listing shows by its strong keys, else ask.

    Only a person's word makes it then, once: whoever takes the intent over for it gives it a new deadline, so that
    after a crash the word is spent when the time to look comes again, and the person is asked again.
    """
    flow, look = desk.flow, desk.look
    if look.waiting is not None and look.waiting.reason == "confirmed":
        return await _send_create(desk, row, own, fields, await taken_over(desk, pending))
    await _index_is_complete(desk, row, since=looked_for_at(flow, look.side.other, pending))
    found = await matching.find(desk, row, own, fields, ask_vendor=False)
    if found is not None:
        return await _joined(desk, row, own, found, await taken_over(desk, pending))
    raise Waits(
        "in doubt",
        "The counterpart may or may not have been made, and this vendor cannot be asked. "
        "Look there; then join the two, or retry to make it.",
    )


async def _joined(desk: Desk, row: Row, own: Seen, found: str, intent: Intent) -> Outcome:
    """Join the record that shows the same keys as one whose create was not answered; it may be what that made.

    So a field in which it shows what was sent was equal on both sides then, and an edit since is one.
    """
    hit = await desk.read_side(desk.look.side.other, found)
    base = resumed_base(desk, intent, hit) if hit is not None else None
    return await pairing.bind(desk, row, own, found, base=base, ends=[intent])


async def _found_again(
    desk: Desk, row: Row, own: Seen, fields: Mapping[str, Any], hit: Row, intent: Intent
) -> Outcome:
    """Bind what an unanswered create had made, then bring in what either side changed since it was sent."""
    binding = replace(pairing.new_binding(desk, hit.record_id), base=resumed_base(desk, intent, hit))
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


async def taken_over(desk: Desk, pending: Intent) -> Intent:
    deadline = desk.now + desk.settings.attempt_limit
    intent: Intent = await desk.run(
        lambda connection: intents.take_over(
            connection, pending, owner=desk.owner, now=desk.now, deadline=deadline
        )
    )
    return intent


async def is_free(desk: Desk, record_id: str) -> bool:
    """Whether this record of the other side is bound to nothing."""
    flow, side = desk.flow, desk.look.side.other
    bound = await desk.read(
        lambda connection: bindings.find(
            connection, flow.bridge.id, desk.entity, flow.spec.role, side.value, record_id
        )
    )
    return bound is None
