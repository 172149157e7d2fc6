"""Forget a person: what is held of them is erased at once, and the page says by when nothing is left anywhere."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException
from starlette.responses import HTMLResponse, Response

from services.console.context import Acts, Asks, Visit
from services.console.pages.records import page_of
from shared import errors
from shared.model.change import is_record_id
from shared.operations import forgetting
from shared.runtime.workspaces import Used

router = APIRouter()

_PLACE: Final = "/w/{workspace_id}/forget"

Text = Annotated[str, Form(max_length=200)]


@router.get(_PLACE)
async def page(visit: Asks, workspace_id: str, account: str, resource: str, record: str) -> HTMLResponse:
    """What forgetting means, and the question."""
    used = await visit.workspace(workspace_id, "admin")
    _check(visit, used, account, resource, record)
    story = page_of(workspace_id, account, resource, record)
    return visit.page(
        "forget.html", used=used, account=account, resource=resource, record=record, story=story, done=None
    )


@router.post(_PLACE)
async def forget(
    visit: Acts, workspace_id: str, account: Text, resource: Text, record: Text, again: Text = ""
) -> Response:
    """Erase what is held of one person's record. `again` is its number, typed once more: there is no way back."""
    used = await visit.workspace(workspace_id, "admin")
    _check(visit, used, account, resource, record)
    if again.strip() != record:
        raise errors.Misconfigured(
            "The number that was typed is not the record's.", way_out="Type it as it stands in the question."
        )
    done = await forgetting.forget(visit.parts, used, account, resource, record, actor=visit.actor)
    return visit.page(
        "forget.html", used=used, account=account, resource=resource, record=record, story="", done=done
    )


def _check(visit: Visit, used: Used, account_id: str, resource: str, record_id: str) -> None:
    """Raises 404 for what is not of this workspace."""
    if not used.flows_of(account_id, resource) or not is_record_id(record_id):
        raise HTTPException(404, visit.say("There is no such record."))
