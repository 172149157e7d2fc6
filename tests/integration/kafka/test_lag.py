"""Our lag is Kafka's own: while changes flow, while the consumer stands still, and for a group that never came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from shared import errors
from shared.eventlog.port import EventLog, Lag
from shared.model.change import SHARDS
from tests.contracts.eventlog_places import KafkaPlace, change, kafka_place, new_group, opened
from tests.support import kafka as kafkas
from tests.support import waiting

pytestmark = [pytest.mark.kafka]

SOON = timedelta(seconds=30)
WORKSPACES = ("acme", "bakery", "café")


@pytest.fixture
async def place(kafka: kafkas.Broker) -> AsyncIterator[KafkaPlace]:
    async with kafka_place(kafka) as made:
        yield made


@asynccontextmanager
async def flowing(log: EventLog) -> AsyncIterator[None]:
    """Changes of several workspaces come all the time."""
    stop = asyncio.Event()

    async def come() -> None:
        while not stop.is_set():
            for workspace in WORKSPACES:
                await log.append(change(workspace=workspace), change(workspace=workspace, system="sugester"))

    task = asyncio.create_task(come())
    try:
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def working(log: EventLog, group: str) -> AsyncIterator[None]:
    """A consumer that settles what comes, a little behind."""
    stop = asyncio.Event()

    async def work() -> None:
        async with log.subscribe(group=group) as subscription:
            while not stop.is_set():
                for entry in await subscription.next_batch(limit=5, wait=timedelta(milliseconds=50)):
                    await subscription.commit(entry.position)

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        stop.set()
        await task


async def by_kafka(kafka: kafkas.Broker, group: str) -> Mapping[int, tuple[int, int, int]]:
    """What `kafka-consumer-groups --describe` prints: {partition: (committed, end, lag)}."""
    rows = await asyncio.to_thread(kafka.describe_group, group)
    return {
        int(row["PARTITION"]): (int(row["CURRENT-OFFSET"]), int(row["LOG-END-OFFSET"]), int(row["LAG"]))
        for row in rows
    }


def by_us(lag: Lag) -> Mapping[int, tuple[int, int, int]]:
    found = {}
    for each in lag.partitions:
        assert each.committed is not None
        assert each.lag >= 0
        assert (each.oldest_age is None) == (each.lag == 0)
        assert each.oldest_age is None or each.oldest_age >= timedelta(0)
        found[each.partition] = (each.committed, each.end, each.lag)
    return found


async def test_our_lag_is_that_of_kafkas_own_tool(kafka: kafkas.Broker, place: KafkaPlace) -> None:
    group = new_group()
    async with opened(place) as log:
        async with working(log, group), flowing(log):
            await settled_some(log, group)
            for _ in range(3):
                # Offsets only grow, so what the tool sees lies between two looks of ours.
                before = by_us(await log.lag(group=group))
                tool = await by_kafka(kafka, group)
                after = by_us(await log.lag(group=group))
                assert len(tool) == SHARDS
                for partition, (committed, end, lag) in tool.items():
                    assert before[partition][0] <= committed <= after[partition][0]
                    assert before[partition][1] <= end <= after[partition][1]
                    assert lag == end - committed
        async with flowing(log):
            await grown(log, group, by=20)
        # The consumer stands still and nothing comes: to the last number the same, with its sums.
        ours = await log.lag(group=group)
        assert by_us(ours) == await by_kafka(kafka, group)
        assert ours.total == sum(lag for _, _, lag in by_us(ours).values()) > 0
        assert ours.by_system is not None
        assert ours.by_workspace is not None
        assert sum(ours.by_system.values()) == sum(ours.by_workspace.values()) == ours.total
        assert ours.oldest is not None
        assert set(ours.oldest) == set(ours.by_workspace)
        assert max(ours.oldest.values()) == ours.oldest_age


async def settled_some(log: EventLog, group: str) -> None:
    async def some() -> bool:
        return sum(each.committed or 0 for each in (await log.lag(group=group)).partitions) >= 20

    # Right after its start a broker may not know yet who coordinates a group.
    away = (errors.Retryable,)
    await waiting.until(some, within=SOON, what="the consumer settles what comes", ignoring=away)


async def grown(log: EventLog, group: str, *, by: int) -> None:
    before = (await log.lag(group=group)).total

    async def more() -> bool:
        return (await log.lag(group=group)).total >= before + by

    await waiting.until(more, within=SOON, what="changes pile up")


async def test_a_group_that_never_came_has_no_position_and_all_is_before_it(
    kafka: kafkas.Broker, place: KafkaPlace
) -> None:
    group = new_group()
    async with opened(place) as log:
        await log.append(change(), change())
        lag = await log.lag(group=group)
    assert {each.committed for each in lag.partitions} == {None}
    assert lag.total == 2
    assert await by_kafka(kafka, group) == {}
