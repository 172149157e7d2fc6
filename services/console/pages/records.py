"""A record's story: found by number, name, e-mail or tax number; both sides now, the pair, every attempt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Form, HTTPException
from starlette.responses import HTMLResponse, Response

from services.console.context import Acts, Asks, Visit
from shared import errors
from shared.connectors.contract import Row
from shared.flows import catalog
from shared.flows.context import FlowContext
from shared.flows.spec import Side
from shared.model.change import is_record_id
from shared.operations import finding, steering, story
from shared.operations.story import InFlow
from shared.runtime.workspaces import Used
from shared.store.rows import Attempt

router = APIRouter()

_MOST_ATTEMPTS: Final = 50

Text = Annotated[str, Form(max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptView:
    """One attempt with what was read, decided and written, where that was kept."""

    row: Attempt
    detail: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStory:
    """One flow's part of a story, with the pages where a person opens both records in their own programs."""

    told: InFlow
    attempts: Sequence[AttemptView]
    left_title: str
    right_title: str
    left_link: str
    right_link: str
    switch: str


def page_of(workspace_id: str, account_id: str, resource: str, record_id: str) -> str:
    return f"/w/{workspace_id}/records/{account_id}/{resource}/{quote(record_id, safe='')}"


@router.get("/w/{workspace_id}/records")
async def search(visit: Asks, workspace_id: str, q: str = "") -> HTMLResponse:
    """Records by number, name, e-mail or tax number. What was typed is kept nowhere."""
    used = await visit.workspace(workspace_id)
    text = q.strip()[:200]
    found = await finding.search(visit.parts, used, text) if text else None
    return visit.page("records.html", used=used, q=text, found=found, page_of=page_of)


@router.get("/w/{workspace_id}/settled")
async def settled(
    visit: Asks, workspace_id: str, account: str, resource: str, record: str, since: datetime
) -> Response:
    """Asked while a person waits for a look: when it was taken, the browser is sent to the story as it is now."""
    used = await visit.workspace(workspace_id)
    _check(visit, used, account, resource, record)
    told = await story.tell(visit.parts, visit.console.log, used, account, resource, record, ask=False)
    if not any(row.at >= since for each in told.flows for row in each.attempts):
        return Response(status_code=204)
    return visit.go(page_of(workspace_id, account, resource, record))


@router.get("/w/{workspace_id}/records/{account_id}/{resource}/{record_id:path}")
async def show(
    visit: Asks,
    workspace_id: str,
    account_id: str,
    resource: str,
    record_id: str,
    since: datetime | None = None,
) -> HTMLResponse:
    used = await visit.workspace(workspace_id)
    _check(visit, used, account_id, resource, record_id)
    told = await story.tell(visit.parts, visit.console.log, used, account_id, resource, record_id)
    flows = [_flow_story(visit, used, each) for each in told.flows]
    return visit.page("record.html", used=used, told=told, flows=flows, page_of=page_of, since=since)


@router.post("/w/{workspace_id}/sync-now")
async def sync_now(
    visit: Acts, workspace_id: str, account: Text, resource: Text, record: Text, flow: Text
) -> Response:
    """Have one record looked at as if its system had told."""
    used = await visit.workspace(workspace_id, "operator")
    _check(visit, used, account, resource, record)
    found, side = steering.side_in(used, flow, account)
    since = visit.parts.clock.now()
    await steering.look_now(visit.parts, visit.console.log, found, side, record, actor=visit.actor)
    said = visit.say("It is looked at now.")
    return _back(visit, workspace_id, account, resource, record, said, since=since)


@router.post("/w/{workspace_id}/unlink")
async def unlink(
    visit: Acts, workspace_id: str, account: Text, resource: Text, record: Text, flow: Text
) -> Response:
    """Take a pair apart."""
    used = await visit.workspace(workspace_id, "operator")
    told = await _in_flow(visit, used, account, resource, record, flow)
    if told.binding is None:
        raise errors.Misconfigured("This record is in no pair.")
    await steering.unlink(visit.parts, told.flow, told.binding, actor=visit.actor)
    says = visit.say("The two records are no longer kept in step.")
    return _back(visit, workspace_id, account, resource, record, says)


