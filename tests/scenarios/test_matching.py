"""Records that exist on both sides are found and joined, never doubled; what is not certain goes to a person."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.scenarios.conftest import NewWorld
from tests.scenarios.owners import Json
from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import CUSTOMERS, World


@dataclass(frozen=True)
class Meeting:
    """One client on each side, and what must come of it: joined, made on both sides, or put before a person."""

    name: str
    left: Json
    right: Json
    comes: str


MEETINGS = [
    Meeting(
        "a tax number in another punctuation",
        {"name": "Talleres Anaga", "tax_no": "B-76.123.458"},
        {"name": "ANAGA TALLERES", "tax_no": "ES B76123458"},
        "joined",
    ),
    Meeting(
        "an e-mail in other letters",
        {"name": "Nayra", "email": "Nayra@Empresa.example"},
        {"name": "Nayra Bencomo", "email": "nayra@empresa.EXAMPLE "},
        "joined",
    ),
    Meeting(
        "the same name and nothing else",
        {"name": "Bar La Plaza", "city": "Arona"},
        {"name": "Bar La Plaza", "city": "Adeje"},
        "asked",
    ),
    Meeting(
        "the same name and different tax numbers",
        {"name": "Bar La Plaza", "tax_no": "B76123458"},
        {"name": "Bar La Plaza", "tax_no": "B38000005"},
        "both made",
    ),
    Meeting(
        "the same e-mail and different tax numbers",
        {"name": "Bar Uno", "email": "bar@empresa.example", "tax_no": "B76123458"},
        {"name": "Bar Dos", "email": "bar@empresa.example", "tax_no": "B38000005"},
        "asked",
    ),
    Meeting(
        "empty keys",
        {"name": "Uno", "tax_no": "", "email": None},
        {"name": "Dos", "tax_no": "  ", "email": ""},
        "both made",
    ),
]


@pytest.mark.parametrize("meeting", MEETINGS, ids=[each.name for each in MEETINGS])
async def test_two_clients_that_were_there_before(new_world: NewWorld, meeting: Meeting) -> None:
    world = await new_world()
    await world.connect()
    await world.control.seed("bitfactura", "clients", meeting.left)
    await world.control.seed("sugester", "clients", meeting.right)
    await world.go_live((CUSTOMERS,))
    counts = (len(await world.left.all()), len(await world.right.all()))
    asks = await world.asks()
    if meeting.comes == "joined":
        assert (counts, len(await world.bindings()), asks) == ((1, 1), 1, [])
    elif meeting.comes == "both made":
        assert (counts, len(await world.bindings()), asks) == ((2, 2), 2, [])
    else:
        assert (counts, await world.bindings()) == ((1, 1), [])
        assert {row.reason for row in asks} == {"ambiguous"}
        left, right = await world.left.only(), await world.right.only()
        assert any(str(right["id"]) in row.says for row in asks)
        assert any(str(left["id"]) in row.says for row in asks)


async def test_several_candidates_are_put_before_a_person_by_their_ids(new_world: NewWorld) -> None:
    world = await new_world()
    await world.connect()
    await world.control.seed("bitfactura", "clients", {"name": "Anaga", "tax_no": "B76123458"})
    ids = await world.control.seed(
        "sugester", "clients", *({"name": name, "tax_no": "B76123458"} for name in ("Anaga A", "Anaga B"))
    )
    await world.go_live((CUSTOMERS,))
    assert len(await world.left.all()) == 1
    assert len(await world.right.all()) == 2
    row = next(each for each in await world.asks() if each.account_id.endswith("bitfactura"))
    assert all(each in row.says for each in ids)


async def test_a_second_client_with_the_tax_number_of_a_joined_one_is_put_before_a_person(world: World) -> None:
    await world.left.make(**TALLERES)
    await world.quiet()
    await world.left.make(name="Anaga, otra vez", tax_no=TALLERES["tax_no"])
    await world.quiet()
    assert [row.reason for row in await world.asks()] == ["bound elsewhere"]
    assert len(await world.right.all()) == 1


async def test_the_same_client_made_on_both_sides_at_once_is_joined(new_world: NewWorld) -> None:
    world = await new_world()
    await world.connect(hooks=("bitfactura", "sugester"))
    await world.go_live((CUSTOMERS,))
    await world.stop_sync()
    for number in range(5):
        one = {"name": f"Cliente {number}", "email": f"c{number}@empresa.example", "tax_no": f"B7612345{number}"}
        await world.left.make(**one)
        await world.right.make(**one, phone="+34 922 000 111")
    await world.control.drained()
    world.start_sync()
    await world.quiet()
    assert len(await world.left.all()) == len(await world.right.all()) == 5
    assert len(await world.bindings()) == 5
    assert await world.differences() == []
    assert await world.asks() == []


async def test_a_double_that_nothing_had_told_of_in_time_is_put_before_a_person(world: World) -> None:
    # Sugester sends no hooks here: what was made there since the last listing is not known yet.
    await world.right.make(**TALLERES)
    await world.left.make(**TALLERES)
    await world.quiet()
    await world.sweep()
    assert len(await world.bindings()) == 1
    assert [row.reason for row in await world.asks()] == ["bound elsewhere"]
    assert len(await world.left.all()) == 1
