"""Repair of every pair of a flow: asked for after an option changed which field goes where, or as what.

Each active pair gets one change in the log with the mode `repair`: its source counts as changed, and a field of
the other side is overwritten only where it still shows what we wrote.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from shared.clock import Clock, NewId
from shared.flows.context import FlowContext
from shared.flows.preview import Preview, preview
from shared.flows.spec import Side
from shared.model.change import Change, Entity
from shared.store import bindings, runs
from shared.store.database import Database
from shared.store.rows import Binding, SideName
from shared.store.runs import Run

PAGE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Every active pair of a flow, seen from the side that counts as changed: plain values, as a run keeps."""

    workspace: str
    flow: str
    bridge: str
    entity: Entity
    role: str
    side: SideName
    system: str
    account: str
    resource: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DryPairs:
    """What a repair would do: how many pairs it looks at, and what it would write to the first of them."""

    pairs: int
    previews: Sequence[tuple[str, str, Preview]]
    """(account, record id, preview)."""


def of_flow(flow: FlowContext, side: Side) -> Pairs:
    account = flow.accounts[side]
    return Pairs(
        workspace=flow.workspace.id,
        flow=flow.row.id,
        bridge=flow.bridge.id,
        entity=flow.spec.left.resource.entity.name,
        role=flow.spec.role,
        side=side.value,
        system=account.system,
        account=account.id,
        resource=flow.resource_name(side),
    )


def asked_for(run: Run) -> Pairs:
    """What `begin` kept. Raises msgspec.ValidationError for a run that it did not make."""
    return msgspec.convert(run.wants["pairs"], Pairs)


async def begin(database: Database, wanted: Pairs, *, clock: Clock, new_id: NewId) -> Run:
    """Ask for a repair of every pair; whoever holds the workspace carries it out."""
    now = clock.now()
    run = Run(
        id=new_id(),
        workspace_id=wanted.workspace,
        state="running",
        mode="repair",
        wants={"workspace": wanted.workspace, "pairs": msgspec.to_builtins(wanted)},
        counts={"of": await database.read(lambda connection: _count(connection, wanted))},
        created_at=now,
        updated_at=now,
    )
    await database.run(lambda connection: runs.add(connection, run))
    return run


async def dry_run(flow: FlowContext, side: Side, *, database: Database, clock: Clock, most: int) -> DryPairs:
    """Tell what a repair would write to the first pairs, field by field. Reads the vendors; writes nothing."""
    wanted = of_flow(flow, side)
    shown: list[tuple[str, str, Preview]] = []
    async for some, _after in pages(database, wanted):
        for pair in some[: most - len(shown)]:
            record_id = pair.id_of(side.value)
            found = await preview(flow, side, record_id, database=database, now=clock.now(), repair=True)
            shown.append((wanted.account, record_id, found))
        if len(shown) >= most:
            break
    return DryPairs(pairs=await database.read(lambda connection: _count(connection, wanted)), previews=shown)


async def pages(
    database: Database, wanted: Pairs, *, after: str = ""
) -> AsyncIterator[tuple[Sequence[Binding], str]]:
    """Active pairs, some at a time, each with the id of the last row that was looked at."""
    while True:
        rows = await database.read(
            lambda connection, after=after: bindings.page(  # type: ignore[misc] # mypy infers no lambda with a default
                connection, wanted.bridge, wanted.entity, wanted.role, after=after, limit=PAGE
            )
        )
        if not rows:
            return
        after = rows[-1].id
        yield [row for row in rows if row.state == "active"], after


def change_of(run: Run, wanted: Pairs, pair: Binding, *, clock: Clock, new_id: NewId) -> Change:
    """The change that has one pair repaired."""
    return Change(
        id=new_id(),
        what=wanted.entity,
        workspace=wanted.workspace,
        system=wanted.system,
        account=wanted.account,
        seen_at=clock.now(),
        resource=wanted.resource,
        record_id=pair.id_of(wanted.side),
        run=run.id,
        mode="repair",
    )


async def _count(connection: Any, wanted: Pairs) -> int:
    return await bindings.count_active(connection, wanted.bridge, wanted.entity, wanted.role)
