"""A stop ends within its bound, whatever hangs meanwhile: all syncs are told to stop while people are at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from services.ending import CUT_OFF, STOP_LIMIT
from tests.kill import place
from tests.kill.bridges import BRIDGES, DEFAULT
from tests.kill.place import SYNCS, Place
from tests.support import requirements
from tests.support.requirements import Unavailable
from tests.support.waiting import until

ENDED_WELL: Final = [0, 0, 0]
SOON: Final = timedelta(seconds=30)
# Starting a thread and ending a process takes its time on a busy machine.
_ENDING: Final = timedelta(seconds=5)


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.timeout(240)
async def test_a_stop_ends_whatever_hangs(tmp_path: Path) -> None:
    async with _at_work(tmp_path) as here:
        for system in here.bridge.sides:
            await here.vendors.turn(system, "hang", seconds=600)
        await _until_called(here)
        assert await _stopped(here) == ENDED_WELL
        await here.vendors.calm()
        await _started(here)

        here.broker.freeze()
        assert await _stopped(here) == ENDED_WELL
        here.broker.thaw()
        await _started(here)

        here.database.freeze()
        # A rollback that waits for it may be all that is left: then the process is cut off.
        assert set(await _stopped(here)) <= {0, CUT_OFF}
        here.database.thaw()


@asynccontextmanager
async def _at_work(folder: Path) -> AsyncIterator[Place]:
    bridge = BRIDGES[DEFAULT]
    try:
        async with place.opened(folder, bridge=bridge, seed=3) as here:
            driver = bridge.people(here.vendors, here.clock, 3, rate=8.0)
            await driver.prepare(6)
            await place.go_live(here)
            over = asyncio.Event()
            driving = asyncio.create_task(driver.run(over))
            try:
                yield here
            finally:
                over.set()
                await driving
    except Unavailable as reason:
        requirements.missing("kafka", str(reason))


async def _stopped(here: Place) -> Sequence[int]:
    """The exit codes of all syncs, told to stop at once. Raises ProcessStuck for one beyond the bound."""
    processes = [process for name in SYNCS if (process := here.services[name].process) is not None]
    return await asyncio.gather(*(asyncio.to_thread(each.stop, within=STOP_LIMIT + _ENDING) for each in processes))


async def _started(here: Place) -> None:
    for name in SYNCS:
        here.services[name].start()
    for name in SYNCS:
        await here.services[name].ready()


async def _until_called(here: Place) -> None:
    """Until another request has come to a vendor, which leaves it hanging."""
    before = await here.vendors.calls()

    async def called() -> bool:
        return await here.vendors.calls() > before

    await until(called, within=SOON, what="a vendor is called")
