"""Transactions: whole or nothing, side by side, and a database that is away is told apart from a bug."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store import attempts, bindings, schema, tables, waiting
from shared.store.database import Database, StoreUnreachable
from tests.contracts.store import made
from tests.contracts.store.conftest import Open
from tests.support.postgres import OwnPostgres
from tests.support.waiting import until

_V = tables.budget


async def _count(connection: AsyncConnection) -> int:
    return (await connection.execute(select(func.count()).select_from(_V))).scalar_one()


async def _add(connection: AsyncConnection, key: str) -> None:
    await connection.execute(insert(_V).values(key=key, slots={"n": 0}))


async def _grow(connection: AsyncConnection, key: str) -> None:
    """Read, then write what was read: breaks if two such units ran in between each other."""
    row = (await connection.execute(select(_V).where(_V.c.key == key).with_for_update())).one()
    await connection.execute(update(_V).where(_V.c.key == key).values(slots={"n": row.slots["n"] + 1}))


async def _grown(store: Database, key: str) -> int:
    value = await store.read(lambda connection: connection.execute(select(_V.c.slots).where(_V.c.key == key)))
    return int(value.scalar_one()["n"])


async def test_fifty_tasks_of_two_processes_write_side_by_side(open_store: Open) -> None:
    stores = [open_store(), open_store()]
    await stores[0].run(partial(_add, key="k"))

    async def work(number: int) -> None:
        store = stores[number % 2]
        for _ in range(4):
            await store.run(partial(_grow, key="k"))
            await store.read(_count)

    await asyncio.gather(*(work(number) for number in range(50)))
    assert await _grown(stores[0], "k") == 200


async def test_connections_once_made_serve_all_that_comes_and_a_quiet_store_keeps_to_one(store: Database) -> None:
    made_new: list[object] = []
    used: list[object] = []
    pool = store.engine.sync_engine
    event.listen(pool, "connect", lambda connection, _record: made_new.append(connection))
    event.listen(pool, "checkout", lambda connection, _record, _proxy: used.append(connection))

    async def crowd() -> None:
        await asyncio.gather(*(store.read(_count) for _ in range(60)))

    await crowd()
    at_first = len(made_new)
    for _ in range(5):
        await crowd()
    assert len(made_new) == at_first
    # The one used last has its statements prepared.
    used.clear()
    for _ in range(10):
        await store.read(_count)
    assert len({id(each) for each in used}) == 1


async def test_a_unit_that_fails_leaves_nothing(store: Database) -> None:
    async def unit(connection: AsyncConnection) -> None:
        await _add(connection, "k")
        raise errors.Rejected("no")

    with pytest.raises(errors.Rejected):
        await store.run(unit)
    assert await store.read(_count) == 0


@pytest.mark.parametrize("after", range(3))
async def test_a_cancelled_unit_leaves_nothing_and_its_connection_is_clean(store: Database, after: int) -> None:
    reached = asyncio.Event()

    async def unit(connection: AsyncConnection) -> None:
        for number in range(50):
            if number == after:
                reached.set()
            await _add(connection, f"k{number}")

    # As often as there are connections in the pool, so that each of them would show what was left behind.
    for _ in range(30):
        reached.clear()
        task = asyncio.create_task(store.run(unit))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await store.read(_count) == 0
    await store.run(unit)
    assert await store.read(_count) == 50


async def test_a_task_cancelled_while_it_waits_for_its_turn_harms_nobody(open_store: Open) -> None:
    store, other = open_store(), open_store()
    holds, release = asyncio.Event(), asyncio.Event()
    await store.run(partial(_add, key="k"))

    async def hold(connection: AsyncConnection) -> None:
        await _grow(connection, "k")
        holds.set()
        await release.wait()

    holder = asyncio.create_task(store.run(hold))
    await holds.wait()
    waiters = [asyncio.create_task(each.run(partial(_grow, key="k"))) for each in (store, other, store, other)]
    for _ in range(20):
        await asyncio.sleep(0)
    for task in waiters[:3]:
        task.cancel()
    results = await asyncio.gather(*waiters[:3], return_exceptions=True)
    assert {type(each) for each in results} == {asyncio.CancelledError}
    release.set()
    await asyncio.gather(holder, waiters[3])
    assert await _grown(store, "k") == 2


async def test_a_broken_rule_of_the_table_is_a_bug_and_no_lost_race(store: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)not.null"):
        await store.run(lambda connection: connection.execute(text("INSERT INTO audit (id) VALUES ('x')")))


async def test_a_wrong_statement_is_a_bug_and_no_outage(store: Database) -> None:
    for statement in ("SELECT nothing FROM nowhere", "SELEC", "SELECT nothing FROM audit"):
        with pytest.raises(DBAPIError):
            await store.read(partial(AsyncConnection.execute, statement=text(statement)))


async def test_closing_leaves_no_thread_behind(open_store: Open) -> None:
    before = set(threading.enumerate())
    store = open_store()
    await asyncio.gather(*(store.read(_count) for _ in range(30)))
    await store.close()
    left = set(threading.enumerate()) - before
    await until(
        lambda: not any(thread.is_alive() for thread in left), within=timedelta(seconds=5), what="threads end"
    )


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_full_disk_is_waited_out_and_loses_nothing(store: Database) -> None:
    await store.run(lambda connection: bindings.add(connection, made.binding()))

    async def fill(connection: AsyncConnection) -> None:
        for number in range(200):
            await attempts.add(connection, [made.attempt(id=f"a{number}", detail=bytes(4096))])

    async def limit(pages: int) -> None:
        # Limits are the connection's own, so every connection of the pool is told.
        taken = [await store.engine.connect() for _ in range(6)]
        for connection in taken:
            await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        for connection in taken:
            await connection.close()

    async def pages(connection: AsyncConnection) -> int:
        return int((await connection.exec_driver_sql("PRAGMA page_count")).scalar_one())

    await limit(await store.read(pages) + 5)
    with pytest.raises(StoreUnreachable) as full:
        await store.run(fill)
    assert isinstance(full.value, errors.Retryable)
    kept = await store.read(lambda connection: bindings.by_id(connection, "b1"))
    assert kept == made.binding()
    told = partial(attempts.of_record, account_id="shop-left", resource="clients", record_id="L1")
    assert await store.read(told) == []
    await limit(1_000_000)
    await store.run(fill)
    assert len(await store.read(partial(told, limit=500))) == 200


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_file_that_another_process_keeps_is_an_outage_with_an_end(store: Database, store_url: str) -> None:
    other = Database(store_url)
    async with other.engine.connect() as connection:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        # Readers go on; a writer waits, and is cut off here long before it gives up.
        assert await store.read(_count) == 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await store.run(partial(_add, key="late"))
        await connection.rollback()
    await other.close()
    await store.run(partial(_add, key="k"))
    assert await store.read(_count) == 1


@pytest.mark.parametrize(
    "how", ["kill9", "stop"], ids=["a crash of the database", "an orderly stop of the database"]
)
async def test_while_postgresql_is_away_nothing_is_saved_and_then_all_goes_on(
    own_postgres: Callable[[], OwnPostgres], how: str
) -> None:
    server = own_postgres()
    store = Database(await server.database())
    await schema.migrate(store)
    await store.run(lambda connection: waiting.put(connection, made.waiting()))
    in_the_middle = asyncio.Event()
    away = asyncio.Event()

    async def unit(connection: AsyncConnection) -> None:
        await _add(connection, "half")
        in_the_middle.set()
        await away.wait()
        await _add(connection, "whole")

    cut_off = asyncio.create_task(store.run(unit))
    await in_the_middle.wait()
    await asyncio.gather(*(store.read(_count) for _ in range(8)))
    await asyncio.to_thread(getattr(server, how))
    away.set()
    with pytest.raises(StoreUnreachable):
        await cut_off
    for _ in range(12):
        with pytest.raises(StoreUnreachable) as problem:
            await store.run(partial(_add, key="never"))
        assert "password" not in str(problem.value)
    await server.start_beside()

    async def answers() -> bool:
        return await store.read(_count) == 0

    await until(
        answers, within=timedelta(seconds=20), ignoring=(StoreUnreachable,), what="the store answers again"
    )
    # No connection of the old server is left in the pool once each has been tried.
    await until(
        partial(_all_well, store), within=timedelta(seconds=20), what="every connection of the pool is a new one"
    )
    await store.run(partial(_add, key="whole"))
    kept = await store.read(lambda connection: waiting.by_id(connection, "w1"))
    assert kept == made.waiting()
    await store.close()


async def _all_well(store: Database) -> bool:
    results = await asyncio.gather(*(store.read(_count) for _ in range(16)), return_exceptions=True)
    unexpected = [each for each in results if isinstance(each, BaseException) and not _is_outage(each)]
    assert unexpected == []
    return not any(isinstance(each, BaseException) for each in results)


def _is_outage(problem: BaseException) -> bool:
    return isinstance(problem, StoreUnreachable)


async def test_a_server_that_is_not_there_is_an_outage(unused_tcp_port: int) -> None:
    store = Database(f"postgresql://puente:secret@127.0.0.1:{unused_tcp_port}/puente")
    with pytest.raises(StoreUnreachable) as problem:
        await store.read(_count)
    assert "secret" not in str(problem.value)
    await store.close()


@pytest.mark.parametrize("url", ["", "sqlite://", "mysql://host/db", "no url at all"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(errors.Misconfigured) as refused:
        Database(url)
    assert refused.value.setting == "PUENTE_STORE_URL"
