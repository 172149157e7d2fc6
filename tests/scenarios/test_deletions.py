"""Deletions never cross, the survivor does not bring the deleted one back, no list looks like a mass deletion."""

from __future__ import annotations

import pytest

from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import CUSTOMERS, World


@pytest.mark.parametrize("gone", ["left", "right"])
async def test_a_deleted_client_stays_on_the_other_side_and_is_not_brought_back(
    any_world: World, gone: str
) -> None:
    world = any_world
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    right_id = str((await world.right.only())["id"])
    loser, loser_id, survivor, survivor_id = (
        (world.left, left_id, world.right, right_id)
        if gone == "left"
        else (world.right, right_id, world.left, left_id)
    )
    await loser.delete(loser_id)
    await world.sweep(full=True)
    assert len(await survivor.all()) == 1
    assert await loser.all() == []
    (pair,) = await world.bindings()
    assert pair.state == f"gone-{gone}"
    assert any(each.outcome == "gone" for each in await world.story(loser, loser_id))

    await survivor.edit(survivor_id, city="Adeje")
    await world.sweep(full=True)
    assert await loser.all() == []
    assert await world.asks() == []


async def test_clients_merged_at_the_vendor_are_proposed_to_a_person(world: World) -> None:
    keep = await world.left.make(**TALLERES)
    await world.quiet()
    # A double with the same tax number, told apart by a person before: both are joined, each with its own.
    lose = await world.left.make(name="Talleres Anaga (2)", email="otro@anaga.example")
    await world.quiet()
    await world.left.edit(lose, tax_no=TALLERES["tax_no"])
    await world.quiet()
    await world.left.act("POST", f"/clients/{keep}/merge.json", {"merge_ids": [int(lose)]})
    await world.quiet()
    rows = [row for row in await world.asks() if row.reason == "merged"]
    assert len(rows) == 1
    assert keep in rows[0].says
    assert lose in rows[0].says
    assert len(await world.right.all()) == 2


async def test_a_record_that_returns_is_carried_again(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    right_id = str((await world.right.only())["id"])
    await world.control.turn("bitfactura", "hooks_lost")
    account = world.sandbox.world.account("bitfactura")
    before = account.tables["clients"].get(int(left_id))
    assert before is not None
    await world.left.delete(left_id)
    await world.sweep(full=True)
    assert (await world.bindings())[0].state == "gone-left"
    # The vendor's support brings it back.
    account.tables["clients"].put(before, world.sandbox.world.clock.now())
    await world.right.edit(right_id, city="Adeje")
    await world.sweep(full=True)
    assert (await world.bindings())[0].state == "active"
    assert (await world.left.only())["city"] == "Adeje"


async def many(world: World) -> None:
    records = [{"name": f"Cliente {number}", "email": f"c{number}@empresa.example"} for number in range(60)]
    await world.control.seed("bitfactura", "clients", *records)
    await world.sweep(full=True)
    assert len(await world.right.all()) == 60


@pytest.mark.parametrize("system", ["bitfactura", "sugester"])
@pytest.mark.parametrize("fault", ["list_empty", "list_endless", "server_error"])
async def test_a_list_that_lies_is_no_mass_deletion(world: World, system: str, fault: str) -> None:
    await many(world)
    match = "clients.json" if fault == "server_error" else None
    await world.control.turn(system, fault, match=match)
    await world.ask_for_sweeps(full=True)
    await world.pass_time(seconds=1)
    await world.listed(system, "clients")
    await world.control.mend(system, fault)
    if (await world.flow(CUSTOMERS)).state == "paused":
        await world.resume(CUSTOMERS)
    await world.pass_time(minutes=10)
    await world.sweep(full=True)
    assert {pair.state for pair in await world.bindings()} == {"active"}
    assert len(await world.left.all()) == len(await world.right.all()) == 60
    assert (await world.flow(CUSTOMERS)).state == "live"


async def test_a_real_mass_deletion_stops_the_flow_until_a_person_resumes_it(world: World) -> None:
    await many(world)
    await world.control.turn("bitfactura", "hooks_lost")
    for record in (await world.left.all())[:40]:
        await world.left.delete(str(record["id"]))
    await world.sweep(full=True)
    assert (await world.flow(CUSTOMERS)).state == "paused"
    assert {pair.state for pair in await world.bindings()} == {"active"}
    await world.resume(CUSTOMERS)
    await world.sweep(full=True)
    assert (await world.flow(CUSTOMERS)).state == "live"
    states = [pair.state for pair in await world.bindings()]
    assert (states.count("gone-left"), states.count("active")) == (40, 20)
    assert len(await world.right.all()) == 60
