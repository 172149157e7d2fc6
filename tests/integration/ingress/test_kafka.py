"""The door in front of a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingress.keeping import Patience
from shared.clock import SystemClock
from shared.eventlog.urls import event_log
from shared.model.change import SHARDS, shard_of
from tests.integration.ingress import rig
from tests.support import waiting
from tests.support.kafka import Broker, OwnBroker, TopicFactory, create_topic

SOON = timedelta(seconds=60)
PATIENCE = Patience(append=timedelta(seconds=2), probe=timedelta(milliseconds=100))


async def test_hooks_stand_in_the_topic_in_the_partition_of_their_workspace(
    kafka: Broker, new_topic: TopicFactory, tmp_path: Path
) -> None:
    topic = await new_topic(SHARDS)
    log = event_log(f"kafka://{kafka.bootstrap}/{topic}", clock=SystemClock())
    try:
        async with rig.door(tmp_path, log=log, patience=PATIENCE) as door:
            replies = await asyncio.gather(*(door.hook(number) for number in range(1, 101)))
            entries = await door.entries()
            accepted = door.counted("accepted")
    finally:
        await log.close()
    assert {reply.status for reply in replies} == {200}
    assert accepted == 100
    assert {entry.change.id for entry in entries} == {str(reply.json["id"]) for reply in replies}
    assert {entry.position.partition for entry in entries} == {shard_of("w1")}


@pytest.mark.processes
async def test_a_broker_that_goes_and_comes_back_loses_nothing(
    own_broker: Callable[[], OwnBroker], tmp_path: Path
) -> None:
    broker = own_broker()
    topic = await create_topic(broker, partitions=SHARDS, stem="door")
    log = event_log(f"kafka://{broker.bootstrap}/{topic}", clock=SystemClock())
    acknowledged: set[str] = set()

    async def knock(start: int, count: int) -> None:
        replies = await asyncio.gather(*(door.hook(number) for number in range(start, start + count)))
        assert {reply.status for reply in replies} == {200}
        acknowledged.update(str(reply.json["id"]) for reply in replies)

    try:
        async with rig.door(tmp_path, log=log, patience=PATIENCE) as door:
            await knock(1, 20)
            assert door.counted("accepted") == 20
            await asyncio.to_thread(broker.kill9)
            await knock(100, 20)
            assert not door.keeper.log_up
            assert door.keeper.spooled == 20
            await asyncio.to_thread(broker.start)
            await waiting.until(lambda: door.keeper.log_up, within=SOON, what="the broker takes changes again")
            await knock(200, 20)
            await waiting.until(lambda: door.keeper.spooled == 0, within=SOON, what="the spool is forwarded")
            entries = await door.entries()
    finally:
        await log.close()
    assert acknowledged == {entry.change.id for entry in entries}, "a change is missing or was never acknowledged"
