"""Lag and waiting: in records and in the age of the oldest, with a verdict from how it moves."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from services.console.context import Asks
from shared.eventlog.port import Lag
from shared.operations import canary, hookhealth, movement, views
from shared.store.users import EVERYWHERE

router = APIRouter()


@router.get("/w/{workspace_id}/lag")
async def of_workspace(visit: Asks, workspace_id: str) -> HTMLResponse:
    used = await visit.workspace(workspace_id)
    lag = await movement.sample(visit.parts, visit.console.log)
    waits = await visit.parts.database.read(lambda connection: views.waits_of(connection, workspace_id))
    verdicts = await movement.verdicts(visit.parts, lag)
    partition = used.workspace.shard if len(lag.partitions) > 1 else 0
    return visit.page(
        "lag.html",
        used=used,
        lag=lag,
        behind=views.lag_in(lag, workspace_id),
        is_known=lag.by_workspace is not None,
        systems=systems_of(lag, workspace_id),
        partitions=[each for each in lag.partitions if each.partition == partition],
        verdicts=verdicts,
        waits=waits,
        flown=await canary.flown_lately(visit.parts),
        health=await hookhealth.of_workspace(visit.parts, used),
        now=visit.parts.clock.now(),
    )


@router.get("/lag")
async def of_all(visit: Asks) -> HTMLResponse:
    """The whole installation: for a provider's people."""
    visit.need("viewer", EVERYWHERE)
    lag = await movement.sample(visit.parts, visit.console.log)
    waits = await visit.parts.database.read(views.waits_of)
    return visit.page(
        "lag.html",
        used=None,
        lag=lag,
        behind=lag.total,
        is_known=True,
        systems=systems_of(lag, None),
        partitions=[each for each in lag.partitions if each.lag or len(lag.partitions) == 1],
        verdicts=await movement.verdicts(visit.parts, lag),
        waits=waits,
        flown=await canary.flown_lately(visit.parts),
        health=[],
        now=visit.parts.clock.now(),
    )


def systems_of(lag: Lag, workspace_id: str | None) -> Sequence[tuple[str, int | None]]:
    """(system, changes not looked at yet); None where there was too much to count them apart."""
    if lag.by_system is None or lag.by_workspace is None:
        return [("", None)]
    if workspace_id is None:
        return sorted(lag.by_system.items())
    mine: dict[str, int] = {}
    for (system, owner), count in lag.by_workspace.items():
        if owner == workspace_id:
            mine[system] = mine.get(system, 0) + count
    return sorted(mine.items())
