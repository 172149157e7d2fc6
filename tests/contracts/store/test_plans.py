"""Look-ups by key read what they are asked for, however many records there are.

PostgreSQL counts the rows that a statement reads, SQLite tells its plan. A process keeps the plans that it made
while its tables were empty, so that is how the first test begins.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import bindings, index, intents, matches, statistics, sweeps, tables
from shared.store.database import Database
from shared.store.index import WithKeys
from shared.store.rows import Seen
from shared.store.standing import LookUp
from tests.contracts.store import made

ACCOUNT, RESOURCE = "shop-left", "clients"
MANY = 3000
# PostgreSQL plans anew for each of the first five times; then it keeps the plan.
OFTEN = 8
# What the statements of one look may read beside its own few rows: none of it grows.
FEW = 60

Ask = Callable[[AsyncConnection], Awaitable[object]]


def _record(number: int) -> Seen:
    keys = {"email": f"e{number}", "tax_no": f"t{number}", "name": f"n{number}"}
    return made.seen(str(number), keys=keys)


def _look_up(number: int) -> LookUp:
    return LookUp(
        flow_id="shop-customers",
        account_id=ACCOUNT,
        resource=RESOURCE,
        record_id=str(number),
        bridge_id="shop-bridge",
        entity="customer",
        role="main",
        side="left",
    )


def _keys(number: int) -> WithKeys:
    return WithKeys(
        account_id=ACCOUNT, resource=RESOURCE, keys=[("email", f"e{number}"), ("tax_no", f"t{number}")]
    )


ASKED: dict[str, Ask] = {
    "how records stand": lambda on: LookUp.together(on, [_look_up(number) for number in range(4)]),
    "who has these keys": lambda on: WithKeys.together(on, [_keys(number) for number in range(4)]),
    "who has one key": lambda on: index.with_key(on, ACCOUNT, RESOURCE, "email", "e1"),
    "save what is seen": lambda on: index.save(on, [_record(number) for number in range(4)]),
    "the keys of a record": lambda on: index.keys_of(on, ACCOUNT, RESOURCE, ["1"]),
    "who holds a key": lambda on: intents.holder_of_keys(on, "shop-bridge/customer/main", {"email": "e1"}),
    "what a person decided": lambda on: matches.decision(on, "shop-customers", "left", "1"),
    "when a list was read": lambda on: sweeps.find(on, ACCOUNT, RESOURCE),
    "a pair": lambda on: bindings.find(on, "shop-bridge", "customer", "main", "left", "1"),
}


async def _fill(connection: AsyncConnection) -> None:
    for first in range(0, MANY, 500):
        numbers = range(first, first + 500)
        await index.save(connection, [_record(number) for number in numbers])
        await bindings.add_many(
            connection, [made.binding(id=f"b{n}", left_id=str(n), right_id=f"R{n}") for n in numbers]
        )


async def _rows_read(connection: AsyncConnection) -> int:
    """By the present transaction, from any table of ours."""
    counted = await connection.execute(
        text("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables")
    )
    return int(counted.scalar_one())


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_plans_of_an_empty_store_do_not_read_everything_later(store: Database) -> None:
    read: dict[str, int] = {}
    async with store.engine.connect() as connection:
        for asked in ASKED.values():
            for _ in range(OFTEN):
                await asked(connection)
        await connection.rollback()
        await _fill(connection)
        await statistics.refresh(connection)
        await connection.commit()
        for name, asked in ASKED.items():
            before = await _rows_read(connection)
            await asked(connection)
            read[name] = await _rows_read(connection) - before
    assert max(read.values()) <= FEW, read


async def _entries_read(connection: AsyncConnection) -> int:
    """By the present transaction, from any index of ours, those of deleted rows too."""
    counted = await connection.execute(
        text("SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) FROM pg_stat_user_indexes")
    )
    return int(counted.scalar_one())


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_a_look_up_does_not_read_what_came_and_went_since_the_last_vacuum(store: Database) -> None:
    asked = ASKED["how records stand"]
    async with store.engine.connect() as connection:
        await connection.execute(text("ALTER TABLE intent SET (autovacuum_enabled = off)"))
        some = [made.intent(id=f"i{number}", subject=f"create/{number}") for number in range(MANY)]
        for each in some:
            await intents.open_intent(connection, each)
        await connection.commit()
        await intents.close_many(connection, some)
        await connection.commit()
        for _ in range(OFTEN):
            await asked(connection)
        await connection.commit()
        before = await _entries_read(connection)
        await asked(connection)
        assert await _entries_read(connection) - before <= FEW


@contextmanager
def _statements(store: Database) -> Iterator[list[tuple[str, Any]]]:
    """What is executed in the block: (statement, parameters)."""
    found: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        found.append((statement, parameters))

    event.listen(store.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(store.engine.sync_engine, "before_cursor_execute", note)


async def _plan(connection: AsyncConnection, statement: str, parameters: Any) -> Sequence[str]:
    one: Any = parameters[0] if isinstance(parameters, list) else parameters
    rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(one))
    return [str(row.detail) for row in rows]


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_sqlite_looks_up_by_an_index(store: Database) -> None:
    tables_named = {table.name for table in tables.metadata.sorted_tables}
    walked: dict[str, list[str]] = {}
    async with store.engine.connect() as connection:
        for name, asked in ASKED.items():
            with _statements(store) as executed:
                await asked(connection)
            plans = [line for each in executed for line in await _plan(connection, *each)]
            assert any(line.startswith("SEARCH") for line in plans), (name, plans)
            walked[name] = [line for line in plans if line.startswith("SCAN") and line.split()[1] in tables_named]
    assert not any(walked.values()), walked


async def test_a_key_of_many_tells_of_the_first_few_only(store: Database) -> None:
    await store.run(lambda on: index.save(on, [made.seen(f"{n:03}", keys={"email": "same"}) for n in range(50)]))
    unit = WithKeys(account_id=ACCOUNT, resource=RESOURCE, keys=[("tax_no", "t1"), ("email", "same")])
    assert await store.grouped(unit) == [f"{n:03}" for n in range(20)]


async def test_keys_are_told_apart_by_account_and_come_in_the_order_of_the_keys(store: Database) -> None:
    rows = [
        made.seen("1", keys={"email": "k"}),
        made.seen("2", keys={"tax_no": "k"}),
        made.seen("3", keys={"email": "k"}, account_id="other"),
    ]
    await store.run(lambda on: index.save(on, rows))

    async def ask(account: str, *names: str) -> list[str]:
        return await store.grouped(
            WithKeys(account_id=account, resource=RESOURCE, keys=[(name, "k") for name in names])
        )

    assert await ask(ACCOUNT, "tax_no", "email") == ["2", "1"]
    assert await ask(ACCOUNT, "email", "tax_no") == ["1", "2"]
    assert await ask("other", "email", "tax_no") == ["3"]
    assert await ask(ACCOUNT) == []


def test_statistics_are_due_when_a_list_has_doubled() -> None:
    marks = [0, 100, 200, 300, 400, 500, 600, 1000, 1500, 2000, 2500]
    due = [after for before, after in itertools.pairwise(marks) if statistics.are_due(before, after)]
    assert due == [300, 600, 1500, 2500]
