"""The log on a real broker: what only Kafka has, and what happens while the broker is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from shared import errors
from shared.clock import SystemClock
from shared.eventlog import topics
from shared.eventlog.port import EventLog
from shared.eventlog.urls import event_log
from shared.model.change import SHARDS, Change, shard_of
from tests.contracts.eventlog_places import (
    PATIENCE,
    KafkaPlace,
    all_read,
    change,
    ends,
    ids,
    kafka_place,
    new_group,
    opened,
    taken,
)
from tests.support import kafka as kafkas
from tests.support import waiting

pytestmark = [pytest.mark.kafka]

LIMIT = "?append_limit=1&session_timeout=3&heartbeat=0.5"


@pytest.fixture
async def place(kafka: kafkas.Broker) -> AsyncIterator[KafkaPlace]:
    async with kafka_place(kafka) as made:
        yield made


@asynccontextmanager
async def own_place(broker: kafkas.OwnBroker) -> AsyncIterator[KafkaPlace]:
    made = KafkaPlace(broker.bootstrap, "puente.changes", LIMIT)
    await topics.create_or_check(made.url)
    yield made


# What any Kafka tool sees


async def test_kafkas_own_tool_shows_the_same_lag_with_and_without_members(
    kafka: kafkas.Broker, place: KafkaPlace
) -> None:
    group = new_group()
    async with opened(place) as log:
        await log.append(*(change(workspace="acme") for _ in range(5)))
        async with log.subscribe(group=group) as subscription:
            entries = await taken(subscription, 5)
            await subscription.commit(entries[1].position)
            await log.append(change(workspace="bakery"))
            assert await _lag_by_kafka(kafka, group) == await _lag_by_us(log, group)
        alone = await _lag_by_kafka(kafka, group)
        assert alone == await _lag_by_us(log, group)

    assert len(alone) == SHARDS
    assert (alone[shard_of("acme")], alone[shard_of("bakery")]) == ("3", "1")


async def _lag_by_kafka(kafka: kafkas.Broker, group: str) -> dict[int, str]:
    rows = await asyncio.to_thread(kafka.describe_group, group)
    return {int(row["PARTITION"]): row["LAG"] for row in rows}


async def _lag_by_us(log: EventLog, group: str) -> dict[int, str]:
    return {row.partition: str(row.lag) for row in (await log.lag(group=group)).partitions}


async def test_an_entry_is_a_cloud_event_that_any_client_can_read(place: KafkaPlace) -> None:
    stored = change(
        "4711/x", workspace="café", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    )
    async with opened(place) as log:
        position = await log.append(stored)
    consumer = AIOKafkaConsumer(bootstrap_servers=place.bootstrap)
    await consumer.start()
    try:
        partition = TopicPartition(place.topic, shard_of("café"))
        consumer.assign([partition])
        consumer.seek(partition, position.offset)
        record = await asyncio.wait_for(consumer.getone(), PATIENCE.total_seconds())
    finally:
        await consumer.stop()

    assert record.key == "café".encode()
    assert record.value == b"sealed"
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": stored.id.encode(),
        "ce_source": b"/bitfactura/main",
        "ce_type": b"puente.customer.changed",
        "ce_subject": b"clients/4711/x",
        "ce_time": b"2026-03-02T09:00:00.123456Z",
        "ce_workspace": "café".encode(),
        "ce_bodykey": b"k1",
        "content-type": b"application/octet-stream",
        "traceparent": stored.traceparent.encode(),
    }


async def test_an_entry_in_a_strange_partition_is_unreadable(place: KafkaPlace) -> None:
    strange = (shard_of("acme") + 1) % SHARDS
    good = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/bitfactura/main")]
    good += [
        ("ce_type", b"puente.customer.changed"),
        ("ce_time", b"2026-03-02T09:00:00Z"),
        ("ce_workspace", b"acme"),
    ]
    async with opened(place) as log:
        await place.write_raw("acme", good, None, strange)
        (entry,) = await all_read(log)

    assert entry.change.what == "unreadable"
    assert entry.change.workspace == "acme"
    assert f"partition {strange}" in entry.problem


async def test_compressed_entries_come_out_as_they_went_in(place: KafkaPlace) -> None:
    packed = KafkaPlace(place.bootstrap, place.topic, "?compression=lz4")
    stored = [change(body=b"the same again " * 1000) for _ in range(20)]
    async with opened(packed) as log:
        await log.append(*stored)
    async with opened(place) as log:
        assert [entry.change for entry in await all_read(log)] == stored


async def test_what_retention_took_is_neither_found_nor_counted(place: KafkaPlace) -> None:
    group = new_group()
    async with opened(place) as log:
        async with log.subscribe(group=group):
            pass
        first = await log.append(change("1"))
        last = await log.append(change("2"), change("3"))
        admin = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap)
        await admin.start()
        try:
            partition = TopicPartition(place.topic, first.partition)
            await admin.delete_records({partition: RecordsToDelete(before_offset=last.offset)})
        finally:
            await admin.close()

        assert await log.entry(first) is None
        assert await log.entry(last) is not None
        assert [entry.change.record_id for entry in await all_read(log)] == ["3"]
        assert (await log.lag(group=group)).total == 1
        async with log.subscribe(group=group) as subscription:
            (entry,) = await taken(subscription, 1)
            assert entry.position == last


# A topic that does not fit


async def test_a_topic_with_another_number_of_partitions_is_refused(
    kafka: kafkas.Broker, new_topic: kafkas.TopicFactory
) -> None:
    narrow = KafkaPlace(kafka.bootstrap, await new_topic(3))
    with pytest.raises(errors.Misconfigured, match="3 partitions instead of 64") as refused:
        async with opened(narrow):
            pass
    assert "puente topics" in refused.value.way_out

    report = await topics.create_or_check(narrow.url)
    assert not report.created
    assert report.partitions == 3
    assert [difference.fatal for difference in report.differences if "partitions" in difference.what] == [True]


async def test_a_missing_topic_is_refused_and_not_made_by_accident(kafka: kafkas.Broker) -> None:
    missing = KafkaPlace(kafka.bootstrap, kafkas.topic_name("missing"))
    for _ in range(2):
        with pytest.raises(errors.Misconfigured, match="does not exist"):
            async with opened(missing):
                pass


async def test_the_topic_report_names_each_difference_and_what_to_type(
    kafka: kafkas.Broker, new_topic: kafkas.TopicFactory
) -> None:
    configs = {"retention.ms": "-1", "cleanup.policy": "compact", "max.message.bytes": "1000"}
    wrong = KafkaPlace(kafka.bootstrap, await new_topic(SHARDS, configs=configs))

    report = await topics.create_or_check(wrong.url, replication=3)

    assert not report.fits
    assert report.retention is None
    wanted = (
        "retention.ms=1209600000",
        "segment.ms=86400000",
        "cleanup.policy=delete",
        "max.message.bytes=",
        "LogAppendTime",
        "reassign",
    )
    for way_out in wanted:
        assert any(way_out in difference.way_out for difference in report.differences), way_out
    assert len(report.differences) == len(wanted)

    async with opened(wrong) as log:
        with pytest.raises(errors.Rejected, match="size"):
            await log.append(change(body=b"." * 5000))


async def test_a_topic_is_made_once_and_found_as_it_was_made(kafka: kafkas.Broker) -> None:
    place = KafkaPlace(kafka.bootstrap, kafkas.topic_name("made"))
    retention = timedelta(days=7)
    try:
        made = await topics.create_or_check(place.url, retention=retention)
        found = await topics.create_or_check(place.url, retention=retention)
    finally:
        await kafkas.delete_topics(kafka, place.topic)

    assert (made.created, found.created) == (True, False)
    assert made.fits
    assert (made.partitions, made.replication, made.retention) == (SHARDS, 1, retention)
    assert found.differences == made.differences
    with pytest.raises(errors.Misconfigured, match="at most 30 days"):
        await topics.create_or_check(place.url, retention=timedelta(days=31))


# A broker that is away


async def test_a_log_may_start_before_its_broker(own_broker: Callable[[], kafkas.OwnBroker]) -> None:
    broker = own_broker()
    async with own_place(broker) as place:
        broker.stop()
        log = event_log(place.url, clock=SystemClock())
        try:
            with pytest.raises(errors.Retryable):
                await log.start()
            with pytest.raises(errors.Retryable):
                await log.append(change("early"))
            assert not await log.healthy()

            broker.start()
            await waiting.until(log.healthy, within=PATIENCE, what="the log is healthy")
            await log.append(change("late"))
            found = [entry.change.record_id for entry in await all_read(log)]
            assert found == ["late"]
        finally:
            await log.close()


async def test_while_the_broker_is_away_appends_are_in_doubt_and_go_on_afterwards(
    own_broker: Callable[[], kafkas.OwnBroker], caplog: pytest.LogCaptureFixture
) -> None:
    broker = own_broker()
    async with own_place(broker) as place, opened(place) as log:
        group = new_group()
        async with log.subscribe(group=group) as subscription:
            await log.append(change("before"))
            await taken(subscription, 1)
            broker.kill9()
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                doubtful = [change("doubtful") for _ in range(4)]
                outcomes = await asyncio.gather(*map(log.append, doubtful), return_exceptions=True)
                assert {type(outcome) for outcome in outcomes} == {errors.InDoubt}
                assert not await log.healthy()
            assert len([record for record in caplog.records if record.name.startswith("aiokafka")]) < 30

            broker.start()
            after = change("after")
            await waiting.until(
                lambda: _appended(log, after), within=PATIENCE * 2, what="appends are acknowledged again"
            )
            found: list[str] = []
            while after.id not in found:
                found += ids(await taken(subscription, 1, within=PATIENCE * 2))

        # In doubt means what it says: they may be there, once each.
        everything = ids(await all_read(log))
        assert {everything.count(each.id) for each in doubtful} <= {0, 1}


async def test_a_broker_that_hangs_costs_a_bounded_time(own_broker: Callable[[], kafkas.OwnBroker]) -> None:
    broker = own_broker()
    loop = asyncio.get_running_loop()
    async with own_place(broker) as place, opened(place) as log:
        await log.append(change("before"))
        broker.freeze()
        started = loop.time()
        with pytest.raises(errors.InDoubt):
            await log.append(change("during"))
        assert not await log.healthy()
        assert loop.time() - started < 6
        broker.thaw()
        await waiting.until(lambda: _appended(log, change("after")), within=PATIENCE, what="appends work again")
        assert await log.healthy()


async def test_a_log_closes_in_bounded_time_while_its_broker_is_away(
    own_broker: Callable[[], kafkas.OwnBroker],
) -> None:
    broker = own_broker()
    loop = asyncio.get_running_loop()
    async with own_place(broker) as place:
        log = event_log(place.url, clock=SystemClock())
        await log.start()
        async with log.subscribe(group=new_group()):
            broker.kill9()
            with pytest.raises(errors.InDoubt):
                await log.append(change())
            closing_at = loop.time()
        await log.close()
        assert loop.time() - closing_at < 20


async def test_nothing_acknowledged_is_lost_when_the_broker_is_killed_under_load(
    own_broker: Callable[[], kafkas.OwnBroker],
) -> None:
    broker = own_broker()
    acked: set[str] = set()
    stopping = asyncio.Event()

    async def write(log: EventLog, workspace: str) -> None:
        while not stopping.is_set():
            mine = change(workspace=workspace)
            if await _appended(log, mine):
                acked.add(mine.id)

    async with own_place(broker) as place, opened(place) as log:
        writers = [asyncio.create_task(write(log, f"workspace {number}")) for number in range(32)]
        for _ in range(2):
            await _more(acked)
            broker.kill9()
            await asyncio.to_thread(broker.start)
        await _more(acked)
        stopping.set()
        await asyncio.wait_for(asyncio.gather(*writers), PATIENCE.total_seconds())

        group = new_group()
        async with log.subscribe(group=group) as subscription:
            entries = await taken(subscription, len(acked))
            await subscription.commit(*ends(entries))
        stored = ids(await all_read(log))

    assert acked <= set(stored)
    assert len(stored) == len(set(stored))


async def _more(acked: set[str]) -> None:
    goal = len(acked) + 500
    await waiting.until(lambda: len(acked) >= goal, within=PATIENCE * 2, what="more appends are acknowledged")


async def _appended(log: EventLog, mine: Change) -> bool:
    try:
        await log.append(mine)
    except errors.Retryable:
        return False
    return True
