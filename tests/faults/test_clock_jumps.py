"""Somebody sets the clock of Puente's machine by an hour while work is under way; the vendors' clocks go on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import HOLD, SystemClock
from tests.scenarios.conftest import settings_for
from tests.scenarios.world import World
from tests.support.clocks import ShiftedClock
from tests.support.waiting import until

AN_HOUR = timedelta(hours=1)
SOON = timedelta(seconds=30)
# By when everything must have settled: the time for which a set clock is not followed, and a sweep.
LATEST = HOLD + timedelta(minutes=7)


class SetClock(ShiftedClock):
    """The machine's own clock, under which a test moves time on and sets the wall clock."""

    def __init__(self) -> None:
        super().__init__()
        self._set_by = timedelta(0)
        self._machine = SystemClock(self._wall, self.monotonic)

    def _wall(self) -> float:
        return time.time() + (self.ahead + self._set_by).total_seconds()

    def now(self) -> datetime:
        return self._machine.now()

    def set(self, by: timedelta) -> None:
        self._set_by += by
        self.now()  # somebody always looks at the time


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def world(tmp_path: Path, clock: SetClock) -> AsyncIterator[World]:
    async with World.opened(settings_for(tmp_path), clock=clock) as opened:
        await opened.connect()
        await opened.go_live()
        yield opened


@pytest.mark.parametrize("step", [AN_HOUR, -AN_HOUR], ids=["forward", "back"])
async def test_what_is_under_way_when_the_clock_is_set_is_done_once_and_soon(
    world: World, clock: SetClock, step: timedelta
) -> None:
    known = await world.left.make(name="Talleres Anaga S.L.", email="taller@anaga.example", city="Adeje")
    await world.quiet()
    # A create whose answer is lost and which shows only later, a write that waits for its next try, a pause that
    # the vendor asks for.
    await world.control.turn("sugester", "create_late", times=1, match="clients", seconds=12)
    await world.control.turn("sugester", "server_error", times=3, match="PUT /app/clients")
    await world.left.make(name="Bodegas Drago", email="bodega@drago.example")
    await world.left.edit(known, city="Arona")
    await world.control.drained()
    await world.until_waiting(2)
    await world.control.turn("bitfactura", "rate_limit", times=1, seconds=60)
    began = clock.ahead
    clock.set(step)
    await world.left.make(name="Bar La Plaza", email="bar@plaza.example")
    await world.quiet()

    # The set clock is followed by now; a lost hook is still made up for by the next sweep.
    await world.pass_time(seconds=max(0.0, (HOLD - (clock.ahead - began)).total_seconds()) + 1)
    await world.control.turn("bitfactura", "hooks_lost")
    await world.left.edit(known, city="Garachico")
    if step > timedelta(0):
        await world.pass_time(minutes=5)
    await world.quiet()

    assert (await world.right.named("Talleres Anaga S.L."))["city"] == "Garachico"
    assert clock.ahead - began <= LATEST
    assert len(await world.right.all()) == 3
    assert await world.control.count("sugester", "POST", "clients") == 3
    assert await world.doubled() == []
    assert await world.differences() == []
    assert await world.asks() == []


async def test_a_process_that_starts_after_the_clock_was_set_back_goes_on(world: World, clock: SetClock) -> None:
    known = await world.left.make(name="Talleres Anaga S.L.", email="taller@anaga.example", city="Adeje")
    await world.control.turn("sugester", "server_error", match="PUT /app/clients")
    await world.quiet()
    await world.left.edit(known, city="Arona")
    await world.control.drained()
    await world.until_waiting(1)
    await world.stop_sync()
    clock.set(-AN_HOUR)
    await world.pass_time(seconds=HOLD.total_seconds() + 1)
    began = clock.ahead
    await world.control.mend("sugester", "server_error")
    world.start_sync()

    # Not by `quiet`, which would let the hour pass.
    async def is_carried() -> bool:
        return bool((await world.right.only())["city"] == "Arona")

    await until(is_carried, within=SOON, what="the edit that waited is carried")
    assert clock.ahead == began
    await world.quiet()
    assert clock.ahead - began <= timedelta(minutes=1)
