"""Recovery: after a restored backup, when a person must be forgotten, and the move from one machine to many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared import errors
from shared.eventlog.port import EventLog
from shared.flows.context import FlowContext
from shared.flows.spec import Side
from shared.runtime import matching_report
from shared.runtime.consumer import GROUP
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used, must_get
from shared.store import audit, bindings, copying, directory, erasing, matches
from shared.store.matches import Report
from shared.store.rows import Binding


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
        await audit.add(connection, _line(parts, name, actor, "recover", {}))

    await parts.database.run(unit)


async def reports(parts: Parts, workspace: str) -> dict[str, Report]:
    """The half that asks the vendors: what is there, by flow id. Raises Retryable and NeedsOperator."""
    fresh = await must_get(parts.workspaces, workspace)
    return {flow_id: await matching_report.make(parts, fresh, flow_id) for flow_id in fresh.flows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was erased of one person, and by when the log's bodies are gone too."""

    bindings: int
    attempts: int
    waiting: int
    keys: int
    log_empty_by: datetime


async def forget(
    parts: Parts, used: Used, account_id: str, resource: str, record_id: str, *, actor: str
) -> Forgotten:
    """Erase what the store holds of one person's record and its counterpart; the pair is never synced again.

    The record itself stays at the vendors. Bodies in the log leave with its retention.
    """
    flows = [flow for flow, _ in used.flows_of(account_id, resource)]
    if not flows:
        raise errors.Misconfigured(
            f"No flow carries {resource} of {account_id}.", way_out="`puente flow list` shows what is carried."
        )
    ends = {(account_id, resource, record_id)}
    pairs: list[Binding] = []
    for flow in flows:
        binding = await _pair(parts, flow, account_id, record_id)
        if binding is not None:
            pairs.append(binding)
            for side in Side:
                ends.add((flow.accounts[side].id, flow.resource_name(side), binding.id_of(side.value)))
    now = parts.clock.now()

    async def unit(connection: Any) -> dict[str, int]:
        counts = await erasing.erase(connection, sorted(ends))
        for flow in flows:
            await erasing.erase_decisions(connection, flow.row.id, [end[2] for end in sorted(ends)])
        for binding in pairs:
            await erasing.forget_pair(connection, binding, now)
        detail = {"account": account_id, "resource": resource}
        await audit.add(connection, _line(parts, used.workspace.id, actor, "forget", detail))
        return counts

    counts = await parts.database.run(unit)
    return Forgotten(
        bindings=len(pairs),
        attempts=counts["attempt"],
        waiting=counts["waiting"],
        keys=counts["match_key"],
        log_empty_by=now + timedelta(days=parts.settings.log_retention_days),
    )


async def _pair(parts: Parts, flow: FlowContext, account_id: str, record_id: str) -> Binding | None:
    side = Side.LEFT if flow.accounts[Side.LEFT].id == account_id else Side.RIGHT
    entity = flow.spec.left.resource.entity.name
    return await parts.database.read(
        lambda connection: bindings.find(connection, flow.bridge.id, entity, flow.spec.role, side.value, record_id)
    )


def _line(parts: Parts, workspace_id: str, actor: str, action: str, detail: dict[str, Any]) -> audit.Line:
    return audit.Line(
        id=parts.new_id(),
        workspace_id=workspace_id,
        at=parts.clock.now(),
        actor=actor,
        action=action,
        detail=detail,
    )


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
