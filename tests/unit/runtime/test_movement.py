"""The verdict on lag: by how it moves, never by how large it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from shared import errors
from shared.clock import ManualClock
from shared.operations.movement import WINDOW, Point, Verdict, sample, sample_due, verdict, verdicts
from shared.runtime.parts import opened, opened_log
from shared.runtime.settings import Settings
from shared.store import series

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def points(*seen: tuple[int | None, int]) -> list[Point]:
    """One look a minute: (committed, lag)."""
    return [
        Point(at=START + timedelta(minutes=place), committed=committed, lag=lag)
        for place, (committed, lag) in enumerate(seen)
    ]


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        ([(5, 0)], "ok"),
        ([(5, 9_000_000)], "unknown"),
        ([(5, 1), (5, 1)], "stall"),
        ([(5, 900), (5, 950), (5, 990)], "stall"),
        ([(None, 3), (None, 3)], "stall"),
        ([(5, 900), (600, 950), (1200, 990)], "warn"),
        ([(5, 900), (600, 950), (1200, 400)], "ok"),
        ([(5, 900), (600, 0), (600, 900)], "ok"),
        ([(5, 900), (905, 900)], "ok"),
    ],
)
def test_movement_decides(seen: list[tuple[int | None, int]], says: Verdict) -> None:
    assert verdict(points(*seen)) == says


def test_too_short_a_time_tells_nothing() -> None:
    soon = [Point(at=START, committed=1, lag=5), Point(at=START + timedelta(seconds=20), committed=1, lag=5)]
    assert verdict(soon) == "unknown"


async def test_several_processes_keep_one_sample_a_minute(tmp_path: Path) -> None:
    """The clock moves on by half a minute: each process looks twice a minute."""
    clock = ManualClock(datetime(2026, 11, 21, 3, 0, 10, tzinfo=UTC))
    async with (
        opened(Settings(data=tmp_path), clock=clock) as parts,
        opened(Settings(data=tmp_path), clock=clock) as others,
        opened_log(parts) as log,
    ):
        kept = []
        for _ in range(6):
            kept.append([await sample_due(each, log) for each in (parts, others)])
            clock.advance(timedelta(seconds=30))
        assert kept == [[True, False], [False, False]] * 3
        found = await parts.database.read(partial(series.samples, names=["lag"], since=clock.now() - WINDOW))
        assert [value for _, value in found["lag"]] == [0, 0, 0]
        assert await verdicts(parts, await sample(others, log)) == {0: "ok"}


async def test_a_store_without_room_hides_no_lag(tmp_path: Path) -> None:
    async with opened(Settings(data=tmp_path)) as parts, opened_log(parts) as log:
        engine = parts.database.engine.sync_engine

        @event.listens_for(engine, "checkout")
        def only_read(connection: Any, *_others: object) -> None:
            connection.execute("PRAGMA query_only = ON")

        assert (await sample(parts, log)).total == 0
        with pytest.raises(errors.Retryable):
            await sample_due(parts, log)
