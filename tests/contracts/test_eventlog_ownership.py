"""What holds where several processes share the work, numbered as in shared/eventlog/port.py. Kafka only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared import errors
from shared.eventlog.port import Entry, EventLog, Lag, ShardsCallback, Subscription
from shared.model.change import SHARDS, shard_of
from tests.contracts.eventlog_places import (
    A_MOMENT,
    PATIENCE,
    KafkaPlace,
    change,
    ends,
    kafka_place,
    new_group,
    opened,
    taken,
)
from tests.support import kafka as kafkas
from tests.support import waiting
from tests.support.processes import Process, Processes, python

SESSION = timedelta(seconds=2)
ALL = frozenset(range(SHARDS))

pytestmark = [pytest.mark.kafka]


@pytest.fixture
async def place(kafka: kafkas.Broker) -> AsyncIterator[KafkaPlace]:
    settings = f"?session_timeout={SESSION.total_seconds():g}&heartbeat=0.4"
    async with kafka_place(kafka, settings) as made:
        yield made


@dataclass
class Member:
    """A member of a group that polls all the time, as a consumer does."""

    name: str
    story: list[str]
    entries: list[Entry] = field(default_factory=list)
    subscription: Subscription | None = None
    on_revoked: ShardsCallback | None = None
    told: frozenset[int] = frozenset()

    @property
    def shards(self) -> frozenset[int]:
        assert self.subscription is not None
        return self.subscription.shards

    def held(self) -> Subscription:
        assert self.subscription is not None
        return self.subscription

    async def assigned(self, shards: frozenset[int]) -> None:
        self.story.append(f"{self.name} assigned {len(shards)}")
        self.told = shards

    async def revoked(self, shards: frozenset[int]) -> None:
        self.story.append(f"{self.name} revoked {len(shards)}")
        self.told = frozenset()
        if self.on_revoked is not None:
            await self.on_revoked(shards)

    async def poll(self) -> None:
        while True:
            self.entries += await self.held().next_batch(limit=100, wait=A_MOMENT)


@asynccontextmanager
async def joined(log: EventLog, group: str, name: str, story: list[str]) -> AsyncIterator[Member]:
    member = Member(name, story)
    async with log.subscribe(group=group, on_assigned=member.assigned, on_revoked=member.revoked) as subscription:
        member.subscription = subscription
        polling = asyncio.create_task(member.poll())
        try:
            yield member
        finally:
            polling.cancel()
            await asyncio.wait({polling})


async def share(*members: Member) -> None:
    """Wait until the members hold all shards between them, none twice, and have been told."""

    def shared() -> bool:
        held = [member.shards for member in members if member.shards == member.told]
        return (
            len(held) == len(members)
            and all(held)
            and sum(map(len, held)) == SHARDS
            and frozenset().union(*held) == ALL
        )

    await waiting.until(shared, within=PATIENCE, what="the shards are shared out")


async def got(member: Member, number: int) -> list[Entry]:
    await waiting.until(
        lambda: len(member.entries) >= number, within=PATIENCE, what=f"{member.name} has {number} entries"
    )
    return member.entries


async def fill(log: EventLog, number: int = 100) -> None:
    """One change for each of many workspaces, so that most partitions hold some."""
    for index in range(number):
        await log.append(change(workspace=f"workspace {index}"))


def committed(lag: Lag, partition: int) -> int | None:
    return next(row.committed for row in lag.partitions if row.partition == partition)


async def test_19_joining_revokes_first_and_shares_all_shards_between_the_members(place: KafkaPlace) -> None:
    story: list[str] = []
    group = new_group()
    async with opened(place) as log, joined(log, group, "first", story) as first:
        assert first.shards == ALL
        async with joined(log, group, "second", story) as second:
            await share(first, second)
            assert first.shards.isdisjoint(second.shards)
        await share(first)

    assert story[:2] == ["first assigned 64", "first revoked 64"]
    assert set(story[2:4]) == {"first assigned 32", "second assigned 32"}
    assert story[-1] == "first revoked 64"
    assert "first revoked 32" in story


async def test_19_both_members_together_get_every_entry_once(place: KafkaPlace) -> None:
    story: list[str] = []
    group = new_group()
    async with (
        opened(place) as log,
        joined(log, group, "first", story) as first,
        joined(log, group, "second", story) as second,
    ):
        await share(first, second)
        await fill(log)
        await waiting.until(
            lambda: len(first.entries) + len(second.entries) >= 100, within=PATIENCE, what="all entries came"
        )

    positions = [entry.position for entry in (*first.entries, *second.entries)]
    assert len(positions) == len(set(positions)) == 100


async def test_20_a_commit_for_a_partition_that_moved_is_lost_and_moves_nothing(place: KafkaPlace) -> None:
    story: list[str] = []
    group = new_group()
    async with opened(place) as log:
        await fill(log)
        async with joined(log, group, "first", story) as first:
            entries = list(await got(first, 100))
            async with joined(log, group, "second", story) as second:
                await share(first, second)
                moved = [entry.position for entry in entries if entry.position.partition in second.shards]
                kept = [entry.position for entry in entries if entry.position.partition in first.shards]
                assert moved
                assert kept

                with pytest.raises(errors.Lost):
                    await first.held().commit(kept[0], moved[0])
                assert (await log.lag(group=group)).total == 100

                await first.held().commit(kept[0])
                await second.held().commit(moved[0])
                assert (await log.lag(group=group)).total == 100 - 2 - kept[0].offset - moved[0].offset


async def test_20_a_commit_during_the_revocation_still_counts(place: KafkaPlace) -> None:
    """Also when letting go takes longer than the session: heartbeats go on meanwhile."""
    story: list[str] = []
    group = new_group()
    async with opened(place) as log:
        await fill(log)
        async with joined(log, group, "first", story) as first:
            entries = list(await got(first, 100))

            async def finish(_shards: frozenset[int]) -> None:
                await asyncio.sleep(SESSION.total_seconds() * 1.5)  # the work in hand
                await first.held().commit(*ends(entries))

            first.on_revoked = finish
            async with joined(log, group, "second", story) as second:
                await share(first, second)
                first.on_revoked = None
                assert (await log.lag(group=group)).total == 0
                assert second.entries == []


@pytest.mark.processes
@pytest.mark.parametrize("successor", [True, False], ids=["another took over", "the group is empty"])
async def test_20_a_frozen_member_that_wakes_moves_nothing(
    place: KafkaPlace, processes: Processes, tmp_path: Path, *, successor: bool
) -> None:
    story: list[str] = []
    group = new_group()
    orders = tmp_path / "orders"
    async with opened(place) as log, AsyncExitStack() as others:
        await log.append(change(workspace="acme"))
        partition = shard_of("acme")
        frozen = await consumer(processes, place, group, orders)
        await frozen.line(r"^entry ", within=PATIENCE)
        frozen.freeze()
        if successor:
            second = await others.enter_async_context(joined(log, group, "second", story))
            assert second.shards == ALL
            await second.held().commit(*ends(await got(second, 1)))
        else:
            await nobody_lives(place, group)

        # Ordered before it wakes: the commit is the first thing that it does.
        orders.write_text(f"{partition} 0\n" if not successor else f"{partition} 5\n")
        frozen.thaw()
        await frozen.line(r"^commit of \d is lost$", within=PATIENCE)

        assert committed(await log.lag(group=group), partition) == (1 if successor else 0)
        await frozen.line(r"^revoked 64$", within=PATIENCE)
        await waiting.until(
            lambda: frozen.output().count("assigned ") == 2, within=PATIENCE, what="the woken member joined again"
        )


async def test_21_a_pause_outlives_rebalances(place: KafkaPlace) -> None:
    story: list[str] = []
    group = new_group()
    async with opened(place) as log, joined(log, group, "first", story) as first:
        first.held().pause()
        async with joined(log, group, "second", story) as second:
            second.held().pause()
            await share(first, second)
            await fill(log)
        await share(first)
        await asyncio.sleep(A_MOMENT.total_seconds() * 3)
        assert first.entries == []

        first.held().resume()
        await got(first, 100)


@pytest.mark.processes
async def test_22_a_killed_member_is_replaced_within_its_session(
    place: KafkaPlace, processes: Processes, tmp_path: Path
) -> None:
    story: list[str] = []
    group = new_group()
    loop = asyncio.get_running_loop()
    async with opened(place) as log:
        await fill(log)
        dying = await consumer(processes, place, group, tmp_path / "orders")
        await waiting.until(
            lambda: dying.output().count("\nentry ") == 100, within=PATIENCE, what="the first has all entries"
        )
        async with joined(log, group, "second", story) as second:
            await waiting.until(lambda: len(second.shards) == SHARDS // 2, within=PATIENCE, what="shared")
            dying.kill9()
            killed_at = loop.time()
            await share(second)
            took = loop.time() - killed_at
            await got(second, 100)

    assert took < SESSION.total_seconds() * 2


async def test_22_a_member_that_leaves_is_replaced_at_once(place: KafkaPlace) -> None:
    story: list[str] = []
    group = new_group()
    loop = asyncio.get_running_loop()
    async with opened(place) as log, joined(log, group, "first", story) as first:
        async with joined(log, group, "second", story) as second:
            await share(first, second)
            left_at = loop.time()
        await share(first)
        assert loop.time() - left_at < SESSION.total_seconds()


async def test_a_member_whose_loop_stood_still_joins_again_and_gets_everything_once_more(
    place: KafkaPlace,
) -> None:
    group = new_group()
    async with opened(place) as log, log.subscribe(group=group) as subscription:
        await log.append(change(workspace="acme"))
        (entry,) = await taken(subscription, 1)
        blocked = asyncio.get_running_loop().time() + SESSION.total_seconds() * 1.2
        await _busy_until(lambda: asyncio.get_running_loop().time() > blocked)
        assert subscription.shards == frozenset()
        with pytest.raises(errors.Lost):
            await subscription.commit(entry.position)

        (again,) = await taken(subscription, 1)
        assert again == entry
        await subscription.commit(again.position)
        assert (await log.lag(group=group)).total == 0


async def _busy_until(condition: Callable[[], bool]) -> None:
    """Keep the event loop from running, as a long computation would."""
    while not condition():
        pass


async def consumer(processes: Processes, place: KafkaPlace, group: str, orders: Path) -> Process:
    command = python("-m", "tests.contracts.eventlog_process", "consume", place.url, group, str(orders))
    process = processes.start(*command, name="member")
    await process.line(r"^assigned 64: .*\.$", within=PATIENCE)
    return process


async def nobody_lives(place: KafkaPlace, group: str) -> None:
    """Wait until the broker has expelled every member of the group."""
    admin = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap)
    await admin.start()
    try:

        async def empty() -> bool:
            (answer,) = await admin.describe_consumer_groups([group])
            return bool(answer.groups[0][2] == "Empty")

        await waiting.until(empty, within=PATIENCE, what="the group is empty")
    finally:
        await admin.close()
