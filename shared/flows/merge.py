"""Merge: what each side must be told, decided field by field from hashes of what both showed when they agreed.

Pure. No value is remembered: the base is a keyed hash per field and side. A field may lack a base (a new field,
a new map, a restored backup), which is normal: equal values are adopted, otherwise the winner's stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from shared.connectors.contract import Resource
from shared.flows.spec import Options, Side, TwoWay
from shared.model.normal import is_empty
from shared.model.record import Fields, Value

Digest = Callable[[str, Value], str]
"""The keyed hash of a field's normal form: (field name, value) -> text."""

Digests = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What each side showed when both last agreed.

    `previous` is what the side showed before our last write to it: a stale read shows it again. `ours` are hashes
    of values that we sent and whose landing was not confirmed: they are no edits.
    """

    left: Digests = field(default_factory=dict)
    right: Digests = field(default_factory=dict)
    previous_left: Digests = field(default_factory=dict)
    previous_right: Digests = field(default_factory=dict)
    ours_left: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ours_right: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, side: Side) -> Digests:
        return self.left if side is Side.LEFT else self.right

    def previous(self, side: Side) -> Digests:
        return self.previous_left if side is Side.LEFT else self.previous_right

    def ours(self, side: Side) -> Mapping[str, frozenset[str]]:
        return self.ours_left if side is Side.LEFT else self.ours_right


class Why(Enum):
    """Why a field is written or left alone."""

    EDITED = "edited at the source"
    BOTH = "edited on both sides"
    FILLS = "empty on the other side"
    WINNER = "differs, no base: the winner's value stands"
    KEPT = "emptied at the source, kept at the other side"
    STALE = "shows the value before our write"
    NUMBER = "the number of the other record"
    MADE = "what it would be made with"
    LACKING = "not carried with these accounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided for one field. `to` is the side that is written, None if neither is."""

    name: str
    why: Why
    to: Side | None
    value: Value = None
    loser: Value = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to write and what both sides then agree on.

    `agreed` holds, per side, the hashes of fields that need no write and are settled by this look; a written
    field's hash follows from what the side shows after the write. `stale` names sides whose read is not believed.
    """

    decisions: tuple[Decision, ...]
    agreed_left: Digests
    agreed_right: Digests
    stale: frozenset[Side]

    def writes(self, side: Side) -> dict[str, Value]:
        return {each.name: each.value for each in self.decisions if each.to is side}

    def agreed(self, side: Side) -> Digests:
        return self.agreed_left if side is Side.LEFT else self.agreed_right


NO_EDITS = Plan(decisions=(), agreed_left={}, agreed_right={}, stale=frozenset())


@dataclass(slots=True)
class _Draft:
    decisions: list[Decision] = field(default_factory=list)
    agreed: dict[Side, dict[str, str]] = field(default_factory=lambda: {Side.LEFT: {}, Side.RIGHT: {}})
    stale: set[Side] = field(default_factory=set)

    def settle(self, name: str, left: str, right: str) -> None:
        self.agreed[Side.LEFT][name] = left
        self.agreed[Side.RIGHT][name] = right

    def plan(self) -> Plan:
        return Plan(
            decisions=tuple(self.decisions),
            agreed_left=self.agreed[Side.LEFT],
            agreed_right=self.agreed[Side.RIGHT],
            stale=frozenset(self.stale),
        )


def changed_fields(
    names: tuple[str, ...], shown: Fields, base: Base, side: Side, digest: Digest, *, doubt_previous: bool
) -> tuple[frozenset[str], frozenset[str]]:
    """Which fields a side edited since the base, and which show the value from before our last write.

    A field without a base counts as edited.
    """
    edited: set[str] = set()
    stale: set[str] = set()
    for name in names:
        if name not in shown:
            continue
        now = digest(name, shown[name])
        if now == base.of(side).get(name) or now in base.ours(side).get(name, ()):
            continue
        if doubt_previous and now == base.previous(side).get(name):
            stale.add(name)
        else:
            edited.add(name)
    return frozenset(edited), frozenset(stale)


def merge(
    flow: TwoWay,
    options: Options,
    left: Fields,
    right: Fields,
    base: Base,
    digest: Digest,
    *,
    doubt: frozenset[Side] = frozenset(),
    repair_from: Side | None = None,
) -> Plan:
    """Decide every shared field of a pair.

    `left` and `right` are what the sides show now. `doubt` names the sides that we wrote so recently that a read
    of the previous value is not believed. With `repair_from`, that side counts as edited in every field, and the
    other side is overwritten only where it still shows what we wrote.
    """
    draft = _Draft()
    names = flow.shared_fields()
    edited_left, stale_left = changed_fields(
        names, left, base, Side.LEFT, digest, doubt_previous=Side.LEFT in doubt
    )
    edited_right, stale_right = changed_fields(
        names, right, base, Side.RIGHT, digest, doubt_previous=Side.RIGHT in doubt
    )
    edited = {Side.LEFT: edited_left, Side.RIGHT: edited_right}
    shown = {Side.LEFT: left, Side.RIGHT: right}
    for name in names:
        stale = {side for side, which in ((Side.LEFT, stale_left), (Side.RIGHT, stale_right)) if name in which}
        if stale:
            draft.stale |= stale
            draft.decisions.append(Decision(name=name, why=Why.STALE, to=None))
        elif name in left and name in right:
            _decide(flow, options, name, shown, base, edited, digest, draft, repair_from)
        else:
            _decide_unshown(flow, name, shown, base, edited, digest, draft)
    return draft.plan()


def _decide(
    flow: TwoWay,
    options: Options,
    name: str,
    shown: Mapping[Side, Fields],
    base: Base,
    edited: Mapping[Side, frozenset[str]],
    digest: Digest,
    draft: _Draft,
    repair_from: Side | None,
) -> None:
    values = {side: shown[side][name] for side in Side}
    hashes = {side: digest(name, values[side]) for side in Side}
    if equal(flow, name, values, hashes, digest):
        draft.settle(name, hashes[Side.LEFT], hashes[Side.RIGHT])
        return
    has_base = name in base.left and name in base.right
    changed = {side: name in edited[side] or not has_base for side in Side}
    if repair_from is not None:
        changed[repair_from] = True
        if changed[repair_from.other]:
            return  # somebody edited the target since: a repair leaves it alone
    if not any(changed.values()):
        return  # they agreed to differ (cut to length, kept when emptied); nothing new was said
    delivered = [side for side in Side if _is_delivered(flow, name, side, values[side], base, digest)]
    if all(changed.values()) and len(delivered) == 1 and has_base:
        # What it says had been written over there, and was edited there since. Without a base nobody can tell an
        # edit over there from a write of ours that never landed.
        changed[delivered[0]] = False
    if all(changed.values()):
        source = _stronger(flow, options, name, values, has_base=has_base)
        why = Why.BOTH if has_base else Why.WINNER
        if is_empty(values[source.other]):
            why = Why.FILLS
    else:
        source = Side.LEFT if changed[Side.LEFT] else Side.RIGHT
        why = Why.EDITED
    target = source.other
    if is_empty(values[source]) and not is_empty(values[target]) and not (has_base and name in flow.may_clear):
        draft.settle(name, hashes[Side.LEFT], hashes[Side.RIGHT])
        draft.decisions.append(Decision(name=name, why=Why.KEPT, to=None))
        return
    fitted = flow.end(target).resource.fit(name, values[source])
    if digest(name, fitted) == hashes[target] or not flow.end(target).resource.columns[name].writable:
        draft.settle(name, hashes[Side.LEFT], hashes[Side.RIGHT])
        return
    loser = values[target] if changed[target] and not is_empty(values[target]) else None
    draft.agreed[source][name] = hashes[source]
    draft.decisions.append(Decision(name=name, why=why, to=target, value=fitted, loser=loser))


def _is_delivered(flow: TwoWay, name: str, side: Side, value: Value, base: Base, digest: Digest) -> bool:
    """Whether this side's value is one that we sent to the other side and whose landing was not confirmed."""
    sent = base.ours(side.other).get(name)
    return bool(sent) and digest(name, flow.end(side.other).resource.fit(name, value)) in (sent or ())


