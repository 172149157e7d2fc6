"""What is stored comes back as it was: times, JSON, sealed credentials, sweeps, loads, runs, findings, hooks."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial

import pytest
from sqlalchemy import LargeBinary, Text, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.keys import Ring, StoreKeys, generate_ring
from shared.model.change import SHARDS, shard_of
from shared.store import attempts, audit, directory, hooks, loads, runs, sweeps, tables
from shared.store.database import Database
from shared.store.rows import Account, Bridge, FlowRow, Load, Sweep
from tests.contracts.store import made
from tests.contracts.store.conftest import Open

ALL = range(SHARDS)
TOKEN = "a token that nobody may read"
KEYS = StoreKeys(Ring.parse(generate_ring(), setting="PUENTE_STORE_KEYS"))


async def test_times_keep_their_moment_and_their_order_whatever_their_zone(store: Database) -> None:
    madrid = timezone(timedelta(hours=2))
    times = [
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 2, 9, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 2, 11, 0, 0, 2, tzinfo=madrid),
        datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ]
    lines = [
        audit.Line(id=str(number), workspace_id="shop", at=at, actor="ana", action="replay")
        for number, at in enumerate(times)
    ]
    for line in reversed(lines):
        await store.run(partial(audit.add, line=line))
    found = await store.read(lambda connection: audit.of_workspace(connection, "shop"))
    assert [line.at for line in found] == list(reversed(times))
    assert all(line.at.utcoffset() == timedelta(0) for line in found)
    before = await store.read(lambda connection: audit.of_workspace(connection, "shop", before=times[3]))
    assert [line.id for line in before] == ["2", "1", "0"]


async def test_a_time_without_a_zone_is_a_bug(store: Database) -> None:
    naive = made.NOW.replace(tzinfo=None)
    line = audit.Line(id="1", workspace_id="shop", at=naive, actor="ana", action="replay")
    with pytest.raises(Exception, match="time zone"):
        await store.run(lambda connection: audit.add(connection, line))


async def test_json_comes_back_as_it_was(store: Database) -> None:
    detail = {"ñ": ["é", 1, 1.5, None, True], "empty": {}, "deep": {"a": {"b": []}}, "quote": "'\"\\ \u2028"}
    line = audit.Line(id="1", workspace_id="shop", at=made.NOW, actor="ana", action="erase", detail=detail)
    await store.run(lambda connection: audit.add(connection, line))
    assert await store.read(lambda connection: audit.of_workspace(connection, "shop", actions=["erase"])) == [line]
    assert await store.read(lambda connection: audit.of_workspace(connection, "shop", actions=["replay"])) == []


async def test_attempts_are_told_newest_first_and_counted_by_outcome(store: Database) -> None:
    rows = [
        made.attempt(id=f"a{number}", at=made.NOW + timedelta(hours=number), outcome=outcome)
        for number, outcome in enumerate(["applied", "rejected", "rejected", "echo"])
    ]
    await store.run(lambda connection: attempts.add(connection, rows))
    told = partial(attempts.of_record, account_id="shop-left", resource="clients", record_id="L1", limit=2)
    assert await store.read(told) == [rows[3], rows[2]]
    since = (made.NOW + timedelta(hours=2)).astimezone(timezone(timedelta(hours=-12)))
    counts = await store.read(lambda connection: attempts.outcomes_since(connection, "shop-customers", since))
    assert counts == {"rejected": 1, "echo": 1}


# The directory


ACCOUNT = Account(
    id="shop-left",
    workspace_id="shop",
    system="bitfactura",
    base_url="https://shop.example",
    identity="shop",
    credentials={"token": TOKEN},
    settings={"country": "ES"},
    generation=1,
)
FLOW = FlowRow(
    id="shop-customers",
    workspace_id="shop",
    bridge_id="shop-bridge",
    spec="customer_bitfactura_sugester",
    entity="customer",
    state="draft",
    state_before_pause=None,
    pause_reason=None,
    options={"create": True},
    live_since=None,
)
BRIDGE = Bridge(id="shop-bridge", workspace_id="shop", left_account="shop-left", right_account="shop-right")


async def _settle_in(store: Database) -> None:
    async def unit(connection: AsyncConnection) -> None:
        keys = await directory.add_workspace(
            connection,
            "shop",
            title="La tienda",
            country="ES",
            locale="es",
            time_zone="Europe/Madrid",
            store_keys=KEYS,
            now=made.NOW,
        )
        await directory.add_account(connection, ACCOUNT, keys, made.NOW)
        await directory.add_bridge(connection, BRIDGE, [FLOW], made.NOW)

    await store.run(unit)


async def _load(store: Database) -> directory.Directory:
    found = await store.read(lambda connection: directory.load(connection, "shop", KEYS))
    assert found is not None
    return found


async def test_a_workspace_comes_back_with_all_that_belongs_to_it(store: Database) -> None:
    await _settle_in(store)
    found = await _load(store)
    assert (found.workspace.title, found.workspace.shard) == ("La tienda", shard_of("shop"))
    assert found.accounts == {"shop-left": ACCOUNT}
    assert found.bridges == {"shop-bridge": BRIDGE}
    assert found.flows == {"shop-customers": FLOW}
    assert await store.read(lambda connection: directory.load(connection, "nobody", KEYS)) is None
    assert await store.read(directory.workspace_ids) == ["shop"]
    elsewhere = [shard for shard in ALL if shard != shard_of("shop")]
    assert await store.read(lambda connection: directory.workspace_ids(connection, elsewhere)) == []


async def test_credentials_are_sealed_in_the_table_and_open_with_the_right_key_only(store: Database) -> None:
    await _settle_in(store)
    for table in (tables.account, tables.workspace):
        columns = [cast(column, Text) for column in table.c if not isinstance(column.type, LargeBinary)]
        rows = (await store.read(partial(AsyncConnection.execute, statement=select(*columns)))).all()
        assert rows
        assert TOKEN not in str(rows)
    raw = (
        await store.read(partial(AsyncConnection.execute, statement=select(tables.account.c.credentials)))
    ).scalar()
    assert isinstance(raw, bytes)
    assert TOKEN.encode() not in raw
    assert TOKEN not in repr(await _load(store))
    stranger = StoreKeys(Ring.parse(generate_ring(), setting="PUENTE_STORE_KEYS"))
    with pytest.raises(errors.NeedsOperator):
        await store.read(lambda connection: directory.load(connection, "shop", stranger))


async def test_a_vendor_identity_exists_once_per_installation(store: Database) -> None:
    await _settle_in(store)
    keys = (await _load(store)).workspace.keys
    twin = replace(ACCOUNT, id="other", workspace_id="other")
    with pytest.raises(errors.Lost):
        await store.run(lambda connection: directory.add_account(connection, twin, keys, made.NOW))
    elsewhere = replace(twin, identity="another")
    await store.run(lambda connection: directory.add_account(connection, elsewhere, keys, made.NOW))


async def test_every_change_of_a_workspace_moves_its_version(store: Database) -> None:
    await _settle_in(store)
    versions = [await store.grouped(directory.VersionOf(workspace_id="shop"))]
    keys = (await _load(store)).workspace.keys
    renewed = replace(ACCOUNT, credentials={"token": "new"}, generation=2)
    for unit in (
        partial(directory.change_account, account=renewed, keys=keys),
        partial(directory.set_flow, flow=FLOW, options={"create": False}),
        partial(directory.pause_flow, flow=FLOW, reason="The token was refused.", cause="refused"),
        partial(directory.resume_flow, flow=FLOW),
    ):
        await store.run(unit)
        versions.append(await store.grouped(directory.VersionOf(workspace_id="shop")))
    known = [version for version in versions if version is not None]
    assert len(set(known)) == 5
    assert known == sorted(known)
    assert (await _load(store)).accounts["shop-left"] == renewed
    assert (await _load(store)).flows["shop-customers"].options == {"create": False}


async def test_a_paused_flow_remembers_its_state_and_what_became_of_it_meanwhile(store: Database) -> None:
    await _settle_in(store)
    await store.run(lambda connection: directory.set_flow(connection, FLOW, state="live", live_since=made.NOW))
    assert await store.run(
        lambda connection: directory.pause_flow(connection, FLOW, "The token was refused.", "refused")
    )
    assert not await store.run(
        lambda connection: directory.pause_flow(connection, FLOW, "Another reason.", "rejected")
    )
    paused = (await _load(store)).flows["shop-customers"]
    assert (paused.state, paused.state_before_pause) == ("paused", "live")
    assert (paused.pause_reason, paused.live_since) == ("The token was refused.", made.NOW)
    # FLOW was read before the pause: a move decided then does not end it.
    await store.run(lambda connection: directory.set_flow(connection, FLOW, state="review"))
    assert await store.run(lambda connection: directory.resume_flow(connection, paused))
    assert not await store.run(lambda connection: directory.resume_flow(connection, paused))
    resumed = (await _load(store)).flows["shop-customers"]
    assert (resumed.state, resumed.state_before_pause, resumed.pause_reason) == ("review", None, None)


# Sweeps, loads and runs


async def test_sweeps_are_due_in_time_and_moved_by_whoever_is_first(open_store: Open) -> None:
    store, other = open_store(), open_store()
    for resource in ("clients", "products", "clients"):
        await store.run(
            partial(sweeps.ensure, workspace_id="shop", account_id="a", resource=resource, now=made.NOW)
        )
    first, second = await store.read(partial(sweeps.due, shards=ALL, now=made.NOW, limit=10))
    assert {first.resource, second.resource} == {"clients", "products"}
    save = partial(sweeps.save, sweep=first, next_at=made.LATER, cursor="page 2", counts={"rows": 100})
    results = await asyncio.gather(store.run(save), other.run(save), return_exceptions=True)
    assert [type(each) for each in results].count(errors.Lost) == 1
    (saved,) = [each for each in results if isinstance(each, Sweep)]
    found = await store.read(lambda connection: sweeps.find(connection, "a", first.resource))
    assert found == saved
    assert await store.read(partial(sweeps.due, shards=[shard_of("shop")], now=made.NOW, limit=10)) == [second]
    elsewhere = [shard for shard in ALL if shard != shard_of("shop")]
    assert await store.read(partial(sweeps.due, shards=elsewhere, now=made.LATER, limit=10)) == []
    assert await store.run(lambda c: sweeps.request(c, "a", None, now=made.NOW, full=True, gap=True)) == 2
    asked = await store.read(lambda connection: sweeps.of_workspace(connection, "shop"))
    assert [(each.next_at, each.gap_at) for each in asked] == [(made.NOW, made.NOW)] * 2
    # A listing in progress goes on after it was asked for again, and what was asked stands.
    later = made.LATER + timedelta(days=1)
    await store.run(partial(sweeps.save, sweep=replace(saved, full_at=made.LATER), next_at=later, cursor=None))
    found = await store.read(lambda connection: sweeps.find(connection, "a", first.resource))
    assert found is not None
    assert (found.next_at, found.full_at, found.gap_at, found.cursor) == (made.NOW, made.NOW, made.NOW, None)


async def test_a_load_goes_on_where_its_cursor_stood(store: Database) -> None:
    load = Load(
        id="load-1",
        workspace_id="shop",
        flow_id="shop-customers",
        side="left",
        then_side="right",
        state="running",
        since=date(2026, 1, 1),
        cursor=None,
        pages=0,
        done=0,
        total=None,
        counts={},
        problem=None,
        next_at=made.NOW,
        started_at=made.NOW,
        updated_at=made.NOW,
        version=1,
    )
    await store.run(lambda connection: loads.add(connection, load))
    assert await store.read(lambda connection: loads.running(connection, ALL, made.NOW)) == [load]
    moved = await store.run(partial(loads.save, load=load, cursor="p2", pages=1, done=100, counts={"created": 9}))
    assert await store.read(lambda connection: loads.of_flow(connection, "shop-customers")) == [moved]
    with pytest.raises(errors.Lost):
        await store.run(partial(loads.save, load=load, cursor="p3"))
    await store.run(partial(loads.save, load=moved, state="done"))
    assert await store.read(lambda connection: loads.running(connection, ALL, made.LATER)) == []
    assert len(await store.read(lambda connection: loads.of_workspace(connection, "shop"))) == 1


async def test_a_replay_run_is_moved_by_its_holder_alone(store: Database) -> None:
    run = runs.Run(
        id="run-1",
        workspace_id="shop",
        state="running",
        mode="repair",
        wants={"since": "2026-03-01T00:00:00Z", "records": ["L1"]},
        cursor={"0": 17},
        created_at=made.NOW,
        updated_at=made.NOW,
    )
    await store.run(lambda connection: runs.add(connection, run))
    assert await store.read(lambda connection: runs.by_id(connection, "run-1")) == run
    assert await store.read(lambda connection: runs.running(connection, [shard_of("shop")])) == [run]
    assert await store.read(lambda connection: runs.running(connection, [(shard_of("shop") + 1) % SHARDS])) == []
    moved = await store.run(partial(runs.save, run=run, cursor={"0": 30}, counts={"appended": 13}))
    assert (moved.version, moved.cursor) == (2, {"0": 30})
    with pytest.raises(errors.Lost):
        await store.run(partial(runs.save, run=run, state="cancelled"))
    done = await store.run(partial(runs.save, run=moved, state="done", updated_at=made.LATER))
    assert await store.read(lambda connection: runs.running(connection, ALL)) == []
    assert await store.read(lambda connection: runs.of_workspace(connection, "shop")) == [done]
    assert await store.read(lambda connection: runs.by_id(connection, "run-2")) is None


async def test_hooks_are_remembered_per_kind(store: Database) -> None:
    hook = hooks.Hook(
        account_id="a",
        hook_kind="client:create",
        hook_id="17",
        active=True,
        generation=1,
        checked_at=made.NOW,
    )
    pasted = hooks.Hook(
        account_id="a", hook_kind="client:sync", hook_id=None, active=True, generation=1, checked_at=made.NOW
    )
    await store.run(lambda connection: hooks.save(connection, [pasted, hook]))
    assert await store.read(lambda connection: hooks.of_account(connection, "a")) == [hook, pasted]
    assert await store.read(lambda connection: hooks.inactive(connection, ["a", "b"])) == {}
    off = replace(hook, active=False)
    await store.run(lambda connection: hooks.save(connection, [off]))
    assert await store.read(lambda connection: hooks.inactive(connection, ["a", "b"])) == {"a": 1}
    assert await store.run(lambda connection: hooks.remove(connection, "a", ["client:create", "other"])) == 1
    assert await store.read(lambda connection: hooks.of_account(connection, "a")) == [pasted]
