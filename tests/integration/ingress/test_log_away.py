"""The log is away, the disk is full, the process dies: a change that was answered with 2xx is never lost."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from services.ingress.keeping import Patience
from shared import errors
from shared.clock import SystemClock
from shared.eventlog.port import Entry, EventLog
from shared.eventlog.sqlite import SqliteLog, SqliteSettings
from shared.eventlog.urls import event_log
from tests.integration.ingress import rig
from tests.integration.ingress.vendors import PASTED
from tests.integration.ingress.wire import ask, connected, post, request
from tests.support import waiting
from tests.support.ports import free_ports

SOON = timedelta(seconds=15)
IMPATIENT = Patience(append=timedelta(milliseconds=300), probe=timedelta(milliseconds=50))


def no_broker() -> EventLog:
    """A log on a Kafka broker that is not there."""
    (port,) = free_ports(1)
    return event_log(f"kafka://127.0.0.1:{port}/puente.changes", clock=SystemClock())


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another process holds the log's write lock."""
    other = sqlite3.connect(folder / "log.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@contextmanager
def full(log: SqliteLog) -> Iterator[None]:
    """The disk under the log has no page left."""
    assert log._open is not None
    connection = log._open.writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        connection.execute("PRAGMA max_page_count = 1000000000")


def ids_of(entries: list[Entry], what: str = "customer") -> set[str]:
    return {entry.change.id for entry in entries if entry.change.what == what}


async def test_without_a_broker_hooks_are_spooled_and_forwarded_by_the_next_process(tmp_path: Path) -> None:
    broker = no_broker()
    async with rig.door(tmp_path, log=broker, patience=IMPATIENT) as door:
        replies = [await door.hook(number) for number in range(1, 6)]
        state = await ask(door.port, "GET", "/readyz")
        spooled = door.counted("spooled")
    await broker.close()
    assert [reply.status for reply in replies] == [200] * 5
    assert (state.status, state.json["log"], state.json["spooled"]) == (200, "down", 5)
    assert spooled == 5
    async with rig.door(tmp_path) as door:
        await waiting.until(lambda: door.keeper.spooled == 0 and door.keeper.log_up, within=SOON, what="forwarded")
        entries = await door.entries()
    assert ids_of(entries) == {str(reply.json["id"]) for reply in replies}


async def test_a_broker_that_accepts_and_says_nothing_holds_up_neither_hooks_nor_the_stop(tmp_path: Path) -> None:
    closing = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    log = event_log(f"kafka://127.0.0.1:{port}/puente.changes", clock=SystemClock())
    loop = asyncio.get_running_loop()
    try:
        async with rig.door(tmp_path, log=log, patience=IMPATIENT) as door:
            began = loop.time()
            replies = [await door.hook(number) for number in range(1, 11)]
            answered = loop.time() - began
            began = loop.time()
        stopped = loop.time() - began
    finally:
        closing.set()
        await log.close()
        server.close()
        await server.wait_closed()
    assert {reply.status for reply in replies} == {200}
    assert answered < 3
    assert stopped < 6


async def test_after_one_send_that_ran_out_of_time_hooks_are_spooled_at_once(tmp_path: Path) -> None:
    log = SqliteLog(
        tmp_path / "log", clock=SystemClock(), settings=SqliteSettings(append_limit=timedelta(minutes=1))
    )
    patience = Patience(append=timedelta(seconds=1), probe=timedelta(milliseconds=50))
    loop = asyncio.get_running_loop()
    async with rig.door(tmp_path, log=log, patience=patience) as door:
        with locked(tmp_path / "log"):
            began = loop.time()
            first = await door.hook(1)
            waited = loop.time() - began
            began = loop.time()
            others = [await door.hook(number) for number in range(2, 12)]
            at_once = loop.time() - began
            assert not door.keeper.log_up
        await waiting.until(lambda: door.keeper.log_up, within=SOON, what="the log is used again")
        await waiting.until(lambda: door.keeper.spooled == 0, within=SOON, what="forwarded")
        last = await door.hook(99)
        entries = await door.entries()
        spooled = door.counted("spooled")
    await log.close()
    replies = [first, *others, last]
    assert [reply.status for reply in replies] == [200] * 12
    assert waited >= 0.9
    assert at_once < 0.9, "each of ten hooks waited for the log"
    assert ids_of(entries) == {str(reply.json["id"]) for reply in replies}
    assert spooled == 11


async def test_a_full_disk_under_the_log_sends_hooks_to_the_spool(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log", clock=SystemClock())
    async with rig.door(tmp_path, log=log) as door:
        with full(log):
            # Whatever room is left in the last pages is used up first.
            replies = [await door.hook(number) for number in range(1, 40)]
            assert not door.keeper.log_up
        await waiting.until(lambda: door.keeper.log_up, within=SOON, what="the log is used again")
        await waiting.until(lambda: door.keeper.spooled == 0, within=SOON, what="forwarded")
        entries = await door.entries()
    await log.close()
    assert {reply.status for reply in replies} == {200}
    assert ids_of(entries) == {str(reply.json["id"]) for reply in replies}


async def test_when_the_spool_is_full_too_the_vendor_is_asked_to_come_back_and_the_gap_is_told(
    tmp_path: Path,
) -> None:
    log = SqliteLog(tmp_path / "log", clock=SystemClock())
    async with rig.door(tmp_path, log=log, spool_bytes=1) as door:
        with full(log):
            accepted = []
            while (reply := await door.hook(1)).status == 200:
                accepted.append(reply)
            refused = [reply, await door.hook(2), await post(door.port, rig.path() + PASTED, rig.body())]
            paper = await post(door.port, rig.path(system="paper"), b'{"ids": [1]}')
            state = await ask(door.port, "GET", "/readyz")
            kept = sorted(path.suffix for path in (tmp_path / "gaps").iterdir())
        await waiting.until(lambda: door.keeper.open_gaps == 0, within=SOON, what="the gaps are told")
        entries = await door.entries()
        back = await ask(door.port, "GET", "/readyz")
        unstored = door.counted("unstored")
    await log.close()
    assert [reply.status for reply in refused] == [503] * 3
    assert refused[0].headers["retry-after"] == "30"
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert paper.status == 500, "this vendor's connector declares another status"
    assert (state.status, state.json["gaps"]) == (503, 2)
    assert kept == [".json", ".json"]
    assert (back.status, back.json) == (200, {"ready": True, "log": "up", "spooled": 0, "gaps": 0})
    assert list((tmp_path / "gaps").iterdir()) == []
    assert ids_of(entries) == {str(reply.json["id"]) for reply in accepted}
    gaps = [entry.change for entry in entries if entry.change.what == "gap"]
    assert {(gap.workspace, gap.system, gap.account) for gap in gaps} == {
        ("w1", "kiosk", "k1"),
        ("w1", "paper", "k1"),
    }
    assert all(gap.gap_since is not None and gap.gap_since <= gap.seen_at for gap in gaps)
    assert unstored == 3


async def test_a_gap_outlives_the_process(tmp_path: Path) -> None:
    broker = no_broker()
    async with rig.door(tmp_path, log=broker, patience=IMPATIENT, spool_bytes=1) as door:
        assert (await door.hook(1)).status == 503
    await broker.close()
    async with rig.door(tmp_path) as door:
        await waiting.until(lambda: door.keeper.open_gaps == 0, within=SOON, what="the gap is told")
        (entry,) = await door.entries()
    assert entry.change.what == "gap"
    assert entry.change.gap_since is not None
    assert entry.change.gap_since < entry.change.seen_at


async def test_requests_in_flight_are_finished_when_the_door_stops(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log", clock=SystemClock())
    whole = request("POST", rig.path(), rig.body(8))
    async with rig.door(tmp_path, log=log) as door:
        line = await asyncio.open_connection("127.0.0.1", door.port)
        line[1].write(whole[:-5])
        await line[1].drain()
        await door.hook(1)  # the half request has been read by the time a later one is answered
        closing = asyncio.get_running_loop().call_soon(line[1].write, whole[-5:])
    answer = await line[0].read()
    line[1].close()
    await line[1].wait_closed()
    closing.cancel()
    async with asyncio.timeout(10):
        await log.start()
        entries = [entry async for entry in log.read()]
    await log.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert [entry.change.record_id for entry in entries] == ["1", "8"]


async def test_a_log_that_is_not_ours_refuses_the_start(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    with sqlite3.connect(tmp_path / "log" / "log.db") as other:
        other.execute("CREATE TABLE recipe (name TEXT)")
    other.close()
    with pytest.raises(errors.Misconfigured):
        async with rig.door(tmp_path):
            pytest.fail("the door opened")


async def test_a_second_door_may_share_the_folder(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as first, rig.door(tmp_path) as second:
        replies = await asyncio.gather(*(each.hook(n) for n in range(1, 20) for each in (first, second)))
        entries = await first.entries()
    assert ids_of(entries) == {str(reply.json["id"]) for reply in replies}
    assert len(entries) == 38


async def test_a_flood_of_connections_loses_nothing(tmp_path: Path) -> None:
    async def burst(port: int, start: int) -> list[str]:
        async with connected(port) as line:
            await line.send(b"".join(request("POST", rig.path(), rig.body(start + n)) for n in range(50)))
            return [str((await line.reply()).json["id"]) for _ in range(50)]

    async with rig.door(tmp_path) as door:
        acknowledged = await asyncio.gather(*(burst(door.port, 1 + 50 * n) for n in range(40)))
        entries = await door.entries()
    assert ids_of(entries) == {each for ids in acknowledged for each in ids}
    assert len(entries) == 2000
