"""What operators and developers do: replay, doctor, recover a backup, forget a person, move to a bigger home."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from shared.eventlog.port import Entry
from shared.operations import doctor, recovery
from shared.runtime import replay
from shared.store import bindings, directory, runs, schema
from shared.store.database import Database
from shared.store.rows import Binding
from tests.scenarios.conftest import NewWorld
from tests.scenarios.world import ASUNTOS, CUSTOMERS, WORKSPACE, World
from tests.support.postgres import Postgres

TALLERES = {"name": "Talleres Anaga S.L.", "tax_no": "B76123458", "email": "taller@anaga.example"}


async def the_pair(world: World) -> Binding:
    (pair,) = await world.bindings()
    return pair


async def test_a_dry_run_tells_the_difference_and_writes_nothing(world: World) -> None:
    left_id = await world.left.make(**TALLERES, city="Adeje")
    await world.quiet()
    await world.stop_sync()
    await world.left.edit(left_id, city="La Laguna")
    await world.control.forget_calls()
    wants = replay.Wants(workspace=WORKSPACE, record=left_id)
    dry = await replay.dry_run(
        world.log, await world.used(), wants, database=world.parts.database, clock=world.clock, repair=False
    )
    assert dry.records == 1
    ((_flow, _account, record_id, found),) = dry.previews
    assert record_id == left_id
    assert [(each.name, each.left, each.right) for each in found.fields if each.writes] == [
        ("city", "La Laguna", "Adeje")
    ]
    assert await world.control.count("sugester", "PUT") == 0
    assert (await world.right.only())["city"] == "Adeje"


async def test_replay_looks_again_at_what_the_log_tells_once(any_world: World) -> None:
    world = any_world
    left_id = await world.left.make(**TALLERES, city="Adeje")
    await world.quiet()
    await world.control.turn("bitfactura", "hooks_lost")
    await world.left.edit(left_id, city="La Laguna")
    await world.control.mend("bitfactura", "hooks_lost")
    wants = replay.Wants(workspace=WORKSPACE, system="bitfactura", kind="customer")
    first = await replay.begin(world.parts.database, wants, "nudge", clock=world.clock, new_id=world.parts.new_id)
    await world.quiet()
    assert (await world.right.only())["city"] == "La Laguna"

    # What a replay appended is no change of a system: the next replay leaves it out.
    taken = [entry async for entry in replay.chosen(world.log, wants)]
    everything = [entry async for entry in world.log.read(workspace=WORKSPACE)]
    assert {entry.change.run for entry in everything} == {"", first.id}
    assert all(not entry.change.run for entry in taken)


async def test_a_replay_keeps_the_logs_order_and_writes_nothing_however_often_it_runs(any_world: World) -> None:
    """Also when its process stops between an append and its note of it: the chunk comes twice then."""
    world = any_world
    ids = [await world.left.make(name=f"Client {number}") for number in range(3)]
    for record_id, city in ((0, "Adeje"), (2, "Arona"), (0, "Icod"), (1, "Tacoronte"), (2, "Garachico")):
        await world.left.edit(ids[record_id], city=city)
    await world.quiet()
    shown = await world.right.all()
    original = await told(world, "")
    assert len(original) == 8
    wants = replay.Wants(workspace=WORKSPACE, system="bitfactura", kind="customer")
    await world.control.forget_calls()
    for mode in ("nudge", "repair"):
        run = await replay.begin(world.parts.database, wants, mode, clock=world.clock, new_id=world.parts.new_id)
        await world.quiet()
        assert await told(world, run.id) == original
    done = await world.parts.database.read(lambda connection: runs.by_id(connection, run.id))
    assert done is not None
    assert (done.state, done.counts["changes"]) == ("done", 8)

    await world.parts.database.run(
        lambda connection: runs.save(connection, done, state="running", cursor={}, updated_at=world.clock.now())
    )
    await world.quiet()
    assert await told(world, run.id) == original * 2
    for system in ("bitfactura", "sugester"):
        assert [await world.control.count(system, method) for method in ("POST", "PUT", "DELETE")] == [0, 0, 0]
    assert await world.right.all() == shown
    assert await world.doubled() == []


async def told(world: World, run_id: str) -> list[str]:
    """The records that the log tells of in one run, or at first hand, in its order."""
    changes = [entry.change async for entry in world.log.read(workspace=WORKSPACE)]
    return [change.record_id for change in changes if change.run == run_id and change.what == "customer"]


async def test_repair_overwrites_what_we_wrote_and_leaves_what_a_person_wrote(world: World) -> None:
    left_id = await world.left.make(**TALLERES, city="Adeje", street="Calle Uno")
    await world.quiet()
    right_id = (await the_pair(world)).right_id
    await world.right.edit(right_id, street="Calle Dos")
    await world.stop_sync()
    await spoil_base(world)
    world.start_sync()
    wants = replay.Wants(workspace=WORKSPACE, record=left_id)
    await replay.begin(world.parts.database, wants, "repair", clock=world.clock, new_id=world.parts.new_id)
    await world.quiet()
    there = await world.right.only()
    assert there["street"] == "Calle Dos"
    assert there["city"] == "Adeje"


async def spoil_base(world: World) -> None:
    """As if our map had been wrong: the right side shows a value that we wrote, and that is not the left's."""
    pair = await the_pair(world)
    flow = (await world.used()).flows[(await world.flow(CUSTOMERS)).id]
    digest = flow.digester(flow.spec.entity)
    await world.right.edit(pair.right_id, city="Wrong by our map")
    base = pair.base
    shown = dict(base.right.shown) | {"city": digest("city", "Wrong by our map")}
    spoiled = replace(base, right=replace(base.right, shown=shown))
    await world.parts.database.run(
        lambda connection: bindings.save(
            connection, pair, expected=pair.version, base=spoiled, now=world.clock.now()
        )
    )


