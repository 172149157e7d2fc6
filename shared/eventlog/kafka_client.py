"""What every use of aiokafka here shares: settings from the URL, clients, errors in our words, a quieter log.

`kafka://host:port[,host:port]/topic?setting=value`; the topic is `puente.changes` unless named. Settings:
`compression` (none, lz4), `append_limit`, `session_timeout`, `heartbeat`, `rebalance_timeout`,
`max_poll_interval` (seconds), `security` (plaintext, ssl, sasl_plaintext, sasl_ssl), `sasl_mechanism` (plain,
scram-sha-256, scram-sha-512), `username`, `password_file`, `ca_file`, `cert_file`, `key_file`. A password is read
from a file, so that the URL can be printed.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from shared import errors
from shared.eventlog.port import ASSIGN_LIMIT, REVOKE_LIMIT
from shared.model.change import SHARDS

TOPIC = "puente.changes"
SETTING = "PUENTE_LOG_URL"

_MAX_BATCH_BYTES = 1024 * 1024
_LOG_EVERY = timedelta(seconds=10)
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_WAY_OUT = (
    "It looks like kafka://host:9092/puente.changes?session_timeout=10; see docs/operator.md for the settings."
)
_DURATIONS = frozenset(("append_limit", "session_timeout", "heartbeat", "rebalance_timeout", "max_poll_interval"))
_CHOICES: Mapping[str, frozenset[str]] = {
    "compression": frozenset(("none", "lz4")),
    "security": frozenset(("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")),
    "sasl_mechanism": frozenset(("plain", "scram-sha-256", "scram-sha-512")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """How to reach the broker, and how patient to be.

    `rebalance_timeout` is how long the group waits for a member that is letting go; it exceeds REVOKE_LIMIT, else
    the member would lose its shards while its last calls still run. `max_poll_interval` is how long a member may
    not ask for entries before its shards go to another: a process whose consumer hangs while its loop lives.
    The others hear that one has left in the answer to a `heartbeat`; its shards stand still until then.
    """

    bootstrap: str
    topic: str = TOPIC
    compression: str = "none"
    append_limit: timedelta = timedelta(seconds=3)
    pending_bytes: int = 64 * 1024 * 1024
    session_timeout: timedelta = timedelta(seconds=10)
    heartbeat: timedelta = timedelta(seconds=1)
    rebalance_timeout: timedelta = timedelta(seconds=30)
    max_poll_interval: timedelta = timedelta(minutes=10)
    security: str = "plaintext"
    sasl_mechanism: str = "plain"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def __post_init__(self) -> None:
        if self.heartbeat * 3 > self.session_timeout:
            raise _wrong("heartbeat must be at most a third of session_timeout")
        if self.rebalance_timeout <= REVOKE_LIMIT:
            raise _wrong(f"rebalance_timeout must be more than {REVOKE_LIMIT.total_seconds():g} seconds")
        if self.security.startswith("sasl") and not (self.username and self.password_file):
            raise _wrong("SASL needs username and password_file")

    @property
    def assign_limit(self) -> timedelta:
        """How long `on_assigned` may take; no heartbeat is sent meanwhile."""
        return min(ASSIGN_LIMIT, self.session_timeout * 0.4)

    @property
    def seed_limit(self) -> timedelta:
        """How long first positions may take to be written, in the same silence."""
        return self.session_timeout * 0.2


def _wrong(reason: str) -> errors.Misconfigured:
    return errors.Misconfigured(f"{SETTING}: {reason}.", setting=SETTING, way_out=_WAY_OUT)


def settings_of(url: str) -> KafkaSettings:
    """Read a kafka:// URL. Raises Misconfigured; the message never repeats a value."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as problem:
        raise _wrong("it cannot be read as a URL") from problem
    servers = parts.netloc.split(",")
    if parts.scheme != "kafka" or "@" in parts.netloc or not all(_SERVER.fullmatch(server) for server in servers):
        raise _wrong("it names no servers as host:port[,host:port], without credentials")
    topic = unquote(parts.path.strip("/")) or TOPIC
    if not _TOPIC_NAME.fullmatch(topic) or parts.fragment:
        raise _wrong("the topic is no name that Kafka accepts")
    values: dict[str, Any] = {name: _setting(name, text) for name, text in query.items()}
    return KafkaSettings(bootstrap=",".join(servers), topic=topic, **values)


def _setting(name: str, text: str) -> object:
    if name in _DURATIONS:
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= 86_400:
            raise _wrong(f"{name} is not a number of seconds")
        return timedelta(seconds=seconds)
    if name in _CHOICES and text not in _CHOICES[name]:
        raise _wrong(f"{name} is one of {', '.join(sorted(_CHOICES[name]))}")
    if name in {"bootstrap", "topic", "pending_bytes"} or name not in {
        field.name for field in fields(KafkaSettings)
    }:
        raise _wrong(f"{name!r} is no setting")
    return text


