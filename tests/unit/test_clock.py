"""The machine's clock, and somebody who sets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.clock import HOLD, SystemClock

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


class Machine:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.wall = START.timestamp()
        self.elapsed = 5000.0
        self.clock = SystemClock(lambda: self.wall, lambda: self.elapsed)

    def runs(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_it_follows_the_wall_clock_and_its_small_corrections(machine: Machine) -> None:
    assert machine.clock.now() == START
    machine.runs(60)
    machine.wall += 1.5
    assert machine.clock.now() == START + timedelta(seconds=61.5)
    machine.wall -= 1.5
    assert machine.clock.now() == START + timedelta(seconds=60)


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
def test_time_goes_on_as_before_until_what_was_open_is_over_and_then_follows(
    machine: Machine, step: timedelta
) -> None:
    machine.wall += step.total_seconds()
    assert machine.clock.now() == START
    machine.runs((HOLD - A_SECOND).total_seconds())
    assert machine.clock.now() == START + HOLD - A_SECOND
    machine.runs(1)
    assert machine.clock.now() == START + HOLD + step
    machine.runs(1)
    assert machine.clock.now() == START + HOLD + step + A_SECOND


def test_a_clock_that_is_set_right_again_was_never_followed(machine: Machine) -> None:
    machine.wall += 3600
    assert machine.clock.now() == START
    machine.runs(30)
    machine.wall -= 3600
    assert machine.clock.now() == START + timedelta(seconds=30)
    # The next step is held for the whole time again.
    machine.wall += 3600
    machine.runs(100)
    assert machine.clock.now() == START + timedelta(seconds=130)
