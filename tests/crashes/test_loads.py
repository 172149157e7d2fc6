"""A load that is cut off goes on at the page where it stood, and doubles nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.crashes.rig import Rig
from tests.scenarios.world import CUSTOMERS

MANY, SHARED = 150, 60
SOON = timedelta(seconds=60)


def client(number: int) -> dict[str, object]:
    return {"name": f"Cliente {number:04}", "email": f"cliente{number}@empresa.example", "city": "Adeje"}


@pytest.mark.parametrize("failpoint", ["page saved:kill:1", "write answered:kill:30", "binding saved:kill:70"])
async def test_a_load_killed_anywhere_makes_every_client_once(rig: Rig, failpoint: str) -> None:
    await rig.control.seed("bitfactura", "clients", *(client(number) for number in range(MANY)))
    await rig.control.seed("sugester", "clients", *(client(number) for number in range(SHARED)))
    first = await rig.start("first", failpoints=failpoint)
    await rig.load(CUSTOMERS)
    await rig.dies(first)
    await rig.pass_time(minutes=1)
    await rig.start("second")
    await rig.quiet(within=SOON)
    assert len(await rig.right.all()) == MANY
    assert await rig.control.count("sugester", "POST", "clients") == MANY - SHARED
    assert await rig.control.count("bitfactura", "POST", "clients") == 0
    assert len(await rig.bindings()) == MANY
    assert await rig.doubled() == []
    assert await rig.asks() == []
    flow = await rig.flow(CUSTOMERS)
    assert flow.state == "live"
