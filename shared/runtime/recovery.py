"""Recovery: after a restored backup, when a person must be forgotten, and the move from one machine to many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from shared import errors
from shared.flows.context import FlowContext
from shared.flows.spec import Side
from shared.runtime import matching_report
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used, must_get
from shared.store import audit, bindings, directory, schema, tables
from shared.store.database import Database
from shared.store.matches import Report
from shared.store.rows import Binding

_COPIED_AT_ONCE = 500


async def recover(parts: Parts, used: Used, *, actor: str) -> dict[str, Report]:
    """After a restored backup: every flow goes back to review, and what exists is found before anything is made.

    The store may be older than the vendors' records. Indexes count as incomplete until both sides are listed;
    records that carry our reference are joined by it, others by their keys. Nothing is written to a vendor until
    `puente match approve` and `puente load`. Returns the reports by flow id.
    """
    name = used.workspace.id

    async def unit(connection: Any) -> None:
        for flow in used.directory.flows.values():
            if flow.state in {"loading", "live"}:
                await directory.set_flow(connection, flow, state="review")
        await connection.execute(
            update(tables.load)
            .where(tables.load.c.workspace_id == name, tables.load.c.state == "running")
            .values(state="cancelled", problem="A backup was restored.")
        )
        await connection.execute(
            update(tables.sweep)
            .where(tables.sweep.c.workspace_id == name)
            .values(
                complete_at=None,
                seen_until=None,
                cursor=None,
                listing=None,
                started_at=None,
                full=True,
                full_at=parts.clock.now(),
                next_at=parts.clock.now(),
                version=tables.sweep.c.version + 1,
            )
        )
        for table in (tables.seen, tables.match_key):
            accounts = list(used.directory.accounts)
            await connection.execute(delete(table).where(table.c.account_id.in_(accounts)))

    await parts.database.run(unit)
    await _note(parts, name, actor, "recover", {})
    fresh = await _reloaded(parts, used)
    return {flow_id: await matching_report.make(parts, fresh, flow_id) for flow_id in fresh.flows}


async def _reloaded(parts: Parts, used: Used) -> Used:
    """The workspace after a change of ours: the cache looks at the store's version once a second."""
    version = await parts.database.read(lambda connection: directory.version(connection, used.workspace.id))
    while True:
        fresh = await must_get(parts.workspaces, used.workspace.id)
        if fresh.workspace.version == version:
            return fresh
        await parts.clock.sleep(timedelta(milliseconds=100))


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

    async def unit(connection: Any) -> tuple[int, int, int]:
        attempts = waiting = keys = 0
        for end in ends:
            attempts += await _erase(connection, tables.attempt, end)
            waiting += await _erase(connection, tables.waiting, end)
            keys += await _erase(connection, tables.match_key, end)
            await _erase(connection, tables.seen, end)
        for binding in pairs:
            await connection.execute(
                update(tables.binding)
                .where(tables.binding.c.id == binding.id)
                .values(state="forgotten", base={}, version=binding.version + 1, updated_at=now)
            )
        return attempts, waiting, keys

    attempts, waiting, keys = await parts.database.run(unit)
    await _note(parts, used.workspace.id, actor, "forget", {"account": account_id, "resource": resource})
    return Forgotten(
        bindings=len(pairs),
        attempts=attempts,
        waiting=waiting,
        keys=keys,
        log_empty_by=now + timedelta(days=parts.settings.log_retention_days),
    )


async def _pair(parts: Parts, flow: FlowContext, account_id: str, record_id: str) -> Binding | None:
    side = Side.LEFT if flow.accounts[Side.LEFT].id == account_id else Side.RIGHT
    entity = flow.spec.left.resource.entity.name
    return await parts.database.read(
        lambda connection: bindings.find(connection, flow.bridge.id, entity, flow.spec.role, side.value, record_id)
    )


async def _erase(connection: Any, table: Any, end: tuple[str, str, str]) -> int:
    account_id, resource, record_id = end
    erased = await connection.execute(
        delete(table).where(
            table.c.account_id == account_id, table.c.resource == resource, table.c.record_id == record_id
        )
    )
    return int(erased.rowcount)


async def _note(parts: Parts, workspace_id: str, actor: str, action: str, detail: dict[str, Any]) -> None:
    line = audit.Line(
        id=parts.new_id(),
        workspace_id=workspace_id,
        at=parts.clock.now(),
        actor=actor,
        action=action,
        detail=detail,
    )
    await parts.database.run(lambda connection: audit.add(connection, line))


async def move_store(source: Database, target_url: str) -> dict[str, int]:
    """Copy a whole store into an empty one, table by table; returns the rows copied of each.

    The source must be at rest: the door stopped and the log drained. Raises Misconfigured for a target that holds
    anything already. The keys must move too: what was wrapped stays wrapped.
    """
    target = Database(target_url)
    try:
        await schema.migrate(target)
        await _must_be_empty(target)
        return {table.name: await _copy(source, target, table) for table in tables.metadata.sorted_tables}
    finally:
        await target.close()


async def _must_be_empty(target: Database) -> None:
    async def unit(connection: Any) -> int:
        return int((await connection.execute(select(func.count()).select_from(tables.workspace))).scalar_one())

    if await target.read(unit):
        raise errors.Misconfigured(
            "The target store holds workspaces already.",
            setting="PUENTE_STORE_URL",
            way_out="Name an empty database; nothing was copied.",
        )


async def _copy(source: Database, target: Database, table: Any) -> int:
    keys = list(table.primary_key.columns)
    copied = 0
    while True:
        offset = copied

        async def page(connection: Any, offset: int = offset) -> Sequence[dict[str, Any]]:
            rows = await connection.execute(select(table).order_by(*keys).limit(_COPIED_AT_ONCE).offset(offset))
            return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented row mapping

        rows = await source.read(page)
        if rows:
            await target.run(lambda connection, rows=rows: connection.execute(insert(table), list(rows)))  # type: ignore[misc]
        copied += len(rows)
        if len(rows) < _COPIED_AT_ONCE:
            return copied
