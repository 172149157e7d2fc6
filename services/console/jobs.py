"""Long work that a person started from a page: at most one of a name in this process, with its progress.

What the work has saved stays when the process ends; the job itself is gone then, and is started again by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import structlog

from shared import errors
from shared.clock import Clock

_log = structlog.get_logger("puente.console")


@dataclass(slots=True, kw_only=True)
class Job:
    """How a piece of work stands. `done` and `total` count what `of` names; `problem` says why it failed."""

    name: str
    started_at: datetime
    state: Literal["running", "done", "failed"] = "running"
    of: str = ""
    done: int = 0
    total: int | None = None
    problem: str = ""
    way_out: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def progress(self, of: str, done: int, total: int | None) -> None:
        self.of, self.done, self.total = of, done, total


class Jobs:
    """The jobs of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}

    def find(self, name: str) -> Job | None:
        return self._jobs.get(name)

    def start(self, name: str, work: Callable[[Job], Awaitable[object]]) -> Job:
        """Start work under a name; what runs under it already is left alone."""
        known = self._jobs.get(name)
        if known is not None and known.state == "running":
            return known
        job = Job(name=name, started_at=self._clock.now())
        self._jobs[name] = job
        job.task = asyncio.create_task(self._run(job, work), name=name)
        return job

    async def close(self) -> None:
        """Stop what runs."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None and not job.task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: Job, work: Callable[[Job], Awaitable[object]]) -> None:
        try:
            await work(job)
        except errors.PuenteError as problem:
            job.state, job.problem, job.way_out = "failed", problem.message, problem.way_out
            _log.info("job.failed", job=job.name, says=problem.message)
        except BaseException:
            job.state, job.problem = "failed", "An error of ours ended it."
            raise
        else:
            job.state = "done"
