"""Replay: changes of the log are looked at again. It never rebuilds past states of vendors: it reads them now.

`nudge` reads and merges as usual; `repair` counts the source as changed and overwrites a target field only where
it still shows what we wrote; `export` gives entries to a developer's own consumer. A replayed change carries its
run, and later replays skip it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from shared import errors
from shared.clock import Clock, NewId
from shared.eventlog.port import Entry, EventLog, Position
from shared.flows.preview import Preview, preview
from shared.keys import LogKeys
from shared.model.change import Change, Mode
from shared.runtime.workspaces import Used
from shared.store import runs
from shared.store.database import Database
from shared.store.runs import Run

_log = structlog.get_logger("puente.sync")
_CHUNK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """Which changes to replay. `kind` is an entity, a resource or a hook kind. `until` is excluded."""

    workspace: str
    since: datetime | None = None
    until: datetime | None = None
    system: str = ""
    account: str = ""
    kind: str = ""
    record: str = ""

    def takes(self, change: Change) -> bool:
        """Whether this change is asked for; gaps, unreadable ones and replayed ones never are."""
        return (
            change.what not in {"gap", "unreadable"}
            and not change.run
            and change.workspace == self.workspace
            and self.system in {"", change.system}
            and self.account in {"", change.account}
            and self.kind in {"", change.what, change.resource, change.hook_kind}
            and self.record in {"", change.record_id}
        )

    def dump(self) -> dict[str, str]:
        return {
            "workspace": self.workspace,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "system": self.system,
            "account": self.account,
            "kind": self.kind,
            "record": self.record,
        }

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Wants:
        since, until = stored.get("since") or None, stored.get("until") or None
        return cls(
            workspace=stored["workspace"],
            since=datetime.fromisoformat(since) if since else None,
            until=datetime.fromisoformat(until) if until else None,
            system=stored.get("system", ""),
            account=stored.get("account", ""),
            kind=stored.get("kind", ""),
            record=stored.get("record", ""),
        )


async def chosen(log: EventLog, wants: Wants, *, start: Position | None = None) -> AsyncIterator[Entry]:
    """The entries that a replay would take, in the log's order."""
    async with aclosing(
        log.read(since=wants.since, until=wants.until, workspace=wants.workspace, start=start)
    ) as entries:
        async for entry in entries:
            if wants.takes(entry.change):
                yield entry


async def begin(database: Database, wants: Wants, mode: Mode, *, clock: Clock, new_id: NewId) -> Run:
    """Ask for a replay; whoever holds the workspace carries it out. Its end is fixed now: no run chases itself."""
    now = clock.now()
    until = min(wants.until, now) if wants.until is not None else now
    run = Run(
        id=new_id(),
        workspace_id=wants.workspace,
        state="running",
        mode=mode,
        wants=replace(wants, until=until).dump(),
        created_at=now,
        updated_at=now,
    )
    await database.run(lambda connection: runs.add(connection, run))
    return run


