"""A vendor that finds nothing again of what was made: a create whose answer was lost is never made twice.

Where no later listing settles what became of it, a person does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from shared.connectors.contract import LookUp
from shared.connectors.registry import CONNECTORS
from shared.flows.spec import Side
from shared.operations import attention, steering
from tests.scenarios.world import CUSTOMERS, World

SOON = timedelta(seconds=60)
IN_DOUBT = "in doubt"
NO_ANSWER: dict[str, object] = {"times": 1, "seconds": 0.1, "match": "POST /app/clients.json"}


@contextmanager
def without_look_up(system: str) -> Iterator[None]:
    """This system's clients have no look-up."""
    resource = CONNECTORS[system].resources["clients"]
    declared = resource.look_up
    object.__setattr__(resource, "look_up", LookUp.NONE)  # a declaration is frozen
    try:
        yield
    finally:
        object.__setattr__(resource, "look_up", declared)


@pytest.fixture
def blind(world: World) -> Iterator[World]:
    """The usual world, where Sugester's clients have no look-up."""
    with without_look_up("sugester"):
        yield world


async def test_what_was_made_is_joined_by_a_listing_that_shows_its_e_mail(blind: World) -> None:
    await blind.control.turn("sugester", "create_then_drop", times=1)
    await blind.left.make(name="Talleres Nube", email="taller@nube.example")
    await blind.quiet()
    assert await blind.asks() == []
    [pair] = await blind.bindings()
    assert [str(each["id"]) for each in await blind.right.all()] == [pair.right_id]
    assert await blind.control.count("sugester", "POST", "clients") == 1


async def test_an_edit_made_before_the_two_are_joined_is_carried_though_the_other_side_wins(world: World) -> None:
    with without_look_up("bitfactura"):
        await world.control.turn("bitfactura", "create_then_drop", times=1)
        right_id = await world.right.make(name="Taller Nube", email="taller@nube.example", city="Adeje")
        await world.ask_for_sweeps()
        await world.left.has("Taller Nube", within=SOON)
        await world.right.edit(right_id, city="Arona")
        await world.sweep(full=True)
        await world.sweep()
    assert await world.asks() == []
    assert (await world.left.only())["city"] == "Arona"
    assert await world.differences() == []


async def test_a_person_is_asked_and_joins_the_two(blind: World) -> None:
    await blind.control.turn("sugester", "create_then_drop", times=1)
    left_id = await blind.left.make(name="Bar Drago")
    made = str((await blind.right.has("Bar Drago", within=SOON))["id"])
    # Nothing but its name is left to know it by.
    await blind.right.edit(made, external_id="")
    await blind.quiet()
    assert {row.reason for row in await blind.asks()} == {"ambiguous"}
    flow = (await blind.used()).flows[(await blind.flow(CUSTOMERS)).id]
    await steering.decide(blind.parts, flow, Side.LEFT, left_id, "bind", other=made, actor="owner")
    await blind.quiet()
    [pair] = await blind.bindings()
    assert (pair.left_id, pair.right_id) == (left_id, made)
    await _nothing_doubled(blind)


async def test_a_person_is_asked_and_has_it_made(blind: World) -> None:
    left_id = await _doubtful(blind)
    # Listing everything again and editing the record make nothing: only the person's word does.
    await blind.sweep(full=True)
    await blind.left.edit(left_id, city="Arona")
    await blind.quiet()
    assert [row.reason for row in await blind.asks()] == [IN_DOUBT]
    assert await blind.control.count("sugester", "POST", "clients") == 1
    await attention.retry(blind.parts, blind.log, await blind.asks(), actor="owner")
    await blind.quiet()
    [pair] = await blind.bindings()
    assert pair.left_id == left_id
    assert await blind.differences() == []
    await _nothing_doubled(blind)


async def test_a_word_is_spent_once(blind: World) -> None:
    left_id = await _doubtful(blind)
    await blind.control.turn("sugester", "hang", **NO_ANSWER)
    await attention.retry(blind.parts, blind.log, await blind.asks(), actor="owner")
    await blind.quiet()
    [row] = await blind.asks()
    assert (row.reason, row.record_id) == (IN_DOUBT, left_id)
    assert await blind.right.all() == []
    assert await blind.control.count("sugester", "POST", "clients") == 2


async def _doubtful(world: World) -> str:
    """The id of a client whose create got no answer, and was not done either."""
    await world.control.turn("sugester", "hang", **NO_ANSWER)
    left_id = await world.left.make(name="Bar Drago", email="bar@drago.example")
    status = await world.quiet()
    [row] = await world.asks()
    assert (row.reason, row.record_id) == (IN_DOUBT, left_id)
    assert status.intents == 0
    assert await world.right.all() == []
    return left_id


async def _nothing_doubled(world: World) -> None:
    assert await world.asks() == []
    assert len(await world.left.all()) == len(await world.right.all()) == 1
