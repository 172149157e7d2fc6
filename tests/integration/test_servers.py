"""The servers that the other tests stand on keep their own promises: what they were given survives kill -9."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from playwright.async_api import Browser
from sqlalchemy import pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import kafka as kafkas
from tests.support import postgres as databases
from tests.support.processes import ProcessDied, Processes, ProcessStuck, python
from tests.support.waiting import NotInTime, until

SOON = timedelta(seconds=15)


async def test_a_record_comes_back_from_the_broker_with_key_and_headers(
    kafka: kafkas.Broker, new_topic: kafkas.TopicFactory
) -> None:
    topic = await new_topic(3)

    await _send(kafka, topic, partition=2, value=b"body", headers=[("ce_id", b"1")])

    record = (await _read(kafka, topic, partition=2, count=1))[0]
    assert (record.value, record.key, list(record.headers)) == (b"body", b"key", [("ce_id", b"1")])


async def test_acked_records_survive_the_kill_of_the_broker(own_broker: Callable[[], kafkas.OwnBroker]) -> None:
    broker = own_broker()
    topic = await kafkas.create_topic(broker)
    for number in range(20):
        await _send(broker, topic, value=str(number).encode())

    broker.kill9()
    assert not broker.ready()
    await broker.start_beside()

    values = [record.value for record in await _read(broker, topic, count=20)]
    assert values == [str(number).encode() for number in range(20)]


async def test_a_frozen_broker_answers_nothing_until_it_is_thawed(
    own_broker: Callable[[], kafkas.OwnBroker],
) -> None:
    broker = own_broker()
    topic = await kafkas.create_topic(broker)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"before")
        broker.freeze()
        waiting = asyncio.create_task(producer.send_and_wait(topic, b"while frozen"))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done
        broker.thaw()
        await asyncio.wait_for(waiting, SOON.total_seconds())

    values = [record.value for record in await _read(broker, topic, count=2)]
    assert values == [b"before", b"while frozen"]


async def test_the_brokers_own_tool_tells_the_lag_of_a_group(
    kafka: kafkas.Broker, new_topic: kafkas.TopicFactory
) -> None:
    topic = await new_topic()
    group = kafkas.topic_name("group")
    for _ in range(5):
        await _send(kafka, topic)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): 2})
    finally:
        await consumer.stop()

    (row,) = await asyncio.to_thread(kafka.describe_group, group)

    assert (row["TOPIC"], row["CURRENT-OFFSET"], row["LOG-END-OFFSET"], row["LAG"]) == (topic, "2", "5", "3")


async def test_a_tool_that_fails_says_so(kafka: kafkas.Broker) -> None:
    with pytest.raises(kafkas.ToolFailed, match="no-such-topic"):
        await asyncio.to_thread(
            kafka.tool, "org.apache.kafka.tools.TopicCommand", "--describe", "--topic", "no-such-topic"
        )


async def test_a_record_passes_whichever_broker_speaks_the_wire(
    kafka_wire: kafkas.Broker | kafkas.MockCluster,
) -> None:
    topic = await kafkas.create_topic(kafka_wire) if isinstance(kafka_wire, kafkas.Broker) else "wire"
    await _passes(kafka_wire.bootstrap, topic)


async def test_a_record_passes_through_the_mock_cluster() -> None:
    cluster = kafkas.MockCluster()
    await _passes(cluster.bootstrap, "wire")


async def test_each_database_is_new_and_apart(postgres_database: Callable[[], Awaitable[str]]) -> None:
    first, second = await postgres_database(), await postgres_database()
    await _execute(first, "CREATE TABLE notes (body text)", "INSERT INTO notes VALUES ('kept')")

    assert await _scalar(first, "SELECT body FROM notes") == "kept"
    assert await _scalar(second, "SELECT count(*) FROM pg_tables WHERE tablename = 'notes'") == 0


async def test_a_dropped_database_is_gone_although_somebody_was_connected(postgres: databases.Postgres) -> None:
    url = await postgres.database()
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
        await postgres.drop(url)
        with pytest.raises(DBAPIError):
            await connection.scalar(text("SELECT 1"))


@pytest.mark.parametrize("origin", ["machine", "wheel"])
async def test_a_committed_row_survives_the_kill_of_the_server(origin: str) -> None:
    binaries = databases.wheel_binaries() if origin == "wheel" else databases.find_binaries()
    with databases.started(binaries=binaries) as server:
        url = await server.database()
        await _execute(url, "CREATE TABLE notes (body text)", "INSERT INTO notes VALUES ('kept')")

        server.kill9()
        assert not server.running
        await server.start_beside()

        assert await _scalar(url, "SELECT body FROM notes") == "kept"


async def test_a_frozen_database_answers_nothing_until_it_is_thawed(
    own_postgres: Callable[[], databases.OwnPostgres],
) -> None:
    server = own_postgres()
    url = await server.database()
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
        server.freeze()
        waiting = asyncio.create_task(connection.scalar(text("SELECT 2")))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done
        server.thaw()
        assert await asyncio.wait_for(waiting, SOON.total_seconds()) == 2


async def test_the_browser_reads_a_page(browser: Browser) -> None:
    page = await browser.new_page()
    await page.set_content("<h1>Puente</h1>")
    assert await page.inner_text("h1") == "Puente"


async def test_a_process_is_awaited_by_its_line_and_its_answer(processes: Processes) -> None:
    program = (
        "import http.server; server = http.server.HTTPServer(('127.0.0.1', 0), "
        "http.server.SimpleHTTPRequestHandler); print('port', server.server_port); server.serve_forever()"
    )
    process = processes.start(*python("-c", program), name="files")
    port = (await process.line(r"^port (\d+)$", within=SOON))[1]

    assert "Directory listing" in await process.answers(f"http://127.0.0.1:{port}/", within=SOON)

    process.freeze()
    process.thaw()
    assert process.stop() == -15


async def test_a_process_that_dies_early_fails_with_its_last_words(processes: Processes) -> None:
    process = processes.start(*python("-c", "raise SystemExit('no settings')"), name="broken")
    with pytest.raises(ProcessDied, match="no settings"):
        await process.line("ready", within=SOON)
    assert await process.exits(within=SOON) == 1


async def test_a_silent_process_fails_at_the_deadline_and_can_be_killed(processes: Processes) -> None:
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); signal.pause()"
    process = processes.start(*python("-c", program), name="deaf")
    await process.line("up", within=SOON)
    with pytest.raises(ProcessStuck, match="deaf: last lines of its output\nup"):
        await process.line("ready", within=timedelta(milliseconds=100))
    with pytest.raises(ProcessStuck, match="SIGTERM"):
        process.stop(within=timedelta(milliseconds=100))
    assert process.exit_code == -9


async def test_a_line_of_an_earlier_start_is_not_taken_for_one_of_this(processes: Processes) -> None:
    process = processes.add(*python("-c", "import os; print('I am', os.getpid())"), name="twice")
    seen = set()
    for _ in range(2):
        process.start()
        seen.add((await process.line(r"I am (\d+)", within=SOON))[1])
        assert await process.exits(within=SOON) == 0
    assert len(seen) == 2


async def test_settings_of_the_developer_do_not_reach_a_process(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUENTE_PORT", "1")
    program = "import os; print('port', os.environ.get('PUENTE_PORT'), os.environ.get('PUENTE_DATA'))"
    process = processes.start(*python("-c", program), name="env", env={"PUENTE_DATA": "here"})
    assert (await process.line("^port .*", within=SOON))[0] == "port None here"


async def test_waiting_tells_what_was_awaited_and_what_was_last_seen() -> None:
    async def hang() -> bool:
        await asyncio.Event().wait()
        return True

    with pytest.raises(NotInTime, match=r"three changes; last seen: \[\]"):
        await until(list, within=timedelta(milliseconds=50), what="three changes")
    with pytest.raises(NotInTime, match="a hanging question"):
        await until(hang, within=timedelta(milliseconds=50), what="a hanging question")
    with pytest.raises(ZeroDivisionError):
        await until(lambda: 1 / 0, within=SOON, what="an error that nobody expects")


async def _send(
    broker: kafkas.Broker,
    topic: str,
    *,
    partition: int = 0,
    value: bytes = b"body",
    headers: list[tuple[str, bytes]] | None = None,
) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, enable_idempotence=True, acks="all"
    ) as producer:
        await producer.send_and_wait(topic, value, key=b"key", partition=partition, headers=headers)


async def _read(broker: kafkas.Broker, topic: str, *, count: int, partition: int = 0) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition)])
        async with asyncio.timeout(SOON.total_seconds()):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def _passes(bootstrap: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, b"over the wire", partition=0)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(SOON.total_seconds()):
            assert (await consumer.getone()).value == b"over the wire"
    finally:
        await consumer.stop()


async def _execute(url: str, *statements: str) -> None:
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def _scalar(url: str, query: str) -> object:
    engine = create_async_engine(url, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        return await connection.scalar(text(query))
