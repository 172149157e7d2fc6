"""The consumer: from the log to the scheduler, and the settled prefix back to the log.

An entry is settled when its record was looked at in every flow, or put aside in the store, or needs no look. The
offset follows the settled prefix, so it is never further behind than one attempt's time limit.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from shared import errors, failpoints
from shared.clock import Clock, NewId
from shared.eventlog.port import Entry, EventLog, Position, Subscription
from shared.flows.context import Outcome
from shared.model.change import SHARDS, Change, is_canary, shard_of
from shared.runtime.overflow import Overflow, PutAside
from shared.runtime.runner import Job
from shared.runtime.scheduler import Scheduler
from shared.runtime.stopping import until_stopped
from shared.runtime.workspaces import Used, Workspaces
from shared.store import canaries, marks, sweeps, waiting
from shared.store.database import Database, StoreUnreachable
from shared.store.marks import Mark
from shared.store.rows import Waiting

_log = structlog.get_logger("puente.sync")

GROUP = "puente.sync"
# Few enough that decoding them does not hold up the looks that run beside it.
_BATCH = 100
_POLL = timedelta(milliseconds=250)
# A commit is a round trip to the broker: one for all that was settled in this time.
_COMMIT_EVERY = timedelta(milliseconds=50)
# How long to wait for entries of the others, while a partition with enough in hand is left unread.
_BREATH = timedelta(milliseconds=5)
_FULL = 4000
_DRAIN = timedelta(seconds=6)
# In seconds: for the turn in which a stop is heard, and for leaving a group that was not joined yet.
_LAST_TURN = 2.0
_LEAVING = 12.0
# A burst that tells every record once is answered by one listing, begun when it has calmed down for a moment.
BURST = timedelta(seconds=2)


class Prefix:
    """Which positions of each partition are settled; gives the highest one with nothing unsettled before it."""

    def __init__(self) -> None:
        self._open: dict[int, OrderedDict[int, bool]] = {}

    def add(self, position: Position) -> None:
        self._open.setdefault(position.partition, OrderedDict())[position.offset] = False

    def settle(self, position: Position) -> None:
        offsets = self._open.get(position.partition)
        if offsets is not None and position.offset in offsets:
            offsets[position.offset] = True

    def take(self) -> list[Position]:
        """The positions to commit now, one per partition; forgotten here."""
        settled: list[Position] = []
        for partition, offsets in self._open.items():
            last: int | None = None
            while offsets and offsets[next(iter(offsets))]:
                last, _ = offsets.popitem(last=False)
            if last is not None:
                settled.append(Position(partition=partition, offset=last))
        return settled

    def forget(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._open.pop(partition, None)

    @property
    def unsettled(self) -> int:
        return sum(len(offsets) for offsets in self._open.values())


class Consumer:
    """Reads entries of the shards that this process holds and hands their records to the scheduler."""

    def __init__(
        self,
        *,
        log: EventLog,
        scheduler: Scheduler,
        workspaces: Workspaces,
        database: Database,
        clock: Clock,
        new_id: NewId,
        why_unreadable: Callable[[Change], str],
        budget: int = 500,
        store_patience: timedelta = timedelta(minutes=30),
    ) -> None:
        self._log = log
        self._scheduler = scheduler
        self._workspaces = workspaces
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._why_unreadable = why_unreadable
        self._budget = budget
        self._patience = store_patience
        self._prefix = Prefix()
        self._subscription: Subscription | None = None
        self._retries: set[asyncio.Task[None]] = set()
        self._store_away_since: float | None = None
        self._fatal: BaseException | None = None
        self._stop = asyncio.Event()
        self._drained = False
        self._burst_until: dict[str, datetime] = {}
        self._committed_at = float("-inf")
        self._overflow = Overflow(
            database=database,
            clock=clock,
            new_id=new_id,
            is_shared=lambda: scheduler.is_shared,
            settled=self._prefix.settle,
            store_away=self.store_went_away,
            failed=self._cannot_go_on,
        )

    @property
    def shards(self) -> frozenset[int]:
        """The shards that this process holds now."""
        return self._subscription.shards if self._subscription is not None else frozenset()

    @property
    def store_away(self) -> bool:
        return self._store_away_since is not None

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then settle what runs and commit it."""
        self._stop = stop
        async with AsyncExitStack() as stack:
            joining = self._log.subscribe(group=GROUP, on_assigned=self._assigned, on_revoked=self._revoked)
            # Joining a group that is being rearranged may take more than a minute.
            entering = stack.enter_async_context(joining)
            subscription = await until_stopped(stop, entering, grace=0.0, cancel=_LEAVING)
            if subscription is None:
                return
            self._subscription = subscription
            try:
                await until_stopped(stop, self._turns(subscription), grace=_LAST_TURN)
                await self._drain(subscription)
            finally:
                self._subscription = None

    async def _turns(self, subscription: Subscription) -> None:
        while not self._stop.is_set():
            await self._turn(subscription)

    async def _turn(self, subscription: Subscription) -> None:
        if self._fatal is not None:
            raise self._fatal
        full = self._scheduler.total >= _FULL or self._prefix.unsettled >= 4 * _FULL
        if full or self.store_away:
            subscription.pause()
        else:
            subscription.resume()
        unread = self._overflow.full
        recently = self._clock.monotonic() - self._committed_at < _COMMIT_EVERY.total_seconds()
        wait = _BREATH if unread else _COMMIT_EVERY if recently else _POLL
        for entry in await subscription.next_batch(limit=_BATCH, wait=wait, without=unread):
            if self._stop.is_set():
                return  # the rest of the batch is read by whoever holds its shards next
            await self._accept(entry)
        if self.store_away:
            await self._look_for_store()
        if self._clock.monotonic() - self._committed_at >= _COMMIT_EVERY.total_seconds():
            await self._commit(subscription)

    async def _commit(self, subscription: Subscription) -> None:
        settled = self._prefix.take()
        if not settled:
            return
        self._committed_at = self._clock.monotonic()
        try:
            await subscription.commit(*settled)
            failpoints.reach("offset committed")
        except errors.Lost:
            _log.info("commit.lost", partitions=[position.partition for position in settled])

    async def _drain(self, subscription: Subscription) -> None:
        self._scheduler.drop(lambda job: job.origin == "change")
        self._overflow.drop(range(SHARDS))
        await asyncio.gather(
            self._overflow.rests(within=_DRAIN), self._scheduler.stop(within=_DRAIN.total_seconds())
        )
        self._drained = True
        try:
            await self._commit(subscription)
        except errors.Retryable as problem:
            # What was settled is looked at again by the next holder, who finds nothing to do.
            _log.info("stop.uncommitted", says=problem.message)

    async def _assigned(self, shards: frozenset[int]) -> None:
        _log.info("shards.assigned", shards=len(shards))

    async def _revoked(self, shards: frozenset[int]) -> None:
        """Start nothing new of these shards, let what runs end for some seconds, commit, let go."""
        if not self._drained:
            self._scheduler.drop(lambda job: shard_of(job.workspace_id) in shards)
            self._overflow.drop(shards)
            await self._overflow.rests(within=_DRAIN)
            await self._scheduler.drained(shards, within=_DRAIN.total_seconds())
        if self._subscription is not None:
            await self._commit(self._subscription)
        self._prefix.forget(shards)
        _log.info("shards.revoked", shards=len(shards))

    async def _accept(self, entry: Entry) -> None:
        self._prefix.add(entry.position)
        while True:
            try:
                await self._dispatch(entry)
            except StoreUnreachable as problem:
                self.store_went_away(problem)
                await self._wait_for_store()
                if self._stop.is_set():
                    return  # not settled
            else:
                return

    async def _dispatch(self, entry: Entry) -> None:
        """Give an entry its way: a job, a row that waits, a sweep, or nothing to do."""
        change = entry.change
        if is_canary(change.workspace):
            now = self._clock.now()
            await self._database.run(lambda connection: canaries.arrived(connection, change.record_id, now))
            self._prefix.settle(entry.position)
            return
        if change.what == "unreadable":
            await self._bury_unreadable(entry)
            self._prefix.settle(entry.position)
            return
        used = await self._workspaces.get(change.workspace)
        account = used.directory.accounts.get(change.account) if used is not None else None
        if used is None or account is None or account.system != change.system:
            _log.warning("change.unknown", change=change.id, workspace=change.workspace, account=change.account)
            self._prefix.settle(entry.position)
            return
        if change.what == "gap":
            await self._request_sweep(change, gap=True)
            await self._database.run(partial(marks.put, mark=_gap_mark(change, self._clock.now())))
            self._prefix.settle(entry.position)
            return
        if change.hook_kind and change.generation != account.generation and not change.run:
            _log.info("change.stale_generation", change=change.id, account=account.id)
            self._prefix.settle(entry.position)
            return
        kind = self._workspaces.connectors[account.system].hooks.kinds.get(change.hook_kind)
        if kind is not None and kind.bulk:
            await self._request_sweep(change, gap=False)
            self._prefix.settle(entry.position)
            return
        await self._submit(entry, used)

    async def _submit(self, entry: Entry, used: Used) -> None:
        change = entry.change
        flows = used.flows_of(change.account, change.resource)
        if not flows:
            self._prefix.settle(entry.position)
            return
        if self._scheduler.count(change.workspace) >= self._budget and not self._scheduler.is_known(
            (change.account, change.resource, change.record_id, "")
        ):
            # Too much of one workspace in memory: the store holds it until its turn comes.
            flow_ids = tuple(flow.row.id for flow, _ in flows)
            self._overflow.put(PutAside(position=entry.position, change=change, flow_ids=flow_ids))
            return
        job = job_of(change)
        settled = self._scheduler.submit(job)
        settled.add_done_callback(lambda done: self._done(done, entry.position, job))

    def _done(self, done: asyncio.Future[list[Outcome]], position: Position, job: Job) -> None:
        if done.cancelled():
            return  # not settled: whoever holds the shard next reads it again
        problem = done.exception()
        if problem is None:
            self._prefix.settle(position)
        elif isinstance(problem, StoreUnreachable):
            self.store_went_away(problem)
            task = asyncio.create_task(self._again(position, job))
            self._retries.add(task)
            task.add_done_callback(self._retries.discard)
        else:
            self._cannot_go_on(problem)

    def _cannot_go_on(self, problem: BaseException) -> None:
        self._fatal = problem

    async def _again(self, position: Position, job: Job) -> None:
        """The store was away when this job ran: run it when the store is back. Its position stays unsettled."""
        while self.store_away:
            await self._clock.sleep(timedelta(milliseconds=200))
        settled = self._scheduler.submit(job)
        settled.add_done_callback(lambda done: self._done(done, position, job))

    def store_went_away(self, problem: StoreUnreachable) -> None:
        """Somebody could not save: nothing new is begun until the store answers and takes writes."""
        if self._store_away_since is None:
            self._store_away_since = self._clock.monotonic()
            _log.warning("store.away", problem=problem.message, way_out=problem.way_out)

    async def _wait_for_store(self) -> None:
        """Keep the membership alive while an entry in hand waits for the store, or for a stop."""
        while self.store_away and not self._stop.is_set():
            if self._subscription is not None:
                self._subscription.pause()
                await self._subscription.next_batch(limit=1, wait=_POLL)
            await self._look_for_store()

    async def _look_for_store(self) -> None:
        since = self._store_away_since
        if since is None:
            return
        try:
            await self._database.ping()
        except StoreUnreachable:
            if self._clock.monotonic() - since > self._patience.total_seconds():
                raise
            await self._clock.sleep(_POLL)
            return
        self._store_away_since = None
        self._overflow.go_on()
        _log.info("store.back", away_s=round(self._clock.monotonic() - since))

    async def _bury_unreadable(self, entry: Entry) -> None:
        """An authentic body that could not be read: a person sees it; a sweep stands in for what it told."""
        change, now = entry.change, self._clock.now()
        place = f"{entry.position.partition}/{entry.position.offset}"
        row = Waiting(
            id=self._new_id(),
            workspace_id=change.workspace,
            flow_id="",
            account_id=change.account,
            resource=change.hook_kind or "-",
            record_id=change.id,
            reason="unreadable",
            not_before=now,
            first_seen=change.seen_at,
            updated_at=now,
            change_ids=(change.id,),
            says=f"A hook of kind {change.hook_kind or '?'} could not be read (log position {place}). "
            f"{entry.problem or self._why_unreadable(change)}",
        )
        await self._database.run(lambda connection: waiting.put(connection, row))
        if change.account:
            await self._request_sweep(change, gap=False)

    async def _request_sweep(self, change: Change, *, gap: bool) -> None:
        """Have the account listed: a gap at the door, or a burst that tells every record once."""
        now = self._clock.now()
        kind = None
        used = await self._workspaces.get(change.workspace)
        account = used.directory.accounts.get(change.account) if used is not None else None
        if account is not None:
            kind = self._workspaces.connectors[account.system].hooks.kinds.get(change.hook_kind)
        resource = kind.resource if kind is not None else None
        full = kind is not None and kind.bulk
        soon = now + (BURST if full else timedelta(0))
        if full and now + BURST / 2 < self._burst_until.get(change.account, now) <= now + BURST:
            return  # asked for a moment ago, and that listing has not begun
        if full:
            self._burst_until[change.account] = soon
        await self._database.run(
            lambda connection: sweeps.request(connection, change.account, resource, now=soon, full=full, gap=gap)
        )


def _gap_mark(change: Change, now: datetime) -> Mark:
    since = change.gap_since or change.seen_at
    facts = {
        "from": f"{since.astimezone(UTC):%Y-%m-%d %H:%M}",
        "until": f"{change.seen_at.astimezone(UTC):%H:%M} UTC",
    }
    return Mark(kind="door gap", workspace_id=change.workspace, subject=change.account, at=now, facts=facts)


def job_of(change: Change) -> Job:
    return Job(
        workspace_id=change.workspace,
        account_id=change.account,
        resource=change.resource,
        record_id=change.record_id,
        origin="replay" if change.run else "change",
        change_ids=[change.id],
        deletion=change.deletion,
        repair=change.mode == "repair",
        told_at=change.seen_at,
        traceparents=[change.traceparent] if change.traceparent else [],
    )
