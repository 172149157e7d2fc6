"""The Kafka of a test run, in the order of preference: named in the environment, started here, mocked."""

import asyncio
import itertools
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError
from confluent_kafka import Producer

from tests.support import ports
from tests.support.kafka import runtime
from tests.support.kafka.secured import Secured, secured
from tests.support.processes import Process, ProcessDied

VARIABLE = "PUENTE_TEST_KAFKA"
START_WITHIN = timedelta(seconds=60)
TOOL_SECONDS = 60
_SHOWN_WITHIN = 10

_SETTINGS = Path(__file__).with_name("server.properties.in")
_START_ATTEMPTS = 3
_numbers = itertools.count(1)
_run_id = uuid.uuid4().hex[:8]


class ToolFailed(AssertionError):
    """One of Kafka's own command line tools ended with an error; the message carries what it said."""


class Broker:
    """A real Kafka broker that the whole test run shares."""

    real = True

    def __init__(self, *, bootstrap: str, version: str, origin: str) -> None:
        self.bootstrap = bootstrap
        self.version = version
        self.origin = origin

    def __str__(self) -> str:
        return f"{self.version} {self.origin} {self.bootstrap}"

    def tool(self, main_class: str, *arguments: str, bootstrap: bool = True) -> str:
        """What one of Kafka's own command line mains prints, told to use this broker.

        It blocks for a second or two: in a coroutine use `await asyncio.to_thread(broker.tool, ...)`.
        `bootstrap=False` for mains that do not take `--bootstrap-server`. Raises `ToolFailed`; beware that some
        mains print their complaint and still exit with 0.
        """
        address = ("--bootstrap-server", self.bootstrap) if bootstrap else ()
        return _run_main(main_class, *address, *arguments)

    def describe_group(self, group: str) -> list[dict[str, str]]:
        """The rows of Kafka's own consumer group tool, by its column titles (`TOPIC`, `PARTITION`, `LAG`, ...).

        A partition without a commit shows `-` as its offset and lag while the group has members, and no row
        at all when it has none. It blocks like `tool`.
        """
        main_class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
        printed = self.tool(main_class, "--describe", "--group", group)
        lines = [line.split() for line in printed.splitlines() if line.strip()]
        titles = next((line for line in lines if "LAG" in line), [])
        return [dict(zip(titles, line, strict=False)) for line in lines if line[:1] == [group]]


class OwnBroker(Broker):
    """A broker of one node in a process of our own: it may be killed, frozen and started again.

    Ports and data stay the same over restarts. `bootstrap` is known before the first start.
    """

    def __init__(self, folder: Path, *, secure: bool = False) -> None:
        """Choose ports, write the settings and format the data in `folder`; nothing runs yet.

        `secure` adds a listener with TLS and SASL, which `secured` then tells of.
        """
        port, controller_port, secured_port = ports.free_ports(3)
        self.secured = secured(folder, secured_port) if secure else None
        super().__init__(
            bootstrap=f"127.0.0.1:{port}",
            version=f"Apache Kafka {runtime.KAFKA_VERSION}",
            origin="started by the tests on",
        )
        settings = _write_settings(folder, port=port, controller_port=controller_port, more=self.secured)
        # Any 16 bytes in base64url name the cluster; it has one node and is thrown away.
        format_data = ("format", "-t", "cHVlbnRlLXRlc3QtbG9ncw", "-c", str(settings), "--standalone")
        users = self.secured.format_arguments() if self.secured else []
        _run_main("kafka.tools.StorageTool", *format_data, *users)
        self._server = Process(_server_command(settings), name="kafka", folder=folder)
        self.data = folder / "data"
        """Where the broker keeps the files of its topics."""

    def start(self) -> None:
        """Start the broker, the first time or again, and block until it accepts clients.

        That is 3 to 5 s, and up to 8 s after `kill9`. Beside a running event loop use `launch` and `ready`,
        or `start_beside`. Raises `ProcessDied` or `ProcessStuck` with the end of the broker's log.
        """
        self.launch()
        self._server.block_until(self.ready, within=START_WITHIN, what="accepts connections")

    def launch(self) -> None:
        """Start the process and return at once."""
        self._server.start()

    def ready(self) -> bool:
        """True once clients can connect; Kafka listens for them only when it is usable."""
        host, port = self.bootstrap.split(":")
        return ports.accepts(host, int(port))

    async def start_beside(self) -> None:
        """As `start`, without blocking the event loop."""
        self.launch()
        await self._server.reaches(self.ready, within=START_WITHIN, what="accepts connections")

    def stop(self) -> None:
        """End it in order (SIGTERM); its data stay. The exit code is 143, Java's for this signal."""
        self._server.stop()

    def kill9(self) -> None:
        """Kill it without a chance to write anything down."""
        self._server.kill9()

    def freeze(self) -> None:
        """Halt it: connections stay open and nothing answers."""
        self._server.freeze()

    def thaw(self) -> None:
        """Let a frozen broker run on."""
        self._server.thaw()

    @property
    def running(self) -> bool:
        return self._server.running

    def close(self) -> None:
        """Leave no process behind, in whatever state it is."""
        self._server.close()


class TopicFactory(Protocol):
    """Creates a topic for one test and returns its name; the topic is deleted after the test."""

    async def __call__(
        self, partitions: int = 1, *, stem: str = "events", configs: Mapping[str, str] | None = None
    ) -> str: ...


