"""Makes the topic, or says how one that is there differs and what to type. Behind `puente topics`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared import errors
from shared.eventlog.kafka_client import KafkaSettings, admin_client, settings_of
from shared.eventlog.port import MAX_ENTRY_BYTES
from shared.model.change import SHARDS

MAX_RETENTION = timedelta(days=30)
DEFAULT_RETENTION = timedelta(days=14)
SEGMENT = timedelta(days=1)
"""A broker deletes whole files, when their newest entry is past the retention: an entry may stay so much longer.
Kafka's own default is a week."""

_KNOWN_WITHIN = timedelta(seconds=15)
_ASK_AGAIN = timedelta(milliseconds=50)
_MAX_MESSAGE_BYTES = 1_048_588  # Kafka's own default


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something about the topic that is not as Puente needs it; `fatal` if Puente refuses to start on it."""

    what: str
    way_out: str
    fatal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicReport:
    topic: str
    created: bool
    partitions: int
    replication: int
    retention: timedelta | None
    """None: kept without limit."""
    differences: Sequence[Difference] = ()

    @property
    def fits(self) -> bool:
        return not self.differences


async def create_or_check(
    url: str, *, retention: timedelta = DEFAULT_RETENTION, replication: int | None = None
) -> TopicReport:
    """Make the topic of a kafka:// URL if it is missing, then compare it with what Puente needs.

    `replication` None means three copies, or as many as there are brokers. A topic that is there is never
    changed. Raises Misconfigured for a wrong URL, retention or right, Retryable when the broker is away.
    """
    settings = settings_of(url)
    if not timedelta(0) < retention <= MAX_RETENTION:
        raise errors.Misconfigured("The topic's retention is more than no time and at most 30 days.")
    async with admin_client(settings) as admin:
        created = False
        if settings.topic not in await admin.list_topics():
            brokers = len((await admin.describe_cluster())["brokers"])
            copies = replication or min(3, brokers)
            wanted = NewTopic(settings.topic, SHARDS, copies, topic_configs=wanted_configs(retention, copies))
            created = _raise_unless_made(await admin.create_topics([wanted]))
    return await _check(settings, created=created, replication=replication)


def wanted_configs(retention: timedelta, replication: int) -> dict[str, str]:
    """The settings that a topic of ours is made with.

    With three copies an acknowledged entry is on two of them at least, so that one broker may be lost.
    """
    return {
        "min.insync.replicas": "2" if replication > 2 else "1",
        "cleanup.policy": "delete",
        "retention.ms": str(retention // timedelta(milliseconds=1)),
        "segment.ms": str(SEGMENT // timedelta(milliseconds=1)),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(_MAX_MESSAGE_BYTES),
    }


def _raise_unless_made(response: object) -> bool:
    for _topic, code, message in response.topic_errors:  # type: ignore[attr-defined]
        if for_code(code) is TopicAlreadyExistsError:
            return False
        if code:
            raise errors.Misconfigured(
                f"The topic could not be made: {message or for_code(code).__name__}.",
                way_out="Give --replication a number of brokers that exist, this user the right to make topics.",
            )
    return True


async def _check(settings: KafkaSettings, *, created: bool, replication: int | None) -> TopicReport:
    async with admin_client(settings) as admin:
        async with asyncio.timeout(_KNOWN_WITHIN.total_seconds()):
            while True:
                copies = await _copies(admin, settings)
                # A new topic is not known to every broker at once, and first without its partitions.
                if len(copies) >= (SHARDS if created else 1):
                    break
                await asyncio.sleep(_ASK_AGAIN.total_seconds())
        configs = await _configs(admin, settings)
    replicas = min(copies)
    differences = [
        *_partition_differences(settings, len(copies)),
        *_config_differences(settings, configs),
    ]
    if replication is not None and replicas != replication:
        differences.append(
            Difference(
                what=f"It has {replicas} replicas, not {replication}.",
                way_out="Move replicas with kafka-reassign-partitions.",
            )
        )
    milliseconds = int(configs.get("retention.ms") or -1)
    return TopicReport(
        topic=settings.topic,
        created=created,
        partitions=len(copies),
        replication=replicas,
        retention=None if milliseconds < 0 else timedelta(milliseconds=milliseconds),
        differences=differences,
    )


async def _copies(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> list[int]:
    """How many replicas each partition has."""
    (described,) = await admin.describe_topics([settings.topic])
    return [len(partition["replicas"]) for partition in described["partitions"] if not partition["error_code"]]


async def _configs(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> dict[str, str]:
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, settings.topic)])
    found: dict[str, str] = {}
    for answer in answers:
        for code, _message, _kind, _name, rows in answer.resources:
            if code:
                raise for_code(code)
            found |= {row[0]: row[1] for row in rows}
    return found


def _partition_differences(settings: KafkaSettings, count: int) -> list[Difference]:
    if count == SHARDS:
        return []
    if count < SHARDS:
        way_out = (
            "While nothing was written to it: "
            + _command(settings, f"--alter --partitions {SHARDS}", main="kafka-topics", entity=False)
            + " -- else drain it and use a new topic, since more partitions move workspaces."
        )
    else:
        way_out = "Partitions cannot be taken away: drain it, delete it, and run `puente topics` again."
    return [Difference(what=f"It has {count} partitions, not {SHARDS}.", way_out=way_out, fatal=True)]


def _config_differences(settings: KafkaSettings, configs: Mapping[str, str]) -> list[Difference]:
    found: list[Difference] = []

    def differs(what: str, name: str, value: str, *, fatal: bool = False) -> None:
        way_out = _command(settings, f"--alter --add-config {name}={value}")
        found.append(Difference(what=what, way_out=way_out, fatal=fatal))

    retention = int(configs.get("retention.ms") or -1)
    if retention < 0 or timedelta(milliseconds=retention) > MAX_RETENTION:
        kept = "without limit" if retention < 0 else f"{timedelta(milliseconds=retention).days} days"
        wanted = str(DEFAULT_RETENTION // timedelta(milliseconds=1))
        differs(f"It keeps entries {kept}; they hold personal data, at most 30 days.", "retention.ms", wanted)
    segment = timedelta(milliseconds=int(configs.get("segment.ms") or 0))
    if segment > SEGMENT:
        what = f"Its files take entries for {segment.days} days: so much longer than the retention they may stay."
        differs(what, "segment.ms", str(SEGMENT // timedelta(milliseconds=1)))
    policy = configs.get("cleanup.policy", "")
    if policy != "delete":
        differs(f"Its cleanup policy is {policy!r}; it would lose changes.", "cleanup.policy", "delete")
    size = int(configs.get("max.message.bytes") or 0)
    if size < _MAX_MESSAGE_BYTES:
        what = f"It takes entries of {size} bytes; ours have up to {MAX_ENTRY_BYTES} and their framing."
        differs(what, "max.message.bytes", str(_MAX_MESSAGE_BYTES))
    if configs.get("message.timestamp.type") != "LogAppendTime":
        what = "Its entries carry the time of whoever wrote them; a replay by time would miss some."
        differs(what, "message.timestamp.type", "LogAppendTime")
    return found


def _command(settings: KafkaSettings, arguments: str, *, main: str = "kafka-configs", entity: bool = True) -> str:
    topic = f"--entity-type topics --entity-name {settings.topic}" if entity else f"--topic {settings.topic}"
    return f"{main}.sh --bootstrap-server {settings.bootstrap} {arguments} {topic}"
