"""A process that was told to stop ends: by itself, or cut off at its bound with a word about what hangs."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta

import pytest

from shared.runtime.stopping import until_stopped
from tests.support.processes import Processes, python

SOON = timedelta(seconds=20)

# A task that swallows every cancellation, as a library might; `-c` has its line 1 where the program begins.
STUBBORN = """
import asyncio, datetime, services.ending as ending
async def stubborn():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("swallowed", flush=True)
async def main():
    with ending.stopped_by_signals(within=datetime.timedelta(seconds=0.5)) as stop:
        task = asyncio.create_task(stubborn())
        print("up", flush=True)
        await stop.wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
async def test_what_swallows_its_cancellation_is_cut_off(processes: Processes, by: signal.Signals) -> None:
    process = processes.start(*python("-c", STUBBORN), name="stubborn")
    await process.line("^up$", within=SOON)
    assert await asyncio.to_thread(process.stop, within=SOON, by=by) == 1
    assert "swallowed" in process.output()
    said = process.output() + process.errors()
    assert "stop.cut_off" in said
    assert "stubborn in <string>, line 6" in said


async def test_work_ends_with_its_result_or_its_error() -> None:
    never = asyncio.Event()
    assert await until_stopped(never, asyncio.sleep(0, "done"), grace=0.0) == "done"
    with pytest.raises(ZeroDivisionError):
        await until_stopped(never, _fails(), grace=0.0)


async def test_a_stop_gives_a_grace_then_cancels_then_leaves_behind() -> None:
    stop, ended = asyncio.Event(), asyncio.Event()
    stop.set()
    assert await until_stopped(stop, asyncio.sleep(0.01, "in time"), grace=10.0) == "in time"
    assert await until_stopped(stop, asyncio.sleep(3600, "late"), grace=0.0) is None
    assert await until_stopped(stop, _stubborn(ended), grace=0.0, cancel=0.01) is None
    ended.set()


async def _fails() -> None:
    raise ZeroDivisionError


async def _stubborn(ended: asyncio.Event) -> str:
    while not ended.is_set():
        try:
            await ended.wait()
        except asyncio.CancelledError:
            continue
    return "ended"
