"""What operators see: how far the log is behind, what waits, what runs. Read-only; the command line, the console
and the metrics ask here, so that they all tell the same.

`quiet` means that nothing is left to do without a person: lag, open intents, running sweeps, loads and runs, and
waiting rows that need no person are all zero, but for rows that wait for a record about which a person is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from shared import errors
from shared.eventlog.port import EventLog, Lag
from shared.flows.context import NOTED, FlowContext
from shared.flows.spec import Side
from shared.runtime.consumer import BURST, GROUP
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import directory, index, intents, loads, runs, sweeps, waiting
from shared.store.directory import Directory, unknown
from shared.store.rows import FlowRow, Load, SideName, Sweep, Waiting
from shared.store.runs import Run

DETAIL_LIMIT = 100_000
"""So many entries of the log are read at most, to tell systems and workspaces apart."""

_LOOK_EVERY = timedelta(milliseconds=250)
_SETTLED_LOOKS = 2

What = Literal["workspace", "account", "bridge", "flow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Waiting rows of one reason."""

    reason: str
    count: int
    oldest_at: datetime
    needs_person: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One workspace at one moment. `lag` counts entries of the log that were not looked at yet.

    `behind_persons` of the rows that only wait are blocked on a record about which a person is asked.
    """

    workspace: str
    lag: int
    waits: Sequence[Waits] = ()
    behind_persons: int = 0
    intents: int = 0
    sweeps: Sequence[Sweep] = ()
    loads: Sequence[Load] = ()
    runs: Sequence[Run] = ()
    flows: Sequence[FlowRow] = ()
    at: datetime

    @property
    def waiting(self) -> Mapping[str, int]:
        """Rows that only wait, by reason."""
        return _by_reason(self.waits, needs_person=False)

    @property
    def asks(self) -> Mapping[str, int]:
        """Rows that need a person, by reason."""
        return _by_reason(self.waits, needs_person=True)

    @property
    def needs_person(self) -> int:
        return sum(self.asks.values())

    @property
    def running_sweeps(self) -> Sequence[Sweep]:
        """Sweeps that list now, whose time has come, or that a burst of hooks has just asked for."""
        soon = self.at + BURST
        return [
            each
            for each in self.sweeps
            if each.started_at is not None or each.next_at <= self.at or max(each.next_at, each.full_at) <= soon
        ]

    @property
    def running_loads(self) -> Sequence[Load]:
        return [each for each in self.loads if each.state == "running"]

    @property
    def running_runs(self) -> Sequence[Run]:
        return [each for each in self.runs if each.state == "running"]

    @property
    def running(self) -> int:
        return len(self.running_sweeps) + len(self.running_loads) + len(self.running_runs)

    @property
    def paused(self) -> Sequence[FlowRow]:
        return [each for each in self.flows if each.state == "paused"]

    @property
    def quiet(self) -> bool:
        moving = sum(self.waiting.values()) > self.behind_persons
        return not (self.lag or moving or self.intents or self.running)

    @property
    def stuck(self) -> bool:
        """Whether everything that is left belongs to a paused flow, so that waiting longer changes nothing."""
        held = {flow.id for flow in self.paused}
        moving = [each for each in self.running_loads if each.flow_id not in held]
        others = set(self.waiting) - {"paused"}
        rest = self.lag or self.intents or self.running_sweeps or self.running_runs or moving or others
        return bool(held) and not self.quiet and not rest


def _by_reason(waits: Sequence[Waits], *, needs_person: bool) -> dict[str, int]:
    found: Counter[str] = Counter()
    for each in waits:
        if each.needs_person is needs_person:
            found[each.reason] += each.count
    return dict(found)


async def lag_of(log: EventLog, *, detail_limit: int = DETAIL_LIMIT) -> Lag:
    """How far the log is behind; up to `detail_limit` entries are read, to tell systems and workspaces apart."""
    return await log.lag(group=GROUP, detail_limit=detail_limit)


def lag_in(lag: Lag, workspace_id: str) -> int:
    """The lag of one workspace; that of all where the log holds too much to tell them apart."""
    if lag.by_workspace is None:
        return lag.total
    return sum(count for (_system, workspace), count in lag.by_workspace.items() if workspace == workspace_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """How many changes nobody has looked at (None: not known), and how old the oldest of them is at most."""

    count: int | None
    oldest: timedelta | None


def behind_of(lag: Lag, workspace_id: str | None) -> Behind:
    """Of one workspace, or of all. Where the log holds too much to tell them apart, that of one is not known."""
    if workspace_id is None:
        return Behind(count=lag.total, oldest=lag.oldest_age)
    count = None if lag.by_workspace is None else lag_in(lag, workspace_id)
    return Behind(count=count, oldest=_oldest_of(lag, workspace_id, {}))


def behind_by(lag: Lag, workspace_id: str | None, kind: Literal["system", "workspace"]) -> dict[str, Behind]:
    """Of each system or workspace; one line "unknown" where the log holds too much to tell them apart."""
    if lag.by_workspace is None:
        return {"unknown": Behind(count=lag.total, oldest=lag.oldest_age)}
    counts: Counter[str] = Counter()
    for (system, owner), count in lag.by_workspace.items():
        if workspace_id in {None, owner}:
            counts[system if kind == "system" else owner] += count
    return {
        name: Behind(count=count, oldest=_oldest_of(lag, workspace_id, {kind: name}))
        for name, count in sorted(counts.items())
    }


def _oldest_of(lag: Lag, workspace_id: str | None, only: Mapping[str, str]) -> timedelta | None:
    if lag.oldest is None:
        return lag.oldest_age
    ages = [
        age
        for (system, owner), age in lag.oldest.items()
        if workspace_id in {None, owner} and only.items() <= {"system": system, "workspace": owner}.items()
    ]
    return max(ages, default=None)


async def status(parts: Parts, log: EventLog, workspace_id: str) -> Status:
    """How a workspace stands.

    The log is asked before and after the store: a change is always seen in one of the two, whichever way it goes.
    """
    before = lag_in(await lag_of(log), workspace_id)
    found = await parts.database.read(lambda connection: _stored(connection, workspace_id, parts))
    after = before or lag_in(await lag_of(log), workspace_id)
    return Status(workspace=workspace_id, lag=after, at=parts.clock.now(), **found)


async def _stored(connection: Any, workspace_id: str, parts: Parts) -> dict[str, Any]:
    home = await directory.load(connection, workspace_id, parts.keys.store)
    return {
        "sweeps": await sweeps.of_workspace(connection, workspace_id),
        "loads": _latest(await loads.of_workspace(connection, workspace_id)),
        "runs": await runs.of_workspace(connection, workspace_id),
        "intents": await intents.count_open(connection, workspace_id),
        "waits": await waits_of(connection, workspace_id),
        "behind_persons": await waiting.behind_persons(connection, workspace_id),
        "flows": tuple(home.flows.values()) if home is not None else (),
    }


async def waits_of(connection: Any, workspace_id: str | None = None) -> list[Waits]:
    """What waits, by reason, the ones that need a person apart."""
    found: dict[tuple[str, bool], Waits] = {}
    for _workspace, reason, count, oldest, needs_person in await waiting.summary(connection, workspace_id):
        known = found.get((reason, needs_person))
        found[reason, needs_person] = Waits(
            reason=reason,
            count=count + (known.count if known else 0),
            oldest_at=min(oldest, known.oldest_at) if known else oldest,
            needs_person=needs_person,
        )
    return list(found.values())


def _latest(rows: Sequence[Load]) -> list[Load]:
    """The newest load of each flow, and every one that runs."""
    shown: list[Load] = []
    for row in rows:
        if row.state == "running" or row.flow_id not in {each.flow_id for each in shown}:
            shown.append(row)
    return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """Records of one side that a flow does not carry yet, by what they wait for. No error: leads are such."""

    flow: str
    side: SideName
    system: str
    why: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Values that are carried although they cannot be right: how many records of a resource, and the first ids."""

    account: str
    resource: str
    field: str
    count: int
    records: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What is no error and worth knowing of a workspace."""

    resting: Sequence[Resting]
    noted: Sequence[Noted]


async def beside(parts: Parts, used: Used) -> Beside:
    return Beside(resting=await resting(parts, used), noted=await noted(parts, used))


async def asks(parts: Parts, workspace_id: str, *, most: int = 1000) -> list[Waiting]:
    """What needs a person, the oldest first."""
    rows = await parts.database.read(
        lambda connection: waiting.of_workspace(connection, workspace_id, limit=100_000)
    )
    return [row for row in rows if row.needs_person][:most]


async def resting(parts: Parts, used: Used) -> list[Resting]:
    """What the flows of a workspace do not carry yet."""
    found = []
    for flow in used.flows.values():
        for side in Side:
            why = await parts.database.read(partial(_not_yet, flow=flow, side=side)) if flow.may_rest(side) else {}
            if why:
                system = flow.accounts[side].system
                found.append(Resting(flow=flow.row.id, side=side.value, system=system, why=why))
    return found


async def _not_yet(connection: Any, *, flow: FlowContext, side: Side) -> dict[str, int]:
    return await index.unbound_with_key(
        connection,
        flow.accounts[side].id,
        flow.resource_name(side),
        flow.not_yet_key,
        bridge_id=flow.bridge.id,
        entity=flow.spec.left.resource.entity.name,
        role=flow.spec.role,
        side=side.value,
    )


async def noted(parts: Parts, used: Used, *, most: int = 20) -> list[Noted]:
    """What the records of a workspace show that cannot be right, by account, resource and field."""
    found = []
    ends = {(flow.accounts[side].id, flow.resource_name(side)) for flow in used.flows.values() for side in Side}
    for account, resource in sorted(ends):
        by_field = await parts.database.read(
            partial(index.noted, account_id=account, resource=resource, prefix=NOTED, most=most)
        )
        found += [
            Noted(account=account, resource=resource, field=name, count=count, records=records)
            for name, (count, records) in sorted(by_field.items())
        ]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a load is. `eta` is None where the vendor does not tell how many records there are."""

    per_second: float
    eta: timedelta | None
    share: float | None


