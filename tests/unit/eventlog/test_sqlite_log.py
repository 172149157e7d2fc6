"""What only the embedded log has: one consumer, retention, full disks, damaged files."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from shared import errors
from shared.clock import ManualClock
from shared.eventlog.groupcommit import GroupCommit
from shared.eventlog.logfile import NewRow, Writer, pack_headers, unpack_headers
from shared.eventlog.port import Position
from shared.eventlog.sqlite import SqliteLog, SqliteSettings
from tests.contracts.eventlog_places import PATIENCE, SqlitePlace, all_read, change, ends, ids, opened, taken
from tests.support import waiting

DAY = timedelta(days=1)


@pytest.fixture
def place(tmp_path: Path) -> SqlitePlace:
    return SqlitePlace(tmp_path / "log")


async def test_a_second_consumer_of_a_group_is_refused_with_a_sentence(place: SqlitePlace) -> None:
    async with opened(place) as log, opened(place) as other:
        async with log.subscribe(group="sync"):
            with pytest.raises(errors.Misconfigured, match="already consumes"):
                async with other.subscribe(group="sync"):
                    pass
            async with other.subscribe(group="another"):
                pass
        async with other.subscribe(group="sync"):
            pass


@pytest.mark.parametrize("group", ["", "../escape", "a b", "x" * 101])
async def test_a_group_has_a_plain_name(place: SqlitePlace, group: str) -> None:
    async with opened(place) as log:
        with pytest.raises(errors.Misconfigured, match="name of a group"):
            log.subscribe(group=group)


async def test_appends_of_another_log_wake_a_waiting_reader(place: SqlitePlace) -> None:
    loop = asyncio.get_running_loop()
    async with opened(place) as log, opened(place) as other, log.subscribe(group="sync") as subscription:
        assert list(await subscription.next_batch(limit=1, wait=timedelta(milliseconds=1))) == []
        waiting_for = asyncio.create_task(subscription.next_batch(limit=1, wait=PATIENCE))
        await asyncio.sleep(0.01)  # let it wait
        await other.append(change())
        appended_at = loop.time()
        assert len(await waiting_for) == 1
        assert loop.time() - appended_at < 1


async def test_retention_deletes_what_is_old_and_settled_by_every_group(place: SqlitePlace) -> None:
    clock = ManualClock()
    async with opened(place, clock=clock) as log:
        assert isinstance(log, SqliteLog)
        old = [change(f"old {number}") for number in range(2500)]
        await log.append(*old)
        async with log.subscribe(group="slow") as slow, log.subscribe(group="quick") as quick:
            entries = await taken(slow, 2500)
            await quick.commit(entries[-1].position)
            await slow.commit(entries[1999].position)

        clock.advance(13 * DAY)
        await log.append(change("young"))
        assert await log.retain(clock.now()) == 0

        clock.advance(2 * DAY)
        assert await log.retain(clock.now()) == 2000
        assert await log.entry(entries[1999].position) is None
        left = await all_read(log)
        assert ids(left)[:500] == [each.id for each in old[2000:]]
        assert (await log.lag(group="slow")).total == 501

        async with log.subscribe(group="slow") as slow:
            await slow.commit(*ends(await taken(slow, 501)))
        assert await log.retain(clock.now()) == 500
        assert [entry.change.record_id for entry in await all_read(log)] == ["young"]


async def test_offsets_count_on_after_everything_was_deleted(place: SqlitePlace) -> None:
    clock = ManualClock()
    async with opened(place, clock=clock) as log:
        assert isinstance(log, SqliteLog)
        await log.append(change(), change())
        clock.advance(20 * DAY)
        assert await log.retain(clock.now()) == 2
        assert await all_read(log) == []
    async with opened(place, clock=clock) as log:
        assert await log.append(change("next")) == Position(partition=0, offset=2)
        async with log.subscribe(group="new") as subscription:
            (entry,) = await taken(subscription, 1)
            assert entry.change.record_id == "next"


async def test_the_logs_time_never_goes_back(place: SqlitePlace) -> None:
    ahead = ManualClock()
    ahead.advance(DAY)
    async with opened(place, clock=ahead) as log, opened(place, clock=ManualClock()) as behind:
        await log.append(change("1"))
        await behind.append(change("2"))
        first, second = await all_read(log)
        assert first.appended_at == second.appended_at == ahead.now()
        assert len(await all_read(log, since=ahead.now())) == 2


async def test_a_full_disk_fails_its_batch_leaves_nothing_and_mends_itself(place: SqlitePlace) -> None:
    async with opened(place) as log:
        assert isinstance(log, SqliteLog)
        await log.append(change("before"))
        assert log._open is not None
        connection = log._open.writer._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        large = [change("large", body=b"." * 100_000) for _ in range(5)]
        outcomes = await asyncio.gather(*map(log.append, large), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {errors.Retryable}
        assert "full" in str(outcomes[0])

        connection.execute("PRAGMA max_page_count = 1000000")
        position = await log.append(change("after"))
        assert [entry.change.record_id for entry in await all_read(log)] == ["before", "after"]
        assert position.offset == 1


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be read as one" * 40, b"SQLite form"]
)
async def test_a_file_that_is_no_database_is_refused(place: SqlitePlace, content: bytes) -> None:
    place.folder.mkdir()
    (place.folder / "log.db").write_bytes(content)
    with pytest.raises(errors.Misconfigured, match="damaged"):
        async with opened(place):
            pass


async def test_a_damaged_log_is_said_to_be_damaged(place: SqlitePlace) -> None:
    async with opened(place) as log:
        await log.append(*(change(body=b"." * 5000) for _ in range(100)))
    path = place.folder / "log.db"
    raw = bytearray(path.read_bytes())
    raw[4096:-4096] = b"\xa5" * (len(raw) - 8192)
    path.write_bytes(raw)
    with pytest.raises(errors.Misconfigured, match="damaged"):
        async with opened(place) as log:
            await all_read(log)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [("CREATE TABLE invoice (id)", "not one of Puente's"), ("PRAGMA application_id = 7", "not one of Puente's")],
)
async def test_somebody_elses_database_is_left_alone(place: SqlitePlace, statement: str, sentence: str) -> None:
    place.folder.mkdir()
    with closing(sqlite3.connect(place.folder / "log.db")) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises(errors.Misconfigured, match=sentence):
        async with opened(place):
            pass


async def test_a_log_of_a_newer_puente_is_refused(place: SqlitePlace) -> None:
    async with opened(place):
        pass
    with closing(sqlite3.connect(place.folder / "log.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(errors.Misconfigured, match="newer"):
        async with opened(place):
            pass


async def test_offsets_beside_a_new_log_say_nothing(place: SqlitePlace) -> None:
    async with opened(place) as log, log.subscribe(group="sync") as subscription:
        await log.append(change(), change())
        await subscription.commit(*ends(await taken(subscription, 2)))
    for name in ("log.db", "log.db-wal", "log.db-shm"):
        (place.folder / name).unlink(missing_ok=True)
    async with opened(place) as log:
        await log.append(change("new"))
        async with log.subscribe(group="sync") as subscription:
            (entry,) = await taken(subscription, 1)
            assert entry.change.record_id == "new"


async def test_what_waits_for_the_disk_is_bounded_in_bytes(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path, clock=ManualClock(), settings=SqliteSettings(pending_bytes=10_000))
    await log.start()
    try:
        large = [change(body=b"." * 4000) for _ in range(20)]
        outcomes = await asyncio.gather(*map(log.append, large), return_exceptions=True)
        stored = [outcome for outcome in outcomes if isinstance(outcome, Position)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, errors.Retryable)]
        assert stored
        assert refused
        assert len(stored) + len(refused) == 20
        assert len(await all_read(log)) == len(stored)
    finally:
        await log.close()


class StuckWriter(Writer):
    """A writer whose disk hangs until it is let go."""

    go = threading.Event()

    def insert(self, rows: Sequence[NewRow]) -> int:
        self.go.wait()
        return super().insert(rows)


async def test_a_disk_that_hangs_leaves_appends_in_doubt_and_refuses_more(tmp_path: Path) -> None:
    clock = ManualClock()
    writer = StuckWriter(tmp_path / "log.db", now=clock.now)
    StuckWriter.go.clear()
    commits = GroupCommit(
        writer, limit_bytes=10_000, time_limit=timedelta(milliseconds=100), committed=lambda: None
    )
    row = NewRow(system="s", workspace="w", headers=b"", value=None, size=1)
    try:
        inside = asyncio.create_task(commits.append([row]))
        await asyncio.sleep(0)  # it goes into the thread
        await asyncio.sleep(0)
        behind = asyncio.create_task(commits.append([row]))
        with pytest.raises(errors.InDoubt):
            await inside
        with pytest.raises(errors.Retryable) as refused:
            await behind
        assert not isinstance(refused.value, errors.InDoubt)
        with pytest.raises(errors.Retryable):
            await commits.append([row])
    finally:
        StuckWriter.go.set()
    await waiting.until(lambda: not commits.late, within=PATIENCE, what="the disk answers again")
    assert await commits.append([row]) == 1
    await commits.close()


async def test_a_caller_that_gave_up_disturbs_nobody(place: SqlitePlace) -> None:
    async with opened(place) as log:
        given_up = asyncio.create_task(log.append(change("given up")))
        await asyncio.sleep(0)
        given_up.cancel()
        await log.append(change("other"))
        found = [entry.change.record_id for entry in await all_read(log)]
    assert "other" in found


def test_packed_headers_of_others_are_no_headers() -> None:
    packed = pack_headers([("ce_id", b"1"), ("x", b"")])
    assert unpack_headers(packed) == [("ce_id", b"1"), ("x", b"")]
    for wrong in (packed[:-1], packed + b"\0", b"\xff" * 30, b"\x00\x02\x00\x00\x00\x00\xff\xff"):
        assert unpack_headers(wrong) == []
