"""One member of a consumer group, with what aiokafka leaves to its user.

- A pause is forgotten at every rebalance: it is applied again before the first fetch of the new assignment.
- A listener's exception is logged and swallowed: `Callbacks` keeps it.
- A partition without a commit has no lag in any tool: one is written at the first assignment.
- There is no "lost" callback: a process that was frozen past its session believes for a while that it still owns.
  So the member watches its own loop, and stops believing at once when it finds a hole longer than the session.
- A stale commit is refused by the broker only while the group has members, because an outdated member commits like
  a stranger: so the generation is checked here, before and after.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka import errors as kafka_errors

from shared import errors
from shared.eventlog import envelope
from shared.eventlog.callbacks import Callbacks
from shared.eventlog.kafka_client import KafkaSettings, new_member, translated
from shared.eventlog.port import Entry, Position

log = logging.getLogger(__name__)

_JOIN_SECONDS = 75.0  # twice the time that others may take to let go, and a little
_COMMIT_SECONDS = 5.0
_LEAVE_SECONDS = 10.0
_CANCEL_SECONDS = 1.0
_STEP_SECONDS = 0.2
_LAST_MILLISECOND = 253_402_300_799_000  # the end of the year 9999


def entry_of(record: ConsumerRecord) -> Entry:
    """A record of the topic as an entry, whoever wrote it."""
    return envelope.entry_of(
        record.headers,
        record.value,
        position=Position(partition=record.partition, offset=record.offset),
        appended_at=moment_of(record.timestamp),
        check_shard=True,
    )


def moment_of(milliseconds: int) -> datetime:
    """Kafka's timestamp. A record may carry none (-1) or, where its writer sets it, one beyond our calendar."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=min(max(0, milliseconds), _LAST_MILLISECOND))


