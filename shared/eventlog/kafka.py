"""The event log on Apache Kafka: one topic, one partition per shard, entries as CloudEvents in binary mode."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import datetime

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from shared import errors
from shared.clock import Clock
from shared.eventlog import envelope, kafka_scan
from shared.eventlog.callbacks import Callbacks
from shared.eventlog.kafka_client import KafkaSettings, check_partitions, new_producer, translated
from shared.eventlog.kafka_group import KafkaSubscription
from shared.eventlog.port import Entry, Lag, Position, ShardsCallback, Subscription
from shared.model.change import Change, shard_of
from shared.timelimit import TimeLimit

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 15.0
_CLOSE_SECONDS = 5.0
_HEALTH_SECONDS = 2.0

# The broker has certainly not stored what it answers these to.
_NOT_STORED = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.UnknownTopicOrPartitionError,
    kafka_errors.NotEnoughReplicasError,
    kafka_errors.KafkaConnectionError,
    kafka_errors.ProducerClosed,
    kafka_errors.InvalidTimestampError,
    kafka_errors.PolicyViolationError,
)


class KafkaLog:
    """EventLog on a topic. One producer serves every append; each subscription is a consumer of its own."""

    def __init__(self, settings: KafkaSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._pending_bytes = 0
        self._append_limit = TimeLimit(settings.append_limit)
        self._closed = False

    async def start(self) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._connected()
        except TimeoutError as late:
            raise errors.Retryable("The broker does not answer.") from late

    async def close(self) -> None:
        self._closed = True
        async with self._connecting:
            await self._drop()

    async def append(self, *changes: Change) -> Position:
        workspace = envelope.one_workspace(changes)
        records = [(envelope.headers_of(change), change.body) for change in changes]
        sizes = [envelope.size_of(workspace, headers, value) for headers, value in records]
        for size in sizes:
            envelope.check_size(size)
        size = sum(sizes)
        if self._pending_bytes and self._pending_bytes + size > self._settings.pending_bytes:
            raise errors.Retryable(f"More than {self._settings.pending_bytes} bytes wait for the broker.")
        self._pending_bytes += size
        try:
            # A send in flight is tried again without limit; only a limit of our own ends it.
            with self._append_limit.begun():
                return await self._send(workspace, records)
        except TimeoutError as late:
            raise errors.InDoubt("The broker did not acknowledge in time.") from late
        finally:
            self._pending_bytes -= size

    def subscribe(
        self,
        *,
        group: str,
        on_assigned: ShardsCallback | None = None,
        on_revoked: ShardsCallback | None = None,
    ) -> AbstractAsyncContextManager[Subscription]:
        if not group or len(group) > 200:
            raise errors.Misconfigured("The name of a group has 1 to 200 characters.")
        return self._subscription(
            group, Callbacks(on_assigned, on_revoked, assign_limit=self._settings.assign_limit)
        )

    @asynccontextmanager
    async def _subscription(self, group: str, callbacks: Callbacks) -> AsyncIterator[Subscription]:
        await self._connected()
        subscription = KafkaSubscription(self._settings, group, callbacks)
        try:
            await subscription.join()
            yield subscription
        finally:
            await subscription.leave()
        callbacks.raise_failure()

    async def read(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        workspace: str | None = None,
        start: Position | None = None,
    ) -> AsyncGenerator[Entry, None]:
        await self._connected()
        found = kafka_scan.read(self._settings, since=since, until=until, workspace=workspace, start=start)
        async with aclosing(found):
            async for entry in found:
                yield entry

    async def lag(self, *, group: str, detail_limit: int = 100_000) -> Lag:
        await self._connected()
        return await kafka_scan.lag(self._settings, group=group, detail_limit=detail_limit, now=self._clock.now())

    async def entry(self, position: Position) -> Entry | None:
        await self._connected()
        return await kafka_scan.entry(self._settings, position)

    async def healthy(self) -> bool:
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                producer = await self._connected()
                await producer.client.fetch_all_metadata()
        except (errors.PuenteError, kafka_errors.KafkaError, TimeoutError, OSError):
            return False
        return True

    async def _send(self, workspace: str, records: list[tuple[envelope.Headers, bytes | None]]) -> Position:
        producer = await self._connected()
        partition = shard_of(workspace)
        key = workspace.encode()
        acks: list[asyncio.Future[object]] = []
        try:
            for headers, value in records:
                future = await producer.send(
                    self._settings.topic, value, key=key, partition=partition, headers=list(headers)
                )
                acks.append(future)
            stored = [await acks[0]] if len(acks) == 1 else await asyncio.gather(*acks)
        except kafka_errors.MessageSizeTooLargeError as problem:
            raise errors.Rejected("The broker takes no entry of this size.", field="body") from problem
        except _NOT_STORED as problem:
            raise errors.Retryable(
                f"The broker does not take entries now ({type(problem).__name__})."
            ) from problem
        except kafka_errors.KafkaError as problem:
            # Nothing says that a producer which lost its sequence ever finds it again.
            await self._replace(producer)
            raise errors.InDoubt(f"The broker gave no clear answer ({type(problem).__name__}).") from problem
        return Position(partition=partition, offset=stored[-1].offset)  # type: ignore[attr-defined]

    async def _connected(self) -> AIOKafkaProducer:
        """The producer, connected now if it is not yet."""
        if self._producer is not None:
            return self._producer
        async with self._connecting:
            if self._closed:
                raise errors.Retryable("The log is closed.")
            if self._producer is None:
                self._producer = await self._connect()
            return self._producer

    async def _connect(self) -> AIOKafkaProducer:
        producer = new_producer(self._settings)
        try:
            with translated("reach the log"):
                await producer.start()
                # Asking for all topics makes none; asking for one may, where the broker creates topics by itself.
                metadata = await producer.client.fetch_all_metadata()
            check_partitions(len(metadata.partitions_for_topic(self._settings.topic) or ()), self._settings)
        except BaseException:
            await _stop(producer)
            raise
        return producer

    async def _replace(self, broken: AIOKafkaProducer) -> None:
        async with self._connecting:
            if self._producer is broken:
                log.warning("the producer is replaced after an error that it may not recover from")
                await self._drop()

    async def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer; one whose broker is away is cut off, since it would wait for it without limit."""
    try:
        await asyncio.wait_for(producer.stop(), _CLOSE_SECONDS)
    except TimeoutError:
        log.warning("the producer did not stop in time and is cut off")
        # `stop` has no limit and cannot be called again: end its two halves ourselves.
        await producer._sender.close()  # noqa: SLF001
        await producer.client.close()
