"""What a person does about waiting changes: look at one, have it tried again, dismiss it; all of it audited.

An unreadable hook body is read once more by the parser of today; where its body is gone, a sweep stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec

from shared import errors
from shared.connectors import hooks
from shared.connectors.contract import Connector
from shared.eventlog.port import Entry, EventLog
from shared.model.change import Change, is_record_id
from shared.operations import noting
from shared.operations.noting import Action
from shared.runtime import unreadable
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used, must_get
from shared.store import sweeps, waiting
from shared.store.rows import Waiting

_MARGIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What is kept sealed beside a waiting row: the candidates of a doubt, or the traceback of a bug."""

    candidates: Sequence[str] = ()
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """`due` rows are tried now; `read` bodies could be read this time; `swept` stand for bodies that are gone;
    `unreadable` are still not readable."""

    due: int = 0
    read: int = 0
    swept: int = 0
    unreadable: int = 0

    @property
    def total(self) -> int:
        return self.due + self.read + self.swept


async def find(parts: Parts, waiting_id: str) -> Waiting:
    """Raises Misconfigured for an id that is not there (any more)."""
    row = await parts.database.read(lambda connection: waiting.by_id(connection, waiting_id))
    if row is None:
        raise errors.Misconfigured(
            f"Nothing waits under the id {waiting_id!r}.", way_out="`puente waiting list` shows what waits."
        )
    return row


def detail_of(used: Used, row: Waiting) -> Detail:
    """Open what is kept beside a row; empty where nothing is, or its key is gone."""
    if row.detail is None:
        return Detail()
    keys = used.workspace.keys
    if row.reason == "bug":
        for waiting_id in (row.id, ""):
            try:
                plain = keys.open(row.detail, context=f"bug|{row.flow_id}|{row.record_id}|{waiting_id}")
            except errors.NeedsOperator:
                continue
            return Detail(traceback=plain.decode("utf-8", "replace"))
        return Detail()
    try:
        found = msgspec.json.decode(keys.open(row.detail, context=row.id), type=dict[str, list[str]])
    except (errors.NeedsOperator, msgspec.DecodeError):
        return Detail()
    return Detail(candidates=found.get("candidates", []))


async def retry(parts: Parts, log: EventLog, rows: Sequence[Waiting], *, actor: str) -> Retried:
    """Have rows tried again now."""
    now = parts.clock.now()
    plain = [row.id for row in rows if row.reason != "unreadable"]
    due = await parts.database.run(lambda connection: waiting.retry(connection, plain, now)) if plain else 0
    done = Retried(due=due)
    for row in rows:
        if row.reason == "unreadable":
            done = await _read_again(parts, log, row, done)
    await _note(parts, rows, actor, "waiting.retried")
    return done


async def dismiss(parts: Parts, rows: Sequence[Waiting], *, actor: str, note: str = "") -> int:
    """Forget rows. Their records are looked at again when they change, or by the next full sweep if unbound.

    `note` is what the person says of it, kept in the audit.
    """
    gone = await parts.database.run(lambda connection: waiting.dismiss(connection, [row.id for row in rows]))
    await _note(parts, rows, actor, "waiting.dismissed", note=note)
    return gone


async def _read_again(parts: Parts, log: EventLog, row: Waiting, done: Retried) -> Retried:
    used = await must_get(parts.workspaces, row.workspace_id)
    account = used.directory.accounts.get(row.account_id)
    connector = parts.workspaces.connectors.get(account.system) if account is not None else None
    entry = await _entry(log, row)
    body = unreadable.body_of(parts.keys.log, entry.change) if entry is not None else None
    if connector is None or entry is None or body is None:
        await _sweep_instead(parts, connector, row)
        return replace(done, swept=done.swept + 1)
    try:
        changes = _changes(parts, connector, entry.change, body)
    except (errors.Rejected, *hooks.PARSER_BUGS):
        why = unreadable.why(parts.workspaces.connectors, parts.keys.log, entry.change)
        says = f"Read again, and still not readable: {why}"
        again = replace(row, says=says, updated_at=parts.clock.now(), tries=row.tries + 1)
        await parts.database.run(lambda connection: waiting.put(connection, again))
        return replace(done, unreadable=done.unreadable + 1)
    if changes:
        await log.append(*changes)
    await parts.database.run(lambda connection: waiting.dismiss(connection, [row.id]))
    return replace(done, read=done.read + 1)


async def _entry(log: EventLog, row: Waiting) -> Entry | None:
    """The entry of an unreadable change: the row's record id is the id of that change."""
    since = row.first_seen - _MARGIN
    async with aclosing(log.read(since=since, workspace=row.workspace_id)) as entries:
        async for entry in entries:
            if entry.change.id == row.record_id:
                return entry
    return None


def _changes(parts: Parts, connector: Connector, change: Change, body: bytes) -> list[Change]:
    """The changes that a body tells, under ids of their own. Raises Rejected if it still cannot be read."""
    kind = connector.hooks.kinds.get(change.hook_kind)
    found = []
    for told in connector.changes_in(change.hook_kind, body):
        resource = connector.resources.get(told.resource)
        if resource is None or not is_record_id(told.record_id):
            raise errors.Rejected("It names no record that can be carried.", field="id")
        found.append(
            replace(
                change,
                id=parts.new_id(),
                what=resource.entity.name,
                resource=told.resource,
                record_id=told.record_id,
                deletion=told.deletion or (kind is not None and kind.deletion),
                body=None,
                body_key="",
                body_of=change.id,
            )
        )
    return found


async def _sweep_instead(parts: Parts, connector: Connector | None, row: Waiting) -> None:
    kind = connector.hooks.kinds.get(row.resource) if connector is not None else None
    resource = kind.resource if kind is not None else None
    now = parts.clock.now()

    async def unit(connection: Any) -> None:
        await sweeps.request(connection, row.account_id, resource, now=now, full=True)
        await waiting.dismiss(connection, [row.id])

    await parts.database.run(unit)


async def _note(parts: Parts, rows: Sequence[Waiting], actor: str, action: Action, *, note: str = "") -> None:
    """One audit line a workspace, with the ids of the first rows."""
    for workspace_id in sorted({row.workspace_id for row in rows}):
        ours = [row for row in rows if row.workspace_id == workspace_id]
        detail = {"count": len(ours), "records": [f"{row.resource}/{row.record_id}" for row in ours[:100]]}
        said = {"note": note[:500]} if note else {}
        await noting.note(parts, workspace_id, actor, action, **detail, **said)
