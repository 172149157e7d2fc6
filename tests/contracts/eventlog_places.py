"""The places on which the event log's suites run, and small helpers that every test of a log needs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

from aiokafka import AIOKafkaProducer

from shared.clock import Clock, SystemClock
from shared.eventlog import topics
from shared.eventlog.logfile import pack_headers
from shared.eventlog.port import Entry, EventLog, Position, Subscription
from shared.eventlog.urls import event_log
from shared.model.change import SHARDS, Change, shard_of
from tests.support import kafka as kafkas

SEEN_AT = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
PATIENCE = timedelta(seconds=20)
A_MOMENT = timedelta(milliseconds=300)

_numbers = count(1)


class Place(Protocol):
    """Where a log is kept; it outlives every log object."""

    @property
    def url(self) -> str: ...

    @property
    def partitions(self) -> frozenset[int]: ...

    async def write_raw(
        self,
        workspace: str,
        headers: Sequence[tuple[str, bytes]],
        value: bytes | None,
        partition: int | None = None,
    ) -> None:
        """Write an entry past our own code, as somebody else would."""
        ...


@dataclass(frozen=True)
class SqlitePlace:
    folder: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}"

    @property
    def partitions(self) -> frozenset[int]:
        return frozenset({0})

    async def write_raw(
        self,
        workspace: str,
        headers: Sequence[tuple[str, bytes]],
        value: bytes | None,
        partition: int | None = None,
    ) -> None:
        del partition
        with closing(sqlite3.connect(self.folder / "log.db", isolation_level=None)) as connection:
            connection.execute(
                "INSERT INTO entry (offset, appended_at, system, workspace, headers, value, size) "
                "SELECT coalesce(max(offset) + 1, 0), coalesce(max(appended_at), 0), '', ?, ?, ?, 0 FROM entry",
                (workspace, pack_headers(headers), value),
            )


@dataclass(frozen=True)
class KafkaPlace:
    bootstrap: str
    topic: str
    settings: str = ""

    @property
    def url(self) -> str:
        return f"kafka://{self.bootstrap}/{self.topic}{self.settings}"

    @property
    def partitions(self) -> frozenset[int]:
        return frozenset(range(SHARDS))

    async def write_raw(
        self,
        workspace: str,
        headers: Sequence[tuple[str, bytes]],
        value: bytes | None,
        partition: int | None = None,
    ) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        await producer.start()
        try:
            await producer.send_and_wait(
                self.topic,
                value,
                key=workspace.encode(),
                partition=shard_of(workspace) if partition is None else partition,
                headers=list(headers),
            )
        finally:
            await producer.stop()


@asynccontextmanager
async def kafka_place(broker: kafkas.Broker, settings: str = "") -> AsyncIterator[KafkaPlace]:
    """A topic of one's own, made as `puente topics` makes it."""
    place = KafkaPlace(broker.bootstrap, kafkas.topic_name("log"), settings)
    report = await topics.create_or_check(place.url)
    assert report.created
    assert report.fits
    try:
        yield place
    finally:
        await kafkas.delete_topics(broker, place.topic)


@asynccontextmanager
async def opened(place: Place, *, clock: Clock | None = None) -> AsyncIterator[EventLog]:
    """A started log on a place, closed at the end."""
    log = event_log(place.url, clock=clock or SystemClock())
    try:
        await log.start()
        yield log
    finally:
        await log.close()


def change(record_id: str = "", *, workspace: str = "acme", system: str = "bitfactura", **more: object) -> Change:
    """A plain change with an id of its own; `more` are further fields."""
    number = next(_numbers)
    fields: dict[str, object] = {
        "id": f"change-{number}",
        "what": "customer",
        "workspace": workspace,
        "system": system,
        "account": "main",
        "seen_at": SEEN_AT,
        "resource": "clients",
        "record_id": record_id or str(number),
        "body": b"sealed",
        "body_key": "k1",
    }
    return Change(**(fields | more))  # type: ignore[arg-type]


def new_group() -> str:
    return f"group-{next(_numbers)}"


async def taken(
    subscription: Subscription, number: int, *, limit: int = 500, within: timedelta = PATIENCE
) -> list[Entry]:
    """At least `number` entries, in order of arrival. Raises AssertionError when they do not come in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within.total_seconds()
    entries: list[Entry] = []
    while len(entries) < number:
        assert loop.time() < deadline, f"{len(entries)} of {number} entries within {within}"
        entries += await subscription.next_batch(limit=limit, wait=timedelta(seconds=1))
    return entries


async def all_read(log: EventLog, **how: object) -> list[Entry]:
    return [entry async for entry in log.read(**how)]  # type: ignore[arg-type]


def ends(entries: Sequence[Entry]) -> list[Position]:
    """The last position of each partition: what to commit when all of the entries are settled."""
    last: dict[int, Position] = {}
    for entry in entries:
        last[entry.position.partition] = entry.position
    return list(last.values())


def ids(entries: Sequence[Entry]) -> list[str]:
    return [entry.change.id for entry in entries]