class KafkaSubscription:
    """Subscription on a consumer group. `join` and `leave` belong to whoever made it."""

    def __init__(self, settings: KafkaSettings, group: str, callbacks: Callbacks) -> None:
        self._settings = settings
        self._callbacks = callbacks
        self._consumer = new_member(settings, group)
        self._shards: frozenset[int] = frozenset()
        self._told: frozenset[int] = frozenset()
        self._generation: int | None = None
        self._committed: dict[int, int] = {}
        self._unseeded: frozenset[TopicPartition] = frozenset()
        self._open = asyncio.Event()
        self._paused = False
        self._ended = False
        self._alive_at = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._epoch = 0
        self._fetching: asyncio.Task[tuple[int, list[Entry]]] | None = None
        self._fetched: list[Entry] = []

    @property
    def shards(self) -> frozenset[int]:
        self._notice_freeze()
        return self._shards

    async def join(self) -> None:
        """Join the group and wait for the first assignment. Raises Retryable when that does not come."""
        self._alive_at = asyncio.get_running_loop().time()
        self._watch = asyncio.create_task(self._watch_loop())
        self._consumer.subscribe([self._settings.topic], listener=_Listener(self))
        with translated("join the group"):
            async with asyncio.timeout(_JOIN_SECONDS):
                await self._consumer.start()
                while not self._open.is_set():
                    await self._wait_open(_STEP_SECONDS)

    async def leave(self) -> None:
        """Tell the subscriber, leave the group at once, so that nobody waits for the session to end."""
        await self._tell_revoked()
        self._forget()
        self._ended = True
        for task in (self._watch, self._fetching):
            if task is not None:
                task.cancel()
                await asyncio.wait({task}, timeout=_CANCEL_SECONDS)
        # aiokafka stops its own tasks by cancelling them; while the broker is away it lets that out, or waits for
        # one that swallowed it. In a task of its own neither reaches what brought us here.
        leaving = asyncio.create_task(self._consumer.stop())
        await asyncio.wait({leaving}, timeout=_LEAVE_SECONDS)
        if leaving.done() and not leaving.cancelled():
            leaving.result()
            return
        log.warning("the consumer did not leave its group in time and is cut off")
        leaving.cancel()
        await self._consumer._client.close()  # noqa: SLF001
        await asyncio.wait({leaving}, timeout=_CANCEL_SECONDS)

    async def next_batch(self, *, limit: int, wait: timedelta, without: Collection[int] = ()) -> Sequence[Entry]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait.total_seconds()
        while True:
            self._callbacks.raise_failure()
            self._check_not_ended()
            self._notice_freeze()
            remaining = max(0.0, deadline - loop.time())
            with translated("read the log"):
                if self._open.is_set():
                    await self._seed()
                    await self._fetch(limit, remaining, without)
                else:
                    await self._wait_open(min(remaining, _STEP_SECONDS))
            entries = self._take(limit, without)
            if entries or loop.time() >= deadline:
                return entries

    async def commit(self, *upto: Position) -> None:
        partitions = {position.partition for position in upto}
        if len(partitions) != len(upto):
            raise ValueError("commit takes at most one position of each partition")
        self._check_held(partitions)
        offsets = {
            TopicPartition(self._settings.topic, position.partition): position.offset + 1
            for position in upto
            if position.offset + 1 > self._committed.get(position.partition, -1)
        }
        generation = self._generation
        await self._commit(offsets)
        if self._current_generation() != generation:
            raise errors.Lost("The group gave these partitions away while they were committed.")
        self._committed.update({partition.partition: offset for partition, offset in offsets.items()})

    def pause(self) -> None:
        self._paused = True
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        self._paused = False
        if self._open.is_set():
            self._consumer.resume(*self._consumer.assignment())

    async def on_revoked(self) -> None:
        """The coordinator takes the partitions; until this returns the group waits, within its limit."""
        self._open.clear()
        await self._tell_revoked()
        self._forget()

    async def on_assigned(self, assigned: frozenset[TopicPartition]) -> None:
        """The coordinator gives partitions. Nothing is fetched until the subscriber has been told."""
        if self._ended:
            return
        self._consumer.pause(*assigned)
        self._generation = self._current_generation()
        self._committed = {}
        self._unseeded = assigned
        self._shards = frozenset(partition.partition for partition in assigned)
        try:
            await self._seed()
        except (kafka_errors.KafkaError, errors.PuenteError, TimeoutError) as problem:
            # `next_batch` does it again before it gives anything out.
            log.warning("first positions could not be written: %s", problem)
        self._told = self._shards
        await self._callbacks.assigned(self._shards)
        if not self._paused and self._generation is not None:
            self._consumer.resume(*assigned)
        self._open.set()

    async def _fetch(self, limit: int, seconds: float, without: Collection[int]) -> None:
        """Ask for records and put them into `_fetched`.

        During a rebalance the client's call waits for its end, however long. So it runs in a task that may go on
        when our time is over: cancelling it would lose count of when we last asked.
        """
        if not self._paused and any(entry.position.partition not in without for entry in self._fetched):
            return
        if self._fetching is None:
            wanted: list[TopicPartition] = []
            if without:
                wanted = [each for each in self._consumer.assignment() if each.partition not in without]
            if without and not wanted:
                # To the client no partition at all means every one.
                await asyncio.sleep(seconds)
                return
            self._fetching = asyncio.create_task(self._get_many(wanted, limit, seconds))
        done, _ = await asyncio.wait({self._fetching}, timeout=seconds + _STEP_SECONDS)
        if not done:
            return
        task, self._fetching = self._fetching, None
        epoch, entries = task.result()
        if epoch == self._epoch and self._open.is_set():
            self._fetched += entries
        # Others belong to an assignment that has ended meanwhile, and come again with the next one.

    async def _get_many(
        self, wanted: Sequence[TopicPartition], limit: int, seconds: float
    ) -> tuple[int, list[Entry]]:
        batches = await self._consumer.getmany(*wanted, timeout_ms=int(seconds * 1000), max_records=limit)
        return self._epoch, [entry_of(record) for records in batches.values() for record in records]

    def _take(self, limit: int, without: Collection[int]) -> Sequence[Entry]:
        if self._paused or not self._open.is_set():
            return ()
        entries = [entry for entry in self._fetched if entry.position.partition not in without][:limit]
        if len(entries) == len(self._fetched):
            self._fetched = []
        elif entries:
            taken = {id(entry) for entry in entries}
            self._fetched = [entry for entry in self._fetched if id(entry) not in taken]
        return entries

    async def _seed(self) -> None:
        """Write a position for each partition that has none, so that lag is a number in every tool."""
        wanted = self._unseeded
        if not wanted:
            return
        async with asyncio.timeout(self._settings.seed_limit.total_seconds()):
            found = await asyncio.gather(*(self._consumer.committed(partition) for partition in wanted))
            missing = [partition for partition, offset in zip(wanted, found, strict=True) if offset is None]
            if missing:
                first = await self._consumer.beginning_offsets(missing)
                await self._commit(first)
        if self._unseeded is wanted:
            self._unseeded = frozenset()

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        if not offsets:
            return
        with translated("commit"):
            # Not wait_for: on Python 3.11 that forgets a cancellation which meets the answer.
            async with asyncio.timeout(_COMMIT_SECONDS):
                await self._consumer.commit(offsets)

    async def _tell_revoked(self) -> None:
        told, self._told = self._told, frozenset()
        if told:
            await self._callbacks.revoked(told)

    def _forget(self) -> None:
        self._shards = frozenset()
        self._generation = None
        self._committed = {}
        self._unseeded = frozenset()
        self._fetched = []
        self._epoch += 1

    async def _wait_open(self, seconds: float) -> None:
        # A refused group or topic is said here; getmany would say it, but waits for the assignment first.
        self._consumer._coordinator.check_errors()  # noqa: SLF001
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._open.wait()

    def _current_generation(self) -> int | None:
        """The generation by which the broker knows us, None while it does not."""
        coordinator = self._consumer._coordinator  # noqa: SLF001
        generation = int(coordinator.generation) if coordinator is not None else -1
        return generation if generation >= 0 else None

    def _check_not_ended(self) -> None:
        if self._ended:
            raise errors.Lost("This subscription has ended.")

    def _check_held(self, partitions: set[int]) -> None:
        self._check_not_ended()
        self._notice_freeze()
        if self._generation is None or self._generation != self._current_generation():
            raise errors.Lost("The group has given these partitions to another member.")
        if not partitions <= self._shards:
            raise errors.Lost("This member does not hold all of these partitions.")

    async def _watch_loop(self) -> None:
        step = self._settings.session_timeout.total_seconds() / 10
        while True:
            await asyncio.sleep(step)
            self._notice_freeze()

    def _notice_freeze(self) -> None:
        """Stop believing in our partitions when this process stood still for longer than its session lasts."""
        now = asyncio.get_running_loop().time()
        stood_still, self._alive_at = now - self._alive_at, now
        if self._generation is None or stood_still < self._settings.session_timeout.total_seconds():
            return
        log.warning("this process stood still for %.1f s, longer than its session: joining again", stood_still)
        self._open.clear()
        self._forget()
        self._consumer._coordinator.request_rejoin()  # noqa: SLF001


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka's callbacks, passed on."""

    def __init__(self, member: KafkaSubscription) -> None:
        self._member = member

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        del revoked  # after a freeze it names what is not ours any more; the member knows what it has told
        await self._member.on_revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._member.on_assigned(frozenset(assigned))
