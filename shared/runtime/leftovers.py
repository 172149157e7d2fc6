"""Leftovers: writes whose process died, and whose records nobody has a reason to look at again.

An intent past its deadline is closed by the next look at its record. Most are looked at anyway, since their change
is still in the log or waits; this makes sure of the rest (a person undid the edit, so that nothing differs).
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.flows.spec import Side
from shared.runtime.runner import Job
from shared.runtime.scheduler import Scheduler
from shared.runtime.workspaces import Workspaces
from shared.store import intents
from shared.store.database import Database
from shared.store.rows import Intent

_EVERY = timedelta(seconds=5)
_GRACE = timedelta(seconds=10)
_AT_ONCE = 100


class Leftovers:
    """Has the records of overdue intents looked at, a few at a time."""

    def __init__(self, *, database: Database, workspaces: Workspaces, scheduler: Scheduler, clock: Clock) -> None:
        self._database = database
        self._workspaces = workspaces
        self._scheduler = scheduler
        self._clock = clock
        self._next: datetime | None = None

    async def run_due(self, shards: frozenset[int], _group: asyncio.TaskGroup) -> None:
        """Submit a look for every overdue intent whose vendor's time to show the write has passed too."""
        now = self._clock.now()
        if not shards or (self._next is not None and now < self._next):
            return
        self._next = now + _EVERY
        rows = await self._database.read(
            lambda connection: intents.overdue(connection, sorted(shards), now - _GRACE, limit=_AT_ONCE)
        )
        for row in rows:
            job = await self._job(row, now)
            if job is not None and not self._scheduler.is_known(job.key):
                self._scheduler.submit(job)

    async def _job(self, row: Intent, now: datetime) -> Job | None:
        used = await self._workspaces.get(row.workspace_id)
        flow = used.flows.get(row.flow_id) if used is not None else None
        if flow is None or flow.row.state == "paused":
            return None
        side = Side(row.side)
        if now < row.deadline + flow.visible_after(side.other) + _GRACE:
            return None
        return Job(
            workspace_id=row.workspace_id,
            account_id=flow.accounts[side].id,
            resource=flow.resource_name(side),
            record_id=row.source_id,
            origin="waiting",
            flow_id=row.flow_id,
        )
