"""A flow's page: what it carries, and its options, which decide which field goes where and who wins."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from services.console.context import Asks
from services.console.pages.steps import flow_of, lacking_of, options_of, winners_of
from shared.flows import catalog

router = APIRouter()


@router.get("/w/{workspace_id}/flows/{flow_id}")
async def page(visit: Asks, workspace_id: str, flow_id: str, changed: str = "") -> HTMLResponse:
    """With `changed`, a repair of the pairs from before is offered."""
    used, row = await flow_of(visit, workspace_id, flow_id)
    spec = catalog.FLOWS[row.spec]
    return visit.page(
        "flow.html",
        used=used,
        row=row,
        spec=spec,
        options=options_of(row),
        winners=winners_of(used, row),
        lacking=lacking_of(used, row),
        titles=(spec.left.connector.title, spec.right.connector.title),
        changed=bool(changed),
    )