def progress_of(load: Load) -> Progress:
    seconds = (load.updated_at - load.started_at).total_seconds()
    rate = load.done / seconds if seconds > 0 else 0.0
    if load.total is None or load.state != "running":
        return Progress(per_second=rate, eta=None, share=1.0 if load.state == "done" else None)
    left = max(0, load.total - load.done)
    eta = timedelta(seconds=left / rate) if rate > 0 else None
    return Progress(per_second=rate, eta=eta, share=min(1.0, load.done / load.total) if load.total else 1.0)


async def wait_quiet(
    parts: Parts,
    log: EventLog,
    workspace_id: str,
    *,
    limit: timedelta,
    look: Callable[[Status], None] = lambda _status: None,
) -> Status:
    """Wait until a workspace is quiet or stuck, at most `limit`; the last status tells which. `look` sees each."""
    deadline = parts.clock.monotonic() + limit.total_seconds()
    settled = 0
    while True:
        now = await status(parts, log, workspace_id)
        look(now)
        settled = settled + 1 if now.quiet or now.stuck else 0
        if settled >= _SETTLED_LOOKS or parts.clock.monotonic() >= deadline:
            return now
        await parts.clock.sleep(_LOOK_EVERY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a name that a person typed stands for; `flows` are those of the workspace, the bridge or itself."""

    used: Used
    what: What
    id: str
    flows: Sequence[FlowRow] = field(default_factory=tuple)

    @property
    def home(self) -> Directory:
        return self.used.directory


async def workspace_ids(parts: Parts) -> list[str]:
    return await parts.database.read(directory.workspace_ids)


async def find(parts: Parts, name: str) -> Target:
    """What `name` is: a workspace, or an account, bridge or flow in one (`acme.bitfactura`, or its end alone
    where that is clear). Raises Misconfigured with the names that there are."""
    known = await workspace_ids(parts)
    first = name.partition(".")[0]
    homes = [first] if first in known else known
    found: list[Target] = []
    for workspace_id in homes:
        used = await parts.workspaces.get(workspace_id, look_every=timedelta(0))
        if used is not None:
            found += _named(used, name)
    if len(found) == 1:
        return found[0]
    if found:
        raise errors.Misconfigured(
            f"{name!r} may mean several things.", way_out=f"Type one of: {', '.join(sorted(t.id for t in found))}."
        )
    raise unknown("workspace, account, bridge or flow", name, await _names(parts, homes))


def _named(used: Used, name: str) -> list[Target]:
    home, workspace_id = used.directory, used.workspace.id
    if name == workspace_id:
        return [Target(used=used, what="workspace", id=name, flows=tuple(home.flows.values()))]
    names = {name, f"{workspace_id}.{name}"}
    found = [Target(used=used, what="account", id=each) for each in home.accounts if each in names]
    found += [
        Target(used=used, what="bridge", id=each, flows=_flows_of_bridge(home, each))
        for each in home.bridges
        if each in names
    ]
    found += [
        Target(used=used, what="flow", id=each.id, flows=(each,))
        for each in home.flows.values()
        if each.id in names
    ]
    return found


def _flows_of_bridge(home: Directory, bridge_id: str) -> tuple[FlowRow, ...]:
    return tuple(each for each in home.flows.values() if each.bridge_id == bridge_id)


async def _names(parts: Parts, homes: Sequence[str]) -> list[str]:
    names: list[str] = list(homes)
    for workspace_id in homes[:5]:
        used = await parts.workspaces.get(workspace_id)
        if used is not None:
            home = used.directory
            names += [*home.accounts, *home.bridges, *home.flows]
    return sorted(names)
