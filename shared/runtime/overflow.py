"""Overflow: what one workspace changes too fast is put aside in the store, beside the reading and not in its way.

The consumer reads on while a few hundred changes at a time are saved in one transaction. A position is settled
when its change is saved, so the offset never passes one that is only in memory. A partition with `_FULL` changes
in hand is left unread for a moment; the others are not.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from shared.clock import Clock, NewId
from shared.eventlog.port import Position
from shared.model.change import Change, shard_of
from shared.runtime.runner import CURED_BY_NEWS
from shared.store import waiting
from shared.store.database import Database, StoreUnreachable
from shared.store.rows import Waiting

_AT_ONCE = 200
_FULL = 400
_SAYS = "Put aside: this workspace changes very fast."
_LONGEST_REST = timedelta(milliseconds=250)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAside:
    """A change on its way into the store, for each flow that it concerns."""

    position: Position
    change: Change
    flow_ids: tuple[str, ...]


class Overflow:
    """Saves changes as waiting rows, in the order in which they came; `settled` is told what is saved.

    `is_shared` says whether other workspaces have work just now: then each transaction is followed by a rest as
    long as itself, so that at least half of the time is theirs. `store_away` and `failed` are told why nothing is
    saved.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        new_id: NewId,
        is_shared: Callable[[], bool],
        settled: Callable[[Position], None],
        store_away: Callable[[StoreUnreachable], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._is_shared = is_shared
        self._settled = settled
        self._store_away = store_away
        self._failed = failed
        self._rows: deque[PutAside] = deque()
        self._saving: list[PutAside] = []
        self._in_hand: Counter[int] = Counter()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._rows) + len(self._saving)

    @property
    def full(self) -> frozenset[int]:
        """The partitions of which enough is in hand."""
        return frozenset(partition for partition, count in self._in_hand.items() if count >= _FULL)

    def put(self, aside: PutAside) -> None:
        self._rows.append(aside)
        self._in_hand[aside.position.partition] += 1
        self.go_on()

    def go_on(self) -> None:
        """Save what is in hand, if that is not being done."""
        if self._rows and self._task is None:
            self._task = asyncio.create_task(self._save())
            self._task.add_done_callback(self._ended)

    def drop(self, shards: Collection[int]) -> None:
        """Forget changes of shards that went to another holder, who reads them again: they are not settled."""
        self._rows = deque(each for each in self._rows if shard_of(each.change.workspace) not in shards)
        self._count()

    async def rests(self, *, within: timedelta) -> None:
        """Wait until what is being saved is saved and settled."""
        if self._saving and self._task is not None:
            await asyncio.wait({self._task}, timeout=within.total_seconds())

    async def _save(self) -> None:
        while self._rows:
            self._saving = [self._rows.popleft() for _ in range(min(_AT_ONCE, len(self._rows)))]
            rows = [row for each in self._saving for row in self._waiting(each)]
            began = self._clock.monotonic()
            try:
                await self._database.run(
                    lambda connection, rows=rows: waiting.put_aside(  # type: ignore[misc]
                        connection, rows, cured=CURED_BY_NEWS
                    )
                )
            except StoreUnreachable:
                self._rows.extendleft(reversed(self._saving))
                raise
            finally:
                saved, self._saving = self._saving, []
            for each in saved:
                self._settled(each.position)
            self._count()
            if self._is_shared():
                took = timedelta(seconds=self._clock.monotonic() - began)
                await self._clock.sleep(min(took, _LONGEST_REST))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        problem = None if task.cancelled() else task.exception()
        if isinstance(problem, StoreUnreachable):
            self._store_away(problem)
        elif problem is not None:
            self._failed(problem)
        else:
            self.go_on()

    def _count(self) -> None:
        self._in_hand = Counter(each.position.partition for each in self._rows)

    def _waiting(self, aside: PutAside) -> Iterable[Waiting]:
        change, now = aside.change, self._clock.now()
        for flow_id in aside.flow_ids:
            yield Waiting(
                id=self._new_id(),
                workspace_id=change.workspace,
                flow_id=flow_id,
                account_id=change.account,
                resource=change.resource,
                record_id=change.record_id,
                reason="budget",
                not_before=now,
                first_seen=change.seen_at,
                updated_at=now,
                change_ids=(change.id,),
                deletion=change.deletion,
                mode=change.mode,
                run=change.run,
                says=_SAYS,
            )
