"""Groups of units on a real database: as if each had been done alone, in fewer transactions."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.keys import Ring, StoreKeys, generate_ring
from shared.store import bindings, directory, index, intents, tables, waiting
from shared.store.database import Database
from shared.store.intents import OpenCreate, OpenUpdate
from shared.store.rows import Binding, Intent, waiting_key
from shared.store.settlement import BaseChange, Settlement
from shared.store.standing import LookUp, Standing
from tests.contracts.store import made
from tests.contracts.store.conftest import Open

MANY = range(100)


def _pair(number: int) -> Binding:
    return made.binding(id=f"b{number}", left_id=f"L{number}", right_id=f"R{number}")


def _update(number: int, *, owner: str = "process-a") -> Intent:
    return made.intent(
        id=f"{owner}-i{number}", subject=intents.update_subject(f"b{number}"), kind="update", owner=owner
    )


def _opening(number: int, *, owner: str = "process-a") -> OpenUpdate:
    return OpenUpdate(held=None, binding=_pair(number), intent=_update(number, owner=owner))


def _settling(number: int, *, expected: int = 1) -> Settlement:
    return Settlement(
        now=made.LATER,
        attempt=made.attempt(id=f"a{number}", record_id=f"L{number}"),
        base_change=BaseChange(binding=_pair(number), expected=expected, base=made.base(normaliser=7)),
        seen=[made.seen(f"L{number}", fields={"name": "new"})],
    )


def _look_up(record_id: str, side: str = "left") -> LookUp:
    return LookUp(
        flow_id="shop-customers",
        account_id="shop-left",
        resource="clients",
        record_id=record_id,
        bridge_id="shop-bridge",
        entity="customer",
        role="main",
        side="left" if side == "left" else "right",
    )


async def _bind(store: Database, numbers: Sequence[int]) -> None:
    await store.run(lambda connection: bindings.add_many(connection, [_pair(number) for number in numbers]))


async def _pairs(store: Database, numbers: Sequence[int]) -> dict[int, Binding]:
    ids = [f"L{number}" for number in numbers]
    found = await store.read(
        lambda connection: bindings.find_many(connection, "shop-bridge", "customer", "main", "left", ids)
    )
    return {number: found[f"L{number}"] for number in numbers}


async def _intents(store: Database) -> list[str]:
    rows = await store.read(lambda connection: connection.scalars(select(tables.intent.c.id)))
    return sorted(rows.all())


def _count_commits(store: Database) -> list[int]:
    commits: list[int] = []
    event.listen(store.engine.sync_engine, "commit", lambda _connection: commits.append(1))
    return commits


async def test_a_hundred_settlements_are_saved_in_a_few_transactions(store: Database) -> None:
    await _bind(store, MANY)
    commits = _count_commits(store)
    await asyncio.gather(*(store.grouped(_settling(number)) for number in MANY))
    assert len(commits) <= 4
    pairs = await _pairs(store, MANY)
    assert {pair.version for pair in pairs.values()} == {2}
    assert {pair.base.normaliser for pair in pairs.values()} == {7}
    attempts = await store.read(lambda connection: connection.scalar(select(func.count(tables.attempt.c.id))))
    assert attempts == len(MANY)
    seen = await store.read(lambda connection: index.seen(connection, "shop-left", "clients", ["L7"]))
    assert seen["L7"].fields == {"name": "new"}


async def test_a_settlement_that_lost_fails_alone(store: Database) -> None:
    await _bind(store, MANY)
    stale = {7, 40}
    outcomes = await asyncio.gather(
        *(store.grouped(_settling(number, expected=9 if number in stale else 1)) for number in MANY),
        return_exceptions=True,
    )
    assert {number for number in MANY if isinstance(outcomes[number], errors.Lost)} == stale
    assert [each for each in outcomes if each is not None and not isinstance(each, errors.Lost)] == []
    pairs = await _pairs(store, MANY)
    assert {number for number, pair in pairs.items() if pair.version == 1} == stale


async def test_of_two_settlements_of_one_pair_in_one_group_one_loses(store: Database) -> None:
    await _bind(store, [1])
    again = replace(_settling(1), attempt=made.attempt(id="again"))
    outcomes = await asyncio.gather(
        *(store.grouped(each) for each in (_settling(1), again)), return_exceptions=True
    )
    assert sum(isinstance(each, errors.Lost) for each in outcomes) == 1
    assert (await _pairs(store, [1]))[1].version == 2


async def test_an_intent_is_in_the_database_when_it_is_said_to_be(open_store: Open) -> None:
    store, other = open_store(), open_store()
    await _bind(store, MANY)

    async def open_and_look(number: int) -> bool:
        await store.grouped(_opening(number))
        subject = intents.update_subject(f"b{number}")
        return await other.read(lambda connection: intents.by_subject(connection, subject)) is not None

    assert all(await asyncio.gather(*(open_and_look(number) for number in MANY)))
    pairs = await _pairs(store, MANY)
    assert {pair.version for pair in pairs.values()} == {2}
    assert all(pair.base == made.binding().base for pair in pairs.values())


async def test_of_two_processes_that_open_the_same_updates_each_pair_has_one_winner(open_store: Open) -> None:
    stores = {"process-a": open_store(), "process-b": open_store()}
    await _bind(stores["process-a"], MANY)

    async def try_to_open(owner: str, number: int) -> bool:
        try:
            await stores[owner].grouped(_opening(number, owner=owner))
        except errors.Lost:
            return False
        return True

    order = {"process-a": list(MANY), "process-b": list(reversed(MANY))}
    tried = [(owner, number) for owner, numbers in order.items() for number in numbers]
    won = await asyncio.gather(*(try_to_open(owner, number) for owner, number in tried))
    winners = [f"{owner}-i{number}" for (owner, number), first in zip(tried, won, strict=True) if first]
    assert len(winners) == len(MANY)
    assert await _intents(stores["process-a"]) == sorted(winners)


def _creating(number: int, **holds: str) -> OpenCreate:
    intent = made.intent(
        id=f"c{number}",
        subject=intents.create_subject("shop-bridge", "customer", "main", "left", f"L{number}"),
        target_id=holds.pop("chosen", None),
    )
    return OpenCreate(
        intent=intent, scope="shop-bridge/customer/main", keys=holds, id_scope="shop-right/customers"
    )


async def test_of_two_creates_that_hold_the_same_key_or_id_one_is_opened_and_the_rest_are(store: Database) -> None:
    alone = [_creating(number, email=f"k{number}") for number in range(4)]
    same_key = [_creating(number, email="same", tax_no=f"t{number}") for number in (10, 11)]
    same_id = [_creating(number, chosen="77") for number in (20, 21)]
    units = [*alone, *same_key, *same_id]
    outcomes = await asyncio.gather(*map(store.grouped, units), return_exceptions=True)
    lost = {unit.intent.id for unit, it in zip(units, outcomes, strict=True) if isinstance(it, errors.Lost)}
    assert len(lost & {"c10", "c11"}) == 1
    assert len(lost & {"c20", "c21"}) == 1
    assert len(lost) == 2
    assert await _intents(store) == sorted({unit.intent.id for unit in units} - lost)
    held = await store.read(lambda connection: intents.held_ids(connection, "shop-right/customers"))
    assert held == ["77"]


async def _add_workspace(connection: AsyncConnection, name: str) -> None:
    await directory.add_workspace(
        connection,
        name,
        title=name,
        country="ES",
        locale="es",
        time_zone="Europe/Madrid",
        store_keys=StoreKeys(Ring.parse(generate_ring(), setting="PUENTE_STORE_KEYS")),
        now=made.NOW,
    )


async def test_versions_of_many_workspaces_are_told_together(store: Database) -> None:
    names = [f"shop-{number}" for number in range(5)]
    for name in names:
        await store.run(partial(_add_workspace, name=name))
    units = [directory.VersionOf(workspace_id=name) for name in [*names, "nobody"]]
    assert await asyncio.gather(*map(store.grouped, units)) == [1] * 5 + [None]


async def test_an_intent_that_was_taken_over_closes_for_nobody_else(store: Database) -> None:
    await _bind(store, [1, 2])
    for number in (1, 2):
        await store.grouped(_opening(number))
    await store.run(
        lambda connection: intents.take_over(
            connection, _update(1), owner="process-b", now=made.LATER, deadline=made.LATER
        )
    )
    closing = [Settlement(now=made.LATER, close=[_update(number)]) for number in (1, 2)]
    outcomes = await asyncio.gather(*map(store.grouped, closing), return_exceptions=True)
    assert isinstance(outcomes[0], errors.Lost)
    assert outcomes[1] is None
    assert await _intents(store) == ["process-a-i1"]


async def test_a_record_that_waits_for_one_bound_in_the_same_transaction_is_woken(store: Database) -> None:
    blocked = made.waiting(
        record_id="L9",
        reason="blocked",
        not_before=made.LATER + timedelta(days=1),
        blocked_on=waiting_key("shop-left", "clients", "L1"),
    )
    binds = Settlement(now=made.LATER, new_binding=_pair(1), wake=[waiting_key("shop-left", "clients", "L1")])
    waits = Settlement(now=made.LATER, wait=blocked)
    await store.run(lambda connection: Settlement.together(connection, [binds, waits]))
    row = await store.read(lambda connection: waiting.by_id(connection, blocked.id))
    assert row is not None
    assert (row.not_before, row.blocked_on) == (made.LATER, None)


async def test_many_look_ups_tell_of_each_record_what_it_alone_would_be_told(store: Database) -> None:
    await _bind(store, range(0, 100, 2))
    await store.grouped(_opening(4))
    create = made.intent(subject=intents.create_subject("shop-bridge", "customer", "main", "left", "L5"))
    await store.run(lambda connection: intents.open_intent(connection, create))
    await store.run(lambda connection: waiting.put(connection, made.waiting(record_id="L6")))
    units = [_look_up(f"L{number}") for number in MANY] + [_look_up("R8", "right"), _look_up("R9", "right")]
    together = await asyncio.gather(*map(store.grouped, units))
    alone = [await store.grouped(unit) for unit in units]
    assert together == alone
    nothing = Standing(waiting=None, binding=None, intents=[])
    assert together[3] == nothing
    assert together[2] == replace(nothing, binding=_pair(2))
    assert together[4] == replace(nothing, binding=replace(_pair(4), version=2), intents=[_update(4)])
    assert together[5] == replace(nothing, intents=[create])
    assert together[6] == replace(nothing, binding=_pair(6), waiting=made.waiting(record_id="L6"))
    assert together[100] == replace(nothing, binding=_pair(8))
    assert together[101] == nothing


@pytest.mark.parametrize("gone", [["L1"], ["L1", "L2", "L3"]])
async def test_keys_that_records_no_longer_show_are_dropped_in_a_group_too(
    store: Database, gone: list[str]
) -> None:
    records = ["L1", "L2", "L3", "L4"]
    await store.run(lambda connection: index.save(connection, [made.seen(name) for name in records]))
    now_seen = [made.seen(name, keys={} if name in gone else {"email": "k2"}) for name in records]
    await asyncio.gather(*(store.grouped(Settlement(now=made.LATER, seen=[row])) for row in now_seen))
    keys = await store.read(lambda connection: index.keys_of(connection, "shop-left", "clients", records))
    assert keys == {name: {} if name in gone else {"email": "k2"} for name in records}
