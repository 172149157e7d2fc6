"""A vendor that fails for minutes, on either end: the same end state, few calls, and no neighbour hurt.

While it fails, people edit a pair on both sides, make a client on each, and ask for a whole listing. `Fault.most`
is the bound on calls to the vendor that fails; docs/faults.md tells what it is made of.
`PUENTE_TEST_FAULT_MINUTES` makes the faults last longer than the two minutes of a usual run.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.faults.town import AT_ONCE, QUOTA, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

A_WHILE = timedelta(minutes=int(os.environ.get("PUENTE_TEST_FAULT_MINUTES", "2")))

# A pair edited on both sides (each side's edit is a look of its own) and a client made on each side.
RECORDS = 4
# One look asks for a record, looks the other one up, and writes.
CALLS_OF_A_LOOK = 3
# A record is looked at again after 2, 4, 8 ... seconds, in all this often in an hour.
LOOKS = 11
# A listing that fails is tried again after half a minute; two resources are listed.
LISTINGS = 2 * (A_WHILE // timedelta(seconds=30) + 1)
# More clients made during a storm of 429: the calls must not grow with them.
CROWD = 20


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`pause` is what the vendor's 429 asks for, or what is taken where it asks for nothing."""

    name: str
    seconds: float | None = None
    pause: timedelta | None = None

    @property
    def most(self) -> int:
        """Calls to the failing vendor while the fault lasts: the bound."""
        if self.pause is not None:
            # All that wait for a pause to end share the vendor's places: so many calls find out that it goes on.
            return AT_ONCE * (A_WHILE // self.pause + 2) + RECORDS * CALLS_OF_A_LOOK
        return RECORDS * LOOKS * CALLS_OF_A_LOOK + LISTINGS


FAULTS = [
    Fault(name="rate_limit", seconds=20, pause=timedelta(seconds=20)),
    Fault(name="rate_limit_silent", pause=timedelta(seconds=10)),
    Fault(name="server_error"),
    Fault(name="unavailable"),
    Fault(name="hang"),
    Fault(name="truncated"),
    Fault(name="wrong_types"),
    Fault(name="error_with_200"),
    Fault(name="login_page"),
    Fault(name="create_then_drop"),
    # Within the 15 s that both connectors declare as `visible_after`: what is later can be told from nothing.
    Fault(name="create_late", seconds=12),
    Fault(name="stale_read", seconds=12),
    Fault(name="stale_search", seconds=12),
    Fault(name="list_endless"),
    Fault(name="list_empty"),
    Fault(name="token_revoked"),
    Fault(name="token_read_only"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["bitfactura", "sugester"])
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with Town.opened(tmp_path_factory.mktemp("town"), request.param) as opened:
        yield opened


async def pair(town: Town) -> tuple[str, str, str]:
    """A client on both sides: its name, its id at the vendor that fails, its id on the other side."""
    fields = town.named()
    await town.world.left.make(**fields, city="Adeje", street="Calle Uno")
    await town.world.quiet()
    ids = [str((await owner.named(fields["name"]))["id"]) for owner in (town.broken, town.sound)]
    await town.world.control.forget_calls()
    return fields["name"], ids[0], ids[1]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_vendor_that_fails_for_a_while_ends_in_the_same_state(town: Town, fault: Fault) -> None:
    world = town.world
    name, broken_id, sound_id = await pair(town)
    async with town.failing(fault.name, seconds=fault.seconds):
        await town.broken.edit(broken_id, street="Calle Dos")
        await town.sound.edit(sound_id, city="Arona")
        for owner in (town.broken, town.sound):
            await owner.make(**town.named())
        for _ in range(CROWD if fault.pause else 0):
            await town.sound.make(**town.named())
        await world.control.drained()
        await world.ask_for_sweeps(full=True)
        await town.neighbour.carries(f"While {fault.name}")
        await town.lasts(A_WHILE)
        calls, pace = town.calls(), town.pace()
    await town.mended_by_a_person()

    await town.agreed()
    for owner in (world.left, world.right):
        carried = await owner.named(name)
        assert (carried["city"], carried["street"]) == ("Arona", "Calle Dos")
    assert calls <= fault.most, f"{calls} calls"
    assert pace <= QUOTA
    assert town.pace() <= QUOTA, "also when all comes back at once"
