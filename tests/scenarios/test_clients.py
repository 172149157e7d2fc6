"""Clients, both ways: made, edited, edited on both sides, and everything that must not become a write."""

from __future__ import annotations

from tests.scenarios.world import World, shown

TALLERES = {
    "name": "Talleres Anaga S.L.",
    "tax_no": "B76123458",
    "email": "taller@anaga.example",
    "city": "Santa Cruz de Tenerife",
    "phone": "+34 922 000 111",
}


async def test_a_client_made_in_either_system_appears_in_the_other(any_world: World) -> None:
    world = any_world
    await world.left.make(**TALLERES)
    await world.quiet()
    there = await world.right.named(TALLERES["name"])
    assert shown(there, "tax_no", "email", "city") == (
        "B76123458",
        "taller@anaga.example",
        "Santa Cruz de Tenerife",
    )

    await world.right.make(name="Bodegas Drago", email="bodega@drago.example", note="Prefers calls")
    await world.sweep()
    here = await world.left.named("Bodegas Drago")
    assert shown(here, "email", "note") == ("bodega@drago.example", "Prefers calls")
    assert await world.differences() == []
    assert await world.doubled() == []


async def test_an_edit_in_either_system_arrives_in_the_other(any_world: World) -> None:
    world = any_world
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    right_id = str((await world.right.only())["id"])

    await world.left.edit(left_id, city="La Laguna", street="Calle del Drago 4")
    await world.quiet()
    assert shown(await world.right.only(), "city", "street") == ("La Laguna", "Calle del Drago 4")

    await world.right.edit(right_id, phone="+34 922 999 888")
    await world.sweep()
    assert (await world.left.only())["phone"] == "+34 922 999 888"
    assert await world.differences() == []


async def test_two_fields_edited_on_two_sides_at_once_both_win(any_world: World) -> None:
    world = any_world
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    right_id = str((await world.right.only())["id"])

    await world.right.edit(right_id, phone="+34 600 111 222")
    await world.left.edit(left_id, city="Adeje")
    await world.sweep()
    for owner in (world.left, world.right):
        assert shown(await owner.only(), "city", "phone") == ("Adeje", "+34 600 111 222")


async def test_the_same_field_edited_on_both_sides_follows_the_rule_of_the_flow(world: World) -> None:
    left_id = await world.left.make(**TALLERES, note="old")
    await world.quiet()
    right_id = str((await world.right.only())["id"])

    await world.right.edit(right_id, city="Arona", note="The CRM says")
    await world.left.edit(left_id, city="Adeje", note="The office says")
    await world.sweep()
    for owner in (world.left, world.right):
        assert shown(await owner.only(), "city", "note") == ("Adeje", "The CRM says")


async def test_ten_quick_edits_are_one_write(any_world: World) -> None:
    world = any_world
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    await world.stop_sync()
    await world.control.forget_calls()
    for number in range(10):
        await world.left.edit(left_id, street=f"Calle del Drago {number}")
    await world.control.drained()
    world.start_sync()
    await world.quiet()
    assert (await world.right.only())["street"] == "Calle del Drago 9"
    assert await world.control.count("sugester", "PUT") == 1


async def test_our_own_write_that_comes_back_as_a_hook_ends_in_no_write_and_one_read_at_most(
    any_world: World,
) -> None:
    world = any_world
    await world.right.make(name="Bodegas Drago", email="bodega@drago.example")
    await world.sweep()
    right_id = str((await world.right.only())["id"])
    await world.quiet()  # the hook of the create is an echo too, and its read none of those counted below
    await world.control.forget_calls()

    await world.right.edit(right_id, city="Garachico")
    # A list of BitFactura that meets the write on its way would look too.
    await world.sweep(only="sugester")
    assert (await world.left.only())["city"] == "Garachico"
    assert await world.control.count("bitfactura", "PUT") == 1
    assert await world.control.count("sugester", "PUT") == 0
    looks = (await world.control.calls("bitfactura")).get("GET /clients/{id}.json", 0)
    assert looks <= 2, "one to merge, one for the echo"
