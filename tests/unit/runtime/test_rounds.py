"""When work that comes round is due."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from shared.clock import ManualClock
from shared.runtime.rounds import Rounds

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
EVERY = timedelta(minutes=1)


async def test_a_round_comes_at_once_and_then_after_each_interval() -> None:
    clock = ManualClock(START)
    rounds = Rounds(clock, every=EVERY)
    done: list[timedelta] = []

    async def work() -> None:
        done.append(clock.now() - START)

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            if rounds.is_due:
                rounds.begin(work(), group)
            await asyncio.sleep(0)
            clock.advance(timedelta(seconds=30))
    assert done == [timedelta(0), EVERY, 2 * EVERY]


async def test_no_round_begins_while_one_goes_on() -> None:
    clock = ManualClock(START)
    rounds, go_on = Rounds(clock, every=EVERY), asyncio.Event()

    async def work() -> None:
        await go_on.wait()

    async with asyncio.TaskGroup() as group:
        rounds.begin(work(), group)
        clock.advance(3 * EVERY)
        assert not rounds.is_due
        go_on.set()
    assert rounds.is_due
