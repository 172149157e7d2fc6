"""A person is forgotten: afterwards neither the store's files, nor a dump of it, nor the log past its retention
hold anything of her, and no later hook, sweep or report brings it back. The files themselves are searched."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shared.eventlog.sqlite import SqliteLog
from shared.operations import forgetting, recovery
from shared.operations.forgetting import Forgotten
from shared.store import tables
from tests.scenarios.conftest import NewWorld
from tests.scenarios.shop import Shop
from tests.scenarios.world import World
from tests.support.postgres import Postgres

ANA = {"name": "Ana Olvidada", "tax_no": "12345678Z", "email": "ana@olvidada.example", "city": "Icod"}
EVA = {"name": "Eva Presente", "tax_no": "B12345674", "email": "eva@presente.example", "city": "Adeje"}


async def traces_of(world: World, record_ids: set[str]) -> set[bytes]:
    """What the store holds of these records that says anything: hashes of what they showed, and sealed details."""

    async def unit(connection: Any) -> set[bytes]:
        found: set[bytes] = set()
        for table in (tables.match_key, tables.seen, tables.attempt, tables.waiting):
            for row in await connection.execute(select(table).where(table.c.record_id.in_(record_ids))):
                values: Mapping[str, Any] = row._mapping
                said = (values.get("key_hash"), *hashes(values.get("fields")))
                found |= {each.encode() for each in said if each}
                found |= {each for each in [values.get("detail")] if each}
        pairs = tables.binding
        mine = select(pairs.c.base).where(pairs.c.left_id.in_(record_ids) | pairs.c.right_id.in_(record_ids))
        for base in (await connection.execute(mine)).scalars():
            found |= {
                each.encode() for side in ("left", "right") for each in hashes(base.get(side, {}).get("shown"))
            }
        # Shorter ones are numbers of records, which stay and are found everywhere.
        return {each for each in found if len(each) > 15}

    return await world.parts.database.read(unit)


def hashes(fields: object) -> list[str]:
    return [str(each) for each in fields.values()] if isinstance(fields, dict) else []


async def held(world: World, traces: set[bytes], dump: Path, postgres: Postgres | None = None) -> set[bytes]:
    """Those of the traces that are in the files of the store, or in a dump of it."""
    database = world.parts.database
    if postgres is None:
        store = Path(str(database.url.database))
        raw = await asyncio.to_thread(
            lambda: b"".join(path.read_bytes() for path in store.parent.glob(f"{store.name}*"))
        )
        return {each for each in traces if each in raw}
    await postgres.dump(database.url.render_as_string(hide_password=False), dump, form="plain")
    raw = await asyncio.to_thread(dump.read_bytes)
    return {each for each in traces if each in raw or each.hex().encode() in raw}


async def forget(world: World, system: str, record_id: str) -> Forgotten:
    account = await world.account(system)
    resource = {"clientify": "contacts"}.get(system, "clients")
    return await forgetting.forget(
        world.parts, await world.used(), account.id, resource, record_id, actor="operator"
    )


async def nothing_comes_back(
    world: World, traces: set[bytes], dump: Path, postgres: Postgres | None = None
) -> None:
    """A hook, a whole sweep of both sides, a matching report and `recover` all meet the record again."""
    await world.sweep(full=True)
    await recovery.reports(world.parts, (await world.used()).workspace.id)
    await recovery.recover(world.parts, await world.used(), actor="operator")
    await world.parts.database.scrub()
    assert await held(world, traces, dump, postgres) == set()


async def test_a_forgotten_client_leaves_no_trace(
    any_world: World, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    world, dump = any_world, tmp_path / "dump.sql"
    postgres: Postgres | None = None if world.parts.database.is_sqlite else request.getfixturevalue("postgres")
    ana, eva = await world.left.make(**ANA), await world.left.make(**EVA)
    await world.quiet()
    await world.left.edit(ana, city="Güímar")
    await world.quiet()
    pairs = {pair.left_id: pair.right_id for pair in await world.bindings()}
    others = await traces_of(world, {eva, pairs[eva]})
    traces = await traces_of(world, {ana, pairs[ana]}) - others
    assert len(traces) > 5
    assert max(map(len, traces)) > 100, "sealed details of attempts are among them"
    assert await held(world, traces, dump, postgres) == traces, "the search finds what is there"

    done = await forget(world, "bitfactura", ana)
    assert (done.bindings, done.paired, done.scrubbed) == (1, True, True)
    assert min(done.keys, done.attempts) > 0
    assert done.log_empty_by == done.backups_gone_by - timedelta(days=15)
    assert await held(world, traces, dump, postgres) == set()
    assert len(await held(world, others, dump, postgres)) == len(others), "and nothing of anybody else's"

    await world.left.edit(ana, city="Icod")
    await world.left.edit(eva, city="Arona")
    await world.quiet()
    assert (await world.right.named(ANA["name"]))["city"] == "Güímar"
    assert (await world.right.named(EVA["name"]))["city"] == "Arona"
    await nothing_comes_back(world, traces, dump, postgres)
    (pair,) = [each for each in await world.bindings() if each.left_id == ana]
    assert (pair.state, dict(pair.base.left.shown), dict(pair.base.right.shown)) == ("forgotten", {}, {})


async def test_a_forgotten_contact_leaves_no_trace(shop: Shop, tmp_path: Path) -> None:
    ana, eva = await shop.right.make(**ANA), await shop.right.make(**EVA)
    await shop.quiet()
    pairs = {pair.right_id: pair.left_id for pair in await shop.bindings()}
    others = await traces_of(shop, {eva, pairs[eva]})
    traces = await traces_of(shop, {ana, pairs[ana]}) - others
    assert await held(shop, traces, tmp_path / "dump") == traces
    assert (await forget(shop, "clientify", ana)).paired
    await shop.right.edit(ana, city="Icod el Alto")
    await shop.quiet()
    await nothing_comes_back(shop, traces, tmp_path / "dump")
    assert len(await shop.left.all()) == 2


async def test_a_record_without_a_pair_is_forgotten_too_and_never_made(
    new_world: NewWorld, tmp_path: Path
) -> None:
    world = await new_world()
    await world.connect()
    world.start_sync()
    ana = await world.left.make(**ANA)
    await world.sweep(full=True)
    traces = await traces_of(world, {ana})
    done = await forget(world, "bitfactura", ana)
    assert (done.bindings, done.paired) == (0, False)
    assert await held(world, traces, tmp_path / "dump") == set()
    await world.go_live()
    await world.left.edit(ana, city="Güímar")
    await nothing_comes_back(world, traces, tmp_path / "dump")
    assert await world.right.all() == []
    again = await forget(world, "bitfactura", ana)
    assert (again.bindings, again.paired) == (1, False)


async def test_the_log_holds_nothing_past_its_retention(world: World) -> None:
    assert isinstance(world.log, SqliteLog)
    ana = await world.left.make(**ANA)
    await world.quiet()
    told = [entry.change async for entry in world.log.read() if entry.change.record_id == ana]
    bodies = {change.body for change in told if change.body}
    assert bodies
    assert in_log(world, bodies) == bodies
    done = await forget(world, "bitfactura", ana)
    assert in_log(world, bodies) == bodies, "until its retention, as the command says"
    await world.log.retain(done.log_empty_by)
    assert in_log(world, bodies) == set()
    assert [entry async for entry in world.log.read()] == []


def in_log(world: World, bodies: set[bytes]) -> set[bytes]:
    raw = b"".join(path.read_bytes() for path in (world.settings.data / "log").glob("log.db*"))
    return {each for each in bodies if each in raw}
