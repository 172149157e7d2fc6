"""What a topic's retention took is in no file of the broker any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.eventlog import topics
from shared.model.change import SHARDS
from tests.contracts.eventlog_places import KafkaPlace, change, opened
from tests.support import kafka as kafkas
from tests.support.waiting import until

pytestmark = [pytest.mark.kafka]

BODY = b"sealed body that shall be gone"


_LOOK = timedelta(milliseconds=250)


def in_files(folder: Path) -> int:
    """How many files of the broker hold the body, also those that it has set aside to delete."""
    count = 0
    for path in folder.rglob("*.log*"):
        try:
            count += BODY in path.read_bytes()
        except FileNotFoundError:
            continue  # deleted while we looked
    return count


async def test_a_body_is_in_no_file_after_retention(own_broker: Callable[[], kafkas.OwnBroker]) -> None:
    broker = await asyncio.to_thread(own_broker)
    place = KafkaPlace(broker.bootstrap, kafkas.topic_name("retention"))
    report = await topics.create_or_check(place.url)
    assert (report.partitions, report.differences) == (SHARDS, [])
    async with opened(place) as log:
        await log.append(change(body=BODY))
        assert await asyncio.to_thread(in_files, broker.data) == 1
        await quickly_forgotten(place)
        await until(
            lambda: not in_files(broker.data), within=timedelta(seconds=60), what="no file holds it", every=_LOOK
        )
        assert [entry async for entry in log.read()] == []


async def quickly_forgotten(place: KafkaPlace) -> None:
    """As if the retention had passed: it is a second from now on."""
    admin = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap)
    await admin.start()
    try:
        configs = {"retention.ms": "1000", "file.delete.delay.ms": "0", "segment.ms": "1000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, place.topic, configs=configs)])
    finally:
        await admin.close()
