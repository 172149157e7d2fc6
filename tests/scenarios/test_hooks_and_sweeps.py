"""Hooks are nudges: lost, doubled, reordered, late or none at all, both sides agree one sweep later."""

from __future__ import annotations

import httpx
import pytest

from tests.scenarios.conftest import NewWorld
from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import WORKSPACE, World


async def test_a_lost_hook_is_made_up_for_by_the_next_sweep(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    await world.control.turn("bitfactura", "hooks_lost")
    await world.left.edit(left_id, city="Adeje")
    await world.left.make(name="Bodegas Drago", email="bodega@drago.example")
    await world.quiet()
    assert (await world.right.only())["city"] == TALLERES["city"]
    await world.pass_time(minutes=5)
    await world.quiet()
    assert len(await world.right.all()) == 2
    assert await world.differences() == []


@pytest.mark.parametrize("fault", ["hooks_doubled", "hooks_reordered", "hooks_delayed"])
async def test_hooks_in_disorder_end_in_the_same_state(world: World, fault: str) -> None:
    await world.control.turn("bitfactura", fault, seconds=0.3)
    left_id = await world.left.make(**TALLERES)
    for city in ("Adeje", "Arona", "Garachico"):
        await world.left.edit(left_id, city=city)
    await world.quiet()
    assert (await world.right.only())["city"] == "Garachico"
    assert await world.control.count("sugester", "POST", "clients") == 1
    assert await world.differences() == []


async def test_without_a_public_url_sweeps_alone_carry_everything(new_world: NewWorld) -> None:
    world = await new_world()
    await world.connect(hooks=())
    await world.go_live()
    left_id = await world.left.make(**TALLERES)
    await world.right.make(name="Bodegas Drago", email="bodega@drago.example")
    await world.pass_time(minutes=5)
    await world.quiet()
    assert len(await world.left.all()) == len(await world.right.all()) == 2
    await world.left.edit(left_id, city="Adeje")
    await world.pass_time(minutes=5)
    await world.quiet()
    assert (await world.right.named(TALLERES["name"]))["city"] == "Adeje"
    assert await world.differences() == []


async def test_hooks_of_sugester_carry_its_edits_at_once(new_world: NewWorld) -> None:
    world = await new_world()
    await world.connect(hooks=("bitfactura", "sugester"))
    await world.go_live()
    right_id = await world.right.make(**TALLERES)
    await world.quiet()
    assert (await world.left.only())["city"] == TALLERES["city"]
    await world.control.forget_calls()
    await world.right.edit(right_id, city="Adeje")
    await world.quiet()
    assert (await world.left.only())["city"] == "Adeje"
    assert await world.control.count("bitfactura", "PUT") == 1
    assert await world.control.count("sugester", "PUT") == 0


async def test_a_hook_that_cannot_be_read_is_buried_where_a_person_sees_it(world: World) -> None:
    hooks = await world.hooks_of("bitfactura")
    line = next(each for each in hooks if each.hook_kind == "client:update")
    async with httpx.AsyncClient() as http:
        answer = await http.post(line.url, json={"api_token": line.secret, "shape": "of next year"})
    assert answer.status_code < 300
    await world.quiet()
    (row,) = await world.asks()
    assert row.reason == "unreadable"
    assert "client:update" in row.says


async def test_a_burst_that_tells_every_client_is_answered_by_one_listing(world: World) -> None:
    records = [{"name": f"Cliente {number}", "email": f"c{number}@empresa.example"} for number in range(60)]
    await world.control.seed("bitfactura", "clients", *records)
    line = next(each for each in await world.all_hooks("bitfactura") if each.hook_kind == "client:sync")
    assert line.url.endswith("/app/clients/external_update.json")
    # Saving this row makes the vendor send its whole client list.
    await world.control.post(
        "webhooks", {"system": "bitfactura", "kind": "client:sync", "url": line.url, "api_token": line.secret}
    )
    await world.control.drained()
    # The listing begins when the burst has calmed down for a moment.
    await world.quiet()
    await world.pass_time(seconds=3)
    await world.quiet()
    assert len(await world.right.all()) == 60
    calls = await world.control.calls("bitfactura")
    assert calls.get("GET /clients/{id}.json", 0) == 0
    assert calls["GET /clients.json"] <= 4
    assert await world.control.count("sugester", "POST", "clients") == 60
    assert await world.doubled() == []


async def test_changes_of_one_workspace_beyond_the_budget_wait_in_the_store_and_arrive(
    new_world: NewWorld,
) -> None:
    world = await new_world(budget_changes=10)
    await world.connect()
    await world.go_live()
    await world.stop_sync()
    for number in range(40):
        await world.left.make(name=f"Cliente {number}", email=f"c{number}@empresa.example")
    await world.control.drained()
    world.start_sync()
    await world.quiet()
    assert len(await world.right.all()) == 40
    assert await world.doubled() == []
    assert (await world.status()).workspace == WORKSPACE
