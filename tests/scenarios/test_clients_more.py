"""Clients whose values are cut, late, put back, emptied: what counts as an edit and what does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import World, shared_client_fields, shown

EVERY_FIELD: dict[str, Any] = {
    "name": "Talleres Anaga S.L.",
    "shortcut": "Anaga",
    "company": True,
    "first_name": "Yaiza",
    "last_name": "Drago",
    "tax_no": "B76123458",
    "register_number": "TF-1234",
    "email": "taller@anaga.example",
    "phone": "+34 922 000 111",
    "mobile_phone": "+34 600 000 111",
    "fax": "+34 922 000 112",
    "www": "https://anaga.example",
    "street": "Calle del Drago",
    "street_no": "4",
    "post_code": "38001",
    "city": "Santa Cruz de Tenerife",
    "country": "ES",
    "use_delivery_address": True,
    "delivery_address": "Almacén 3\nPolígono Los Majuelos",
    "bank": "Caja del Teide",
    "bank_account": "ES9121000418450200051332",
    "note": "Paga a 30 días",
}


async def test_every_shared_field_arrives_from_either_side(world: World) -> None:
    assert set(EVERY_FIELD) == set(shared_client_fields())
    await world.left.make(**EVERY_FIELD)
    other = {"name": "Bodegas Drago", "shortcut": "Drago", "tax_no": "B38000005", "email": "b@drago.example"}
    await world.right.make(**EVERY_FIELD | other)
    await world.sweep()
    for owner in (world.left, world.right):
        for name in ("Talleres Anaga S.L.", "Bodegas Drago"):
            record = await owner.named(name)
            empty = [field for field in EVERY_FIELD if record[field] in (None, "")]
            assert empty == []
    assert await world.differences() == []


async def test_every_shared_field_can_be_edited_on_either_side(world: World) -> None:
    left_id = await world.left.make(**EVERY_FIELD)
    await world.quiet()
    right_id = str((await world.right.only())["id"])
    changed: dict[str, Any] = {
        name: value if name == "country" else (not value) if isinstance(value, bool) else f"{value}9"
        for name, value in EVERY_FIELD.items()
    } | {"country": "PT", "email": "nuevo@anaga.example"}
    half = sorted(changed)[::2]

    await world.left.edit(left_id, **{name: changed[name] for name in half})
    await world.quiet()
    await world.right.edit(right_id, **{name: value for name, value in changed.items() if name not in half})
    await world.sweep()
    assert await world.differences() == []
    record = await world.left.only()
    assert {name: record[name] for name in changed} == changed


async def test_a_private_person_arrives_as_one(world: World) -> None:
    await world.left.make(name="Nayra Bencomo", company=False, first_name="Nayra", last_name="Bencomo")
    await world.quiet()
    there = await world.right.named("Nayra Bencomo")
    assert shown(there, "company", "first_name", "last_name") == (False, "Nayra", "Bencomo")


async def test_a_side_that_cuts_a_value_has_not_edited_it(world: World) -> None:
    for name, value in (("short_text_limit", 40), ("long_text", "truncate")):
        await world.control.turn("sugester", name, value=value)
    street = "Avenida de la Constitución de mil novecientos setenta y ocho 12"
    left_id = await world.left.make(**TALLERES, street=street)
    await world.quiet()
    assert (await world.right.only())["street"] == street[:40]
    right_id = str((await world.right.only())["id"])

    await world.right.edit(right_id, phone="+34 922 111 222")
    await world.sweep()
    assert shown(await world.left.only(), "street", "phone") == (street, "+34 922 111 222")

    await world.left.edit(left_id, city="Arona")
    await world.quiet()
    assert (await world.left.only())["street"] == street
    assert await world.differences(ignoring=["street"]) == []


async def test_stale_reads_end_in_the_same_state(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    for system in ("bitfactura", "sugester"):
        await world.control.turn(system, "stale_read", seconds=3)
    await world.left.edit(left_id, city="Adeje")
    await world.quiet()
    await world.left.edit(left_id, city="Arona")
    await world.quiet()
    for owner in (world.left, world.right):
        assert (await owner.only())["city"] == "Arona"
    assert await world.asks() == []


async def test_a_value_put_back_is_put_back_on_the_other_side(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    right_id = str((await world.right.only())["id"])
    for city in ("La Laguna", "Santa Cruz de Tenerife"):
        await world.left.edit(left_id, city=city)
        await world.quiet()
        assert (await world.right.only())["city"] == city
    # Put back at once on the side that we had just written: first taken for a late read, then believed.
    await world.left.edit(left_id, city="La Laguna")
    await world.quiet()
    await world.right.edit(right_id, city="Santa Cruz de Tenerife")
    await world.sweep()
    for owner in (world.left, world.right):
        assert (await owner.only())["city"] == "Santa Cruz de Tenerife"


async def test_an_emptied_field_empties_the_other_side_only_where_the_flow_allows_it(world: World) -> None:
    left_id = await world.left.make(**TALLERES, note="Paga tarde")
    await world.quiet()
    await world.left.edit(left_id, phone="", note="")
    await world.quiet()
    assert shown(await world.right.only(), "phone", "note") == ("+34 922 000 111", None)
    assert (await world.left.only())["phone"] in (None, "")


async def test_a_note_that_one_side_never_had_does_not_empty_the_other_when_they_are_joined(world: World) -> None:
    await world.control.seed("sugester", "clients", {**TALLERES})
    await world.control.seed("bitfactura", "clients", {**TALLERES, "note": "Paga tarde"})
    await world.sweep()
    for owner in (world.left, world.right):
        assert (await owner.only())["note"] == "Paga tarde"


async def test_a_pair_that_is_written_again_and_again_is_put_before_a_person(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    for number in range(7):
        await world.left.edit(left_id, street=f"Calle {number}")
        await world.quiet()
    assert [row.reason for row in await world.asks()] == ["loop"]
    assert await world.control.count("sugester", "PUT") == 5
    assert (await world.right.only())["street"] == "Calle 4"

    await world.pass_time(minutes=11)
    await world.retry("loop")
    await world.quiet()
    assert (await world.right.only())["street"] == "Calle 6"
    assert await world.asks() == []


async def test_a_client_edited_while_sync_is_down_arrives_when_it_is_up(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    await world.stop_sync()
    await world.left.edit(left_id, city="Adeje")
    await world.control.drained()
    await world.pass_time(hours=3)
    world.start_sync()
    await world.quiet(within=timedelta(seconds=30))
    assert (await world.right.only())["city"] == "Adeje"
