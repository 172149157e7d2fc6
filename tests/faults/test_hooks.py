"""Hooks that come an hour late, or that somebody forged: nothing is lost or undone, and few calls are made.

Lost, doubled and reordered ones: `tests/scenarios/test_hooks_and_sweeps.py`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from tests.faults.town import QUOTA, Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORGED = 300
MINUTES = 1


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["bitfactura", "sugester"])
async def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with Town.opened(tmp_path_factory.mktemp("town"), request.param) as opened:
        yield opened


async def test_hooks_an_hour_late_undo_nothing(town: Town) -> None:
    world, fields = town.world, town.named()
    async with town.failing("hooks_delayed", seconds=3600):
        record_id = await town.broken.make(**fields, city="Adeje")
        await town.broken.edit(record_id, city="Arona")
        # Sweeps carry it long before its hooks come; then somebody edits the other side.
        await town.lasts(timedelta(minutes=7))
        carried = await town.sound.named(fields["name"])
        assert carried["city"] == "Arona"
        await town.sound.edit(str(carried["id"]), city="Garachico")
        await town.neighbour.carries("While hooks are late")
        await town.lasts(timedelta(minutes=7))
        await world.control.forget_calls()
        await town.lasts(timedelta(minutes=56))
        calls = town.calls()
    await town.agreed()
    for owner in (town.broken, town.sound):
        assert (await owner.named(fields["name"]))["city"] == "Garachico"
    # The late hooks cost a read each, at most; the rest are sweeps, every five minutes two lists.
    assert calls <= 3 + 2 * 2 * (56 // 5 + 1)


async def test_forged_hooks_get_at_most_half_of_the_calls(town: Town) -> None:
    world, fields = town.world, town.named()
    record_id = await town.broken.make(**fields, city="Adeje")
    await world.quiet()
    line = next(each for each in await world.all_hooks(town.system) if each.hook_kind == "client:update")
    await world.control.forget_calls()
    began = world.clock.now()
    async with httpx.AsyncClient(timeout=30) as http:
        # Without the token of the address nothing is taken.
        stranger = await http.post(line.url[:-6] + "AAAAAA", json={"client_id": 1, "api_token": line.secret})
        assert stranger.status_code == 404
        # Who knows address and secret can make us read, and no more.
        for number in range(FORGED):
            body = {"client_id": 99_000_000 + number, "api_token": line.secret}
            assert (await http.post(line.url, json=body)).status_code == 200
    await town.broken.edit(record_id, city="Arona")
    await world.control.drained()
    await town.neighbour.carries("While hooks are forged")
    await town.lasts(timedelta(minutes=MINUTES))
    reads = (await world.control.calls(town.system)).get(READ[town.system], 0)
    assert (await town.sound.named(fields["name"]))["city"] == "Arona"
    # Half of each minute's quota, and what the true edit takes.
    minutes = (world.clock.now() - began) // timedelta(minutes=1) + 1
    assert 0 < reads <= minutes * QUOTA // 2 + 3
    await world.quiet()
    await town.agreed()


READ = {"bitfactura": "GET /clients/{id}.json", "sugester": "GET /app/clients/{id}.json"}
