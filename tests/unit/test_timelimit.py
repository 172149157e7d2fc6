"""A limit of time for many short things: each is cut off at its own time, and a cancellation stays one."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.timelimit import TimeLimit

SHORT = timedelta(milliseconds=20)
LONG = timedelta(seconds=60)


async def test_what_lasts_too_long_is_cut_off_and_what_does_not_goes_through() -> None:
    limit = TimeLimit(SHORT)

    async def work(quick: bool) -> str:
        try:
            with limit.begun():
                await asyncio.sleep(0 if quick else 60)
        except TimeoutError:
            return "late"
        return "done"

    found = await asyncio.gather(*(work(number % 2 == 0) for number in range(50)))
    assert found == ["done", "late"] * 25


async def test_it_serves_again_after_a_quiet_time() -> None:
    limit = TimeLimit(SHORT)
    for _ in range(3):
        with limit.begun():
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), limit.begun():
            await asyncio.sleep(60)


async def test_the_shorter_of_two_ends_first_and_equal_ones_once() -> None:
    outer, inner = TimeLimit(LONG), TimeLimit(SHORT)
    with outer.begun():
        with pytest.raises(TimeoutError), inner.begun():
            await asyncio.sleep(60)
        await asyncio.sleep(0)
    first, second = TimeLimit(SHORT), TimeLimit(SHORT)
    with pytest.raises(TimeoutError), first.begun(), second.begun():
        await asyncio.sleep(60)
    await asyncio.sleep(0)


async def test_a_cancellation_from_outside_stays_one() -> None:
    limit = TimeLimit(LONG)
    begun = asyncio.Event()

    async def work() -> None:
        with limit.begun():
            begun.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_another_failure_passes_through() -> None:
    limit = TimeLimit(LONG)
    with pytest.raises(ValueError, match="broken"), limit.begun():
        raise ValueError("broken")