def _connection(settings: KafkaSettings) -> dict[str, Any]:
    """The arguments by which every aiokafka client connects."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap.split(","),
        "security_protocol": settings.security.upper(),
    }
    try:
        if settings.security.endswith("ssl"):
            context = ssl.create_default_context(cafile=settings.ca_file or None)
            if settings.cert_file:
                context.load_cert_chain(settings.cert_file, settings.key_file or None)
            arguments["ssl_context"] = context
        if settings.security.startswith("sasl"):
            arguments["sasl_mechanism"] = settings.sasl_mechanism.upper()
            arguments["sasl_plain_username"] = settings.username
            arguments["sasl_plain_password"] = Path(settings.password_file).read_text(encoding="utf-8").strip()
    except (OSError, ssl.SSLError, UnicodeDecodeError) as problem:
        raise _wrong("a file of the security settings cannot be read") from problem
    return arguments


def new_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """Idempotent, acks from all replicas, no linger.

    The client's own batch limit of 16 KiB would leave single sends hanging for seconds under load.
    """
    return AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=_MAX_BATCH_BYTES,
        max_request_size=_MAX_BATCH_BYTES,
        compression_type=None if settings.compression == "none" else settings.compression,
        **_connection(settings),
    )


def new_member(settings: KafkaSettings, group: str) -> AIOKafkaConsumer:
    """A consumer that joins a group. It commits only what it is told, and starts at the beginning of the log."""
    return AIOKafkaConsumer(
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=_milliseconds(settings.session_timeout),
        heartbeat_interval_ms=_milliseconds(settings.heartbeat),
        rebalance_timeout_ms=_milliseconds(settings.rebalance_timeout),
        max_poll_interval_ms=_milliseconds(settings.max_poll_interval),
        **_connection(settings),
    )


@asynccontextmanager
async def reading_consumer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    """A fresh consumer without a group: a kept one fails for ever once a broker that it knew is gone."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **_connection(settings))
    with translated("read the log"):
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()


@asynccontextmanager
async def admin_client(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A fresh admin client per use, for the same reason."""
    admin = AIOKafkaAdminClient(request_timeout_ms=15_000, **_connection(settings))
    with translated("ask the broker"):
        try:
            try:
                await admin.start()
            except kafka_errors.KafkaConnectionError:
                await _tell_refusal(settings)
                raise
            yield admin
        finally:
            await admin.close()


async def _tell_refusal(settings: KafkaSettings) -> None:
    """Raise the broker's refusal of our login, if it is that: a client that starts says only "nobody answered"."""
    if not settings.security.startswith("sasl"):
        return
    arguments = _connection(settings)
    host, _, port = arguments.pop("bootstrap_servers")[0].rpartition(":")
    try:
        connection = await create_conn(host.strip("[]"), int(port), request_timeout_ms=5_000, **arguments)
    except _REFUSED:
        raise
    except (kafka_errors.KafkaError, TimeoutError, OSError, ValueError):
        return  # that is what was said already
    connection.close()


def check_partitions(count: int, settings: KafkaSettings) -> None:
    """Raises Misconfigured unless the topic has one partition per shard."""
    way_out = "Run `puente topics`: it makes the topic, or says what to do about one that differs."
    if count == 0:
        raise errors.Misconfigured(f"The topic {settings.topic} does not exist.", setting=SETTING, way_out=way_out)
    if count != SHARDS:
        raise errors.Misconfigured(
            f"The topic {settings.topic} has {count} partitions instead of {SHARDS}.",
            setting=SETTING,
            way_out=way_out,
        )


def all_partitions(settings: KafkaSettings) -> list[TopicPartition]:
    return [TopicPartition(settings.topic, number) for number in range(SHARDS)]


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """aiokafka's errors as ours: a lost membership is Lost, a refusal Misconfigured, the rest Retryable."""
    try:
        yield
    except (
        kafka_errors.CommitFailedError,
        kafka_errors.IllegalStateError,
        kafka_errors.ConsumerStoppedError,
    ) as lost:
        raise errors.Lost("The group has given these partitions to another member.") from lost
    except _REFUSED as problem:
        raise errors.Misconfigured(
            f"The broker does not let us {doing} ({type(problem).__name__}).",
            setting=SETTING,
            way_out="Check the security settings of the URL and the rights of this user on topic and group.",
        ) from problem
    except kafka_errors.KafkaError as problem:
        raise errors.Retryable(f"Cannot {doing} now ({type(problem).__name__}).") from problem
    except (TimeoutError, OSError) as problem:
        raise errors.Retryable(f"Cannot {doing} now: the broker does not answer.") from problem


_REFUSED = (
    kafka_errors.AuthenticationFailedError,
    kafka_errors.AuthenticationMethodNotSupported,
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
)


def _milliseconds(duration: timedelta) -> int:
    return max(1, duration // timedelta(milliseconds=1))


class RateLimit(logging.Filter):
    """Lets one record of a kind (logger, level, text before its values) pass per period, with the count left out.

    While a broker is away aiokafka writes about a hundred lines a second.
    """

    def __init__(self, period: timedelta = _LOG_EVERY) -> None:
        super().__init__()
        self._period = period.total_seconds()
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, record.levelno, str(record.msg))
        last, left_out = self._seen.get(kind, (float("-inf"), 0))
        if record.created - last < self._period:
            self._seen[kind] = (last, left_out + 1)
            return False
        self._seen[kind] = (record.created, 0)
        if left_out:
            record.msg = f"{record.msg} [and {left_out} more like it]"
        return True


def quiet_aiokafka(limit: logging.Filter) -> None:
    """Put a filter on each logger of aiokafka; one on their parent would not see what the children log."""
    for name in list(logging.root.manager.loggerDict):
        if name == "aiokafka" or name.startswith("aiokafka."):
            logging.getLogger(name).addFilter(limit)


quiet_aiokafka(RateLimit())
