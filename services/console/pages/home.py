"""Home: is everything in step? The two systems, the flows between them, what waits and what needs a person."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, Response, StreamingResponse

from services.console.context import Acts, Asks, Visit
from shared import errors
from shared.flows.catalog import FLOWS
from shared.flows.spec import TwoWay
from shared.operations import steering, views
from shared.operations.views import Progress, Status
from shared.runtime.workspaces import Used
from shared.store import series
from shared.store.rows import Account, FlowRow, Load

router = APIRouter()

_HOUR: Final = timedelta(hours=1)
_LOOK_EVERY: Final = timedelta(seconds=2)
_STREAM_FOR: Final = timedelta(minutes=30)
_OVERDUE: Final = timedelta(minutes=2)
_WRITTEN: Final = frozenset({"created", "applied", "bound"})

Verdict = Literal["in step", "working", "needs you", "paused", "not set up", "nobody works"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowView:
    """One flow as Home shows it."""

    row: FlowRow
    says: str
    two_way: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeView:
    """Two accounts and what is between them. `left` and `right` are (account, title of its system)."""

    left: tuple[Account, str]
    right: tuple[Account, str]
    flows: Sequence[FlowView]


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """A workspace at this moment. `written` and `tried` count the attempts of the last hour."""

    verdict: Verdict
    status: Status
    bridges: Sequence[BridgeView]
    loads: Sequence[tuple[Load, Progress]]
    written: int
    tried: int
    failed: Mapping[str, int]
    oldest_waiting: float | None


@router.get("/")
async def first(visit: Asks) -> Response:
    """The one workspace that the user may see, or a choice."""
    known = [each for each in await views.workspace_ids(visit.parts) if visit.user.role_in(each)]
    if len(known) == 1:
        return visit.go(f"/w/{known[0]}")
    return visit.page("workspaces.html", workspaces=known)


@router.get("/w/{workspace_id}")
async def home(visit: Asks, workspace_id: str) -> Response:
    used = await visit.workspace(workspace_id)
    now = await look(visit, used)
    if now.verdict == "not set up" and visit.user.may("admin", workspace_id):
        return visit.go(f"/w/{workspace_id}/setup")
    return visit.page("home.html", used=used, now=now)


@router.get("/w/{workspace_id}/now")
async def piece(visit: Asks, workspace_id: str) -> HTMLResponse:
    """The moving part of Home, for a browser without server-sent events."""
    used = await visit.workspace(workspace_id)
    return HTMLResponse(visit.text("now.html", used=used, now=await look(visit, used)))


@router.get("/w/{workspace_id}/events")
async def events(visit: Asks, workspace_id: str) -> StreamingResponse:
    """Home as server-sent events: its moving part, whenever it changed. The browser connects anew at the end."""
    used = await visit.workspace(workspace_id)
    return StreamingResponse(_events(visit, used), media_type="text/event-stream")


async def _events(visit: Visit, used: Used) -> AsyncIterator[str]:
    clock, shown = visit.parts.clock, ""
    deadline = clock.monotonic() + _STREAM_FOR.total_seconds()
    while clock.monotonic() < deadline and not await visit.request.is_disconnected():
        # The log-in may have ended, or the role been taken away, since the last look.
        found = await visit.console.people.who(visit.request.cookies.get("puente_session", ""))
        if found is None or not found[1].may("viewer", used.workspace.id):
            return
        try:
            fresh = await visit.workspace(used.workspace.id)
            text = visit.text("now.html", used=fresh, now=await look(visit, fresh))
        except errors.Retryable as problem:
            says, way_out = visit.told(problem.message), visit.told(problem.way_out)
            text = visit.text("message.html", says=says, way_out=way_out, kind="problem")
        if text != shown:
            shown = text
            yield "event: now\n" + "".join(f"data: {each}\n" for each in text.splitlines()) + "\n"
        await asyncio.sleep(_LOOK_EVERY.total_seconds())


@router.post("/w/{workspace_id}/sweep")
async def sweep(visit: Acts, workspace_id: str, full: Annotated[str, Form(max_length=5)] = "") -> Response:
    """Have both systems asked for changes now."""
    used = await visit.workspace(workspace_id, "operator")
    count = await steering.ask_sweeps(visit.parts, used.directory, full=bool(full), actor=visit.actor)
    return visit.go(f"/w/{workspace_id}", said=visit.say("{count} lists are asked for.", count=count))


@router.post("/w/{workspace_id}/flows/{flow_id}/{word}")
async def pause_or_resume(
    visit: Acts, workspace_id: str, flow_id: str, word: Literal["pause", "resume"]
) -> Response:
    used = await visit.workspace(workspace_id, "operator")
    row = used.directory.flows.get(flow_id)
    if row is None:
        raise errors.Misconfigured("There is no such flow.")
    if word == "pause":
        reason = visit.say("Paused by {name}.", name=visit.user.name)
        await steering.pause(visit.parts, row, reason=reason, actor=visit.actor)
    else:
        await steering.resume(visit.parts, row, actor=visit.actor)
    return visit.go(f"/w/{workspace_id}")


async def look(visit: Visit, used: Used) -> Now:
    """Everything that Home shows. Raises Retryable while the store or the log is away."""
    parts, workspace_id = visit.parts, used.workspace.id
    status = await views.status(parts, visit.console.log, workspace_id)
    since = status.at - _HOUR
    tried = await parts.database.read(lambda connection: series.attempts(connection, workspace_id, since))
    outcomes = Counter(each.outcome for each in tried)
    return Now(
        verdict=verdict_of(status),
        status=status,
        bridges=bridges_of(visit, used),
        loads=[(each, views.progress_of(each)) for each in status.running_loads],
        written=sum(many for outcome, many in outcomes.items() if outcome in _WRITTEN),
        tried=len(tried),
        failed=status.asks,
        oldest_waiting=max(((status.at - each.oldest_at).total_seconds() for each in status.waits), default=None),
    )


def verdict_of(status: Status) -> Verdict:
    """One word for how a workspace stands; what a person must do comes before what only runs."""
    if not any(row.state in {"loading", "live", "paused"} for row in status.flows):
        return "not set up"
    overdue = [each for each in status.sweeps if status.at - each.next_at > _OVERDUE and each.started_at is None]
    if overdue and len(overdue) == len(status.sweeps):
        return "nobody works"
    if status.needs_person:
        return "needs you"
    if status.paused:
        return "paused"
    return "in step" if status.quiet else "working"


def bridges_of(visit: Visit, used: Used) -> list[BridgeView]:
    home, connectors = used.directory, visit.parts.workspaces.connectors
    order = list(FLOWS)
    found = []
    for bridge in home.bridges.values():
        ends = []
        for account_id in (bridge.left_account, bridge.right_account):
            account = home.accounts[account_id]
            connector = connectors.get(account.system)
            ends.append((account, connector.title if connector is not None else account.system))
        flows = [
            FlowView(row=row, says=spec.says, two_way=isinstance(spec, TwoWay))
            for row in home.flows.values()
            if row.bridge_id == bridge.id and (spec := FLOWS.get(row.spec)) is not None
        ]
        flows.sort(key=lambda each: order.index(each.row.spec))
        found.append(BridgeView(left=ends[0], right=ends[1], flows=flows))
    return found
