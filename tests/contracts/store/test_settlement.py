"""A settlement saves all that follows from one attempt, or nothing of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store import attempts, bindings, index, intents, tables, waiting
from shared.store.database import Database
from shared.store.rows import waiting_key
from shared.store.settlement import BaseChange, Settlement
from tests.contracts.store import made

CLEARED = made.waiting()
BLOCKED = made.waiting(
    id="w9",
    record_id="L9",
    reason="blocked",
    not_before=made.NOW + timedelta(days=1),
    blocked_on=waiting_key("shop-left", "clients", "L1"),
)


async def _counts(store: Database) -> dict[str, int]:
    kept = (tables.binding, tables.intent, tables.intent_key, tables.seen, tables.match_key, tables.waiting)

    async def unit(connection: AsyncConnection) -> dict[str, int]:
        counted = {}
        for table in (*kept, tables.attempt):
            statement = select(func.count()).select_from(table)
            counted[table.name] = (await connection.execute(statement)).scalar_one()
        return counted

    return await store.read(unit)


async def _prepare(store: Database) -> None:
    async def unit(connection: AsyncConnection) -> None:
        await intents.open_intent(connection, made.intent(), scope="s", keys={"email": "k1"})
        await waiting.put(connection, CLEARED)
        await waiting.put(connection, BLOCKED)
        await index.save(connection, [made.seen("old")])

    await store.run(unit)


def _creation() -> Settlement:
    return Settlement(
        now=made.LATER,
        attempt=made.attempt(),
        new_binding=made.binding(),
        close=[made.intent()],
        seen=[made.seen(), made.seen("R1", account_id="shop-right", resource="customers")],
        forget=[("shop-left", "clients", "old")],
        clear=CLEARED,
        wake=[waiting_key("shop-left", "clients", "L1")],
    )


async def test_a_creation_settles_as_a_whole(store: Database) -> None:
    await _prepare(store)
    await store.run(_creation())
    assert await _counts(store) == {
        "binding": 1,
        "intent": 0,
        "intent_key": 0,
        "seen": 2,
        "match_key": 2,
        "waiting": 1,
        "attempt": 1,
    }
    woken = await store.read(lambda connection: waiting.by_id(connection, "w9"))
    assert woken is not None
    assert woken.not_before == made.LATER
    told = await store.read(lambda connection: attempts.of_record(connection, "shop-left", "clients", "L1"))
    assert told == [made.attempt()]


async def test_if_the_record_was_bound_meanwhile_nothing_is_saved(store: Database) -> None:
    await _prepare(store)
    await store.run(lambda connection: bindings.add(connection, made.binding(id="b0", left_id="L0")))
    before = await _counts(store)
    with pytest.raises(errors.Lost):
        await store.run(_creation())
    assert await _counts(store) == before


async def test_if_the_intent_was_taken_over_nothing_is_saved(store: Database) -> None:
    await _prepare(store)
    await store.run(
        lambda connection: intents.take_over(
            connection, made.intent(), owner="process-b", now=made.LATER, deadline=made.LATER
        )
    )
    before = await _counts(store)
    with pytest.raises(errors.Lost):
        await store.run(_creation())
    assert await _counts(store) == before


async def test_if_the_pair_was_changed_meanwhile_nothing_is_saved(store: Database) -> None:
    await _prepare(store)
    row = made.binding()
    await store.run(lambda connection: bindings.add(connection, row))
    await store.run(lambda connection: bindings.set_state(connection, "b1", "merged", made.NOW))
    before = await _counts(store)
    change = BaseChange(binding=row, expected=1, base=made.base(normaliser=4))
    with pytest.raises(errors.Lost):
        await store.run(replace(_creation(), new_binding=None, base_change=change))
    assert await _counts(store) == before
    kept = await store.read(lambda connection: bindings.by_id(connection, "b1"))
    assert kept is not None
    assert kept.state == "merged"


async def test_an_attempt_that_cannot_be_saved_takes_all_the_rest_back(store: Database) -> None:
    await _prepare(store)
    await store.run(lambda connection: attempts.add(connection, [made.attempt()]))
    before = await _counts(store)
    with pytest.raises(errors.Lost):
        await store.run(_creation())
    assert await _counts(store) == before


async def test_a_change_that_waits_again_keeps_its_row(store: Database) -> None:
    await _prepare(store)
    wait = replace(CLEARED, reason="throttled", tries=1, not_before=made.LATER)
    await store.run(Settlement(now=made.NOW, attempt=made.attempt(outcome="waits"), clear=CLEARED, wait=wait))
    row = await store.read(lambda connection: waiting.by_id(connection, "w1"))
    assert row is not None
    assert (row.reason, row.tries, row.not_before) == ("throttled", 1, made.LATER)
