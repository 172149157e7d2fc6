"""The first load of a large business: thousands of clients on both sides, most of them the same."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from tests.scenarios.conftest import NewWorld
from tests.scenarios.test_loads import assert_once, overlapping
from tests.scenarios.world import CUSTOMERS


@pytest.mark.timeout(900)
async def test_5000_clients_against_4000_overlapping_are_doubled_nowhere(new_world: NewWorld) -> None:
    world = await new_world()
    await world.connect()
    await overlapping(world, 5000, 4000, 3500)
    begun = time.monotonic()
    await world.go_live((CUSTOMERS,), within=timedelta(minutes=14))
    print(f"5,000 against 4,000 clients took {time.monotonic() - begun:.0f} s")  # noqa: T201 - told with -s
    await assert_once(world, 5000, 4000, 3500)
