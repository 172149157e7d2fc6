"""kill -9 at each durable step: what was begun is done exactly once, and no edit of a person is overwritten.

Every guard has a twin of its test in which it is removed: then the promise breaks, which shows that the test would
see it.
"""

from __future__ import annotations

import pytest

from tests.crashes.rig import Rig

TALLERES = {"name": "Talleres Anaga S.L.", "tax_no": "B76123458", "email": "taller@anaga.example"}


async def creates(rig: Rig) -> int:
    return await rig.control.count("sugester", "POST", "clients")


async def make_and_crash(rig: Rig, place: str, *, without: str = "") -> str:
    """A client is made in BitFactura; sync dies at `place` while it carries it, and is started again later."""
    first = await rig.start("first", failpoints=f"{place}:kill:1", without=without)
    left_id = await rig.left.make(**TALLERES)
    await rig.dies(first)
    await rig.start("second", without=without)
    return left_id


@pytest.mark.parametrize("place", ["intent saved", "write answered", "binding saved", "offset committed"])
async def test_a_create_cut_off_anywhere_is_made_exactly_once(rig: Rig, place: str) -> None:
    await make_and_crash(rig, place)
    await rig.quiet()
    assert await creates(rig) == 1
    assert len(await rig.right.all()) == 1
    assert len(await rig.bindings()) == 1
    assert await rig.differences() == []


async def test_without_intents_a_create_cut_off_before_its_binding_is_doubled(rig: Rig) -> None:
    await make_and_crash(rig, "write answered", without="intent")
    await rig.quiet()
    assert await creates(rig) == 2


async def test_an_edit_made_while_nobody_knew_of_the_pair_arrives_when_it_is_found_again(rig: Rig) -> None:
    first = await rig.start("first", failpoints="write answered:kill:1")
    left_id = await rig.left.make(**TALLERES, city="Adeje")
    await rig.dies(first)
    await rig.left.edit(left_id, city="Arona")
    await rig.start("second")
    await rig.quiet()
    assert await creates(rig) == 1
    assert (await rig.right.only())["city"] == "Arona"
    assert await rig.differences() == []


@pytest.mark.parametrize("place", ["decided", "intent saved", "write answered", "base saved", "offset committed"])
async def test_an_edit_cut_off_anywhere_arrives(rig: Rig, place: str) -> None:
    left_id = await pair(rig)
    first = await rig.start("first", failpoints=f"{place}:kill:1")
    await rig.left.edit(left_id, city="Arona")
    await rig.dies(first)
    await rig.start("second")
    await rig.quiet()
    assert (await rig.right.only())["city"] == "Arona"
    assert await rig.control.count("sugester", "PUT") <= 2
    assert await rig.control.count("bitfactura", "PUT") == 0
    assert await rig.differences() == []


async def pair(rig: Rig) -> str:
    """A client on both sides, made while nothing went wrong."""
    calm = await rig.start("calm")
    left_id = await rig.left.make(**TALLERES, city="Adeje")
    await rig.quiet()
    assert calm.stop() == 0
    await rig.control.forget_calls()
    return left_id


async def edit_both_around_a_crash(rig: Rig, *, without: str = "") -> object:
    """BitFactura's edit is written and not yet remembered when sync dies; then Sugester's owner edits it too."""
    left_id = await pair(rig)
    right_id = str((await rig.right.only())["id"])
    first = await rig.start("first", failpoints="write answered:kill:1", without=without)
    await rig.left.edit(left_id, city="Arona")
    await rig.dies(first)
    await rig.right.edit(right_id, city="Garachico")
    await rig.start("second", without=without)
    await rig.sweep()
    assert await rig.differences() == []
    return (await rig.right.only())["city"]


async def test_an_edit_made_over_our_unremembered_write_stands(rig: Rig) -> None:
    assert await edit_both_around_a_crash(rig) == "Garachico"


async def test_without_intents_an_edit_made_over_our_unremembered_write_is_overwritten(rig: Rig) -> None:
    assert await edit_both_around_a_crash(rig, without="intent") == "Arona"


async def test_an_asunto_cut_off_before_its_binding_is_made_exactly_once(rig: Rig) -> None:
    left_id = await pair(rig)
    first = await rig.start("first", failpoints="write answered:kill:1")
    await rig.left.make("invoices", kind="vat", client_id=int(left_id), positions=[POSITION])
    await rig.dies(first)
    await rig.start("second")
    await rig.quiet()
    assert await rig.control.count("sugester", "POST", "deals") == 1
    assert len(await rig.right.all("deals")) == 1


POSITION = {"name": "Revisión", "quantity": 1, "total_price_gross": "121.00", "tax": 21}
