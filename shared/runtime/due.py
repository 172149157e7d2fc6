"""Due rows: what waits in the store is taken up when its time has come, as fast as it is worked off.

A workspace with more due rows than its share is crowding: its rows are asked for apart, a share at a time, so that
neither the look at all the others nor their turn depends on how many it has.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.flows.context import Outcome
from shared.model.change import shard_of
from shared.runtime.runner import Job, TooManyBugs
from shared.runtime.scheduler import Scheduler
from shared.runtime.workspaces import Workspaces
from shared.store import waiting
from shared.store.database import Database, StoreUnreachable
from shared.store.rows import Waiting

_IN_HAND = 1000
_SHARE = 200
# The look at all the others costs more while somebody crowds: the index goes by time and not by workspace.
_CROWDED = timedelta(seconds=2)
_PAUSED = timedelta(seconds=5)
_UNKNOWN = timedelta(hours=1)


class Due:
    """Takes up waiting rows. `look` raises TooManyBugs when a row's look ended with it.

    `store_away` is told when a look could not save: the row stands as it did, and nothing is to be taken up, nor a
    record read again, until the store is back.
    """

    def __init__(
        self,
        *,
        database: Database,
        workspaces: Workspaces,
        scheduler: Scheduler,
        clock: Clock,
        store_away: Callable[[StoreUnreachable], None],
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._scheduler = scheduler
        self._clock = clock
        self._store_away = store_away
        self._claimed: dict[str, str] = {}
        self._by_workspace: Counter[str] = Counter()
        self._crowding: set[str] = set()
        self._all_at: datetime | None = None
        self._room = asyncio.Event()
        self._fatal: TooManyBugs | None = None

    async def look(self, shards: frozenset[int]) -> None:
        """Take up what is due in these shards, as far as there is room."""
        if self._fatal is not None:
            raise self._fatal
        self._room.clear()
        if not shards or len(self._claimed) >= _IN_HAND:
            return
        now = self._clock.now()
        self._crowding = {workspace_id for workspace_id in self._crowding if shard_of(workspace_id) in shards}
        for workspace_id in sorted(self._crowding):
            if self._by_workspace[workspace_id] <= _SHARE // 2:
                await self._look_at(workspace_id, now)
        if self._crowding and self._all_at is not None and self._all_at <= now < self._all_at + _CROWDED:
            return
        self._all_at = now
        crowding = frozenset(self._crowding)
        rows = await self._database.read(
            lambda connection: waiting.due(
                connection, sorted(shards), now, limit=_IN_HAND, per_workspace=_SHARE, without=crowding
            )
        )
        found = Counter(row.workspace_id for row in rows)
        self._crowding |= {workspace_id for workspace_id, count in found.items() if count >= _SHARE}
        await self._take(rows)

    async def rest(self, rhythm: timedelta) -> None:
        """Wait for the next look: less than `rhythm` where a crowding workspace's rows are worked off sooner."""
        waits = {asyncio.create_task(self._clock.sleep(rhythm)), asyncio.create_task(self._room.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _look_at(self, workspace_id: str, now: datetime) -> None:
        rows = await self._database.read(
            lambda connection: waiting.due_of(connection, workspace_id, now, limit=_SHARE)
        )
        if len(rows) < _SHARE:
            self._crowding.discard(workspace_id)
        await self._take(rows)

    async def _take(self, rows: Sequence[Waiting]) -> None:
        now = self._clock.now()
        later: list[tuple[Waiting, datetime]] = []
        for row in rows:
            if row.id in self._claimed:
                continue
            used = await self._workspaces.get(row.workspace_id)
            flow = used.flows.get(row.flow_id) if used is not None else None
            if flow is not None and flow.row.state != "paused":
                self._take_up(row)
            else:
                # Rows of a paused flow keep waiting; they are looked at soon after it is resumed.
                later.append((row, now + (_PAUSED if flow is not None else _UNKNOWN)))
        if later:
            await self._database.run(lambda connection: waiting.postpone(connection, later))

    def _take_up(self, row: Waiting) -> None:
        self._claimed[row.id] = row.workspace_id
        self._by_workspace[row.workspace_id] += 1
        job = Job(
            workspace_id=row.workspace_id,
            account_id=row.account_id,
            resource=row.resource,
            record_id=row.record_id,
            origin="waiting",
            flow_id=row.flow_id,
            change_ids=list(row.change_ids),
            deletion=row.deletion,
            repair=row.mode == "repair",
            waiting=row,
        )
        settled = self._scheduler.submit(job)
        settled.add_done_callback(lambda done: self._taken(row, done))

    def _taken(self, row: Waiting, done: asyncio.Future[list[Outcome]]) -> None:
        self._claimed.pop(row.id, None)
        self._by_workspace[row.workspace_id] -= 1
        if self._by_workspace[row.workspace_id] <= 0:
            del self._by_workspace[row.workspace_id]
        if row.workspace_id in self._crowding and self._by_workspace[row.workspace_id] <= _SHARE // 2:
            self._room.set()
        problem = None if done.cancelled() else done.exception()
        if isinstance(problem, TooManyBugs):
            self._fatal = problem
        elif isinstance(problem, StoreUnreachable):
            self._store_away(problem)
