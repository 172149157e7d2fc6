"""A record's story, for `puente why`: its pair, what was told of it, what was tried, what waits and until when."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from shared import errors
from shared.connectors.contract import Connector
from shared.eventlog.port import Entry, EventLog
from shared.flows.context import FlowContext
from shared.flows.preview import Preview, preview
from shared.flows.spec import Side
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import attempts, bindings, intents, matches, waiting
from shared.store.directory import unknown
from shared.store.rows import Attempt, Binding, Intent, Waiting

_KEPT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlow:
    """What one flow knows of the record. `shown` is what both sides show now, None if they were not asked or did
    not answer; `problem` says why."""

    flow: FlowContext
    side: Side
    binding: Binding | None
    decision: matches.Finding | None
    attempts: Sequence[Attempt]
    waiting: Sequence[Waiting]
    intents: Sequence[Intent]
    shown: Preview | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything that is known of one record. `changes` are the last ones that the log still holds."""

    account: str
    resource: str
    record_id: str
    changes: Sequence[Entry] = ()
    flows: Sequence[InFlow] = field(default_factory=tuple)

    @property
    def is_known(self) -> bool:
        return bool(self.changes) or any(
            each.binding or each.attempts or each.waiting or each.intents or each.decision for each in self.flows
        )


def resource_named(connector: Connector, kind: str) -> str:
    """The resource that a person means: `clients`, `client` or `customer`. Raises Misconfigured."""
    wanted = kind.lower()
    for name, resource in connector.resources.items():
        if wanted in {name, name.removesuffix("s"), resource.entity.name, f"{resource.entity.name}s"}:
            return name
    raise unknown("kind of record", kind, sorted(connector.resources))


async def tell(
    parts: Parts, log: EventLog, used: Used, account_id: str, resource: str, record_id: str, *, ask: bool = True
) -> Story:
    """Gather a record's story. With `ask` both systems are read, and nothing is written to them."""
    flows = [
        await _in_flow(parts, flow, side, record_id, ask=ask) for flow, side in used.flows_of(account_id, resource)
    ]
    changes: deque[Entry] = deque(maxlen=_KEPT)
    async with aclosing(log.read(workspace=used.workspace.id)) as entries:
        async for entry in entries:
            change = entry.change
            if (change.account, change.resource, change.record_id) == (account_id, resource, record_id):
                changes.append(entry)
    return Story(account=account_id, resource=resource, record_id=record_id, changes=list(changes), flows=flows)


async def _in_flow(parts: Parts, flow: FlowContext, side: Side, record_id: str, *, ask: bool) -> InFlow:
    entity = flow.spec.left.resource.entity.name

    async def unit(connection: Any) -> dict[str, Any]:
        binding = await bindings.find(connection, flow.bridge.id, entity, flow.spec.role, side.value, record_id)
        ends = [(side, record_id)]
        if binding is not None:
            ends.append((side.other, binding.id_of(side.other.value)))
        tried: list[Attempt] = []
        waits: list[Waiting] = []
        for end, each in ends:
            place = (flow.accounts[end].id, flow.resource_name(end), each)
            tried += await attempts.of_record(connection, *place, limit=_KEPT)
            waits += [row for row in await waiting.of_records(connection, *place) if row.flow_id == flow.row.id]
        return {
            "binding": binding,
            "decision": await matches.decision(connection, flow.row.id, side.value, record_id),
            "attempts": sorted(
                (row for row in tried if row.flow_id == flow.row.id), key=lambda row: (row.at, row.id)
            ),
            "waiting": waits,
            "intents": await intents.open_of(connection, flow.row.id, [each for _end, each in ends]),
        }

    stored = await parts.database.read(unit)
    if not ask:
        return InFlow(flow=flow, side=side, **stored)
    try:
        shown = await preview(flow, side, record_id, database=parts.database, now=parts.clock.now())
    except errors.PuenteError as problem:
        return InFlow(flow=flow, side=side, problem=f"{problem.message} {problem.way_out}".strip(), **stored)
    return InFlow(flow=flow, side=side, shown=shown, **stored)
