"""Replay: changes of the log are looked at again. It never rebuilds past states of vendors: it reads them now.

`nudge` reads and merges as usual; `repair` counts the source as changed and overwrites a target field only where
it still shows what we wrote; `export` gives entries to a developer's own consumer. A replayed change carries its
run, and later replays skip it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Set
from contextlib import aclosing, suppress
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
from shared.runtime import repairing
from shared.runtime.workspaces import Used
from shared.store import runs
from shared.store.database import Database
from shared.store.runs import Run, RunState

_log = structlog.get_logger("puente.sync")
_CHUNK = 200
_TRIES = 5


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
    """End a run where it is; one that has ended stays as it is. Raises Misconfigured for one that is not there."""
    return await _move(database, run_id, {"running", "paused"}, "cancelled", clock)


async def pause(database: Database, run_id: str, *, clock: Clock) -> Run:
    """Let a run stand: it goes on from its place when it is resumed. Raises Misconfigured."""
    return await _move(database, run_id, {"running"}, "paused", clock)


async def resume(database: Database, run_id: str, *, clock: Clock) -> Run:
    """Let a paused run go on. Raises Misconfigured."""
    return await _move(database, run_id, {"paused"}, "running", clock)


async def _move(database: Database, run_id: str, since: Set[RunState], to: RunState, clock: Clock) -> Run:
    """Whoever carries the run out moves its row too, so the state is set again where that came between."""
    for _ in range(_TRIES):
        run = await database.read(lambda connection: runs.by_id(connection, run_id))
        if run is None:
            raise errors.Misconfigured(f"There is no run {run_id!r}.", way_out="`puente replay list` shows them.")
        if run.state not in since:
            return run
        with suppress(errors.Lost):
            return await database.run(
                lambda connection, run=run: runs.save(connection, run, state=to, updated_at=clock.now())  # type: ignore[misc]
            )
    raise errors.Retryable("The run moves too fast to be changed.", way_out="Try again.")


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
            if "pairs" in run.wants:
                await self._repair_pairs(run)
            else:
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
        if "of" not in counts:
            counts["of"] = await self._count(wants)
        pending: list[Entry] = []
        start = _position(run.cursor)
        async for entry in chosen(self._log, wants, start=start):
            pending.append(entry)
            if len(pending) >= _CHUNK:
                run = await self._append(run, pending, counts)
                pending = []
        if pending:
            run = await self._append(run, pending, counts)
        await self._done(run, counts)

    async def _repair_pairs(self, run: Run) -> None:
        """Append one change for each active pair of a flow; the cursor follows page by page."""
        wanted, counts = repairing.asked_for(run), Counter(run.counts)
        walk = repairing.pages(self._database, wanted, after=str(run.cursor.get("pair", "")))
        async with aclosing(walk) as some_pages:  # type: ignore[type-var]
            async for some, after in some_pages:
                again = [
                    repairing.change_of(run, wanted, pair, clock=self._clock, new_id=self._new_id) for pair in some
                ]
                if again:
                    await self._log.append(*again)
                counts["changes"] += len(again)
                run = await self._moved_on(run, {"pair": after}, counts)
        await self._done(run, counts)

    async def _count(self, wants: Wants) -> int:
        count = 0
        async with aclosing(chosen(self._log, wants)) as entries:  # type: ignore[type-var]
            async for _entry in entries:
                count += 1
        return count

    async def _done(self, run: Run, counts: Counter[str]) -> None:
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
        return await self._moved_on(run, cursor, counts)

    async def _moved_on(self, run: Run, cursor: Mapping[str, object], counts: Counter[str]) -> Run:
        """Raises Lost where somebody paused or ended the run meanwhile."""
        now = self._clock.now()
        return await self._database.run(
            lambda connection: runs.save(connection, run, cursor=cursor, counts=dict(counts), updated_at=now)
        )


def _position(cursor: Mapping[str, Any]) -> Position | None:
    if "partition" not in cursor:
        return None
    return Position(partition=cursor["partition"], offset=cursor["offset"])
