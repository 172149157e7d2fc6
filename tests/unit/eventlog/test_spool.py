"""The spool keeps what was accepted until the log has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from shared import errors
from shared.clock import Clock, ManualClock
from shared.eventlog.port import EventLog, Position
from shared.eventlog.spool import Spool
from shared.eventlog.sqlite import SqliteLog
from shared.model.change import Change
from tests.contracts.eventlog_places import SqlitePlace, all_read, change, ids, opened


@asynccontextmanager
async def spooling(folder: Path, *, clock: Clock | None = None, limit_bytes: int = 10**9) -> AsyncIterator[Spool]:
    spool = Spool(folder, clock=clock or ManualClock(), limit_bytes=limit_bytes)
    await spool.start()
    try:
        yield spool
    finally:
        await spool.close()


class FlakyLog(SqliteLog):
    """A real log that acknowledges some appends, then goes away, and rejects one record."""

    acks_left = 10**9
    rejects = ""

    async def append(self, *changes: Change) -> Position:
        if self.acks_left <= 0:
            raise errors.Retryable("away")
        if any(each.record_id == self.rejects for each in changes):
            raise errors.Rejected("too large for this log")
        self.acks_left -= 1
        return await super().append(*changes)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[FlakyLog]:
    made = FlakyLog(tmp_path / "log", clock=ManualClock())
    await made.start()
    yield made
    await made.close()


async def test_what_was_spooled_survives_and_goes_to_the_log_once(tmp_path: Path, log: FlakyLog) -> None:
    stored = [change(workspace=f"workspace {number % 7}") for number in range(450)]
    async with spooling(tmp_path / "spool") as spool:
        for each in stored:
            await spool.append(each)

    async with spooling(tmp_path / "spool") as spool:
        assert (await spool.stats()).entries == 450
        assert await spool.forward(log) == 450
        assert await spool.forward(log) == 0
        stats = await spool.stats()
        assert (stats.entries, stats.size, stats.oldest_age) == (0, 0, None)

    entries = await all_read(log)
    assert {entry.change.id: entry.change for entry in entries} == {each.id: each for each in stored}
    assert len(entries) == 450


async def test_a_log_that_goes_away_in_between_keeps_the_rest_in_the_spool(tmp_path: Path, log: FlakyLog) -> None:
    async with spooling(tmp_path / "spool") as spool:
        for number in range(10):
            await spool.append(change(workspace=f"workspace {number}"))
        log.acks_left = 4
        with pytest.raises(errors.Retryable):
            await spool.forward(log)
        assert (await spool.stats()).entries == 6

        log.acks_left = 100
        assert await spool.forward(log) == 6
    assert len(await all_read(log)) == 10


async def test_a_full_spool_is_retryable_and_has_room_again_once_forwarded(tmp_path: Path, log: FlakyLog) -> None:
    async with spooling(tmp_path / "spool", limit_bytes=20_000) as spool:
        for _ in range(6):
            await spool.append(change(body=b"." * 3000))
        with pytest.raises(errors.Retryable, match="limit"):
            await spool.append(change(body=b"." * 3000))
        assert (await spool.stats()).size <= 20_000
        assert await spool.forward(log) == 6
        await spool.append(change(body=b"." * 3000))


async def test_an_entry_that_the_log_rejects_holds_up_nobody(tmp_path: Path, log: FlakyLog) -> None:
    log.rejects = "odd"
    async with spooling(tmp_path / "spool") as spool:
        await spool.append(change("1"), change("odd"), change("2"))
        assert await spool.forward(log) == 2
        await spool.append(change("3"))
        assert await spool.forward(log) == 1
        stats = await spool.stats()
        assert (stats.entries, stats.refused) == (1, 1)
    assert [entry.change.record_id for entry in await all_read(log)] == ["1", "2", "3"]

    log.rejects = ""
    async with spooling(tmp_path / "spool") as spool:
        assert await spool.forward(log) == 1


async def test_the_age_of_the_oldest_is_told(tmp_path: Path) -> None:
    clock = ManualClock()
    async with spooling(tmp_path / "spool", clock=clock) as spool:
        await spool.append(change())
        clock.advance(timedelta(minutes=3))
        await spool.append(change())
        stats = await spool.stats()
    assert (stats.entries, stats.oldest_age) == (2, timedelta(minutes=3))


async def test_two_processes_may_share_a_spool(tmp_path: Path, log: FlakyLog) -> None:
    folder = tmp_path / "spool"
    async with spooling(folder) as one, spooling(folder) as two:
        stored = [change() for _ in range(40)]
        await asyncio.gather(*((one, two)[number % 2].append(each) for number, each in enumerate(stored)))
        await asyncio.gather(one.forward(log), two.forward(log))
        assert (await one.stats()).entries == 0
        assert (await two.stats()).size == 0
    assert set(ids(await all_read(log))) == {each.id for each in stored}


async def test_a_closed_spool_is_retryable(tmp_path: Path) -> None:
    async with spooling(tmp_path / "spool") as spool:
        await spool.append(change())
    with pytest.raises(errors.Retryable, match="closed"):
        await spool.append(change())


async def test_a_log_and_a_spool_may_not_be_mistaken_for_each_other(tmp_path: Path) -> None:
    async with spooling(tmp_path / "both") as spool:
        await spool.append(change("spooled"))
        async with opened(SqlitePlace(tmp_path / "both")) as log:
            typed: EventLog = log
            assert await all_read(typed) == []
