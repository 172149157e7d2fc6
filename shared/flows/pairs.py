"""Pairs: a bound record was looked at; bring both sides to agree by merging what each of them shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from shared import errors, failpoints
from shared.connectors.contract import Row
from shared.connectors.http import sending_by
from shared.flows import idfield
from shared.flows.context import FlowContext, Outcome, gone_state, returned_state
from shared.flows.desk import Desk, Waits, in_doubt_error, stale_until
from shared.flows.merge import NO_EDITS, Base, Digest, Plan, Why, changed_fields, merge, plan_owned
from shared.flows.spec import Side, TwoWay
from shared.model.normal import NORMALISER, PREVIOUS
from shared.model.record import Fields
from shared.store import bindings, intents
from shared.store.rows import Binding, Intent, PairBase, SideBase
from shared.store.settlement import Settlement


async def agree(desk: Desk, binding: Binding, row: Row) -> Outcome:
    """Merge a bound pair after a look at one of its records."""
    flow, look = desk.flow, desk.look
    spec = flow.spec
    assert isinstance(spec, TwoWay)  # noqa: S101 - documents take their own way
    held, binding = await open_intent(desk, binding)
    digest = flow.digester(spec.entity)
    stored, rows = binding.base, {look.side: row}
    binding = replace(binding, base=renewed(flow, stored, rows))
    base = usable_base(binding.base, flow.map_version, desk.now)
    doubt = doubted(desk, binding.base)
    edited, stale = changed_fields(
        spec.shared_fields(), row.fields, base, look.side, digest, doubt_previous=look.side in doubt
    )
    if stale:
        _wait_for_fresh(desk, binding, look.side)
    numbers = idfield.decisions(desk, binding, rows, doubt)
    if not edited and not look.repair and not numbers:
        return await _unchanged(desk, binding, row, base, digest, held)
    plan = None if edited or look.repair else NO_EDITS
    owned = all(spec.winner_of(name, flow.options) is look.side for name in edited)
    if owned and held is None and not look.repair and flow.resource(look.side.other).update == "partial":
        plan = plan_owned(spec, row.fields, edited, base, look.side, digest)
    if plan is None:
        other = await desk.read_side(look.side.other, binding.id_of(look.side.other.value))
        if other is None:
            return await counterpart_gone(desk, binding, look.side.other, held)
        rows[look.side.other] = other
        binding = replace(binding, base=renewed(flow, stored, rows))
        base = usable_base(binding.base, flow.map_version, desk.now)
        numbers = idfield.decisions(desk, binding, rows, doubt)
        plan = merge(
            spec,
            flow.options,
            rows[Side.LEFT].fields,
            rows[Side.RIGHT].fields,
            base,
            digest,
            doubt=doubt,
            repair_from=look.side if look.repair else None,
        )
    return await carry_out(desk, binding, replace(plan, decisions=(*plan.decisions, *numbers)), rows, held)


async def open_intent(desk: Desk, binding: Binding) -> tuple[Intent | None, Binding]:
    """The pair's open update, taken over since its deadline has passed; None if there is none.

    Whoever settles a look of the pair closes it. Raises Waits while it may still be on its way: its process may
    have stopped, and then this look is what finds out what came of it.
    """
    flow, look = desk.flow, desk.look
    rows = await desk.open_intents(binding)
    for each in rows:
        if each.kind == "create" and desk.now >= each.deadline + flow.visible_after(look.side.other):
            await _close_surplus(desk, each)
    found = next((each for each in rows if each.kind == "update"), None)
    if found is None:
        return None, binding
    if desk.now < found.deadline:
        raise Waits("intent", "Another write of this pair is on its way.", until=found.deadline)
    base = remember_sent(binding.base, found, desk)

    async def unit(connection: object) -> Intent:
        await bindings.save(
            connection,  # type: ignore[arg-type]
            binding,
            expected=binding.version,
            base=base,
            now=desk.now,
        )
        return await intents.take_over(
            connection,  # type: ignore[arg-type]
            found,
            owner=desk.owner,
            now=desk.now,
            deadline=desk.now + desk.settings.attempt_limit,
        )

    taken: Intent = await desk.run(unit)
    return taken, replace(binding, base=base, version=binding.version + 1)


async def _close_surplus(desk: Desk, intent: Intent) -> None:
    """The record was joined with another one while this create was on its way: it is not looked for any more.

    If it landed, its record is unbound, and whoever meets it puts it before a person.
    """
    deadline = desk.now + desk.settings.attempt_limit

    async def unit(connection: Any) -> None:
        taken = await intents.take_over(connection, intent, owner=desk.owner, now=desk.now, deadline=deadline)
        await intents.close(connection, taken)

    await desk.run(unit)


def remember_sent(base: PairBase, intent: Intent, desk: Desk) -> PairBase:
    """Add what an unconfirmed write sent to what counts as ours, for as long as it may still land."""
    until = desk.now + desk.settings.attempt_limit + desk.flow.visible_after(Side.LEFT)
    sides = {side: base.of(side.value) for side in Side}
    for side in Side:
        sent = sent_of(intent.sent, side)
        if sent:
            old = sides[side]
            ours = {name: list(hashes) for name, hashes in old.ours.items()}
            for name, value in sent.items():
                ours[name] = [*ours.get(name, ())[-4:], value]
            sides[side] = replace(old, ours=ours, ours_until=until)
    return replace(base, left=sides[Side.LEFT], right=sides[Side.RIGHT])


def sent_of(sent: Mapping[str, str], side: Side) -> dict[str, str]:
    prefix = f"{side.value}."
    return {name.removeprefix(prefix): value for name, value in sent.items() if name.startswith(prefix)}


def renewed(flow: FlowContext, stored: PairBase, shown: Mapping[Side, Row]) -> PairBase:
    """A base that was made by the previous normaliser, as today's would have made it.

    A hash says nothing of its value, so that only what a side shows still can be told anew; what it does not show
    any more keeps its old hash and counts as edited, which it was. What the accounts do not carry loses its base.
    """
    if stored.normaliser != PREVIOUS:
        return stored
    entity = flow.spec.entity
    before, today = flow.digester(entity, version=PREVIOUS), flow.digester(entity)
    sides = {side: _without(stored.of(side.value), flow.spec.lacking) for side in Side}
    for side, row in shown.items():
        fields = row.fields
        told = dict(sides[side].shown)
        for name, old in sides[side].shown.items():
            if name in fields and before(name, fields[name]) == old:
                told[name] = today(name, fields[name])
        sides[side] = replace(sides[side], shown=told)
    return replace(stored, left=sides[Side.LEFT], right=sides[Side.RIGHT], normaliser=NORMALISER)


def _without(stored: SideBase, lacking: frozenset[str]) -> SideBase:
    if lacking.isdisjoint(stored.shown):
        return stored
    return replace(stored, shown={name: each for name, each in stored.shown.items() if name not in lacking})


def usable_base(stored: PairBase, map_version: int, now: datetime) -> Base:
    """The base as merge sees it: empty if it was made by other rules."""
    if stored.normaliser != NORMALISER or stored.map_version != map_version:
        return Base()

    def ours(side: Side) -> dict[str, frozenset[str]]:
        one = stored.of(side.value)
        known = one.ours if one.ours_until is not None and now < one.ours_until else {}
        return {name: frozenset(hashes) for name, hashes in known.items()}

    return Base(
        left=stored.left.shown,
        right=stored.right.shown,
        previous_left=stored.left.previous,
        previous_right=stored.right.previous,
        ours_left=ours(Side.LEFT),
        ours_right=ours(Side.RIGHT),
    )


def doubted(desk: Desk, stored: PairBase) -> frozenset[Side]:
    """The sides that we wrote so recently that they may still show the value from before."""
    sides = set()
    for side in Side:
        written_at = stored.of(side.value).written_at
        if written_at is not None and desk.now < stale_until(desk, written_at, side):
            sides.add(side)
    return frozenset(sides)


def _wait_for_fresh(desk: Desk, binding: Binding, side: Side) -> None:
    written_at = binding.base.of(side.value).written_at or desk.now
    raise Waits(
        "stale",
        f"{desk.flow.resource_name(side)} still shows the value from before our write.",
        until=stale_until(desk, written_at, side) + timedelta(milliseconds=50),
    )


async def _unchanged(
    desk: Desk, binding: Binding, row: Row, base: Base, digest: Digest, held: Intent | None
) -> Outcome:
    """The source shows nothing new: our own write came back, or nothing that this flow carries has changed."""
    look = desk.look
    other_id = binding.id_of(look.side.other.value)
    doubt_unchanged(desk, binding)
    save = Settlement(now=desk.now, seen=[desk.seen(look.side, row)])
    if held is not None:
        # The write of a stopped process: what it sent, or nothing, is what stands there now.
        save = replace(save, close=[held])
    if _is_ours(desk, binding):
        return await desk.settle("echo", "Our own write came back.", other_id=other_id, save=save)
    return await desk.settle(
        "nothing", "Nothing that this flow carries has changed.", other_id=other_id, save=save
    )


def _is_ours(desk: Desk, binding: Binding) -> bool:
    """Whether we wrote the record of this look moments ago, so that a change told of it is most likely our own."""
    written_at = binding.base.of(desk.look.side.value).written_at
    return written_at is not None and desk.now - written_at < desk.settings.recent_write


def doubt_unchanged(desk: Desk, binding: Binding) -> None:
    """A change came in after the pair was last settled, and the record shows none: it may be a read from before.

    Raises Waits, once, to look again when the change must be visible. A deletion is doubted always.
    """
    look = desk.look
    told_later = look.told_at is not None and look.told_at > max(binding.updated_at, binding.created_at)
    pause = desk.flow.visible_after(look.side)
    if look.origin != "change" or not pause:
        return
    if look.deletion or (told_later and not _is_ours(desk, binding)):
        says = "A change was told and none is shown: looked at once more."
        raise Waits("recheck", says, until=desk.now + pause)


async def carry_out(
    desk: Desk, binding: Binding, plan: Plan, rows: Mapping[Side, Row], held: Intent | None
) -> Outcome:
    """Write what the plan says, intent first, and save what both sides then showed."""
    if plan.stale:
        _wait_for_fresh(desk, binding, next(iter(plan.stale)))
    writes = {side: plan.writes(side) for side in Side if plan.writes(side)}
    desk.story["decided"] = [
        {"field": each.name, "why": each.why.value, "to": each.to.value if each.to else None}
        | ({"overwritten": str(each.loser)} if each.loser is not None else {})
        for each in plan.decisions
    ]
    look = desk.look
    other_id = binding.id_of(look.side.other.value)
    if not writes:
        base = next_base(binding.base, plan, {}, {}, desk)
        save = Settlement(
            now=desk.now,
            base_change=desk.change_base(binding, base),
            seen=[desk.seen(side, row) for side, row in rows.items()],
            close=[held] if held is not None else [],
        )
        kept = any(each.why is Why.KEPT for each in plan.decisions)
        says = "An emptied field does not empty the other side." if kept else "Both sides agree."
        return await desk.settle("nothing", says, other_id=other_id, save=save)
    _guard_against_loops(desk, binding)
    return await write(desk, binding, plan, rows, writes, held)


def _guard_against_loops(desk: Desk, binding: Binding) -> None:
    since = desk.now - desk.settings.loop_window
    recent = [moment for moment in binding.base.writes if moment > since]
    if len(recent) >= desk.settings.loop_writes and not desk.person_insists:
        raise Waits(
            "loop",
            f"This pair was written {len(recent)} times in {desk.settings.loop_window.total_seconds():.0f} s: "
            "something writes against us. Retry when it is clear who.",
        )


async def write(
    desk: Desk,
    binding: Binding,
    plan: Plan,
    rows: Mapping[Side, Row],
    writes: Mapping[Side, Fields],
    held: Intent | None,
) -> Outcome:
    """Intent, write, what the side shows now, base: one pair brought to agree."""
    flow, look = desk.flow, desk.look
    digests = {side: flow.digester(flow.resource(side).entity) for side in Side}
    sent = {
        side: {name: digests[side](name, value) for name, value in fields.items()}
        for side, fields in writes.items()
    }
    failpoints.reach("decided")
    binding, intent = await desk.open_update(binding, sent, held=held)
    shown: dict[Side, Row] = {}
    # The counterpart first: it is what somebody waits for.
    for side in sorted(writes, key=lambda each: each is look.side):
        fields = writes[side]
        record_id = binding.id_of(side.value)
        whole = dict(rows[side].fields) | dict(fields) if side in rows else None
        desk.note("wrote", side, fields)
        answer = await _send(desk, intent, side, record_id, fields, whole, first=not shown)
        failpoints.reach("write answered")
        if answer is None:
            await desk.close_intent(intent)
            return await counterpart_gone(desk, binding, side, None)
        shown[side] = answer
    base = next_base(binding.base, plan, sent, shown, desk)
    seen_rows = {**rows, **{side: row for side, row in shown.items() if _shows_all(desk, side)}}
    save = Settlement(
        now=desk.now,
        base_change=desk.change_base(binding, base),
        seen=[desk.seen(side, row) for side, row in seen_rows.items()],
        close=[intent] if desk.settings.guards.intent else [],
    )
    for side, answer in shown.items():
        if idfield.is_lost(flow, side, writes[side], answer):
            await idfield.make_again(desk)
    names = sorted({name for fields in writes.values() for name in fields})
    other_id = binding.id_of(look.side.other.value)
    return await desk.settle("applied", _says(desk, writes), other_id=other_id, fields=names, save=save)


async def _send(
    desk: Desk, intent: Intent, side: Side, record_id: str, fields: Fields, whole: Fields | None, *, first: bool
) -> Row | None:
    """Send one write within its intent's deadline. A write that certainly did not happen leaves no intent."""
    session, resource = desk.flow.session(side), desk.flow.resource_name(side)
    if desk.deadline_passed(intent):
        raise errors.InDoubt("The time for this write was over before it was sent.")
    try:
        with sending_by(desk.send_by(intent)):
            return await session.update(resource, record_id, fields, whole=whole)
    except errors.InDoubt as problem:
        raise in_doubt_error(problem, intent, desk.now) from problem
    except (errors.Retryable, errors.Rejected, errors.NeedsOperator):
        if first:
            await desk.close_intent(intent)
        raise


