"""A person deletes what we made before we could note that we had made it: the deletion stands."""

from __future__ import annotations

from datetime import timedelta

from shared.store import sweeps
from tests.scenarios.world import World
from tests.support.waiting import until

TALLERES = {"name": "Talleres Anaga S.L.", "tax_no": "B76123458", "email": "taller@anaga.example"}


async def look_at_sugester(world: World, *, full: bool = False) -> None:
    """Have its clients listed, without waiting for anything and without time passing."""
    account = await world.account("sugester")
    now = world.clock.now()
    await world.parts.database.run(
        lambda connection: sweeps.request(connection, account.id, "clients", now=now, full=full)
    )


async def waits_with(world: World, record_id: str, reason: str) -> None:
    async def is_waiting() -> bool:
        return any(row.record_id == record_id for row in await world.waits(reason=reason))

    await until(is_waiting, within=timedelta(seconds=10), what=f"{record_id} waits with reason {reason}")


async def test_a_record_deleted_between_its_creation_and_its_binding_does_not_come_back(world: World) -> None:
    await world.control.turn("sugester", "create_then_drop", times=1)
    left_id = await world.left.make(**TALLERES)
    await waits_with(world, left_id, "retry")
    made = str((await world.right.only())["id"])
    await look_at_sugester(world)
    await waits_with(world, made, "intent")
    await world.right.delete(made)
    await world.pass_time(seconds=3)
    await waits_with(world, made, "stale")
    await world.quiet()
    await world.left.edit(left_id, city="Adeje")
    await world.sweep(full=True)
    assert await world.right.all() == []
    assert await world.control.count("sugester", "POST", "clients") == 1
    (pair,) = await world.bindings()
    assert (pair.state, pair.left_id, pair.right_id) == ("gone-right", left_id, made)
