"""History: every deed of a person in a workspace, newest first."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from services.console.context import Asks
from shared.store import audit

router = APIRouter()

_SHOWN: Final = 100


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
    return visit.page("history.html", used=used, lines=lines, older=older)