class MockCluster:
    """The mock broker inside the confluent-kafka wheel: speaks the protocol, keeps nothing.

    It serves produce, fetch, one-member groups and commits; no second member of a group, no offsets by time,
    no admin calls. Good for tests of the wire; never for durability, rebalances or replay.
    """

    real = False

    def __init__(self) -> None:
        # The cluster lives as long as this client does, in threads of librdkafka.
        self._owner = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        brokers = self._owner.list_topics(timeout=10).brokers
        first = next(iter(brokers.values()))
        self.bootstrap = f"{first.host}:{first.port}"
        self.version = "mock cluster of confluent-kafka"

    def __str__(self) -> str:
        return f"{self.version} (no real broker) on {self.bootstrap}"


@contextmanager
def choose() -> Iterator[Broker]:
    """The real broker of this test run. Raises `Unavailable` when there is none and none can be started."""
    named = os.environ.get(VARIABLE)
    if not named:
        with started() as broker:
            yield broker
        return
    host, _, port = named.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{VARIABLE} is host:port, not {named!r}")
    if not ports.accepts(host, int(port), seconds=5):
        raise ConnectionError(f"{VARIABLE} names {named}, where nothing accepts connections")
    yield Broker(bootstrap=named, version="Kafka", origin=f"named in {VARIABLE} at")


@contextmanager
def started(*, secure: bool = False) -> Iterator[OwnBroker]:
    """A running broker of one's own, gone with its data at the end. Raises `Unavailable`, `ProcessDied`."""
    with _folder() as folder:
        broker = _first_start(folder, secure=secure)
        try:
            yield broker
            if broker.running:
                broker.stop()
        finally:
            broker.close()


def topic_name(stem: str = "events") -> str:
    """A topic name that no other test, and no other run on the same broker, uses."""
    return f"test-{stem}-{_run_id}-{next(_numbers)}"


async def create_topic(
    broker: Broker, *, partitions: int = 1, stem: str = "events", configs: Mapping[str, str] | None = None
) -> str:
    """Create a topic with a name of its own, and return the name once the broker shows it."""
    name = topic_name(stem)
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, topic_configs=dict(configs or {}))
    async with _admin(broker) as admin:
        answer = await admin.create_topics([topic])
        refused = [error for error in answer.topic_errors if error[1] != 0]
        if refused:
            raise AssertionError(f"the broker refused topic {name}: {refused}")
        # The answer comes from the controller; the broker learns of the topic a moment later.
        async with asyncio.timeout(_SHOWN_WITHIN):
            while not await _shows(admin, name, partitions):  # noqa: ASYNC110 - the broker sends no event
                await asyncio.sleep(0.02)
    return name


async def _shows(admin: AIOKafkaAdminClient, name: str, partitions: int) -> bool:
    (told,) = await admin.describe_topics([name])
    return bool(told["error_code"] == 0 and len(told["partitions"]) == partitions)


async def delete_topics(broker: Broker, *names: str) -> None:
    """Delete topics; one that is gone already is fine."""
    async with _admin(broker) as admin:
        try:
            await admin.delete_topics(list(names))
        except UnknownTopicOrPartitionError:
            return


@asynccontextmanager
async def _admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    # One client per use: a long-lived one stays with a node that has died.
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _first_start(folder: Path, *, secure: bool) -> OwnBroker:
    """A broker that runs. Between choosing a port and using it another program may take it: then again."""
    for attempt in range(1, _START_ATTEMPTS + 1):
        home = folder / str(attempt)
        home.mkdir()
        broker = OwnBroker(home, secure=secure)
        try:
            broker.start()
        except ProcessDied as death:
            broker.close()
            if attempt == _START_ATTEMPTS or "Address already in use" not in str(death):
                raise
        except BaseException:
            broker.close()
            raise
        else:
            return broker
    raise AssertionError("unreachable: the last attempt returns or raises")


@contextmanager
def _folder() -> Iterator[Path]:
    # Not pytest's tmp_path: that keeps the folders of the last runs, and a broker's are large.
    path = Path(tempfile.mkdtemp(prefix="puente-kafka-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _write_settings(folder: Path, *, port: int, controller_port: int, more: Secured | None) -> Path:
    values = {"@PORT@": port, "@CONTROLLER_PORT@": controller_port, "@DATA@": folder / "data"}
    text = _SETTINGS.read_text()
    for mark, value in values.items():
        text = text.replace(mark, str(value))
    if more is not None:
        text += more.settings(port=port, controller_port=controller_port)  # the last word about a setting counts
    settings = folder / "server.properties"
    settings.write_text(text)
    return settings


def _server_command(settings: Path) -> list[str]:
    # Serial collection and the first compiler only: a shorter start, and tests do not run for long.
    options = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    logging = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    jars = runtime.fetched_jars()
    return [str(runtime.find_java()), *options, logging, "-cp", f"{jars}/*", "kafka.Kafka", str(settings)]


def _run_main(main_class: str, *arguments: str) -> str:
    jars = runtime.fetched_jars()
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", quiet, "-cp", f"{jars}/*"]
    command = [str(runtime.find_java()), *options, main_class, *arguments]
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TOOL_SECONDS
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        raise ToolFailed(f"{main_class} {' '.join(arguments)} ended with {done.returncode}:\n{said}")
    return done.stdout
