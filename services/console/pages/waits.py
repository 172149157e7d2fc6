"""Needs you: what waits for a person, grouped by reason, with what can be done; and what only waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, Response

from services.console.context import Acts, Asks, Visit
from services.console.pages.records import page_of
from shared import errors
from shared.flows.spec import Side
from shared.model.change import is_record_id
from shared.operations import attention, steering, views
from shared.operations.views import Waits
from shared.runtime.workspaces import Used
from shared.store import waiting
from shared.store.matches import Decision
from shared.store.rows import Waiting

router = APIRouter()

_SHOWN: Final = 100
_MOST: Final = 10_000
_DOUBTS: Final = frozenset({"ambiguous", "bound elsewhere", "merged"})

Text = Annotated[str, Form(max_length=200)]
Ids = Annotated[list[str], Form(default_factory=list)]

# What a person is told of a reason, and what cures it.
REASONS: Final = {
    "ambiguous": "Several records may be the same, or only the name is.",
    "bound elsewhere": "The record with the same keys is joined with another one: perhaps a double.",
    "merged": "A client is gone and another has its tax number: perhaps merged in its system.",
    "other id": "The number in the other system's field is not the number of the record that it is joined with.",
    "rejected": "The other system refuses the record. Correct it there where the message says, then try again.",
    "loop": "A pair was written five times in ten minutes: somebody else writes too.",
    "in doubt": "A record may have been made, and the system cannot be asked. Look there before trying again.",
    "unreadable": "A message of a shape that nobody knew. A list has covered what it told.",
    "bug": "An error of ours. Report it; after an update, try again.",
    "confirmed": "Somebody looked for it and wants it made: it is made now.",
    "retry": "The system, or the way to it, failed. It is tried again by itself.",
    "throttled": "Too many calls: the system asked for a pause.",
    "stale": "A side still shows the value from before our write.",
    "recheck": "A change was told and none was seen: one more look follows.",
    "intent": "Another write of this pair is on its way.",
    "blocked": "It needs another record first.",
    "wanted": "Another record waits for this one.",
    "index": "The other side is listed before anything is made there.",
    "budget": "More changes than can be worked off at once: it waits for its turn.",
    "paused": "The flow is paused.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitView:
    """One waiting row with what is kept beside it."""

    row: Waiting
    link: str
    story: str
    flow: str
    side: str
    candidates: Sequence[tuple[str, str]]
    traceback: str
    can_decide: bool


@router.get("/w/{workspace_id}/waiting")
async def needs_you(visit: Asks, workspace_id: str, reason: str = "") -> HTMLResponse:
    used = await visit.workspace(workspace_id)
    waits = await visit.parts.database.read(lambda connection: views.waits_of(connection, workspace_id))
    chosen = next((each for each in waits if each.reason == reason), None) or _first(waits)
    rows: list[Waiting] = []
    if chosen is not None:
        rows = await _rows(visit, workspace_id, chosen.reason, _SHOWN)
    return visit.page(
        "waiting.html",
        used=used,
        waits=waits,
        chosen=chosen,
        rows=[_view(used, row) for row in rows],
        reasons=REASONS,
        now=visit.parts.clock.now(),
    )


@router.post("/w/{workspace_id}/waiting/retry")
async def retry(visit: Acts, workspace_id: str, ids: Ids, every: Text = "") -> Response:
    """Try these again, or all of a reason."""
    await visit.workspace(workspace_id, "operator")
    rows = await _chosen(visit, workspace_id, ids, every)
    done = await attention.retry(visit.parts, visit.console.log, rows, actor=visit.actor)
    said = visit.say("{count} are tried again.", count=done.total)
    return visit.go(f"/w/{workspace_id}/waiting", said=said)


@router.post("/w/{workspace_id}/waiting/dismiss")
async def dismiss(visit: Acts, workspace_id: str, ids: Ids, every: Text = "", note: Text = "") -> Response:
    """Drop these, with a note why."""
    await visit.workspace(workspace_id, "operator")
    rows = await _chosen(visit, workspace_id, ids, every)
    count = await attention.dismiss(visit.parts, rows, actor=visit.actor, note=note.strip())
    return visit.go(f"/w/{workspace_id}/waiting", said=visit.say("{count} are dismissed.", count=count))


@router.post("/w/{workspace_id}/waiting/{waiting_id}/decide")
async def decide(
    visit: Acts, workspace_id: str, waiting_id: str, choice: Annotated[Decision, Form()], other: Text = ""
) -> Response:
    """Join a doubtful record with a candidate, have one made, or leave it alone."""
    used = await visit.workspace(workspace_id, "operator")
    row = await _one(visit, workspace_id, waiting_id)
    if row.reason not in _DOUBTS:
        raise errors.Misconfigured("There is nothing to decide about this one.")
    if choice == "open" or (choice == "bind" and not is_record_id(other)):
        raise errors.Misconfigured("Say with which record it shall be joined.")
    flow, side = steering.side_in(used, row.flow_id, row.account_id)
    await steering.decide(visit.parts, flow, side, row.record_id, choice, other=other, actor=visit.actor)
    # Whoever waits for another reason than a doubt of matching is looked at as well.
    await attention.retry(visit.parts, visit.console.log, [row], actor=visit.actor)
    return visit.go(f"/w/{workspace_id}/waiting", said=visit.say("Decided."))


async def _chosen(visit: Visit, workspace_id: str, ids: Sequence[str], every: str) -> list[Waiting]:
    if every:
        if every not in REASONS:
            raise errors.Misconfigured(f"There is no reason {every!r}.")
        return await _rows(visit, workspace_id, every, _MOST)
    if not ids:
        raise errors.Misconfigured("Nothing is chosen.", way_out="Tick the rows first.")
    return [await _one(visit, workspace_id, each) for each in ids[:_SHOWN]]


async def _one(visit: Visit, workspace_id: str, waiting_id: str) -> Waiting:
    """A row of this workspace; another's is as good as not there."""
    row = await attention.find(visit.parts, waiting_id)
    if row.workspace_id != workspace_id:
        raise errors.Misconfigured("Nothing waits under this id any more.")
    return row


async def _rows(visit: Visit, workspace_id: str, reason: str, limit: int) -> list[Waiting]:
    found = await visit.parts.database.read(
        lambda connection: waiting.of_workspace(connection, workspace_id, reason=reason, limit=limit)  # type: ignore[arg-type] # looked up in the rows
    )
    return sorted(found, key=lambda row: (not row.needs_person, row.first_seen))


def _first(waits: Sequence[Waits]) -> Waits | None:
    ordered = sorted(waits, key=lambda each: (not each.needs_person, -each.count))
    return ordered[0] if ordered else None


def _view(used: Used, row: Waiting) -> WaitView:
    detail = attention.detail_of(used, row)
    flow = used.flows.get(row.flow_id)
    if flow is None:
        return WaitView(
            row=row,
            link="",
            story="",
            flow="",
            side="",
            candidates=(),
            traceback=detail.traceback,
            can_decide=False,
        )
    side = next(each for each in Side if flow.accounts[each].id == row.account_id)
    other = side if row.reason == "merged" else side.other
    return WaitView(
        row=row,
        link=flow.session(side).link(row.resource, row.record_id),
        story=page_of(row.workspace_id, row.account_id, row.resource, row.record_id),
        flow=row.flow_id,
        side=side.value,
        candidates=[
            (each, flow.session(other).link(flow.resource_name(other), each)) for each in detail.candidates
        ],
        traceback=detail.traceback,
        can_decide=row.reason in _DOUBTS,
    )
