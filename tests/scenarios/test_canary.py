"""The canary: our own post to our own door, through the log, to the store; no vendor and no customer meets it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import msgspec
import pytest

from shared.connectors.registry import CONNECTORS
from shared.model.change import SHARDS, is_canary, shard_of
from shared.operations import canary, views
from shared.operations.alerts import conditions
from shared.operations.canary import CanaryFlight, Flown
from shared.runtime.parts import Parts
from shared.runtime.settings import Settings
from shared.store import waiting
from tests.scenarios.world import World
from tests.support.waiting import until

SOON = timedelta(seconds=20)


def parts_at(world: World, public_url: str) -> Parts:
    """The world's parts with this public address."""
    return replace(world.parts, settings=world.parts.settings.model_copy(update={"public_url": public_url}))


async def lost(parts: Parts, world: World) -> list[str]:
    found = await conditions.look(parts, world.log, oldest=timedelta(hours=1), channels=())
    return [each.subject for each in found.findings if each.kind == "canary-lost"]


async def test_it_goes_the_whole_way_and_meets_neither_vendor_nor_customer(any_form: Settings) -> None:
    async with World.opened(any_form) as world:
        await world.connect()
        await world.go_live()
        parts = parts_at(world, world.public_url)
        flight, beside = CanaryFlight(parts, owner="p1"), CanaryFlight(parts, owner="p2")
        try:
            sent = await flight.send()
            assert sent is not None
            assert (sent.system, await beside.send()) == ("bitfactura", None)  # one process sends

            async def is_through() -> Flown | None:
                found = await canary.flown_lately(parts)
                return found if found.last is not None else None

            found = await until(is_through, within=SOON, what="the canary is through")
            assert found.last is not None
            assert found.last.id == sent.id
            assert found.last.took is not None
            assert timedelta(0) < found.last.took < SOON
            assert (found.refused, found.stuck, await lost(parts, world)) == ([], [], [])
            await world.quiet()
            assert (await world.control.calls("bitfactura"), await world.control.calls("sugester")) == ({}, {})
            assert await parts.database.read(waiting.summary) == []
            assert await views.workspace_ids(parts) == ["acme"]
            async with httpx.AsyncClient() as http:
                numbers = (await http.get(f"{world.public_url}/metrics")).text
            assert 'puente_door_changes_total{system="bitfactura"} 0.0' in numbers
        finally:
            await flight.close()
            await beside.close()


async def test_what_does_not_come_through_says_how_far_it_came(world: World) -> None:
    parts = parts_at(world, world.public_url)
    await world.stop_sync()
    flight = CanaryFlight(parts, owner="p1")
    assert await flight.send() is not None
    assert await lost(parts, world) == []
    await world.pass_time(minutes=2)
    assert await lost(parts, world) == ["bitfactura behind the door"]
    world.start_sync()

    async def came() -> bool:
        return await lost(parts, world) == []

    await until(came, within=SOON, what="the canary came late")
    await flight.close()

    astray = CanaryFlight(parts_at(world, f"{world.public_url}/elsewhere"), owner="p1")
    await world.pass_time(minutes=1)
    sent = await astray.send()
    assert sent is not None
    assert await lost(parts, world) == ["bitfactura"]
    (refused,) = (await canary.flown_lately(parts)).refused
    assert refused.problem
    assert "/hooks/" not in refused.problem, "the token is in the address"
    await astray.close()


def test_each_shard_has_a_workspace_that_nobody_can_have() -> None:
    names = [canary.workspace_on(shard) for shard in range(SHARDS)]
    assert [shard_of(name) for name in names] == list(range(SHARDS))
    assert all(is_canary(name) for name in names)
    assert not is_canary("canary")


@pytest.mark.parametrize("system", sorted(name for name, each in CONNECTORS.items() if each.hooks.kinds))
def test_every_system_with_hooks_has_a_body_that_its_own_parser_reads(system: str) -> None:
    connector = CONNECTORS[system]
    told = connector.hooks.canary
    assert told is not None
    body = msgspec.json.encode(dict(told.body("0195-a-canary")))
    (found,) = connector.changes_in(told.kind, body)
    assert found.record_id == "0195-a-canary"
    assert not connector.hooks.kinds[told.kind].bulk
