"""Bindings and intents: unique, changed by whoever is first, taken over once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store import bindings, intents
from shared.store.database import Database
from shared.store.rows import Binding, Intent, SideName
from tests.contracts.store import made
from tests.contracts.store.conftest import Open


async def _found(store: Database, side: SideName, record_id: str) -> Binding | None:
    return await store.read(
        lambda connection: bindings.find(connection, "shop-bridge", "customer", "main", side, record_id)
    )


def _opening(intent: Intent, **keys: str) -> Callable[[AsyncConnection], Awaitable[None]]:
    return partial(intents.open_intent, intent=intent, scope="shop-bridge/customer/main", keys=keys)


async def test_a_binding_comes_back_as_it_was_saved(store: Database) -> None:
    row = made.binding()
    await store.run(lambda connection: bindings.add(connection, row))
    assert await _found(store, "left", "L1") == row
    assert await _found(store, "right", "R1") == row
    assert await _found(store, "right", "L1") is None


@pytest.mark.parametrize("second", [{"left_id": "L2"}, {"right_id": "R2"}, {"left_id": "L2", "right_id": "R2"}])
async def test_each_side_and_each_id_is_bound_once(store: Database, second: dict[str, str]) -> None:
    await store.run(lambda connection: bindings.add(connection, made.binding()))
    # Two fresh ends still meet the same primary key; one shared end meets the side's constraint.
    other = made.binding(id="b1" if len(second) == 2 else "b2", **second)
    with pytest.raises(errors.Lost):
        await store.run(lambda connection: bindings.add(connection, other))


async def test_another_role_or_entity_binds_the_same_records_again(store: Database) -> None:
    for number, changes in enumerate([{}, {"role": "company"}, {"entity": "contact"}, {"bridge_id": "other"}]):
        row = made.binding(id=f"b{number}", **changes)
        await store.run(partial(bindings.add, binding=row))
    assert await _found(store, "left", "L1") == made.binding(id="b0")


async def test_of_two_that_save_the_same_version_one_loses(open_store: Open) -> None:
    store, other = open_store(), open_store()
    row = made.binding()
    await store.run(lambda connection: bindings.add(connection, row))

    def save(reference: str) -> Callable[[AsyncConnection], Awaitable[None]]:
        base = made.base(normaliser=9 if reference == "a" else 10)
        return lambda connection: bindings.save(connection, row, expected=1, base=base, now=made.LATER)

    results = await asyncio.gather(store.run(save("a")), other.run(save("b")), return_exceptions=True)
    assert [type(each) for each in results if each is not None] == [errors.Lost]
    saved = await _found(store, "left", "L1")
    assert saved is not None
    assert (saved.version, saved.updated_at) == (2, made.LATER)
    assert saved.base.normaliser == (9 if results[0] is None else 10)


async def test_a_person_s_word_makes_work_in_progress_start_over(store: Database) -> None:
    row = made.binding()
    await store.run(lambda connection: bindings.add(connection, row))
    await store.run(lambda connection: bindings.set_state(connection, "b1", "detached", made.LATER))
    with pytest.raises(errors.Lost):
        await store.run(
            lambda connection: bindings.save(connection, row, expected=1, base=made.base(), now=made.LATER)
        )
    saved = await _found(store, "left", "L1")
    assert saved is not None
    assert saved.state == "detached"


async def test_many_bindings_are_found_at_once_and_walked_in_pages(store: Database) -> None:
    async def add_all(connection: AsyncConnection) -> None:
        for number in range(1201):
            row = made.binding(id=f"b{number:05}", left_id=f"L{number}", right_id=f"R{number}")
            await bindings.add(connection, replace(row, state="gone-left" if number == 7 else "active"))

    await store.run(add_all)
    ids = [f"R{number}" for number in range(1300)]
    found = await store.read(
        lambda connection: bindings.find_many(connection, "shop-bridge", "customer", "main", "right", ids)
    )
    assert set(found) == {f"R{number}" for number in range(1201)}
    walked: list[str] = []
    after = ""
    while page := await store.read(
        partial(bindings.page, bridge_id="shop-bridge", entity="customer", role="main", after=after, limit=500)
    ):
        walked += [each.id for each in page]
        after = walked[-1]
    assert walked == [f"b{number:05}" for number in range(1201)]
    counts = await store.read(lambda connection: bindings.count_by_state(connection, "shop-bridge", "customer"))
    assert counts == {"active": 1200, "gone-left": 1}


async def test_an_intent_comes_back_as_it_was_opened(store: Database) -> None:
    row = made.intent(sent={"name": "hash", "é": "ü"})
    await store.run(_opening(row))
    assert await store.read(lambda connection: intents.by_subject(connection, row.subject)) == row
    assert await store.read(lambda connection: intents.by_reference(connection, row.reference)) == row
    assert await store.read(lambda connection: intents.count_open(connection, "shop")) == 1
    assert await store.read(lambda connection: intents.open_of(connection, row.flow_id, ["L1"])) == [row]


async def test_a_subject_has_one_open_intent_until_it_is_closed(store: Database) -> None:
    row = made.intent()
    await store.run(_opening(row))
    again = made.intent(id="i2", owner="process-b")
    with pytest.raises(errors.Lost):
        await store.run(_opening(again))
    await store.run(lambda connection: intents.close(connection, row))
    await store.run(_opening(again))


async def test_the_same_client_made_on_both_sides_at_once_meets_itself(open_store: Open) -> None:
    store, other = open_store(), open_store()
    left = made.intent()
    right = made.intent(id="i2", subject="create/shop-bridge/customer/main/right/R1", side="right", source_id="R1")
    results = await asyncio.gather(
        store.run(_opening(left, email="k1", tax_no="k2")),
        other.run(_opening(right, tax_no="k2")),
        return_exceptions=True,
    )
    assert [type(each) for each in results].count(errors.Lost) == 1
    winner = left if results[0] is None else right
    holder = await store.read(
        lambda connection: intents.holder_of_keys(connection, "shop-bridge/customer/main", {"tax_no": "k2"})
    )
    assert holder == winner
    # The loser left nothing behind, not even its intent.
    assert await store.read(lambda connection: intents.count_open(connection, "shop")) == 1
    await store.run(lambda connection: intents.close(connection, winner))
    await store.run(_opening(replace(right, id="i3"), email="k1", tax_no="k2"))


async def test_keys_of_another_name_or_scope_do_not_meet(store: Database) -> None:
    await store.run(_opening(made.intent(), email="same"))
    await store.run(_opening(made.intent(id="i2", subject="s2"), tax_no="same"))
    await store.run(
        lambda connection: intents.open_intent(
            connection, made.intent(id="i3", subject="s3"), scope="another", keys={"email": "same"}
        )
    )


async def test_of_many_processes_one_takes_an_expired_intent_over(open_store: Open) -> None:
    row = made.intent()
    await open_store().run(_opening(row))
    now, deadline = made.LATER, made.LATER + timedelta(minutes=1)

    async def take(owner: str) -> Intent:
        return await open_store().run(
            lambda connection: intents.take_over(connection, row, owner=owner, now=now, deadline=deadline)
        )

    results = await asyncio.gather(*(take(f"process-{number}") for number in range(4)), return_exceptions=True)
    (taken,) = [each for each in results if isinstance(each, Intent)]
    assert [type(each) for each in results].count(errors.Lost) == 3
    assert (taken.version, taken.deadline, taken.opened_at) == (2, deadline, now)
    store = open_store()
    with pytest.raises(errors.Lost):
        await store.run(lambda connection: intents.close(connection, row))
    assert await store.read(lambda connection: intents.by_subject(connection, row.subject)) == taken
    await store.run(lambda connection: intents.close(connection, taken))
    assert await store.read(lambda connection: intents.count_open(connection, "shop")) == 0
