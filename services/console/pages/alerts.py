"""Alerts: what is open, with the way out of each; whether messages get out, and a button to try it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from services.console.context import Acts, Asks
from shared import errors
from shared.operations.alerts import asking
from shared.operations.alerts.channels import channels_of
from shared.operations.noting import note
from shared.store import alerts
from shared.store.users import EVERYWHERE

router = APIRouter()


@router.get("/w/{workspace_id}/alerts")
async def of_workspace(visit: Asks, workspace_id: str) -> HTMLResponse:
    used = await visit.workspace(workspace_id)
    items = await asking.listed(visit.parts, workspace_id, language=visit.language)
    return visit.page("alerts.html", used=used, items=items, channels=[], now=visit.parts.clock.now())


@router.get("/alerts")
async def of_all(visit: Asks) -> HTMLResponse:
    """The whole installation: for a provider's people."""
    visit.need("viewer", EVERYWHERE)
    items = await asking.listed(visit.parts, language=visit.language)
    channels = await visit.parts.database.read(alerts.health)
    return visit.page("alerts.html", used=None, items=items, channels=channels, now=visit.parts.clock.now())


@router.post("/alerts/test")
async def try_out(visit: Acts) -> Response:
    """Send a message by every channel now."""
    visit.need("operator", EVERYWHERE)
    channels = channels_of(visit.parts.settings, visit.parts.clock)
    try:
        tried = await asking.try_out(visit.parts, channels, language=visit.language)
    finally:
        await channels.close()
    await note(visit.parts, EVERYWHERE, visit.actor, "alerts.tested", channels=[each.channel for each in tried])
    failed = [each for each in tried if each.problem]
    if failed:
        says = "; ".join(f"{each.channel}: {each.problem}" for each in failed)
        raise errors.Misconfigured(says, way_out=failed[0].way_out)
    names = ", ".join(each.channel for each in tried)
    return visit.go("/alerts", said=visit.say("The message was taken: {channels}.", channels=names))
