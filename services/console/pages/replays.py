"""Replay: changes are looked at again, or given to a developer's own consumer; a dry run comes first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, Response, StreamingResponse

from services.console.context import Acts, Asks, Visit
from shared import errors
from shared.flows.context import FlowContext
from shared.flows.spec import Side, TwoWay
from shared.operations.noting import MOVED, note
from shared.runtime import repairing, replay
from shared.runtime.replay import Wants
from shared.runtime.workspaces import Used
from shared.store import runs

router = APIRouter()

_PREVIEWS: Final = 25

Text = Annotated[str, Form(max_length=200)]


@router.get("/w/{workspace_id}/replay")
async def page(
    visit: Asks, workspace_id: str, record: str = "", account: str = "", flow: str = ""
) -> HTMLResponse:
    used = await visit.workspace(workspace_id)
    return await _page(visit, used, record=record, account=account, repaired=flow)


@router.get("/w/{workspace_id}/replay/runs")
async def progress(visit: Asks, workspace_id: str) -> HTMLResponse:
    """The table of runs, asked for again while one runs."""
    used = await visit.workspace(workspace_id)
    found = await visit.parts.database.read(lambda connection: runs.of_workspace(connection, workspace_id))
    return HTMLResponse(visit.text("runs.html", used=used, runs=found))


@router.post("/w/{workspace_id}/replay")
async def begin(
    visit: Acts,
    workspace_id: str,
    step: Annotated[Literal["dry", "run", "export"], Form()],
    mode: Annotated[Literal["nudge", "repair"], Form()] = "nudge",
    since: Text = "",
    until: Text = "",
    account: Text = "",
    kind: Text = "",
    record: Text = "",
) -> Response:
    """Show what a replay would write, begin it, or download the changes."""
    used = await visit.workspace(workspace_id, "admin" if step == "export" else "operator")
    wants = _wants(visit, used, since=since, until=until, account=account, kind=kind, record=record)
    if step == "export":
        await note(visit.parts, used.workspace.id, visit.actor, "changes.exported", **wants.dump())
        name = f"puente-{workspace_id}.jsonl"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_exported(visit, wants), media_type="application/x-ndjson", headers=headers)
    if step == "dry":
        dry = await replay.dry_run(
            visit.console.log,
            used,
            wants,
            database=visit.parts.database,
            clock=visit.parts.clock,
            repair=mode == "repair",
            most=_PREVIEWS,
        )
        return await _page(
            visit, used, dry=dry, mode=mode, after=since, before=until, account=account, kind=kind, record=record
        )
    run = await replay.begin(visit.parts.database, wants, mode, clock=visit.parts.clock, new_id=visit.parts.new_id)
    await _note(visit, used, mode, wants, run=run.id)
    return visit.go(f"/w/{workspace_id}/replay", said=visit.say("The replay has begun."))


@router.post("/w/{workspace_id}/replay/pairs")
async def repair(
    visit: Acts,
    workspace_id: str,
    step: Annotated[Literal["dry", "run"], Form()],
    flow: Text = "",
    side: Annotated[Side, Form()] = Side.LEFT,
) -> Response:
    """Show what a repair of all pairs of a flow would write, or begin it."""
    used = await visit.workspace(workspace_id, "operator")
    found = used.flows.get(flow)
    if found is None:
        raise errors.Misconfigured("There is no such flow.")
    if side not in _sources(found):
        raise errors.Misconfigured("This flow is not carried from that side.")
    parts = visit.parts
    if step == "dry":
        dry = await repairing.dry_run(found, side, database=parts.database, clock=parts.clock, most=_PREVIEWS)
        return await _page(visit, used, pairs=dry, repaired=flow, side=side.value)
    wanted = repairing.of_flow(found, side)
    run = await repairing.begin(parts.database, wanted, clock=parts.clock, new_id=parts.new_id)
    await note(parts, workspace_id, visit.actor, "replay", mode="repair", flow=flow, side=side.value, run=run.id)
    return visit.go(f"/w/{workspace_id}/replay", said=visit.say("The replay has begun."))


def _sources(flow: FlowContext) -> list[Side]:
    """The sides from which a flow carries."""
    return list(Side) if isinstance(flow.spec, TwoWay) else [Side.LEFT]


@router.post("/w/{workspace_id}/replay/{run_id}/{word}")
async def move(
    visit: Acts, workspace_id: str, run_id: str, word: Literal["pause", "resume", "cancel"]
) -> Response:
    """Let a run stand, go on, or end it."""
    await visit.workspace(workspace_id, "operator")
    run = await visit.parts.database.read(lambda connection: runs.by_id(connection, run_id))
    if run is None or run.workspace_id != workspace_id:
        raise errors.Misconfigured("There is no such replay.")
    moves = {"pause": replay.pause, "resume": replay.resume, "cancel": replay.cancel}
    done = await moves[word](visit.parts.database, run_id, clock=visit.parts.clock)
    await note(visit.parts, workspace_id, visit.actor, MOVED[done.state], run=run_id)
    said = {
        "pause": visit.say("The replay is paused."),
        "resume": visit.say("The replay goes on."),
        "cancel": visit.say("The replay is cancelled."),
    }
    return visit.go(f"/w/{workspace_id}/replay", said=said[word])


async def _page(visit: Visit, used: Used, **values: object) -> HTMLResponse:
    found = await visit.parts.database.read(lambda connection: runs.of_workspace(connection, used.workspace.id))
    asked: dict[str, Any] = {"after": "", "before": "", "account": "", "kind": "", "record": ""}
    asked |= {"mode": "nudge", "dry": None, "pairs": None, "repaired": "", "side": "left"}
    flows = [(flow, _sources(flow)) for flow in used.flows.values()]
    kinds = sorted({flow.resource_name(side) for flow in used.flows.values() for side in flow.accounts})
    return visit.page("replay.html", used=used, runs=found, kinds=kinds, flows=flows, **(asked | values))


def _wants(visit: Visit, used: Used, *, since: str, until: str, account: str, kind: str, record: str) -> Wants:
    if account and account not in used.directory.accounts:
        raise errors.Misconfigured("There is no such account.")
    now, zone = visit.parts.clock.now(), ZoneInfo(used.workspace.time_zone)
    return Wants(
        workspace=used.workspace.id,
        since=_moment(since, now, zone),
        until=_moment(until, now, zone),
        account=account,
        kind=kind.strip(),
        record=record.strip(),
    )


def _moment(text: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """What a browser's field for a local time holds; a time that is still to come counts as now."""
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise errors.Misconfigured(f"{text!r} is no time.", way_out="Write it as 2026-01-31T09:00.") from None
    local = found if found.tzinfo is not None else found.replace(tzinfo=zone)
    return min(local, now + timedelta(seconds=1))


async def _exported(visit: Visit, wants: Wants) -> AsyncIterator[bytes]:
    """One CloudEvent a line."""
    async for entry in replay.chosen(visit.console.log, wants):
        yield msgspec.json.encode(replay.exported(entry, visit.parts.keys.log)) + b"\n"


async def _note(visit: Visit, used: Used, mode: str, wants: Wants, **detail: str) -> None:
    await note(visit.parts, used.workspace.id, visit.actor, "replay", mode=mode, **wants.dump(), **detail)
