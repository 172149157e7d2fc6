"""A write was decided, its process died, and a person undid the edit: nothing differs, and nothing stays open."""

from __future__ import annotations

from datetime import timedelta

from shared.store import waiting
from tests.scenarios.world import World
from tests.support.waiting import until


async def test_an_intent_that_nobody_would_look_at_again_is_closed(world: World) -> None:
    left_id = await world.left.make(name="Talleres Anaga S.L.", tax_no="B76123458", city="Adeje")
    await world.quiet()
    await world.control.turn("sugester", "server_error", times=1, match="PUT")
    await world.left.edit(left_id, city="Arona")

    async def is_open() -> bool:
        return (await world.status()).intents == 1

    await until(is_open, within=timedelta(seconds=10), what="the write's outcome is unknown")
    await world.left.edit(left_id, city="Adeje")
    for row in await world.waits():
        await world.parts.database.run(lambda connection, row=row: waiting.clear(connection, row))  # type: ignore[misc]
    await world.pass_time(minutes=2)
    await world.quiet()
    assert (await world.status()).intents == 0
    assert (await world.right.only())["city"] == "Adeje"
