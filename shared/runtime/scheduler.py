"""The scheduler: which job runs next. Changes of one record become one job; workspaces take turns.

At most `running` jobs run at once and at most `per_workspace` of one workspace, so that a flood in one never holds
its neighbours. What a load or a sweep listed is bulk and gives way: it begins when no live job can begin, and
while live ones come only a few of it run at once. One may always run, so that a load comes to its end beside
endless changes. Whoever submits a job gets a future that is done when it is settled.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Any

import structlog

from shared.flows.context import Outcome
from shared.model.change import shard_of
from shared.runtime.runner import Job
from shared.runtime.stopping import CANCEL_SECONDS

_log = structlog.get_logger("puente.sync")

Key = tuple[str, str, str, str]
# A round of the loop may take this long, in seconds, before workspaces with much work are held back.
_CALM = 0.001
_SMOOTH = 0.1
_LEAST = 3
_LATELY = 1.0
# Bulk jobs at once while live ones come. Each step of a live job waits for a step of each of them that is ready,
# and for their transactions: with 24 about twice as long as with 4 (deploy/decisions/0017).
BESIDE_LIVE = 4
# Of all places, what bulk jobs may take else: the first live one that comes finds one at once.
_BULK_MOST = 0.75
Settled = asyncio.Future[list[Outcome]]


class Turns:
    """Keys of jobs that wait, by workspace; workspaces take turns."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, deque[Key]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._keys)

    def count(self, workspace_id: str) -> int:
        return len(self._keys.get(workspace_id, ()))

    def add(self, workspace_id: str, key: Key) -> None:
        self._keys.setdefault(workspace_id, deque()).append(key)

    def remove(self, workspace_id: str, key: Key) -> None:
        keys = self._keys[workspace_id]
        keys.remove(key)
        if not keys:
            del self._keys[workspace_id]

    def take(self, has_place: Callable[[str], bool], busy: AbstractSet[Key]) -> Key | None:
        """The first key not busy, of the first workspace that has a place; which then goes behind the others."""
        for _ in range(len(self._keys)):
            workspace_id = next(iter(self._keys))
            self._keys.move_to_end(workspace_id)
            if has_place(workspace_id):
                for key in self._keys[workspace_id]:
                    if key not in busy:
                        self.remove(workspace_id, key)
                        return key
        return None