async def cancel(database: Database, run_id: str, *, clock: Clock) -> Run:
    """Raises Misconfigured for a run that is not there."""
    run = await database.read(lambda connection: runs.by_id(connection, run_id))
    if run is None:
        raise errors.Misconfigured(f"There is no run {run_id!r}.", way_out="`puente replay list` shows them.")
    if run.state != "running":
        return run
    return await database.run(
        lambda connection: runs.save(connection, run, state="cancelled", updated_at=clock.now())
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dry:
    """What a replay would do: how many changes of how many records, and per record what would be written."""

    changes: int
    records: int
    previews: list[tuple[str, str, str, Preview]]
    """(flow, account, record id, preview), at most as many as were asked for."""


async def dry_run(
    log: EventLog, used: Used, wants: Wants, *, database: Database, clock: Clock, repair: bool, most: int = 50
) -> Dry:
    """Tell what a replay would write, field by field. Reads the vendors; writes nothing."""
    records: dict[tuple[str, str, str], int] = {}
    changes = 0
    async for entry in chosen(log, wants):
        change = entry.change
        changes += 1
        key = (change.account, change.resource, change.record_id)
        records[key] = records.get(key, 0) + 1
    previews: list[tuple[str, str, str, Preview]] = []
    for account, resource, record_id in list(records)[:most]:
        for flow, side in used.flows_of(account, resource):
            found = await preview(flow, side, record_id, database=database, now=clock.now(), repair=repair)
            previews.append((flow.row.id, account, record_id, found))
    return Dry(changes=changes, records=len(records), previews=previews)


def exported(entry: Entry, keys: LogKeys) -> dict[str, Any]:
    """One entry as a CloudEvent in JSON form, its body opened: for a developer's own consumer.

    `data` is the vendor's body as text; None where none was kept or its key is gone.
    """
    change = entry.change
    data: str | None = None
    if change.body is not None and change.body_key:
        try:
            plain = keys.open(change.body, key_id=change.body_key, workspace=change.workspace, change_id=change.id)
            data = plain.decode("utf-8", "replace")
        except errors.NeedsOperator:
            data = None
    return {
        "specversion": "1.0",
        "id": change.id,
        "source": f"/{change.system}/{change.account}",
        "type": change.type,
        "subject": f"{change.resource}/{change.record_id}",
        "time": change.seen_at.isoformat(),
        "workspace": change.workspace,
        "hookkind": change.hook_kind,
        "partition": entry.position.partition,
        "offset": entry.position.offset,
        "data": data,
    }


class Replayer:
    """Carries out the runs of the shards that this process holds."""

    def __init__(self, *, log: EventLog, database: Database, clock: Clock, new_id: NewId) -> None:
        self._log = log
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._running: set[str] = set()

    async def run_due(self, shards: frozenset[int], group: asyncio.TaskGroup) -> None:
        if not shards:
            return
        for run in await self._database.read(lambda connection: runs.running(connection, sorted(shards))):
            if run.id not in self._running:
                self._running.add(run.id)
                group.create_task(self._run(run))

    async def _run(self, run: Run) -> None:
        try:
            await self._append_again(run)
        except (errors.Retryable, errors.Lost) as problem:
            _log.warning("replay.waits", run=run.id, says=problem.message)
            await self._clock.sleep(timedelta(seconds=2))
        finally:
            self._running.discard(run.id)

    async def _append_again(self, run: Run) -> None:
        """Append the chosen changes once more, in their order; the cursor follows chunk by chunk.

        A crash between append and cursor appends a chunk twice, which costs reads and writes nothing.
        """
        wants = Wants.load(run.wants)
        counts: Counter[str] = Counter(run.counts)
        pending: list[Entry] = []
        start = _position(run.cursor)
        async for entry in chosen(self._log, wants, start=start):
            pending.append(entry)
            if len(pending) >= _CHUNK:
                run = await self._append(run, pending, counts)
                pending = []
        if pending:
            run = await self._append(run, pending, counts)
        now = self._clock.now()
        await self._database.run(
            lambda connection: runs.save(connection, run, state="done", counts=dict(counts), updated_at=now)
        )
        _log.info("replay.done", run=run.id, mode=run.mode, changes=counts["changes"])

    async def _append(self, run: Run, entries: list[Entry], counts: Counter[str]) -> Run:
        again = [
            replace(
                entry.change,
                id=self._new_id(),
                run=run.id,
                mode=run.mode,
                body=None,
                body_key="",
                body_of=entry.change.body_of or entry.change.id,
            )
            for entry in entries
        ]
        await self._log.append(*again)
        counts["changes"] += len(again)
        following = entries[-1].position.following
        cursor = {"partition": following.partition, "offset": following.offset}
        now = self._clock.now()
        return await self._database.run(
            lambda connection: runs.save(connection, run, cursor=cursor, counts=dict(counts), updated_at=now)
        )


def _position(cursor: Mapping[str, Any]) -> Position | None:
    if "partition" not in cursor:
        return None
    return Position(partition=cursor["partition"], offset=cursor["offset"])
