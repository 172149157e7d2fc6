"""History: every deed of a person in a workspace, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from services.console.context import Asks
from shared.operations.noting import Action
from shared.store import audit

router = APIRouter()

_SHOWN: Final = 100
SAYS: Final[Mapping[Action, str]] = {
    "workspace.added": "Business added",
    "account.added": "System connected",
    "account.changed": "Connection changed",
    "bridge.added": "Two systems joined",
    "hooks.registered": "Webhooks registered",
    "hooks.removed": "Webhooks removed",
    "match.reported": "Report made",
    "match.decided": "Doubt decided",
    "match.approved": "Report approved",
    "load.begun": "First load begun",
    "sweep.asked": "Both systems asked for changes",
    "record.looked_at": "Record synced by hand",
    "flow.paused": "Flow paused",
    "flow.resumed": "Flow resumed",
    "flow.options": "Options changed",
    "pair.unlinked": "Pair taken apart",
    "pair.relinked": "Pair joined",
    "waiting.retried": "Tried again",
    "waiting.dismissed": "Dismissed",
    "replay": "Replay begun",
    "replay.running": "Replay resumed",
    "replay.paused": "Replay paused",
    "replay.cancelled": "Replay cancelled",
    "replay.done": "Replay ended",
    "changes.exported": "Changes downloaded",
    "forget": "Person forgotten",
    "recover": "Recovered from a backup",
    "user.added": "User added",
    "user.role": "Role changed",
    "user.password": "Password changed",
    "user.removed": "User removed",
    "alerts.tested": "Test of alerts sent",
}


@router.get("/w/{workspace_id}/history")
async def page(visit: Asks, workspace_id: str, before: datetime | None = None) -> HTMLResponse:
    """A page of lines; `before` is the time of the last one of the page before."""
    used = await visit.workspace(workspace_id)
    if before is not None and before.tzinfo is None:
        before = before.replace(tzinfo=visit.parts.clock.now().tzinfo)
    lines = await visit.parts.database.read(
        lambda connection: audit.of_workspace(connection, workspace_id, before=before, limit=_SHOWN)
    )
    older = lines[-1].at.isoformat() if len(lines) == _SHOWN else ""
    return visit.page("history.html", used=used, lines=lines, says=SAYS, older=older)