def _stronger(flow: TwoWay, options: Options, name: str, values: Mapping[Side, Value], *, has_base: bool) -> Side:
    """The side whose value stands when both sides say something new: a filled one before an empty one.

    Only where a base tells that the winner was emptied since, and not empty all along, may its emptiness stand.
    """
    winner = flow.winner_of(name, options)
    emptied = has_base and name in flow.may_clear
    if is_empty(values[winner]) and not is_empty(values[winner.other]) and not emptied:
        return winner.other
    return winner


def _decide_unshown(
    flow: TwoWay,
    name: str,
    shown: Mapping[Side, Fields],
    base: Base,
    edited: Mapping[Side, frozenset[str]],
    digest: Digest,
    draft: _Draft,
) -> None:
    """A field that one side takes and does not read back: written when the other side's value changed."""
    for source in Side:
        target = source.other
        column = flow.end(target).resource.columns[name]
        if name in shown[source] and not column.shown and column.writable and name in edited[source]:
            value = shown[source][name]
            draft.agreed[source][name] = digest(name, value)
            if not is_empty(value) or name in flow.may_clear:
                fitted = flow.end(target).resource.fit(name, value)
                draft.decisions.append(Decision(name=name, why=Why.EDITED, to=target, value=fitted))


def equal(
    flow: TwoWay, name: str, values: Mapping[Side, Value], hashes: Mapping[Side, str], digest: Digest
) -> bool:
    """Whether both sides show the same, each as far as it can hold it and as it wears there."""
    if hashes[Side.LEFT] == hashes[Side.RIGHT]:
        return True
    for side in Side:
        resource = flow.end(side).resource
        if fits(resource, name, values[side.other], hashes[side], digest):
            return True
        worn = [resource.worn(name, values[each]) for each in Side]
        if resource.wears(name) and not is_empty(worn[0]) and digest(name, worn[0]) == digest(name, worn[1]):
            return True
    return False