def _shows_all(desk: Desk, side: Side) -> bool:
    return desk.flow.resource(side).update_answers == "all"


def next_base(
    old: PairBase,
    plan: Plan,
    sent: Mapping[Side, Mapping[str, str]],
    shown: Mapping[Side, Row],
    desk: Desk,
) -> PairBase:
    """The base after this look: agreed fields as they are, written fields as the side shows them now.

    Fields that this look did not settle keep their base, so that an edit which nobody has looked at stays one.
    """
    rules_changed = old.normaliser != NORMALISER or old.map_version != desk.flow.map_version
    sides: dict[Side, SideBase] = {}
    for side in Side:
        stored = SideBase() if rules_changed else old.of(side.value)
        hashes = dict(stored.shown) | dict(plan.agreed(side))
        previous, written_at = dict(stored.previous), stored.written_at
        if side in sent:
            digest = desk.flow.digester(desk.flow.resource(side).entity)
            fields = shown[side].fields if side in shown else {}
            for name, value in sent[side].items():
                if name in stored.shown:
                    previous[name] = stored.shown[name]
                hashes[name] = digest(name, fields[name]) if name in fields else value
            written_at = desk.now
        elif written_at is not None and desk.now >= stale_until(desk, written_at, side):
            previous = {}
        expired = stored.ours_until is not None and desk.now >= stored.ours_until
        sides[side] = SideBase(
            shown=hashes,
            previous=previous,
            written_at=written_at,
            ours={} if expired else stored.ours,
            ours_until=None if expired else stored.ours_until,
        )
    writes = _recent(old.writes, desk)
    return PairBase(
        left=sides[Side.LEFT],
        right=sides[Side.RIGHT],
        normaliser=NORMALISER,
        map_version=desk.flow.map_version,
        writes=[*writes, desk.now] if sent else writes,
    )