async def test_an_export_is_a_cloud_event_with_the_vendors_body(world: World) -> None:
    await world.left.make(**TALLERES)
    await world.quiet()
    wants = replay.Wants(workspace=WORKSPACE)
    entries: list[Entry] = [entry async for entry in replay.chosen(world.log, wants)]
    event = replay.exported(entries[0], world.parts.keys.log)
    assert event["type"] == "puente.customer.changed"
    assert event["source"] == "/bitfactura/acme.bitfactura"
    assert "Talleres Anaga" in event["data"]
    stored = entries[0].change.body
    assert stored is not None
    assert b"Talleres" not in stored


async def test_the_doctor_switches_a_hook_on_again_and_the_gap_is_swept(new_world: NewWorld) -> None:
    world = await new_world()
    await world.connect(hooks=())
    await world.go_live()
    public = world.parts.settings.model_copy(update={"public_url": world.public_url})
    parts = replace(world.parts, settings=public)
    used = await world.used()
    first = {report.system: report for report in await doctor.examine(parts, used)}
    assert {line.state for line in first["bitfactura"].hooks} == {"registered"}
    again = {report.system: report for report in await doctor.examine(parts, used)}
    assert {line.state for line in again["bitfactura"].hooks} == {"active"}
    rows = (await world.control.get("webhooks", system="bitfactura"))["webhooks"]
    assert len(rows) == len(again["bitfactura"].hooks), "running it again leaves one set"

    await world.control.turn("bitfactura", "hooks_off")
    await world.left.make(**TALLERES)
    await world.control.mend("bitfactura", "hooks_off")
    revived = {report.system: report for report in await doctor.examine(parts, used)}
    assert {line.state for line in revived["bitfactura"].hooks} == {"switched on again"}
    await world.quiet()
    assert (await world.right.only())["name"] == TALLERES["name"]


async def test_a_restored_backup_doubles_nothing(
    any_world: World, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The store forgets everything since the backup; what was made since is found by our reference or its keys."""
    world = any_world
    kept = await world.left.make(name="Made before the backup", email="before@x.example")
    await world.quiet()
    put_back = await backed_up(world, tmp_path / "store.backup", request)
    await world.left.make(name="Without any key")
    await world.left.make(**TALLERES)
    invoice_client = str((await world.left.named("Without any key"))["id"])
    await world.left.make("invoices", kind="vat", client_id=invoice_client, positions=[ONE_POSITION])
    await world.quiet()
    await world.stop_sync()
    await put_back()
    assert {pair.left_id for pair in await world.bindings()} == {kept}

    reports = await recovery.recover(world.parts, await world.used(), actor="operator")
    customers = reports[(await world.flow(CUSTOMERS)).id]
    assert customers.counts.get("left/new", 0) == 0, customers.counts
    assert (await world.flow(CUSTOMERS)).state == "review"
    await world.go_live(since=(world.clock.now() - timedelta(days=2)).date().isoformat())
    assert await world.doubled() == []
    assert len(await world.right.all()) == 3
    assert len(await world.right.all("deals")) == 1
    assert await world.differences() == []
    assert kept in {pair.left_id for pair in await world.bindings()}


ONE_POSITION = {"name": "Revisión", "quantity": 1, "tax": 21, "total_price_gross": "121.00"}


async def backed_up(world: World, file: Path, request: pytest.FixtureRequest) -> Callable[[], Awaitable[None]]:
    """Back the store up while Puente works, as the operator's page says; returns the way back."""
    database = world.parts.database
    if database.is_sqlite:
        store = Path(str(database.url.database))
        copied(store, file)
        return partial(asyncio.to_thread, copied, file, store)
    server: Postgres = request.getfixturevalue("postgres")
    url = database.url.render_as_string(hide_password=False)
    await server.dump(url, file)

    async def put_back() -> None:
        await database.engine.dispose()
        await server.restore(url, file)

    return put_back


def copied(source: Path, target: Path) -> None:
    """SQLite's online backup, also into a file that is open."""
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)


async def test_a_paused_flow_is_stepped_back_too(world: World) -> None:
    """Else it would be live again the moment it is resumed, with the pairs of before."""
    flow = await world.flow(CUSTOMERS)
    await world.parts.database.run(
        lambda connection: directory.pause_flow(connection, flow, "for the night", "person")
    )
    await recovery.step_back(world.parts, await world.used(), actor="operator")
    await world.parts.database.run(lambda connection: directory.resume_flow(connection, flow))
    assert (await world.flow(CUSTOMERS)).state == "review"


async def test_a_move_takes_everything_along(world: World, postgres: Postgres, tmp_path: Path) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    await world.stop_sync()
    url = await postgres.database()
    try:
        copied = await recovery.move(world.parts, world.log, url)
        assert (copied["workspace"], copied["account"], copied["binding"]) == (1, 2, 1)
        target = Database(url)
        try:
            await schema.check(target)
            flow = (await world.used()).flows[(await world.flow(ASUNTOS)).id]
            moved = await target.read(
                lambda connection: bindings.find(connection, flow.bridge.id, "customer", "", "left", left_id)
            )
            assert moved == await the_pair(world)
        finally:
            await target.close()
    finally:
        await postgres.drop(url)
