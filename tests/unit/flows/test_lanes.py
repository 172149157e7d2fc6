"""Lanes: one at a time on a record, side by side on different ones, never a deadlock between two pairs."""

from __future__ import annotations

import asyncio

import pytest

from shared.flows.lanes import Lanes


async def test_work_on_one_record_runs_one_after_the_other() -> None:
    lanes, story, go = Lanes(), list[str](), asyncio.Event()

    async def work(name: str, *keys: str) -> None:
        async with lanes.hold(keys):
            story.append(f"{name} begins")
            await go.wait()
            story.append(f"{name} ends")

    first, second, other = (
        asyncio.create_task(work(*each)) for each in (("first", "a", "b"), ("second", "b", "c"), ("other", "d"))
    )
    for _ in range(5):
        await asyncio.sleep(0)
    assert story == ["first begins", "other begins"]
    assert lanes.busy(["b"])
    go.set()
    await asyncio.gather(first, second, other)
    assert story[-2:] == ["second begins", "second ends"]
    assert not lanes.busy(["a", "b", "c", "d"])


async def test_two_pairs_taken_in_opposite_order_do_not_wait_for_each_other_for_ever() -> None:
    lanes, done = Lanes(), list[str]()

    async def work(name: str, keys: list[str]) -> None:
        for _ in range(50):
            async with lanes.hold(keys):
                await asyncio.sleep(0)
        done.append(name)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(work("one", ["left 1", "right 1"]))
        group.create_task(work("two", ["right 1", "left 1"]))
    assert sorted(done) == ["one", "two"]


async def test_whoever_gives_up_waiting_leaves_nothing_locked() -> None:
    lanes = Lanes()
    async with lanes.hold(["a"]):
        waiting = asyncio.create_task(_hold(lanes, ["a", "b"]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert not lanes.busy(["a", "b"])


async def _hold(lanes: Lanes, keys: list[str]) -> None:
    async with lanes.hold(keys):
        pass
