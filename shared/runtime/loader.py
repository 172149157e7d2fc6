"""Loads: all records of an entity, applied as they are listed; the first thing that a new bridge does.

Resumable: the cursor moves when all rows of its page are settled. A load that a crash cut off lists its page again
and finds most of it done.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import structlog

from shared import errors, failpoints
from shared.clock import Clock
from shared.connectors.contract import Page
from shared.flows import documents
from shared.flows.context import FlowContext
from shared.flows.spec import Document, Side
from shared.runtime.portions import in_portions
from shared.runtime.runner import Job, Runner, TooManyBugs, worst
from shared.runtime.scheduler import Scheduler
from shared.runtime.sweeper import differs, refuse_cut, unreadable_jobs
from shared.runtime.workspaces import Workspaces
from shared.store import bindings, directory, index, loads, statistics, sweeps
from shared.store.database import Database
from shared.store.rows import Binding, Load

_log = structlog.get_logger("puente.sync")
# How long a load that was cut off stays untouched. Its holder looks after it for as long as it runs, whatever the
# lease says, and two holders cost each other only a page: the cursor moves by compare-and-set.
_LEASE = timedelta(seconds=30)
_PAUSED = timedelta(seconds=5)
_UNKNOWN = timedelta(milliseconds=200)


class Loader:
    """Runs the loads of the shards that this process holds."""

    def __init__(
        self,
        *,
        database: Database,
        workspaces: Workspaces,
        scheduler: Scheduler,
        runner: Runner,
        clock: Clock,
        index_max_age: timedelta,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._scheduler = scheduler
        self._runner = runner
        self._clock = clock
        self._index_max_age = index_max_age
        self._running: set[str] = set()

    @property
    def running(self) -> int:
        return len(self._running)

    async def run_due(self, shards: frozenset[int], group: asyncio.TaskGroup) -> None:
        """Start loads that were asked for or that a crash cut off."""
        if not shards:
            return
        rows = await self._database.read(
            lambda connection: loads.running(connection, sorted(shards), self._clock.now())
        )
        for row in rows:
            if row.id not in self._running:
                self._running.add(row.id)
                group.create_task(self._run(row))

    async def _run(self, row: Load) -> None:
        try:
            await self._runner.contain(row.workspace_id, "load", self.load(row))
        except TooManyBugs:
            raise
        except errors.Lost:
            _log.info("load.taken_over", load=row.id)
        except errors.PuenteError as problem:
            await self._failed(row, problem)
        finally:
            self._running.discard(row.id)

    async def _failed(self, row: Load, problem: errors.PuenteError) -> None:
        pause = getattr(problem, "retry_after", None) or timedelta(seconds=15)
        says = f"{problem.message} {problem.way_out}".strip()
        _log.warning("load.failed", load=row.id, says=says)
        try:
            for current in await self._database.read(lambda connection: loads.of_flow(connection, row.flow_id)):
                if current.id == row.id:
                    again = self._clock.now() + pause
                    await self._save(current, next_at=again, problem=says)
            if isinstance(problem, errors.NeedsOperator):
                used = await self._workspaces.get(row.workspace_id)
                flow = used.flows.get(row.flow_id) if used is not None else None
                if flow is not None:
                    await self._database.run(
                        lambda connection: directory.pause_flow(connection, flow.row, says, "refused")
                    )
        except (errors.Retryable, errors.Lost) as worse:
            _log.warning("load.failure_not_saved", load=row.id, says=worse.message)

    async def load(self, row: Load) -> None:
        """List one side and apply each row; then the other side, if that was asked for; then the flow is live."""
        while True:
            # A moment ago the flow was in review, and rows handled by that would be passed over.
            used = await self._workspaces.get(row.workspace_id, look_every=timedelta(0))
            flow = used.flows.get(row.flow_id) if used is not None else None
            if flow is None:
                await self._save(row, state="cancelled", problem="The flow is not there any more.")
                return
            if flow.row.state == "paused":
                await self._save(row, next_at=self._clock.now() + _PAUSED)
                return
            if not await self._other_side_is_known(flow, Side(row.side), row.started_at):
                await self._save(row, next_at=self._clock.now() + _UNKNOWN)
                return
            row = await self._load_page(flow, row)
            if row.state == "done":
                await self._end(flow, row)
                return

    async def _load_page(self, flow: FlowContext, row: Load) -> Load:
        """Apply one page and move the cursor behind it; behind the last one, to the other side or to the end."""
        side = Side(row.side)
        row = await self._save(row, next_at=self._clock.now() + _LEASE)
        asked_at = self._clock.now()
        page = await flow.session(side).page(flow.resource_name(side), row.cursor, bulk=True)
        refuse_cut(page)
        counts: Counter[str] = Counter(row.counts)
        await self._settle_page(flow, side, page, row, asked_at, counts)
        changes: dict[str, object] = {
            "cursor": page.next,
            "pages": row.pages + 1,
            "done": row.done + len(page.rows) + len(page.unreadable),
            "total": page.total if page.total is not None else row.total,
            "counts": dict(counts),
            "problem": None,
            "updated_at": self._clock.now(),
        }
        if page.next is None:
            changes |= {"side": row.then_side, "then_side": None} if row.then_side else {"state": "done"}
        before, row = row.done, await self._save(row, **changes)
        failpoints.reach("page saved")
        if statistics.are_due(before, row.done):
            await self._database.read(statistics.refresh)
        return row

    async def _other_side_is_known(self, flow: FlowContext, side: Side, since: datetime) -> bool:
        """A load makes records: the other side must be listed first, since it was asked for. Asks for that."""
        account, resource = flow.accounts[side.other].id, flow.resource_name(side.other)
        sweep = await self._database.read(lambda connection: sweeps.find(connection, account, resource))
        now = self._clock.now()
        complete = sweeps.is_complete(sweep, now=now, max_age_seconds=self._index_max_age.total_seconds())
        if complete and sweep is not None and sweep.seen_until is not None and sweep.seen_until >= since:
            return True
        if sweep is not None and sweep.started_at is None and sweep.next_at > now:
            await self._database.run(lambda connection: sweeps.request(connection, account, resource, now=now))
        return False

    async def _settle_page(
        self,
        flow: FlowContext,
        side: Side,
        page: Page,
        row: Load,
        asked_at: datetime,
        counts: Counter[str],
    ) -> None:
        seen = [flow.seen(side, each, asked_at) async for each in in_portions(page.rows) if not each.gone]
        await self._database.run(lambda connection: index.save(connection, seen))
        counts["unreadable"] += len(page.unreadable)
        jobs = unreadable_jobs(flow, side, page, origin="load")
        bound = await self._bound(flow, side, page)
        async for each in in_portions(page.rows):
            if each.record_id in bound and not differs(flow, side, each, bound[each.record_id], asked_at):
                counts["agrees"] += 1
                continue
            if isinstance(flow.spec, Document) and documents.unwanted(flow, each):
                counts["not wanted"] += 1
                continue
            jobs.append(
                Job(
                    workspace_id=row.workspace_id,
                    account_id=flow.accounts[side].id,
                    resource=flow.resource_name(side),
                    record_id=each.record_id,
                    origin="load",
                    flow_id=flow.row.id,
                    deletion=each.gone,
                    row=each,
                    listed_at=asked_at,
                )
            )
        for outcomes in await asyncio.gather(*(self._scheduler.submit(job) for job in jobs)):
            counts[worst(outcomes)] += 1

    async def _bound(self, flow: FlowContext, side: Side, page: Page) -> dict[str, Binding]:
        """The pairs of a page's records, by record id."""
        entity = flow.spec.left.resource.entity.name
        ids = [each.record_id for each in page.rows]
        return await self._database.read(
            lambda connection: bindings.find_many(
                connection, flow.bridge.id, entity, flow.spec.role, side.value, ids
            )
        )

    async def _end(self, flow: FlowContext, row: Load) -> None:
        """The flow is live from here. Both ends are swept once: what changed during the load is seen again."""
        now = self._clock.now()
        await self._database.run(
            lambda connection: directory.set_flow(
                connection, flow.row, state="live", live_since=flow.row.live_since or row.started_at
            )
        )
        for side in Side:
            account, resource = flow.accounts[side].id, flow.resource_name(side)
            await self._database.run(
                lambda connection, account=account, resource=resource: sweeps.request(  # type: ignore[misc]
                    connection, account, resource, now=now
                )
            )
        _log.info("load.done", flow=flow.row.id, counts=dict(row.counts))

    async def _save(self, row: Load, **changes: object) -> Load:
        return await self._database.run(lambda connection: loads.save(connection, row, **changes))