def _recent(moments: Sequence[datetime], desk: Desk) -> list[datetime]:
    since = desk.now - desk.settings.loop_window
    return [moment for moment in moments if moment > since]


def _says(desk: Desk, writes: Mapping[Side, Fields]) -> str:
    parts = [
        f"{', '.join(sorted(fields))} to {desk.flow.spec.end(side).connector.title}"
        for side, fields in writes.items()
    ]
    return "Wrote " + "; ".join(parts) + "."


async def counterpart_gone(desk: Desk, binding: Binding, side: Side, held: Intent | None) -> Outcome:
    """The record that we wanted to read or write is not there any more."""
    visible = binding.created_at + desk.flow.visible_after(side)
    if desk.now < visible:
        raise Waits("stale", "The counterpart was made moments ago and is not shown yet.", until=visible)
    key = (desk.flow.accounts[side].id, desk.flow.resource_name(side), binding.id_of(side.value))
    save = Settlement(
        now=desk.now,
        base_change=desk.change_base(binding, binding.base, state=gone_state(binding, side)),
        forget=[key],
        close=[held] if held is not None else [],
    )
    return await desk.settle(
        "counterpart gone",
        "The other record was deleted; it is not made again.",
        other_id=binding.id_of(side.value),
        save=save,
    )


async def returned(desk: Desk, binding: Binding, row: Row) -> Outcome:
    """A record that was gone is there again: the pair is active again and is merged at the next look.

    The survivor is looked at too: what was edited there meanwhile was not carried.
    """
    state = returned_state(binding, desk.look.side)
    save = Settlement(
        now=desk.now,
        base_change=desk.change_base(binding, binding.base, state=state),
        seen=[desk.seen(desk.look.side, row)],
    )
    await desk.run(save)
    survivor = (desk.flow, desk.look.side.other, binding.id_of(desk.look.side.other.value))
    raise Waits("retry", "The record is there again.", until=desk.now, blocked_on=survivor, in_front=True)
