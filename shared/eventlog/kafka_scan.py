"""Reading the topic without a group: replay, exports, counting lag, finding one entry.

Partitions are read one after the other, so that one position says how far a reader has come.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared import errors
from shared.eventlog import envelope
from shared.eventlog.kafka_client import KafkaSettings, admin_client, all_partitions, reading_consumer
from shared.eventlog.kafka_group import entry_of, moment_of
from shared.eventlog.port import Entry, Lag, PartitionLag, Position
from shared.model.change import SHARDS, shard_of

_SLACK = timedelta(minutes=1)
"""The log's time may step back when another broker becomes leader: look a little around a moment, then compare."""

_STEP_MS = 1000
_SILENCE_SECONDS = 30.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Ranges = Mapping[TopicPartition, tuple[int, int]]
"""From the first offset to the one behind the last."""


async def read(
    settings: KafkaSettings,
    *,
    since: datetime | None,
    until: datetime | None,
    workspace: str | None,
    start: Position | None,
) -> AsyncGenerator[Entry, None]:
    """See EventLog.read."""
    for name, moment in (("since", since), ("until", until)):
        if moment is not None:
            errors.check_aware(moment, name)
    async with reading_consumer(settings) as consumer:
        ranges = await _ranges(consumer, settings, since=since, until=until, workspace=workspace, start=start)
        for partition in sorted(ranges):
            async for record in _scan(consumer, {partition: ranges[partition]}):
                entry = entry_of(record)
                if since is not None and entry.appended_at < since:
                    continue
                if until is not None and entry.appended_at >= until:
                    continue
                if workspace is None or entry.change.workspace == workspace:
                    yield entry


async def lag(settings: KafkaSettings, *, group: str, detail_limit: int, now: datetime) -> Lag:
    """See EventLog.lag."""
    committed = await _committed(settings, group)
    async with reading_consumer(settings) as consumer:
        partitions = all_partitions(settings)
        firsts = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        # Retention may have passed the group by: what is gone cannot be behind.
        ranges = {
            partition: (max(firsts[partition], committed.get(partition, 0)), ends[partition])
            for partition in partitions
        }
        behind = {partition: span for partition, span in ranges.items() if span[0] < span[1]}
        total = sum(end - first for first, end in behind.values())
        counts: Counter[tuple[str, str]] = Counter()
        oldest: dict[TopicPartition, datetime] = {}
        oldest_of: dict[tuple[str, str], datetime] = {}
        async for record in _scan(consumer, behind, first_only=total > detail_limit):
            partition = TopicPartition(record.topic, record.partition)
            oldest.setdefault(partition, moment_of(record.timestamp))
            origin = envelope.origin_of(record.headers)
            counts[origin] += 1
            oldest_of.setdefault(origin, moment_of(record.timestamp))
    details = total <= detail_limit
    by_system: Counter[str] = Counter()
    for (system, _workspace), count in counts.items():
        by_system[system] += count
    return Lag(
        partitions=[
            PartitionLag(
                partition=partition.partition,
                committed=committed.get(partition),
                end=end,
                lag=max(0, end - first),
                oldest_age=max(timedelta(0), now - oldest[partition]) if partition in oldest else None,
            )
            for partition, (first, end) in ranges.items()
        ],
        by_system=dict(by_system) if details else None,
        by_workspace=dict(counts) if details else None,
        # A workspace is in one partition, whose entries come in the order of their time.
        oldest={key: max(timedelta(0), now - at) for key, at in oldest_of.items()} if details else None,
    )


async def entry(settings: KafkaSettings, position: Position) -> Entry | None:
    """See EventLog.entry."""
    if not (0 <= position.partition < SHARDS and position.offset >= 0):
        return None
    partition = TopicPartition(settings.topic, position.partition)
    async with reading_consumer(settings) as consumer:
        first = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        if not first <= position.offset < end:
            return None
        async for record in _scan(consumer, {partition: (position.offset, position.offset + 1)}):
            return entry_of(record)
    return None


async def _committed(settings: KafkaSettings, group: str) -> dict[TopicPartition, int]:
    async with admin_client(settings) as admin:
        found = await admin.list_consumer_group_offsets(group, partitions=all_partitions(settings))
    return {partition: place.offset for partition, place in found.items() if place.offset >= 0}


async def _ranges(
    consumer: AIOKafkaConsumer,
    settings: KafkaSettings,
    *,
    since: datetime | None,
    until: datetime | None,
    workspace: str | None,
    start: Position | None,
) -> Ranges:
    partitions = all_partitions(settings)
    if workspace is not None:
        partitions = [partitions[shard_of(workspace)]]
    if start is not None:
        partitions = [partition for partition in partitions if partition.partition >= start.partition]
    if not partitions:
        return {}
    firsts = dict(await consumer.beginning_offsets(partitions))
    ends = dict(await consumer.end_offsets(partitions))
    if since is not None:
        for partition, offset in (await _at(consumer, partitions, since - _SLACK)).items():
            firsts[partition] = ends[partition] if offset is None else max(firsts[partition], offset)
    if until is not None:
        for partition, offset in (await _at(consumer, partitions, until + _SLACK)).items():
            ends[partition] = ends[partition] if offset is None else min(ends[partition], offset)
    if start is not None and partitions[0].partition == start.partition:
        firsts[partitions[0]] = max(firsts[partitions[0]], start.offset)
    return {p: (firsts[p], ends[p]) for p in partitions if firsts[p] < ends[p]}


async def _at(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], moment: datetime
) -> dict[TopicPartition, int | None]:
    """For each partition the offset of the first entry at `moment` or later, None if there is none."""
    milliseconds = max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds))
    return {partition: None if place is None else place.offset for partition, place in found.items()}


async def _scan(
    consumer: AIOKafkaConsumer, ranges: Ranges, *, first_only: bool = False
) -> AsyncIterator[ConsumerRecord]:
    """The records of the ranges, in order per partition; with `first_only` the first of each.

    Raises Retryable when nothing comes for half a minute.
    """
    if not ranges:
        return
    consumer.assign(list(ranges))
    for partition, (first, _end) in ranges.items():
        consumer.seek(partition, first)
    left = set(ranges)
    heard_at = asyncio.get_running_loop().time()
    while left:
        batches = await consumer.getmany(*left, timeout_ms=_STEP_MS)
        now = asyncio.get_running_loop().time()
        if batches:
            heard_at = now
        elif now - heard_at > _SILENCE_SECONDS:
            raise errors.Retryable("The broker sends nothing of what it holds.")
        for partition, records in batches.items():
            end = ranges[partition][1]
            for record in records[:1] if first_only else records:
                if record.offset < end:
                    yield record
        for partition in list(left):
            # The position tells the end also where the last offsets hold nothing (aborted, or compacted away).
            if (first_only and partition in batches) or await consumer.position(partition) >= ranges[partition][1]:
                left.discard(partition)
                consumer.pause(partition)
