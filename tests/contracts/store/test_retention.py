"""Retention: room for attempts ahead, old ones gone, whoever does it and however often."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import ManualClock
from shared.store import attempts, matches, retention, schema, tables
from shared.store.database import Database
from tests.contracts.store import made
from tests.contracts.store.conftest import Open

TODAY = date(2026, 3, 2)


@pytest.fixture
async def store(open_empty: Open) -> Database:
    """A database of its own: partitions are made and dropped in it."""
    database = open_empty()
    await schema.migrate(database)
    return database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 23, 59, tzinfo=UTC))


async def _add(store: Database, day: date, count: int = 1) -> None:
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    rows = [made.attempt(id=f"{day}-{number}", at=at) for number in range(count)]
    await store.run(lambda connection: attempts.add(connection, rows))


async def _days(store: Database, table: str = "attempt") -> list[str]:
    statement = text(f"SELECT day FROM {table} GROUP BY day ORDER BY day")  # noqa: S608 - names of our own tables
    rows = await store.read(lambda connection: connection.execute(statement))
    return [str(day) for day in rows.scalars()]


async def _partitions(store: Database) -> set[str]:
    statement = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'attempt'::regclass")
    rows = await store.read(lambda connection: connection.execute(statement))
    return set(rows.scalars())


def _ago(days: int) -> date:
    return TODAY - timedelta(days=days)


async def test_attempts_are_kept_for_their_days_and_no_longer(store: Database, clock: ManualClock) -> None:
    for days in (0, 1, 13, 14, 15, 400):
        await _add(store, _ago(days))
    await retention.tend(store, clock, attempt_days=14)
    assert await _days(store) == [str(_ago(days)) for days in (13, 1, 0)]
    clock.advance(timedelta(days=13))
    await retention.tend(store, clock, attempt_days=14)
    assert await _days(store) == [str(TODAY)]
    told = await store.read(
        partial(attempts.of_record, account_id="shop-left", resource="clients", record_id="L1")
    )
    assert [each.id for each in told] == [f"{TODAY}-0"]


async def test_more_than_a_piece_is_deleted_in_one_round(store: Database, clock: ManualClock) -> None:
    await _add(store, _ago(30), count=4100)
    tended = await retention.tend(store, clock, attempt_days=14)
    assert tended.deleted == 4100
    assert await _days(store) == []


async def test_details_go_and_rows_stay_when_no_details_are_wanted(store: Database, clock: ManualClock) -> None:
    await _add(store, _ago(1), count=3)
    await _add(store, _ago(14))
    tended = await retention.tend(store, clock, attempt_days=0)
    assert (tended.erased, tended.opened > 0) == (3, not store.is_sqlite)
    rows = await store.read(lambda connection: connection.execute(select(tables.attempt.c.detail)))
    assert list(rows.scalars()) == [None, None, None]


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_partitions_are_made_a_week_ahead_and_dropped_whole(store: Database, clock: ManualClock) -> None:
    def names(first: date, days: int) -> set[str]:
        return {retention.partition_name(first + timedelta(days=number)) for number in range(days)}

    tended = await retention.tend(store, clock, attempt_days=14)
    assert (tended.opened, tended.dropped) == (8, 0)
    assert await _partitions(store) == {"attempt_default"} | names(TODAY, 8)
    assert await retention.tend(store, clock, attempt_days=14) == retention.Tended()
    for days in range(8):
        await _add(store, _ago(-days))
    assert await _days(store, "attempt_default") == []
    clock.advance(timedelta(days=16))
    tended = await retention.tend(store, clock, attempt_days=14)
    # 2, 3 and 4 March: the fortnight that ends on the 18th begins with the 5th.
    assert (tended.opened, tended.dropped) == (8, 3)
    assert await _days(store) == [str(_ago(-days)) for days in range(3, 8)]


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
async def test_a_day_that_nobody_made_room_for_is_moved_to_its_own_partition(
    store: Database, clock: ManualClock
) -> None:
    for days in (0, 1, -3):
        await _add(store, _ago(days), count=5)
    assert len(await _days(store, "attempt_default")) == 3
    tended = await retention.tend(store, clock, attempt_days=14)
    assert tended.opened == 9
    assert await _days(store, "attempt_default") == []
    assert await _days(store, retention.partition_name(_ago(1))) == [str(_ago(1))]
    assert len(await _days(store)) == 3
    assert len(await store.read(lambda c: attempts.of_record(c, "shop-left", "clients", "L1"))) == 15


async def test_several_processes_tend_while_others_write(open_empty: Open, clock: ManualClock) -> None:
    await schema.migrate(open_empty())

    async def write(number: int) -> None:
        store = open_empty()
        for count in range(20):
            row = made.attempt(id=f"{number}-{count}", at=clock.now() - timedelta(days=count % 3))
            await store.run(partial(attempts.add, rows=[row]))

    tended = [retention.tend(open_empty(), clock, attempt_days=14) for _ in range(3)]
    results = await asyncio.gather(*tended, *(write(number) for number in range(4)))
    rounds = [each for each in results if each is not None]
    store = open_empty()
    if not store.is_sqlite:
        rounds.append(await retention.tend(store, clock, attempt_days=14))
        # Today and the week ahead, and the two days before, each opened once.
        assert sum(each.opened for each in rounds) == 10
        assert await _days(store, "attempt_default") == []
    counted = await store.read(lambda connection: attempts.outcomes_since(connection, "shop-customers", made.NOW))
    assert sum(counted.values()) == sum(1 for count in range(20) if count % 3 == 0) * 4
    assert len(await _days(store)) == 3


async def test_findings_that_nobody_needs_are_dropped(store: Database, clock: ManualClock) -> None:
    async def flows(connection: AsyncConnection) -> None:
        common = {"workspace_id": "shop", "shard": 1, "bridge_id": "b", "entity": "customer", "options": {}}
        for name, state, before in (
            ("live", "live", None),
            ("held", "paused", "live"),
            ("review", "review", None),
        ):
            values = {"id": name, "spec": name, "state": state, "state_before_pause": before}
            await connection.execute(insert(tables.flow).values(**common, **values, created_at=made.NOW))
        for name in ("live", "held", "review", "gone"):
            finding = partial(matches.Finding, flow_id=name, side="left", finding="new")
            await matches.put(connection, [finding(record_id="1"), finding(record_id="2")])
            await matches.decide(connection, name, "left", "2", "new", actor="ana", now=made.NOW)
            await matches.finish(connection, name, made.NOW)

    await store.run(flows)
    await retention.tend(store, clock, attempt_days=14)
    left = {
        name: [each.record_id for each in await store.read(partial(matches.page, flow_id=name))]
        for name in ("live", "held", "review", "gone")
    }
    assert left == {"live": ["2"], "held": ["2"], "review": ["1", "2"], "gone": []}
    assert await store.read(lambda connection: matches.report(connection, "gone")) is None
    assert await store.read(lambda connection: matches.report(connection, "review")) is not None
