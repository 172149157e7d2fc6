"""Sweeps: ask a system what changed, because hooks get lost and some systems send none.

A modified sweep reads the newest changes first, back to the last one's time minus an overlap; a full one lists
everything, and is what completes the match index and notices what is gone. Rows that differ from the base, or are
unbound, become jobs; all others cost nothing but their page.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog

from shared import errors, failpoints
from shared.clock import Clock, NewId
from shared.connectors.contract import Page, Resource, Row
from shared.flows import documents, idfield
from shared.flows.context import NOTED, FlowContext
from shared.flows.merge import Base, changed_fields
from shared.flows.pairs import renewed, usable_base
from shared.flows.spec import Document, Side
from shared.runtime.portions import in_portions
from shared.runtime.runner import Job, Runner, TooManyBugs, worst
from shared.runtime.scheduler import Scheduler
from shared.runtime.workspaces import Used, Workspaces
from shared.store import bindings, directory, index, statistics, sweeps, waiting
from shared.store.database import Database
from shared.store.rows import Binding, Seen, Sweep, waiting_key

_log = structlog.get_logger("puente.sync")

# How long a listing that was cut off stays untouched. Its holder looks after it for as long as it runs, whatever
# the lease says, and two holders cost each other only a page: the cursor moves by compare-and-set.
_LEASE = timedelta(seconds=30)
_MASS_GONE = 20
_MASS_GONE_SHARE = 0.05
# Looked at after one listing; the next one finds what is left.
_MOST_GONE = 500
_MISSED = "missed"
_MISSED_BEFORE = "missed before"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSettings:
    """`every` is how long a lost hook stays unnoticed at most; `overlap` covers clocks that differ."""

    every: timedelta = timedelta(minutes=5)
    full_every: timedelta = timedelta(hours=24)
    overlap: timedelta = timedelta(minutes=2)


class Sweeper:
    """Runs due sweeps of the shards that this process holds."""

    def __init__(
        self,
        *,
        database: Database,
        workspaces: Workspaces,
        scheduler: Scheduler,
        runner: Runner,
        clock: Clock,
        new_id: NewId,
        settings: SweepSettings,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._scheduler = scheduler
        self._runner = runner
        self._clock = clock
        self._new_id = new_id
        self._settings = settings
        self._running: set[tuple[str, str]] = set()

    @property
    def running(self) -> int:
        return len(self._running)

    async def run_due(self, shards: frozenset[int], group: asyncio.TaskGroup, *, most: int = 4) -> None:
        """Start sweeps whose time has come."""
        if not shards or len(self._running) >= most:
            return
        rows = await self._database.read(
            lambda connection: sweeps.due(connection, sorted(shards), self._clock.now(), limit=4 * most)
        )
        for row in rows:
            key = (row.account_id, row.resource)
            if key not in self._running and len(self._running) < most:
                self._running.add(key)
                group.create_task(self._run(row))

    async def _run(self, row: Sweep) -> None:
        """One sweep to its end; a failure leaves its cursor and tries again later."""
        try:
            await self._runner.contain(row.workspace_id, "sweep", self.sweep(row))
        except TooManyBugs:
            raise
        except errors.Lost:
            _log.info("sweep.taken_over", account=row.account_id, resource=row.resource)
        except errors.PuenteError as problem:
            await self._failed(row, problem)
        finally:
            self._running.discard((row.account_id, row.resource))

    async def _failed(self, row: Sweep, problem: errors.PuenteError) -> None:
        pause = getattr(problem, "retry_after", None) or timedelta(seconds=30)
        says = f"{problem.message} {problem.way_out}".strip()
        _log.warning("sweep.failed", account=row.account_id, resource=row.resource, says=says)
        try:
            current = await self._database.read(
                lambda connection: sweeps.find(connection, row.account_id, row.resource)
            )
            if current is not None:
                again = self._clock.now() + pause
                await self._database.run(
                    lambda connection: sweeps.save(connection, current, next_at=again, problem=says)
                )
            if isinstance(problem, errors.NeedsOperator):
                await self._pause_flows(row, says)
        except errors.Retryable as worse:
            _log.warning("sweep.failure_not_saved", account=row.account_id, says=worse.message)
        except errors.Lost:
            _log.info("sweep.taken_over", account=row.account_id, resource=row.resource)

    async def _pause_flows(self, row: Sweep, says: str) -> None:
        used = await self._workspaces.get(row.workspace_id)
        for flow, _side in used.flows_of(row.account_id, row.resource) if used is not None else ():
            if flow.writes:
                await self._database.run(
                    lambda connection, flow=flow: directory.pause_flow(  # type: ignore[misc]
                        connection, flow.row, says, "refused"
                    )
                )

    async def sweep(self, row: Sweep) -> None:
        """List one resource of one account and settle what differs."""
        used = await self._workspaces.get(row.workspace_id)
        ends = used.flows_of(row.account_id, row.resource) if used is not None else ()
        if used is None or not ends:
            await self._database.run(
                lambda connection: sweeps.save(connection, row, next_at=self._clock.now() + timedelta(hours=1))
            )
            return
        flow, side = ends[0]
        resource = flow.resource(side)
        row = await self._begin(row, resource)
        session = used.sessions[row.account_id]
        counts: Counter[str] = Counter(row.counts)
        while True:
            asked_at = self._clock.now()
            page = await session.page(
                row.resource,
                row.cursor,
                newest_change_first=not row.full,
                changed_since=self._since(row, resource.change_grain),
                bulk=True,
            )
            before = counts["listed"]
            await self._settle_page(used, row, page, asked_at, counts)
            # Later listings find mostly what is there: tables grow by the first one, and by loads.
            if row.complete_at is None and statistics.are_due(before, counts["listed"]):
                await self._database.read(statistics.refresh)
            refuse_cut(page)
            if page.next is None or (not row.full and self._reached(page, row, resource.change_grain)):
                break
            lease = self._clock.now() + _LEASE
            row = await self._save(row, cursor=page.next, counts=dict(counts), next_at=lease)
            failpoints.reach("page saved")
        if row.full:
            counts["gone"] += await self._find_gone(ends, row, counts)
        await self._finish(row, counts)

    async def _begin(self, row: Sweep, resource: Resource) -> Sweep:
        """Start a listing, or go on with the one that was cut off."""
        now = self._clock.now()
        if row.started_at is not None and row.cursor is not None and row.listing is not None:
            return await self._save(row, next_at=now + _LEASE)
        full = row.full_at <= now or row.complete_at is None or not resource.changed_first
        return await self._save(
            row,
            started_at=now,
            listing=self._new_id(),
            full=full,
            cursor=None,
            counts={_MISSED_BEFORE: row.counts[_MISSED]} if _MISSED in row.counts else {},
            next_at=now + _LEASE,
        )

    async def _save(self, row: Sweep, **changes: object) -> Sweep:
        return await self._database.run(lambda connection: sweeps.save(connection, row, **changes))

    def _reached(self, page: Page, row: Sweep, grain: timedelta) -> bool:
        """Whether a modified sweep came to what the last one had seen."""
        times = [each.changed_at for each in page.rows if each.changed_at is not None]
        since = self._since(row, grain)
        return bool(times) and since is not None and min(times) < since

    def _since(self, row: Sweep, grain: timedelta) -> datetime | None:
        """From when a modified sweep looks; None for a full one. A day that has not ended may show more."""
        if row.full or row.seen_until is None:
            return None
        return row.seen_until - self._settings.overlap - grain

    async def _settle_page(
        self, used: Used, sweep: Sweep, page: Page, asked_at: datetime, counts: Counter[str]
    ) -> None:
        counts["listed"] += len(page.rows)
        counts["unreadable"] += len(page.unreadable)
        for broken in page.unreadable:
            _log.warning(
                "sweep.unreadable_row",
                account=sweep.account_id,
                resource=sweep.resource,
                record=broken.record_id,
                says=broken.problem.message,
            )
        jobs: list[Job] = []
        ends = used.flows_of(sweep.account_id, sweep.resource)
        listing = sweep.listing or ""
        seen = [seen_by(ends, each, asked_at, listing) async for each in in_portions(page.rows) if not each.gone]
        counts.update(f"{name[1:]}" for each in seen for name in each.keys if name.startswith(NOTED))
        for flow, side in ends:
            jobs += await self._jobs(flow, side, page.rows, seen, sweep, asked_at)
            if _takes(flow, side):
                jobs += unreadable_jobs(flow, side, page, origin="sweep")
        met = [each.record_id for each in page.unreadable if each.record_id]

        async def unit(connection: Any) -> None:
            await index.save(connection, seen)
            await index.met(connection, sweep.account_id, sweep.resource, met, listing=listing, now=asked_at)

        await self._database.run(unit)
        for outcomes in await asyncio.gather(*(self._scheduler.submit(job) for job in jobs)):
            counts[worst(outcomes)] += 1

    async def _jobs(
        self,
        flow: FlowContext,
        side: Side,
        rows: Sequence[Row],
        seen: Sequence[Seen],
        sweep: Sweep,
        asked_at: datetime,
    ) -> list[Job]:
        """The rows that this flow must look at: they differ from the base, or are not bound.

        One that the flow does not take yet is looked at when it shows something new, and rests else.
        """
        if not _takes(flow, side):
            return []
        entity = flow.spec.left.resource.entity.name
        ids = [each.record_id for each in rows]
        bound = await self._database.read(
            lambda connection: bindings.find_many(
                connection, flow.bridge.id, entity, flow.spec.role, side.value, ids
            )
        )
        resting = [each for each in seen if each.record_id not in bound and flow.not_yet_key in each.keys]
        known = await self._database.read(
            lambda connection: index.seen(
                connection, sweep.account_id, sweep.resource, [each.record_id for each in resting]
            )
        )
        rest = {
            each.record_id
            for each in resting
            if each.record_id in known and known[each.record_id].fields == each.fields
        }
        now = self._clock.now()
        return [
            Job(
                workspace_id=flow.workspace.id,
                account_id=sweep.account_id,
                resource=sweep.resource,
                record_id=each.record_id,
                origin="sweep",
                flow_id=flow.row.id,
                deletion=each.gone,
                row=each,
                listed_at=asked_at,
            )
            async for each in in_portions(rows)
            if each.record_id not in rest and differs(flow, side, each, bound.get(each.record_id), now)
        ]

    async def _find_gone(
        self, ends: Sequence[tuple[FlowContext, Side]], sweep: Sweep, counts: Counter[str]
    ) -> int:
        """Look at records that a complete listing did not show; too many at once stop the flow instead.

        If a person resumed the flow, and the next complete listing misses no more of them, they are looked at.
        """
        started = sweep.started_at or self._clock.now()

        async def unit(connection: Any) -> tuple[list[str], int, int]:
            missed, many = await index.missed(
                connection,
                sweep.account_id,
                sweep.resource,
                listing=sweep.listing or "",
                before=started,
                limit=_MOST_GONE,
            )
            return missed, many, await index.count(connection, sweep.account_id, sweep.resource)

        missed, many, known = await self._database.read(unit)
        if not many:
            return 0
        paused = any(flow.row.state == "paused" for flow, _side in ends)
        accepted = not paused and many <= counts[_MISSED_BEFORE]
        if not accepted and (many > _MASS_GONE or (many > 2 and many > known * _MASS_GONE_SHARE)):
            counts[_MISSED] = many
            says = (
                f"{many} of {known} known {sweep.resource} were missing from a listing: nothing was marked gone. "
                "If they were really deleted, resume the flow; else look at the account's rights."
            )
            _log.warning("sweep.many_gone", account=sweep.account_id, resource=sweep.resource, missing=many)
            for flow, _side in ends:
                if flow.writes:
                    await self._database.run(
                        lambda connection, flow=flow: directory.pause_flow(  # type: ignore[misc]
                            connection, flow.row, says, "gone"
                        )
                    )
            return 0
        jobs = [
            Job(
                workspace_id=sweep.workspace_id,
                account_id=sweep.account_id,
                resource=sweep.resource,
                record_id=record_id,
                origin="sweep",
                deletion=True,
            )
            for record_id in missed
        ]
        await asyncio.gather(*(self._scheduler.submit(job) for job in jobs))
        return len(jobs)

    async def _finish(self, row: Sweep, counts: Counter[str]) -> None:
        now = self._clock.now()
        changes: dict[str, object] = {
            "next_at": now + self._settings.every,
            "seen_until": row.started_at,
            "started_at": None,
            "cursor": None,
            "listing": None,
            "counts": dict(counts),
            "problem": None,
        }
        if row.full:
            changes["complete_at"] = row.started_at
            changes["full_at"] = now + self._settings.full_every
        key = waiting_key(row.account_id, row.resource, "")

        async def unit(connection: Any) -> None:
            await sweeps.save(connection, row, **changes)
            await waiting.wake(connection, [key], now)

        await self._database.run(unit)
        _log.info("sweep.done", account=row.account_id, resource=row.resource, full=row.full, counts=dict(counts))


def seen_by(ends: Sequence[tuple[FlowContext, Side]], row: Row, asked_at: datetime, listing: str) -> Seen:
    """What a listed record showed, with the keys under which each of these flows wants it to be known."""
    one, *others = [flow.seen(side, row, asked_at, listing=listing) for flow, side in ends]
    keys = dict(one.keys)
    for other in others:
        keys |= other.keys
    return replace(one, keys=keys)


def refuse_cut(page: Page) -> None:
    """Raises Retryable for a list of which only the first page can be read: what else it holds is not known, so
    that nothing may be taken for missing, or for not being there yet."""
    if page.cut:
        raise errors.Retryable(
            "The vendor repeats the first page of a list; the rest of it cannot be read.",
            way_out="Nothing is made on the other side until the whole list can be read.",
        )


def unreadable_jobs(flow: FlowContext, side: Side, page: Page, *, origin: Literal["sweep", "load"]) -> list[Job]:
    """A look at each record that could not be read from a list: it is buried with the field that is wrong."""
    return [
        Job(
            workspace_id=flow.workspace.id,
            account_id=flow.accounts[side].id,
            resource=flow.resource_name(side),
            record_id=broken.record_id,
            origin=origin,
            flow_id=flow.row.id,
        )
        for broken in page.unreadable
        if broken.record_id
    ]


def _takes(flow: FlowContext, side: Side) -> bool:
    """Whether listed rows of this side concern the flow. What is found while it is paused waits in the store."""
    return flow.follows and not (isinstance(flow.spec, Document) and side is Side.RIGHT)


def differs(flow: FlowContext, side: Side, row: Row, binding: Binding | None, now: datetime) -> bool:
    """Whether a listed row must be looked at: unbound and wanted, or not what it showed at the last agreement."""
    if row.gone:
        return binding is not None and binding.state == "active"
    if binding is None:
        return not (isinstance(flow.spec, Document) and documents.unwanted(flow, row))
    if binding.state in {"detached", "forgotten", "merged"}:
        return False
    if binding.state != "active":
        return binding.state == f"gone-{side.value}" or binding.state == "gone-both"
    if idfield.is_off(flow, side, row, binding):
        return True
    base = usable_base(renewed(flow, binding.base, {side: row}), flow.map_version, now)
    if isinstance(flow.spec, Document):
        return _document_differs(flow, row, base)
    digest = flow.digester(flow.spec.entity)
    edited, stale = changed_fields(flow.spec.shared_fields(), row.fields, base, side, digest, doubt_previous=False)
    return bool(edited or stale)


def _document_differs(flow: FlowContext, row: Row, base: Base) -> bool:
    """Whether the document would be written differently now; links are compared when it is looked at."""
    spec = flow.spec
    assert isinstance(spec, Document)  # noqa: S101 - the caller asked
    digest = flow.digester(spec.entity)
    fields = spec.make(row.fields, flow.options)
    columns = flow.resource(Side.RIGHT).columns
    return any(
        digest(name, fields[name]) != base.left.get(name)
        for name in spec.shared_fields()
        if name in fields and name not in spec.links and columns[name].writable
    )