class Scheduler:
    def __init__(
        self,
        run: Callable[[Job], Awaitable[list[Outcome]]],
        *,
        running: int = 64,
        per_workspace: int = 24,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._limit = running
        self._per_workspace = per_workspace
        self._live = Turns()
        self._bulk = Turns()
        self._bulk_running = 0
        self._live_at = float("-inf")
        self._jobs: dict[Key, tuple[Job, Settled]] = {}
        self._active: dict[str, int] = {}
        self._busy: set[Key] = set()
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._stopping = False
        self._monotonic = monotonic
        self._last_workspace = ""
        self._mixed_at = float("-inf")
        self._lag = 0.0

    def count(self, workspace_id: str) -> int:
        """Jobs of this workspace in memory, queued or running."""
        queued = self._live.count(workspace_id) + self._bulk.count(workspace_id)
        return queued + self._active.get(workspace_id, 0)

    @property
    def total(self) -> int:
        return len(self._jobs) + len(self._tasks)

    @property
    def is_shared(self) -> bool:
        """Whether more than one workspace had work within the last second."""
        return self._monotonic() - self._mixed_at < _LATELY

    def is_known(self, key: Key) -> bool:
        """Whether this record is queued or being looked at."""
        return key in self._jobs or key in self._busy

    def submit(self, job: Job) -> Settled:
        """Queue a job, or join it into the one that waits for the same record."""
        known = self._jobs.get(job.key)
        if known is not None:
            self._join(known[0], job)
            return known[1]
        settled: Settled = asyncio.get_running_loop().create_future()
        # A failure reaches whoever awaits it; nobody awaiting (all gone at a stop) is no error of its own.
        settled.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._jobs[job.key] = (job, settled)
        if job.workspace_id != self._last_workspace:
            if self._last_workspace:
                self._mixed_at = self._monotonic()
            self._last_workspace = job.workspace_id
        self._queue_of(job).add(job.workspace_id, job.key)
        self._start_some()
        return settled

    def _queue_of(self, job: Job) -> Turns:
        return self._bulk if job.is_bulk else self._live

    def _join(self, queued: Job, later: Job) -> None:
        """One look serves both, and goes as early as the one of them that is in more of a hurry."""
        before = self._queue_of(queued)
        queued.join(later)
        if self._queue_of(queued) is not before:
            before.remove(queued.workspace_id, queued.key)
            self._live.add(queued.workspace_id, queued.key)

    def drop(self, wanted: Callable[[Job], bool]) -> int:
        """Forget queued jobs (their shard went to another holder); their futures are cancelled."""
        dropped = [key for key, (job, _) in self._jobs.items() if wanted(job)]
        for key in dropped:
            job, settled = self._jobs.pop(key)
            self._queue_of(job).remove(job.workspace_id, key)
            settled.cancel()
        return len(dropped)

    async def drained(self, shards: frozenset[int], *, within: float) -> None:
        """Wait until the jobs of these shards that run now have ended, or the time is over."""
        tasks = [task for task, workspace_id in self._tasks.items() if shard_of(workspace_id) in shards]
        if tasks:
            await asyncio.wait(tasks, timeout=within)

    async def quiet(self) -> None:
        """Wait until nothing is queued or running."""
        while self._tasks or self._jobs:
            tasks: list[asyncio.Task[Any]] = list(self._tasks)
            if tasks:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(0)

    async def stop(self, *, within: float) -> None:
        """Start nothing new, let what runs end, cut off what does not end in time.

        What does not even end when it is cancelled (a rollback that waits for a database which stands still) is
        left behind: it settles nothing any more.
        """
        self._stopping = True
        self.drop(lambda _job: True)
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=within)
        for task in late:
            task.cancel()
        if late:
            _, stuck = await asyncio.wait(late, timeout=CANCEL_SECONDS)
            if stuck:
                _log.warning("stop.left_behind", looks=len(stuck))

    def _start_some(self) -> None:
        while len(self._busy) < self._limit and not self._stopping:
            key = self._next()
            if key is None:
                return
            job, settled = self._jobs.pop(key)
            self._busy.add(key)
            self._active[job.workspace_id] = self._active.get(job.workspace_id, 0) + 1
            self._bulk_running += job.is_bulk
            task = asyncio.create_task(self._work(job, settled))
            self._tasks[task] = job.workspace_id
            task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def _next(self) -> Key | None:
        """The job to begin now: a live one; a bulk one when no live one can begin, or no bulk one runs."""
        key = self._take(self._bulk) if self._bulk_running == 0 else None
        key = key or self._take(self._live)
        if key is None and self._bulk and self._bulk_running < self._bulk_share():
            key = self._take(self._bulk)
        return key

    def _take(self, turns: Turns) -> Key | None:
        return turns.take(lambda workspace_id: self._active.get(workspace_id, 0) < self._share(), self._busy)

    def _share(self) -> int:
        """How many jobs of one workspace may run now.

        A step of a job waits for one step of each other that is ready. So a workspace that has company runs fewer
        when the process cannot keep up (the loop comes round late), and all of its share when vendors are slow.
        """
        if not self.is_shared or self._lag <= _CALM:
            return self._per_workspace
        return max(min(_LEAST, self._per_workspace), int(self._per_workspace * _CALM / self._lag))

    def _bulk_share(self) -> int:
        """How many bulk jobs, of all workspaces, may run now."""
        is_live = len(self._busy) > self._bulk_running or self._monotonic() - self._live_at < _LATELY
        return BESIDE_LIVE if is_live else max(1, int(self._limit * _BULK_MOST))

    async def _work(self, job: Job, settled: Settled) -> None:
        try:
            outcomes = await self._run(job)
        except asyncio.CancelledError:
            settled.cancel()
            raise
        except Exception as problem:  # noqa: BLE001 - handed to whoever waits for it, who decides
            if not settled.done():
                settled.set_exception(problem)
        else:
            if not settled.done():
                settled.set_result(outcomes)
        finally:
            self._bulk_running -= job.is_bulk
            self._busy.discard(job.key)
            left = self._active[job.workspace_id] - 1
            if left:
                self._active[job.workspace_id] = left
            else:
                del self._active[job.workspace_id]
            ended_at = self._monotonic()
            if not job.is_bulk:
                self._live_at = ended_at
            asyncio.get_running_loop().call_soon(self._after_one, ended_at)

    def _after_one(self, ended_at: float) -> None:
        self._lag += (self._monotonic() - ended_at - self._lag) * _SMOOTH
        self._start_some()