@router.post("/w/{workspace_id}/relink")
async def relink(
    visit: Acts, workspace_id: str, account: Text, resource: Text, record: Text, flow: Text, other: Text = ""
) -> Response:
    """Join a pair that was taken apart, or join the record with another one of the other side."""
    used = await visit.workspace(workspace_id, "operator")
    told = await _in_flow(visit, used, account, resource, record, flow)
    since = visit.parts.clock.now()
    other = other.strip()
    if other and not is_record_id(other):
        raise errors.Misconfigured("That is no id of a record.", way_out="Copy it from the other system.")
    if told.binding is None:
        if not other:
            raise errors.Misconfigured("Say with which record it shall be joined.", way_out="Give its id.")
        await steering.decide(visit.parts, told.flow, told.side, record, "bind", other=other, actor=visit.actor)
        await steering.look_now(visit.parts, visit.console.log, told.flow, told.side, record)
    else:
        if other:
            await _must_be_there(told.flow, told.side.other, other)
        await steering.relink(
            visit.parts,
            visit.console.log,
            told.flow,
            told.binding,
            other_id=other,
            side=told.side.other,
            actor=visit.actor,
        )
    said = visit.say("The two records are joined.")
    return _back(visit, workspace_id, account, resource, record, said, since=since)


async def _must_be_there(flow: FlowContext, side: Side, record_id: str) -> Row:
    row = await flow.session(side).read(flow.resource_name(side), record_id)
    if row is None or row.gone:
        raise errors.Misconfigured(
            f"There is no {flow.resource_name(side)} {record_id} at {flow.spec.end(side).connector.title}."
        )
    return row


async def _in_flow(
    visit: Visit, used: Used, account_id: str, resource: str, record_id: str, flow_id: str
) -> InFlow:
    _check(visit, used, account_id, resource, record_id)
    told = await story.tell(visit.parts, visit.console.log, used, account_id, resource, record_id, ask=False)
    for each in told.flows:
        if each.flow.row.id == flow_id:
            return each
    raise errors.Misconfigured("This record is not of that flow.")


def _check(visit: Visit, used: Used, account_id: str, resource: str, record_id: str) -> None:
    """Raises 404 for what is not of this workspace."""
    if not used.flows_of(account_id, resource) or not is_record_id(record_id):
        raise HTTPException(404, visit.say("There is no such record."))


def _back(
    visit: Visit,
    workspace_id: str,
    account: str,
    resource: str,
    record: str,
    said: str,
    *,
    since: datetime | None = None,
) -> Response:
    """To the record's story; with `since` it shows the next attempt as soon as there is one."""
    page = page_of(workspace_id, account, resource, record)
    return visit.go(f"{page}?since={quote(since.isoformat())}" if since is not None else page, said=said)


def _flow_story(visit: Visit, used: Used, told: InFlow) -> FlowStory:
    flow, links = told.flow, {Side.LEFT: "", Side.RIGHT: ""}
    if told.binding is not None:
        for side in Side:
            record_id = told.binding.id_of(side.value)
            links[side] = flow.session(side).link(flow.resource_name(side), record_id)
    attempts = [
        AttemptView(row=row, detail=_detail(used, row)) for row in reversed(told.attempts[-_MOST_ATTEMPTS:])
    ]
    return FlowStory(
        told=told,
        attempts=attempts,
        left_title=flow.spec.left.connector.title,
        right_title=flow.spec.right.connector.title,
        left_link=links[Side.LEFT],
        right_link=links[Side.RIGHT],
        switch=_switch(visit, flow),
    )


def _switch(visit: Visit, flow: FlowContext) -> str:
    """What to do where the programs' own way from one to the other fails; empty where they have none."""
    text = catalog.switch_between(flow.spec.left.connector.name, flow.spec.right.connector.name)
    if text is None:
        return ""
    return text.es if visit.language == "es" else text.en


def _detail(used: Used, row: Attempt) -> Mapping[str, Any] | None:
    """What an attempt read, decided and wrote; None where nothing was kept, or its key is gone."""
    if row.detail is None:
        return None
    try:
        return msgspec.json.decode(used.workspace.keys.open(row.detail, context=row.id), type=dict[str, Any])
    except (errors.NeedsOperator, msgspec.DecodeError):
        return None
