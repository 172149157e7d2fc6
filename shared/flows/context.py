"""What the engine works with: a flow of one workspace made concrete, one look at a record, and its outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from shared.connectors.contract import Resource, Row, Session
from shared.connectors.settings import visible_after
from shared.flows.spec import Flow, IdField, Options, Side, TwoWay
from shared.model import remarks
from shared.model.normal import NORMALISER, is_empty, normal
from shared.model.record import EntityType, Fields, Value
from shared.model.text import Text
from shared.store.rows import Account, Binding, Bridge, FlowRow, Seen, Waiting, Workspace, waiting_key

REFERENCE_PREFIX = "puente-"

NOT_YET = "_not_yet."
NOTED = "_noted."
_KEPT = 120

Origin = Literal["change", "waiting", "sweep", "load", "replay", "person", "link"]

Kind = Literal[
    "created",  # the counterpart was made
    "applied",  # the counterpart was written
    "bound",  # an existing counterpart was found and joined
    "echo",  # what we wrote ourselves came back
    "nothing",  # nothing that this flow carries has changed
    "not live",  # the flow writes nothing yet; the match index was refreshed
    "not wanted",  # the flow's rules do not take this record
    "not yet",  # the flow's rules do not take this record as it stands; a change of it may alter that
    "gone",  # the record was deleted at its source
    "counterpart gone",  # the other record was deleted and is not brought back
    "kept apart",  # a person unlinked or separated this record
    "waits",
    "needs a person",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowContext:
    """One flow of one workspace, with its accounts' sessions open.

    `spec` has the fields that these two accounts share, and `lacking` says of each other field of the catalogue
    why it is not carried: one of the accounts neither shows nor takes it. What is not carried is never looked at;
    it keeps its base, so that it is compared where it was left if that account has it again.
    `siblings` are the flows of the same bridge by entity, for links between records. `hashes` is what one look has
    hashed already: {(field, normal form): hash}; `blank` the same of empty fields, which say nothing, and kept.
    """

    row: FlowRow
    spec: Flow
    bridge: Bridge
    workspace: Workspace
    accounts: Mapping[Side, Account]
    sessions: Mapping[Side, Session]
    lacking: Mapping[str, Text] = field(default_factory=dict)
    siblings: Mapping[str, FlowContext] = field(default_factory=dict, repr=False)
    hashes: dict[tuple[str, str], str] | None = field(default=None, repr=False, compare=False)
    blank: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def options(self) -> Options:
        defaults: dict[str, object] = {option.name: option.default for option in self.spec.options}
        return defaults | dict(self.row.options)

    @property
    def writes(self) -> bool:
        """Whether this flow may write to a vendor now."""
        return self.row.state in {"loading", "live"}

    @property
    def follows(self) -> bool:
        """Whether changes count for this flow now: it writes, or it is paused and will write again."""
        return self.writes or (self.row.state == "paused" and self.row.state_before_pause in {"loading", "live"})

    @property
    def map_version(self) -> int:
        return self.spec.map_version

    @property
    def match_on(self) -> tuple[str, ...]:
        """The strong keys that count in this flow: those of its page, or what the shop owner left of them."""
        chosen = self.options.get("match_on")
        names = self.spec.match_on
        return tuple(name for name in names if name in chosen) if isinstance(chosen, (list, tuple)) else names

    @property
    def id_field(self) -> IdField | None:
        return self.spec.id_field if isinstance(self.spec, TwoWay) else None

    def may_rest(self, side: Side) -> bool:
        """Whether the flow has a rule for what of this side is made on the other one."""
        return isinstance(self.spec, TwoWay) and side.other in self.spec.create_when

    def not_yet(self, side: Side, row: Row) -> str:
        """Why an unbound record of this side is not made on the other side yet; "" if it is."""
        if not isinstance(self.spec, TwoWay) or side.other not in self.spec.create_when:
            return ""
        return self.spec.create_when[side.other](row.fields, self.options, self.workspace.country)

    def resource(self, side: Side) -> Resource:
        return self.spec.end(side).resource

    def resource_name(self, side: Side) -> str:
        return self.spec.end(side).resource_name

    def visible_after(self, side: Side) -> timedelta:
        """How long after a write this account may still not show it."""
        access = self.accounts[side]
        return visible_after(self.resource(side).visible_after, access.settings)

    def session(self, side: Side) -> Session:
        return self.sessions[side]

    def key(self, side: Side, record_id: str) -> str:
        """The name of a record across the installation: what a lane locks and a waiting row is blocked on."""
        return waiting_key(self.accounts[side].id, self.resource_name(side), record_id)

    def digester(self, entity: EntityType, *, version: int = NORMALISER) -> Callable[[str, Value], str]:
        """The keyed hash of a field's normal form; the same value hashes equal on both sides of a workspace."""
        keys, country, fields = self.workspace.keys, self.workspace.country, entity.fields
        hashes, blank = self.hashes if self.hashes is not None else {}, self.blank

        def digest(name: str, value: Value) -> str:
            place = (name, normal(fields[name], value, country=country, version=version))
            kept = hashes if place[1] else blank
            known = kept.get(place)
            if known is None:
                known = kept[place] = keys.digest(*place)
            return known

        return digest

    def for_one_look(self) -> FlowContext:
        """This flow with a memory of hashes that ends with the look, as the values do that it holds meanwhile.

        A look hashes each field several times: against the base, for what was last seen of either side, for the
        intent and for the new base; and most fields are equal on both sides.
        """
        return replace(self, hashes={})

    def reference(self, side: Side, source_id: str) -> str:
        """Our reference for the counterpart of this record: always the same, and it says nothing of the record."""
        spec = self.spec
        digest = self.workspace.keys.digest(
            "reference", self.bridge.id, spec.left.resource.entity.name, spec.role, side.value, source_id
        )
        return f"{REFERENCE_PREFIX}{digest}"

    @property
    def not_yet_key(self) -> str:
        """Under which key the index keeps that a record is not carried yet; of this flow alone."""
        return NOT_YET + hashlib.sha256(self.row.id.encode()).hexdigest()[:8]

    def remarks(self, side: Side, row: Row) -> Mapping[str, str]:
        """What is carried although it cannot be right: {field: what is wrong with it}."""
        names = self.spec.shared_fields() if isinstance(self.spec, TwoWay) else ()
        return remarks.of(self.resource(side).entity, row.fields, names, country=self.workspace.country)

    def seen(self, side: Side, row: Row, now: datetime, *, listing: str = "") -> Seen:
        """What this row showed, as hashes, with the keys by which it can be matched."""
        entity = self.resource(side).entity
        digest = self.digester(entity)
        keys = {
            name: digest(name, row.fields[name])
            for name in entity.strong_keys
            if name in row.fields and not is_empty(row.fields[name])
        }
        if "name" in row.fields and not is_empty(row.fields["name"]):
            keys["name"] = digest("name", row.fields["name"])
        if row.reference:
            keys["_carries"] = row.reference
        if self.id_field is not None and not is_empty(row.fields.get(self.id_field.name)):
            keys[self.id_field.name] = digest(self.id_field.name, row.fields[self.id_field.name])
        waits_for = self.not_yet(side, row)
        if waits_for:
            keys[self.not_yet_key] = waits_for[:_KEPT]
        for name, says in self.remarks(side, row).items():
            keys[NOTED + name] = says[:_KEPT]
        return Seen(
            account_id=self.accounts[side].id,
            resource=self.resource_name(side),
            record_id=row.record_id,
            fields={name: digest(name, value) for name, value in row.fields.items()},
            keys=keys,
            seen_at=now,
            listing=listing,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One reason to look at one record in one flow.

    `listed_at` is when the row in hand was asked for, `told_at` when the latest change of it came in.
    """

    side: Side
    record_id: str
    origin: Origin
    change_ids: Sequence[str] = ()
    deletion: bool = False
    repair: bool = False
    waiting: Waiting | None = None
    listed_at: datetime | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a look ended. `says` is one sentence for a person; `fields` are the names that were written."""

    kind: Kind
    says: str = ""
    other_id: str = ""
    fields: Sequence[str] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What keeps two processes and a crash from doubling. A rig switches one off to show what it is good for."""

    intent: bool = True
    compare_and_set: bool = True
    match_keys: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """`attempt_limit` bounds a write and with it its intent's deadline."""

    attempt_limit: timedelta = timedelta(seconds=60)
    index_max_age: timedelta = timedelta(minutes=15)
    loop_writes: int = 5
    loop_window: timedelta = timedelta(minutes=10)
    recent_write: timedelta = timedelta(minutes=2)
    keep_details: bool = True
    guards: Guards = Guards()


def lacking(spec: Flow, sessions: Mapping[Side, Session]) -> dict[str, Text]:
    """The fields of a flow that one of these accounts has not got, each with the reason.

    Of a document only the target counts: what the source lacks is no field of the record that it becomes.
    """
    sides = (Side.LEFT, Side.RIGHT) if isinstance(spec, TwoWay) else (Side.RIGHT,)
    found = [sessions[side].lacks(spec.end(side).resource_name) for side in sides]
    return {name: why for each in found for name, why in each.items() if name in spec.shared_fields()}


def is_ours(reference: str) -> bool:
    return reference.startswith(REFERENCE_PREFIX)


def gone_state(binding: Binding, side: Side) -> Literal["gone-left", "gone-right", "gone-both"]:
    """The state of a binding after this side's record was found deleted."""
    other_gone = binding.state in {"gone-both", f"gone-{side.other.value}"}
    if other_gone:
        return "gone-both"
    return "gone-left" if side is Side.LEFT else "gone-right"


def is_gone(binding: Binding, side: Side) -> bool:
    return binding.state in {"gone-both", f"gone-{side.value}"}


def returned_state(binding: Binding, side: Side) -> Literal["active", "gone-left", "gone-right"]:
    """The state of a binding after this side's record was found again."""
    if is_gone(binding, side.other):
        return "gone-left" if side is Side.RIGHT else "gone-right"
    return "active"


def shared_values(fields: Fields, names: Sequence[str]) -> dict[str, Value]:
    return {name: fields[name] for name in names if name in fields}
