"""The scheduler: which job runs next. Changes of one record become one job; workspaces take turns.

At most `running` jobs run at once and at most `per_workspace` of one workspace, so that a flood in one never holds
its neighbours. Whoever submits a job gets a future that is done when the job is settled.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
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
Settled = asyncio.Future[list[Outcome]]


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
        self._queued: OrderedDict[str, deque[Key]] = OrderedDict()
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
        return len(self._queued.get(workspace_id, ())) + self._active.get(workspace_id, 0)

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
            known[0].join(job)
            return known[1]
        settled: Settled = asyncio.get_running_loop().create_future()
        # A failure reaches whoever awaits it; nobody awaiting (all gone at a stop) is no error of its own.
        settled.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._jobs[job.key] = (job, settled)
        if job.workspace_id != self._last_workspace:
            if self._last_workspace:
                self._mixed_at = self._monotonic()
            self._last_workspace = job.workspace_id
        self._queued.setdefault(job.workspace_id, deque()).append(job.key)
        self._start_some()
        return settled

    def drop(self, wanted: Callable[[Job], bool]) -> int:
        """Forget queued jobs (their shard went to another holder); their futures are cancelled."""
        dropped = [key for key, (job, _) in self._jobs.items() if wanted(job)]
        for key in dropped:
            job, settled = self._jobs.pop(key)
            queue = self._queued.get(job.workspace_id)
            if queue is not None:
                queue.remove(key)
                if not queue:
                    del self._queued[job.workspace_id]
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
        turns = len(self._queued)
        while self._queued and len(self._tasks) < self._limit and turns > 0 and not self._stopping:
            workspace_id, keys = self._queued.popitem(last=False)
            key = self._next_of(workspace_id, keys)
            if keys:
                self._queued[workspace_id] = keys  # behind the others: they take turns
            if key is None:
                turns -= 1
                continue
            turns = len(self._queued)
            job, settled = self._jobs.pop(key)
            self._busy.add(key)
            self._active[workspace_id] = self._active.get(workspace_id, 0) + 1
            task = asyncio.create_task(self._work(job, settled))
            self._tasks[task] = workspace_id
            task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def _next_of(self, workspace_id: str, keys: deque[Key]) -> Key | None:
        """The first job of this workspace whose record is not being looked at just now."""
        if self._active.get(workspace_id, 0) >= self._share():
            return None
        for key in keys:
            if key not in self._busy:
                keys.remove(key)
                return key
        return None

    def _share(self) -> int:
        """How many jobs of one workspace may run now.

        A step of a job waits for one step of each other that is ready. So a workspace that has company runs fewer
        when the process cannot keep up (the loop comes round late), and all of its share when vendors are slow.
        """
        if not self.is_shared or self._lag <= _CALM:
            return self._per_workspace
        return max(min(_LEAST, self._per_workspace), int(self._per_workspace * _CALM / self._lag))

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
            self._busy.discard(job.key)
            left = self._active[job.workspace_id] - 1
            if left:
                self._active[job.workspace_id] = left
            else:
                del self._active[job.workspace_id]
            asyncio.get_running_loop().call_soon(self._after_one, self._monotonic())

    def _after_one(self, ended_at: float) -> None:
        self._lag += (self._monotonic() - ended_at - self._lag) * _SMOOTH
        self._start_some()
