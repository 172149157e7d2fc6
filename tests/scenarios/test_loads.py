"""First loads of sets that overlap: everything on both sides afterwards, once."""

from __future__ import annotations

from tests.scenarios.conftest import NewWorld
from tests.scenarios.owners import Json
from tests.scenarios.world import CUSTOMERS, World


def client(number: int) -> Json:
    """Every third one has a tax number only, the others an e-mail."""
    key = {"tax_no": f"B{number:08}"} if number % 3 == 0 else {"email": f"cliente{number}@empresa.example"}
    return {"name": f"Cliente {number:05}", "city": "Adeje", **key}


def typed_otherwise(record: Json) -> Json:
    """The same client as somebody else would type it."""
    return {
        name: f"es {value[0]}-{value[1:]}" if name == "tax_no" else value.upper() if name == "email" else value
        for name, value in record.items()
    }


async def overlapping(world: World, left: int, right: int, shared: int) -> None:
    """`left` clients in BitFactura, `right` in Sugester, of which `shared` are the same."""
    await world.control.seed("bitfactura", "clients", *(client(number) for number in range(left)))
    first = left - shared
    rights = [client(number) for number in range(first, first + right)]
    await world.control.seed("sugester", "clients", *(typed_otherwise(each) for each in rights))


async def assert_once(world: World, left: int, right: int, shared: int) -> None:
    total = left + right - shared
    assert len(await world.left.all()) == len(await world.right.all()) == total
    assert len(await world.bindings()) == total
    assert await world.doubled() == []
    assert await world.asks() == []
    assert await world.differences() == []


async def test_two_overlapping_sets_become_one_without_doubles(new_world: NewWorld) -> None:
    world = await new_world()
    await world.connect()
    await overlapping(world, 250, 200, 140)
    await world.go_live((CUSTOMERS,))
    await assert_once(world, 250, 200, 140)


async def test_a_load_of_a_live_flow_brings_in_what_no_hook_and_no_sweep_told(world: World) -> None:
    await world.control.seed("bitfactura", "clients", *(client(number) for number in range(30)))
    await world.load(CUSTOMERS)
    await world.quiet()
    assert len(await world.left.all()) == len(await world.right.all()) == 30
    assert await world.differences() == []
