"""Recovery: after a restored backup, and the move from one machine to many."""

from __future__ import annotations

from typing import Any

from shared import errors
from shared.eventlog.port import EventLog
from shared.operations import matching_report, noting
from shared.runtime.consumer import GROUP
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used, must_get
from shared.store import audit, copying, directory, erasing, matches
from shared.store.matches import Report


async def recover(parts: Parts, used: Used, *, actor: str) -> dict[str, Report]:
    """After a restored backup: every flow goes back to review, and what exists is found before anything is made.

    The store may be older than the vendors' records. Indexes count as incomplete until both sides are listed;
    records that carry our reference are joined by it, others by their keys. Nothing is written to a vendor until
    `puente match approve` and `puente load`. Returns the reports by flow id.
    """
    await step_back(parts, used, actor=actor)
    return await reports(parts, used.workspace.id)


async def step_back(parts: Parts, used: Used, *, actor: str) -> None:
    """The half of `recover` that calls no vendor: from then on nothing is written before somebody approves.

    A flow that is paused forgets that it was live, too. What a report found before is no longer approved.
    """
    name = used.workspace.id

    async def unit(connection: Any) -> None:
        for flow in used.directory.flows.values():
            if (flow.state_before_pause if flow.state == "paused" else flow.state) in {"loading", "live"}:
                await directory.set_flow(connection, flow, state="review")
            await matches.start(connection, flow.id)
        await erasing.start_over(connection, name, list(used.directory.accounts), parts.clock.now())
        await audit.add(connection, noting.line(parts, name, actor, "recover"))

    await parts.database.run(unit)


async def reports(parts: Parts, workspace: str) -> dict[str, Report]:
    """The half that asks the vendors: what is there, by flow id. Raises Retryable and NeedsOperator."""
    fresh = await must_get(parts.workspaces, workspace)
    return {flow_id: await matching_report.make(parts, fresh, flow_id) for flow_id in fresh.flows}


async def move(parts: Parts, log: EventLog, target_url: str) -> dict[str, int]:
    """Copy this installation's store into an empty one; returns the rows copied of each table.

    The door must be stopped and the log drained, since the log's history is not moved. Raises Misconfigured while
    changes are not looked at yet, and for a target that is in use.
    """
    lag = await log.lag(group=GROUP)
    if lag.total:
        raise errors.Misconfigured(
            f"{lag.total} changes of the log were not looked at yet; the log is not moved.",
            way_out="Stop the door, let sync drain (`puente lag` shows 0), stop sync, then move.",
        )
    return await copying.copy(parts.database, target_url)
