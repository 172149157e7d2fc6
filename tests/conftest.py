"""Servers, processes and the browser for every suite, and what a test run says about them. See `README.md`."""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from types import FrameType

import hypothesis
import pytest
from playwright.async_api import Browser

from tests.support import browser as browsers
from tests.support import kafka as kafkas
from tests.support import network, requirements
from tests.support import postgres as databases
from tests.support.processes import ProcessDied, Processes, ProcessStuck
from tests.support.requirements import Unavailable
from tests.support.suites import SuiteTimes, suite_of

SUITES_WITHOUT_NETWORK = frozenset({"architecture", "unit"})
MARKED_BY_FIXTURE = {
    "kafka": "kafka",
    "own_broker": "kafka",
    "postgres": "postgres",
    "own_postgres": "postgres",
    "processes": "processes",
    "browser": "browser",
}
NO_SERVER = (Unavailable, ProcessDied, ProcessStuck, kafkas.ToolFailed)

_servers = pytest.StashKey[dict[str, str]]()


# What the run says, and what it forbids

# The same examples in every run, and no deadline that a busy machine would break: a run that fails, fails again.
# `--hypothesis-profile=default` looks for new ones.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_servers] = {}
    config.pluginmanager.register(SuiteTimes())
    requirements.required()
    # A watchdog's SIGTERM shall end the servers as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)


def pytest_report_header() -> list[str]:
    required = ", ".join(sorted(requirements.required())) or "nothing"
    return [f"required beyond Python ({requirements.VARIABLE}): {required}; servers are named at the end"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[_servers]:
        terminalreporter.section("servers")
        for name, description in sorted(config.stash[_servers].items()):
            terminalreporter.write_line(f"{name}: {description}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for marker in sorted({MARKED_BY_FIXTURE[name] for name in fixtures if name in MARKED_BY_FIXTURE}):
            item.add_marker(marker)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    closed = suite_of(item.nodeid) in SUITES_WITHOUT_NETWORK
    with network.closed() if closed else nullcontext():
        return (yield)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# Kafka


@pytest.fixture(scope="session")
def _kafka_or_reason(pytestconfig: pytest.Config) -> Iterator[kafkas.Broker | str]:
    with ExitStack() as stack:
        found: kafkas.Broker | str
        try:
            found = stack.enter_context(kafkas.choose())
        except NO_SERVER as error:
            found = str(error)
        description = str(found) if isinstance(found, kafkas.Broker) else f"no real broker: {found}"
        pytestconfig.stash[_servers]["Kafka"] = description
        yield found


@pytest.fixture(scope="session")
def kafka(_kafka_or_reason: kafkas.Broker | str) -> kafkas.Broker:
    """The real broker of the run; without one the test is skipped, or fails where Kafka is required."""
    if isinstance(_kafka_or_reason, str):
        requirements.missing("kafka", _kafka_or_reason)
    return _kafka_or_reason


@pytest.fixture(scope="session")
def kafka_wire(
    _kafka_or_reason: kafkas.Broker | str, pytestconfig: pytest.Config
) -> kafkas.Broker | kafkas.MockCluster:
    """The real broker, else a mock that speaks the protocol; for tests of the wire only."""
    if not isinstance(_kafka_or_reason, str):
        return _kafka_or_reason
    if "kafka" in requirements.required():
        requirements.missing("kafka", _kafka_or_reason)
    mock = kafkas.MockCluster()
    pytestconfig.stash[_servers]["Kafka, for tests of the wire"] = str(mock)
    return mock


@pytest.fixture
def own_broker() -> Iterator[Callable[[], kafkas.OwnBroker]]:
    """Makes running brokers that the test may kill, freeze and start again; about 3 s each."""
    with ExitStack() as stack:

        def make() -> kafkas.OwnBroker:
            try:
                return stack.enter_context(kafkas.started())
            except Unavailable as error:
                requirements.missing("kafka", str(error))

        yield make


@pytest.fixture
async def new_topic(kafka: kafkas.Broker) -> AsyncIterator[kafkas.TopicFactory]:
    """Makes topics on the shared broker, each under a name of its own, deleted after the test."""
    made: list[str] = []

    async def make(partitions: int = 1, *, stem: str = "events", configs: Mapping[str, str] | None = None) -> str:
        made.append(await kafkas.create_topic(kafka, partitions=partitions, stem=stem, configs=configs))
        return made[-1]

    yield make
    if made:
        await kafkas.delete_topics(kafka, *made)


# PostgreSQL


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[databases.Postgres]:
    """The real server of the run; without one the test is skipped, or fails where PostgreSQL is required."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(databases.choose())
        except NO_SERVER as error:
            pytestconfig.stash[_servers]["PostgreSQL"] = f"none: {error}"
            requirements.missing("postgres", str(error))
        pytestconfig.stash[_servers]["PostgreSQL"] = str(server)
        yield server


@pytest.fixture
async def postgres_database(postgres: databases.Postgres) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Makes empty databases and returns their SQLAlchemy URLs; they are dropped after the test."""
    made: list[str] = []

    async def make() -> str:
        made.append(await postgres.database())
        return made[-1]

    yield make
    for url in made:
        await postgres.drop(url)


@pytest.fixture
async def postgres_url(postgres_database: Callable[[], Awaitable[str]]) -> str:
    """The URL (`postgresql+asyncpg://...`) of one empty database for this test alone."""
    return await postgres_database()


@pytest.fixture
def own_postgres() -> Iterator[Callable[[], databases.OwnPostgres]]:
    """Makes running servers, with fsync on, that the test may kill, freeze and start again; about 1 s each."""
    with ExitStack() as stack:

        def make() -> databases.OwnPostgres:
            try:
                return stack.enter_context(databases.started())
            except Unavailable as error:
                requirements.missing("postgres", str(error))

        yield make


# Processes and the browser


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Starts processes that are gone after the test; a failed test shows the ends of their outputs."""
    started = Processes(tmp_path)
    try:
        yield started
    finally:
        started.close()
        print(started.tails())  # noqa: T201 - pytest captures it, and shows it for a failed test only


@asynccontextmanager
async def open_browser(config: pytest.Config) -> AsyncIterator[Browser]:
    """A headless Chromium; without one the test is skipped, or fails where the browser is required."""
    try:
        program = browsers.find_chromium()
    except Unavailable as error:
        requirements.missing("browser", str(error))
    async with browsers.launched(program) as launched:
        config.stash[_servers]["Browser"] = f"Chromium {launched.version} ({program})"
        yield launched


@pytest.fixture
async def browser(pytestconfig: pytest.Config) -> AsyncIterator[Browser]:
    """A browser for one test; see `open_browser`."""
    async with open_browser(pytestconfig) as opened:
        yield opened
