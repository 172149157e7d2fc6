"""The event log: what every form of it promises. Each numbered promise is one test of the contract suite.

Shared promises (tests/contracts/test_eventlog.py):

 1. Once `append` returns, the changes are durable: whoever opens the log afterwards reads them.
 2. Changes of one workspace are read in the order in which their appends returned, those of one append in theirs.
 3. A group that never committed starts at the beginning of the log; any other at its committed position.
 4. A commit is a prefix: it settles everything of its partition up to and including the position, and never goes
    backwards.
 5. What was delivered and not committed is delivered again to the next subscriber of the group.
 6. The first subscription of a group commits a position for every partition, so that lag is a number everywhere,
    also later while no member lives.
 7. `read` needs no group: by time (`since` included, `until` excluded, by the log's time), by workspace, or from a
    position on; it ends at the end that the log had when it began, and moves no group's position.
 8. What was put in comes out: hostile text in any field, bodies up to the limit, an empty body apart from none.
 9. What is too large is Rejected and leaves no trace; what cannot be stored now is Retryable.
10. Several logs, in one process or several, may append to the same place at once.
11. Order and positions survive a restart.
12. An entry that somebody else wrote wrongly is delivered as an unreadable change, with `problem` saying why.
13. `pause` keeps a subscription alive and gives nothing; `resume` gives everything that came meanwhile.
14. `next_batch` returns as soon as something arrives, after `wait` with nothing, and never more than `limit`.
15. `lag` counts exactly: in total, per partition, per system and per workspace; above `detail_limit` the details
    are None and the total is still exact.
16. `entry` finds an entry by its position, or None when it is not (or no longer) there.
17. `on_assigned` is called before the first entry of these shards, `on_revoked` when they go, also at the end of
    the subscription; a failure in either is raised by the next `next_batch`, or at the end of the subscription.
18. After a close `append` is Retryable, never silent.

Promises about ownership hold where several processes share the work (tests/contracts/test_eventlog_ownership.py):

19. Two members of a group hold disjoint shards, together all of them; joining revokes first, then assigns.
20. A commit for a partition that is no longer held raises Lost and moves nothing.
21. A pause outlives a rebalance.
22. A member that dies without a word is replaced within the session timeout.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from shared.errors import check_aware
from shared.model.change import Change

MAX_ENTRY_BYTES = 1024 * 1024 - 4096
"""Key, headers and body of one entry together: with its framing it fits into Kafka's default message.max.bytes."""

REVOKE_LIMIT = timedelta(seconds=8)
"""How long `on_revoked` may take. It is cancelled then, and the shards go to their next holder regardless."""

ASSIGN_LIMIT = timedelta(seconds=4)
"""How long `on_assigned` may take: no heartbeat is sent meanwhile, so it stays well under the session timeout."""

ShardsCallback = Callable[[frozenset[int]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Position:
    """Where an entry stands. Offsets of a partition grow by one; positions order by partition, then offset."""

    partition: int
    offset: int

    @property
    def following(self) -> Position:
        """The position right behind this one."""
        return Position(partition=self.partition, offset=self.offset + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A change with its place and the log's own time.

    `problem` is empty, or says why the entry could not be read; then `change.what` is "unreadable", its id is
    made from the position, and its body is the entry's value as it was found.
    """

    position: Position
    change: Change
    appended_at: datetime
    problem: str = ""

    def __post_init__(self) -> None:
        check_aware(self.appended_at, "appended_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLag:
    """`committed` is the offset of the first entry not yet settled, None if the group never came here.

    `end` is the offset that the next entry will have. `oldest_age` is the age of the first entry not settled.
    """

    partition: int
    committed: int | None
    end: int
    lag: int
    oldest_age: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far a group is behind. The details are None ("unknown") when there was too much to count."""

    partitions: Sequence[PartitionLag]
    by_system: Mapping[str, int] | None = field(default_factory=dict)
    by_workspace: Mapping[tuple[str, str], int] | None = field(default_factory=dict)
    """Keyed by (system, workspace)."""
    oldest: Mapping[tuple[str, str], timedelta] | None = field(default_factory=dict)
    """The age of the oldest entry not settled, keyed by (system, workspace)."""

    @property
    def total(self) -> int:
        return sum(partition.lag for partition in self.partitions)

    @property
    def oldest_age(self) -> timedelta | None:
        ages = [partition.oldest_age for partition in self.partitions if partition.oldest_age is not None]
        return max(ages, default=None)


class Subscription(Protocol):
    """One member of a group. Use it from one task; callbacks come from another."""

    @property
    def shards(self) -> frozenset[int]:
        """The shards that are held now, as far as this process can know."""
        ...

    async def next_batch(self, *, limit: int, wait: timedelta, without: Collection[int] = ()) -> Sequence[Entry]:
        """Entries in order per partition. Keep calling it, also while paused: silence costs the membership.

        Entries of the partitions `without` stay where they are until a call that wants them.
        """
        ...

    async def commit(self, *upto: Position) -> None:
        """Settle everything up to and including each position, at most one per partition.

        Raises Lost when a partition is not held any more (then nothing of this call can be relied upon), and
        Retryable when the log cannot be reached.
        """
        ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class EventLog(Protocol):
    """The log. `start` once, `close` once; everything else from any task of the same event loop."""

    async def start(self) -> None:
        """Raises Misconfigured when the place cannot serve as our log, Retryable when it is out of reach.

        After a Retryable the log may be used all the same: `append` connects when it can.
        """
        ...

    async def close(self) -> None: ...

    async def append(self, *changes: Change) -> Position:
        """Append changes of one workspace and return the position of the last.

        Raises Retryable (nothing was stored), InDoubt (no answer in time: it may have been stored) or Rejected
        (too large, or text that no encoding can carry).
        """
        ...

    def subscribe(
        self,
        *,
        group: str,
        on_assigned: ShardsCallback | None = None,
        on_revoked: ShardsCallback | None = None,
    ) -> AbstractAsyncContextManager[Subscription]:
        """Join a group. The callbacks may use the subscription, and have ASSIGN_LIMIT and REVOKE_LIMIT of time."""
        ...

    def read(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        workspace: str | None = None,
        start: Position | None = None,
    ) -> AsyncGenerator[Entry, None]:
        """Entries in the order of their positions: partition by partition, so that `start` (included) resumes.

        Whoever may stop before the end wraps it in `contextlib.aclosing`.
        """
        ...

    async def lag(self, *, group: str, detail_limit: int = 100_000) -> Lag: ...

    async def entry(self, position: Position) -> Entry | None: ...

    async def healthy(self) -> bool:
        """Whether an append would probably succeed now. Answers within about two seconds, never raises."""
        ...