def fits(resource: Resource, name: str, value: Value, shown: str, digest: Digest) -> bool:
    """Whether `value`, as this resource would hold it, is what it shows."""
    fitted = resource.fit(name, value)
    if fitted != value and not is_empty(fitted) and digest(name, fitted) == shown:
        return True
    worn = resource.worn(name, value)
    return resource.wears(name) and not is_empty(worn) and digest(name, worn) == shown


def plan_owned(
    flow: TwoWay, shown: Fields, edited: frozenset[str], base: Base, source: Side, digest: Digest
) -> Plan | None:
    """A plan made without reading the target, or None if the target must be read.

    It needs not be read when every edited field has a base and is won by the source whatever the target shows, and
    when what the source shows cannot be the target's own value in another form.
    """
    target = source.other
    resource = flow.end(target).resource
    draft = _Draft()
    for name in (name for name in flow.shared_fields() if name in edited):
        known = base.of(target).get(name)
        column = resource.columns[name]
        worn = column.shown and flow.end(source).resource.wears(name)
        if (known is None and column.shown) or name not in base.of(source) or worn:
            return None
        value = shown[name]
        if is_empty(value) and known != digest(name, None) and name not in flow.may_clear:
            draft.decisions.append(Decision(name=name, why=Why.KEPT, to=None))
        elif column.writable:
            fitted = resource.fit(name, value)
            if digest(name, fitted) != known:
                draft.decisions.append(Decision(name=name, why=Why.EDITED, to=target, value=fitted))
        draft.agreed[source][name] = digest(name, value)
    return draft.plan()
