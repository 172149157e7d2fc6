"""Forgetting a person: what the store holds of one record and its counterpart goes at once, and stays away.

What stays: that there was a pair (ids, and the state "forgotten"), a mark at each record so that neither a read
nor a listing remembers anything of it again, and a line in the audit. Ids and hashes of the person's documents
are theirs: each document is forgotten by itself.

A hook that the vendor sends later is kept by the log like any other, sealed, until its retention; it is settled
without reading the record. At the vendors nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from shared import errors
from shared.flows.context import FlowContext
from shared.flows.spec import Side
from shared.model.normal import NORMALISER
from shared.operations import noting
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import audit, bindings, erasing
from shared.store.rows import Binding, PairBase

_FILES_LAST: Final = timedelta(days=1)
"""Kafka deletes whole files, up to a day after their oldest entry could go; the embedded log looks every hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was erased of one person, and by when the log and the backups of before hold nothing of it either.

    `paired` says whether the record had a counterpart. `scrubbed` is False when the files of an embedded store
    could not be cleaned of deleted rows now, since another process was in the way.
    """

    bindings: int
    attempts: int
    waiting: int
    keys: int
    paired: bool
    log_empty_by: datetime
    backups_gone_by: datetime
    scrubbed: bool


async def forget(
    parts: Parts, used: Used, account_id: str, resource: str, record_id: str, *, actor: str
) -> Forgotten:
    """Erase what the store holds of one person's record and its counterpart. Raises Misconfigured, Retryable."""
    flows = [flow for flow, _ in used.flows_of(account_id, resource)]
    if not flows:
        raise errors.Misconfigured(
            f"No flow carries {resource} of {account_id}.", way_out="`puente flow list` shows what is carried."
        )
    ends = {(account_id, resource, record_id)}
    pairs: list[Binding] = []
    alone: list[Binding] = []
    for flow in flows:
        binding = await _pair(parts, flow, account_id, record_id)
        if binding is None:
            alone.append(_tombstone(parts, flow, account_id, record_id))
            continue
        pairs.append(binding)
        for side in Side:
            ends.add((flow.accounts[side].id, flow.resource_name(side), binding.id_of(side.value)))
    counts = await _erase(parts, used, flows, sorted(ends), pairs, alone, actor)
    now = parts.clock.now()
    return Forgotten(
        bindings=len(pairs),
        attempts=counts["attempt"],
        waiting=counts["waiting"],
        keys=counts["match_key"],
        paired=any(not _is_tombstone(pair) for pair in pairs),
        log_empty_by=now + timedelta(days=parts.settings.log_retention_days) + _FILES_LAST,
        backups_gone_by=now + timedelta(days=parts.settings.backup_days),
        scrubbed=await _scrubbed(parts),
    )


async def _erase(
    parts: Parts,
    used: Used,
    flows: Sequence[FlowContext],
    ends: Sequence[erasing.End],
    pairs: Sequence[Binding],
    alone: Sequence[Binding],
    actor: str,
) -> dict[str, int]:
    now = parts.clock.now()
    line = noting.line(parts, used.workspace.id, actor, "forget", accounts=sorted({end[0] for end in ends}))

    async def unit(connection: Any) -> dict[str, int]:
        counts = await erasing.erase(connection, ends)
        for flow in flows:
            await erasing.erase_decisions(connection, flow.row.id, [end[2] for end in ends])
        for binding in pairs:
            await erasing.forget_pair(connection, binding, now)
        await bindings.add_many(connection, alone)
        await audit.add(connection, line)
        return counts

    return await parts.database.run(unit)


async def _scrubbed(parts: Parts) -> bool:
    """The rows are gone by now; what SQLite left of them in its files goes too, unless somebody is in the way."""
    try:
        await parts.database.scrub()
    except errors.Retryable:
        return False
    return True


_NOBODY: Final = "forgotten:"


def _tombstone(parts: Parts, flow: FlowContext, account_id: str, record_id: str) -> Binding:
    """A pair of this record with nobody: what has no pair would else be looked at, and made, as a new one."""
    side = _side(flow, account_id)
    nobody = _NOBODY + parts.new_id()
    now = parts.clock.now()
    return Binding(
        id=parts.new_id(),
        workspace_id=flow.workspace.id,
        bridge_id=flow.bridge.id,
        entity=flow.spec.left.resource.entity.name,
        role=flow.spec.role,
        left_id=record_id if side is Side.LEFT else nobody,
        right_id=record_id if side is Side.RIGHT else nobody,
        state="forgotten",
        version=1,
        base=PairBase(normaliser=NORMALISER, map_version=flow.map_version),
        reference="",
        created_at=now,
        updated_at=now,
    )


def _is_tombstone(binding: Binding) -> bool:
    return binding.left_id.startswith(_NOBODY) or binding.right_id.startswith(_NOBODY)


def _side(flow: FlowContext, account_id: str) -> Side:
    return Side.LEFT if flow.accounts[Side.LEFT].id == account_id else Side.RIGHT


async def _pair(parts: Parts, flow: FlowContext, account_id: str, record_id: str) -> Binding | None:
    side, entity = _side(flow, account_id), flow.spec.left.resource.entity.name
    return await parts.database.read(
        lambda connection: bindings.find(connection, flow.bridge.id, entity, flow.spec.role, side.value, record_id)
    )
