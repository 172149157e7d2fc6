"""What the store holds, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal

from shared.keys import WorkspaceKeys

FlowState = Literal["draft", "matching", "review", "loading", "live", "paused"]
BindingState = Literal["active", "gone-left", "gone-right", "gone-both", "merged", "detached", "forgotten"]
SideName = Literal["left", "right"]
PauseCause = Literal[
    "person",
    "refused",  # credentials, rights or settings
    "rejected",  # most of the last changes
    "bug",  # several errors of ours in a row
    "gone",  # more records missing than can be believed
]

Reason = Literal[
    "retry",  # the vendor, or the way to it, failed for now
    "throttled",  # too many calls
    "stale",  # a side still shows the value from before our write
    "recheck",  # a change was told and none was seen: looked at once more
    "intent",  # another write of this record is on its way
    "blocked",  # waits for another record
    "wanted",  # another record waits for this one
    "index",  # the other side must be listed before anything is created there
    "budget",  # put aside because this workspace changes faster than it is worked off
    "paused",  # the flow is paused
    "confirmed",  # a person has looked for a create in doubt, and wants it made
    "bound elsewhere",  # ours from here on: a person decides
    "ambiguous",
    "rejected",
    "bug",
    "unreadable",
    "in doubt",
    "loop",
    "merged",
    "other id",  # the number that a record shows of its counterpart is not the one that it is joined with
]

PERSON: frozenset[Reason] = frozenset(
    {"bound elsewhere", "ambiguous", "rejected", "bug", "unreadable", "in doubt", "loop", "merged", "other id"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    id: str
    shard: int
    title: str
    country: str
    locale: str
    time_zone: str
    keys: WorkspaceKeys
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: str
    workspace_id: str
    system: str
    base_url: str
    identity: str
    credentials: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str]
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    id: str
    workspace_id: str
    left_account: str
    right_account: str

    def account_of(self, side: SideName) -> str:
        return self.left_account if side == "left" else self.right_account


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    id: str
    workspace_id: str
    bridge_id: str
    spec: str
    entity: str
    state: FlowState
    state_before_pause: FlowState | None
    pause_reason: str | None
    options: Mapping[str, object]
    live_since: datetime | None
    pause_cause: PauseCause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBase:
    """What one side showed at the last agreement, and what a late or stale read of it may still show."""

    shown: Mapping[str, str] = field(default_factory=dict)
    previous: Mapping[str, str] = field(default_factory=dict)
    written_at: datetime | None = None
    ours: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ours_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBase:
    """The base of a binding. The versions stand beside the hashes: other versions mean "no base"."""

    left: SideBase = SideBase()
    right: SideBase = SideBase()
    normaliser: int
    map_version: int
    writes: Sequence[datetime] = ()

    def of(self, side: SideName) -> SideBase:
        return self.left if side == "left" else self.right


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    id: str
    workspace_id: str
    bridge_id: str
    entity: str
    role: str
    left_id: str
    right_id: str
    state: BindingState
    version: int
    base: PairBase
    reference: str
    created_at: datetime
    updated_at: datetime

    def id_of(self, side: SideName) -> str:
        return self.left_id if side == "left" else self.right_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write that was decided. `side` is the source's; `sent` holds the hash of each field sent."""

    id: str
    workspace_id: str
    flow_id: str
    subject: str
    kind: Literal["create", "update"]
    side: SideName
    source_id: str
    target_id: str | None
    reference: str
    sent: Mapping[str, str]
    owner: str
    version: int
    opened_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one record of one account showed when it was last read, as hashes, with its match keys."""

    account_id: str
    resource: str
    record_id: str
    fields: Mapping[str, str]
    keys: Mapping[str, str]
    seen_at: datetime
    listing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    id: str
    workspace_id: str
    flow_id: str
    account_id: str
    resource: str
    record_id: str
    reason: Reason
    not_before: datetime
    first_seen: datetime
    updated_at: datetime
    tries: int = 0
    version: int = 1
    change_ids: Sequence[str] = ()
    deletion: bool = False
    mode: str = "nudge"
    run: str = ""
    blocked_on: str | None = None
    says: str = ""
    detail: bytes | None = field(default=None, repr=False)

    @property
    def needs_person(self) -> bool:
        return self.reason in PERSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one change in one flow. `fields` are the names written; `detail` is sealed."""

    id: str
    workspace_id: str
    flow_id: str
    account_id: str
    resource: str
    record_id: str
    other_id: str
    at: datetime
    took_ms: int
    origin: str
    outcome: str
    says: str
    fields: Sequence[str] = ()
    change_ids: Sequence[str] = ()
    detail: bytes | None = field(default=None, repr=False)

    @property
    def day(self) -> date:
        return self.at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    account_id: str
    resource: str
    workspace_id: str
    next_at: datetime
    full_at: datetime
    seen_until: datetime | None
    complete_at: datetime | None
    gap_at: datetime | None
    cursor: str | None
    listing: str | None
    started_at: datetime | None
    full: bool
    counts: Mapping[str, int]
    problem: str | None
    version: int


LoadState = Literal["running", "done", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load in progress. `then_side` is the direction that follows this one."""

    id: str
    workspace_id: str
    flow_id: str
    side: SideName
    then_side: SideName | None
    state: LoadState
    since: date | None
    cursor: str | None
    pages: int
    done: int
    total: int | None
    counts: Mapping[str, int]
    problem: str | None
    next_at: datetime
    started_at: datetime
    updated_at: datetime
    version: int


def waiting_key(account_id: str, resource: str, record_id: str) -> str:
    """How a waiting row names the record that it is blocked on. `waiting.behind_persons` builds it in SQL."""
    return f"{account_id}/{resource}/{record_id}"
