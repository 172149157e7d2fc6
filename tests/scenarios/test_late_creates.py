"""Creates that come late: behind an outage, behind a look-up that took its time. Each client is there once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import World
from tests.support.waiting import until


async def test_a_client_typed_in_on_both_sides_and_met_late_is_joined(world: World) -> None:
    await world.stop_sync()
    await world.left.make(**TALLERES)
    await world.right.make(**TALLERES)  # it sends no hooks: until the next sweep nothing tells of this one
    await world.control.drained()
    await world.pass_time(minutes=1)
    world.start_sync()
    await world.quiet()
    assert len(await world.left.all()) == len(await world.right.all()) == 1
    assert [pair.state for pair in await world.bindings()] == ["active"]


async def test_a_look_up_that_takes_longer_than_a_write_may_is_followed_by_the_write(world: World) -> None:
    await world.control.turn("sugester", "server_error", times=1, match="POST")
    left_id = await world.left.make(**TALLERES)

    async def in_doubt() -> bool:
        return (await world.status()).intents == 1 and bool(await world.waits())

    await until(in_doubt, within=timedelta(seconds=10), what="the create's outcome is unknown")
    await world.control.turn("sugester", "slow", seconds=3.0, match="GET")
    every_list = asyncio.create_task(_takes_more_than_a_minute(world))
    try:
        await world.pass_time(minutes=2)

        async def made() -> bool:
            return bool(await world.right.all())

        await until(made, within=timedelta(seconds=20), what="the counterpart is made, however long the look took")
    finally:
        every_list.cancel()
    await world.control.mend("sugester", "slow")
    await world.quiet()
    assert len(await world.right.all()) == 1
    assert [pair.left_id for pair in await world.bindings()] == [left_id]


async def _takes_more_than_a_minute(world: World) -> None:
    """Whenever Sugester is asked for a list, more time passes than an attempt may take. Its answer comes then."""
    while True:
        asked = await world.control.count("sugester", "GET", "clients")

        async def asks() -> bool:
            return await world.control.count("sugester", "GET", "clients") > asked  # noqa: B023 - awaited below

        await until(asks, within=timedelta(seconds=30), what="the list is asked for")
        await world.pass_time(seconds=world.settings.attempt_seconds + 5)
