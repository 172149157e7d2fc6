"""Waiting changes: one row per record and flow, nothing lost when they meet, fair to every workspace."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.model.change import SHARDS, shard_of
from shared.store import waiting
from shared.store.database import Database
from shared.store.rows import Waiting, waiting_key
from tests.contracts.store import made
from tests.contracts.store.conftest import Open

ALL = range(SHARDS)


async def _put(store: Database, *rows: Waiting) -> None:
    for row in rows:
        await store.run(partial(waiting.put, row=row))


async def _the(store: Database, waiting_id: str = "w1") -> Waiting:
    found = await store.read(lambda connection: waiting.by_id(connection, waiting_id))
    assert found is not None
    return found


async def _due(store: Database, *, at: timedelta = timedelta(0), per_workspace: int = 50) -> list[str]:
    rows = await store.read(
        lambda connection: waiting.due(connection, ALL, made.NOW + at, limit=100, per_workspace=per_workspace)
    )
    return [each.id for each in rows]


async def test_a_row_comes_back_as_it_was_put(store: Database) -> None:
    row = made.waiting(detail=b"\x00\xff sealed", blocked_on="a/b/c", says="Espera al cliente.", tries=3)
    await _put(store, row)
    found = await store.read(
        lambda connection: waiting.find(connection, "shop-customers", "shop-left", "clients", "L1")
    )
    assert found == row


async def test_a_second_word_about_a_record_replaces_the_reason_and_joins_the_ids(store: Database) -> None:
    await _put(store, made.waiting(deletion=True, mode="repair", run="r1"))
    later = made.waiting(
        id="w2",
        reason="rejected",
        not_before=made.LATER,
        first_seen=made.LATER,
        updated_at=made.LATER,
        change_ids=["c2", "c1", "c3"],
        tries=4,
        says="The e-mail is no e-mail.",
    )
    await _put(store, later)
    row = await _the(store)
    assert (row.reason, row.needs_person, row.tries, row.says) == ("rejected", True, 4, later.says)
    assert (row.not_before, row.updated_at) == (made.LATER, made.LATER)
    assert (row.first_seen, row.version) == (made.NOW, 2)
    assert row.change_ids == ["c1", "c2", "c3"]
    assert (row.deletion, row.mode, row.run) == (True, "repair", "r1")


async def test_two_processes_that_put_one_record_at_once_leave_one_row_with_both_ids(open_store: Open) -> None:
    rows = [made.waiting(id=f"w{number}", change_ids=[f"c{number}"]) for number in range(6)]
    await asyncio.gather(*(open_store().run(partial(waiting.put, row=row)) for row in rows))
    (row,) = await open_store().read(lambda connection: waiting.of_workspace(connection, "shop"))
    assert sorted(row.change_ids) == [f"c{number}" for number in range(6)]
    assert row.version == 6


async def test_many_ids_keep_both_ends_of_the_story(store: Database) -> None:
    for number in range(60):
        await _put(store, made.waiting(change_ids=[f"c{number:02}"]))
    row = await _the(store)
    assert len(row.change_ids) == 20
    assert (row.change_ids[0], row.change_ids[-1]) == ("c00", "c59")


async def test_a_change_folds_into_a_waiting_row_and_leaves_its_reason_and_time(store: Database) -> None:
    change = made.waiting(id="w2", reason="budget", not_before=made.NOW - timedelta(1), change_ids=["c2"])
    assert await store.run(lambda connection: waiting.fold(connection, change)) is False
    await _put(store, made.waiting(reason="ambiguous", not_before=made.LATER))
    assert await store.run(lambda connection: waiting.fold(connection, change)) is True
    row = await _the(store)
    assert (row.reason, row.needs_person, row.not_before) == ("ambiguous", True, made.LATER)
    assert (row.change_ids, row.version) == (["c1", "c2"], 2)


async def test_many_are_put_aside_at_once_each_as_if_alone(store: Database) -> None:
    await _put(store, made.waiting(reason="throttled", not_before=made.LATER, change_ids=["c1"]))
    many = [
        made.waiting(id=f"w{n:04}", record_id=f"R{n}", reason="budget", change_ids=[f"c{n}"])
        for n in range(2, 1200)
    ]
    again = made.waiting(id="again", record_id="R7", reason="budget", change_ids=["later"], deletion=True)
    known = made.waiting(id="known", reason="budget", change_ids=["c9"], mode="repair", run="r1")
    await store.run(lambda connection: waiting.put_aside(connection, [*many, again, known]))
    row = await _the(store)
    assert (row.reason, row.not_before, row.version) == ("throttled", made.LATER, 2)
    assert (row.change_ids, row.mode, row.run) == (["c1", "c9"], "repair", "r1")
    seventh = await _the(store, "w0007")
    assert (seventh.change_ids, seventh.deletion, seventh.version) == (["c7", "later"], True, 1)
    rows = await store.read(lambda connection: waiting.of_workspace(connection, "shop", limit=5000))
    assert len(rows) == 1199
    assert {each.reason for each in rows if each.id != "w1"} == {"budget"}


async def test_news_cures_a_row_that_was_buried_and_leaves_the_others_buried(store: Database) -> None:
    buried = {"rejected": "R1", "loop": "R2"}
    for reason, record_id in buried.items():
        await _put(store, made.waiting(id=record_id, record_id=record_id, reason=reason, detail=b"sealed"))
    news = [made.waiting(id=f"n{each}", record_id=each, reason="budget") for each in buried.values()]
    await store.run(lambda connection: waiting.put_aside(connection, news, cured={"rejected"}))
    assert [each.reason for each in (await _the(store, "R1"), await _the(store, "R2"))] == ["budget", "loop"]
    assert await _due(store) == ["R1"]


async def test_two_processes_that_put_the_same_many_aside_leave_one_row_each_with_both_words(
    open_store: Open,
) -> None:
    async def put(name: str) -> None:
        rows = [
            made.waiting(
                id=f"{name}{n}", record_id=f"R{n}", reason="budget", change_ids=[name], deletion=name == "b"
            )
            for n in range(300)
        ]
        if name == "b":
            rows.reverse()
        await open_store().run(lambda connection: waiting.put_aside(connection, rows))

    await asyncio.gather(put("a"), put("b"))
    rows = await open_store().read(lambda connection: waiting.of_workspace(connection, "shop", limit=1000))
    assert len(rows) == 300
    assert {each.version for each in rows} == {2}
    assert {tuple(sorted(each.change_ids)) for each in rows} == {("a", "b")}
    assert all(each.deletion for each in rows)


async def test_the_due_rows_of_one_workspace_and_of_all_the_others(store: Database) -> None:
    await _put(
        store,
        *(made.waiting(id=f"f{n}", record_id=f"{n}", not_before=made.NOW - timedelta(n)) for n in range(5)),
        made.waiting(id="later", record_id="later", not_before=made.LATER),
        made.waiting(id="buried", record_id="buried", reason="rejected"),
        made.waiting(id="calm", workspace_id="calm", flow_id="calm-customers"),
    )
    mine = await store.read(lambda connection: waiting.due_of(connection, "shop", made.NOW, limit=3))
    assert [each.id for each in mine] == ["f4", "f3", "f2"]
    others = await store.read(
        lambda connection: waiting.due(connection, ALL, made.NOW, limit=9, per_workspace=9, without={"shop"})
    )
    assert [each.id for each in others] == ["calm"]


async def test_a_settled_row_is_cleared_only_if_nothing_was_folded_in(store: Database) -> None:
    await _put(store, made.waiting())
    read = await _the(store)
    await store.run(lambda connection: waiting.fold(connection, made.waiting(change_ids=["c2"])))
    await store.run(lambda connection: waiting.clear(connection, read))
    row = await _the(store)
    await store.run(lambda connection: waiting.clear(connection, row))
    assert await store.read(lambda connection: waiting.by_id(connection, "w1")) is None


async def test_due_are_rows_whose_time_has_come_and_that_need_no_person(store: Database) -> None:
    await _put(
        store,
        made.waiting(id="w1", record_id="1", not_before=made.NOW + timedelta(microseconds=1)),
        made.waiting(id="w2", record_id="2", not_before=made.NOW),
        made.waiting(id="w3", record_id="3", not_before=made.NOW - timedelta(days=400)),
        made.waiting(id="w4", record_id="4", reason="rejected", not_before=made.NOW - timedelta(days=1)),
    )
    assert await _due(store) == ["w3", "w2"]
    assert await _due(store, at=timedelta(microseconds=1)) == ["w3", "w2", "w1"]


async def test_a_flood_in_one_workspace_leaves_room_for_its_neighbours(store: Database) -> None:
    async def flood(connection: AsyncConnection) -> None:
        for number in range(300):
            moment = made.NOW - timedelta(seconds=600 - number)
            await waiting.put(
                connection,
                made.waiting(id=f"f{number:03}", record_id=str(number), workspace_id="flood", not_before=moment),
            )

    await store.run(flood)
    await _put(store, made.waiting(id="small", workspace_id="small", flow_id="other"))
    assert await _due(store, per_workspace=3) == ["f000", "f001", "f002", "small"]


async def test_a_holder_sees_the_rows_of_its_shards_only(store: Database) -> None:
    names = [f"shop{number}" for number in range(10)]
    await _put(store, *(made.waiting(id=name, workspace_id=name, flow_id=f"{name}-customers") for name in names))
    mine = sorted({shard_of(name) for name in names})[:4]
    rows = await store.read(
        lambda connection: waiting.due(connection, mine, made.NOW, limit=100, per_workspace=10)
    )
    assert sorted(each.id for each in rows) == sorted(name for name in names if shard_of(name) in mine)


async def test_binding_a_record_wakes_those_that_were_blocked_on_it(store: Database) -> None:
    key = waiting_key("shop-left", "clients", "L9")
    blocked = partial(made.waiting, reason="blocked", not_before=made.NOW + timedelta(days=1))
    await _put(
        store,
        blocked(id="w1", record_id="1", blocked_on=key),
        blocked(id="w2", record_id="2", blocked_on=waiting_key("shop-left", "clients", "L8")),
    )
    await store.run(lambda connection: waiting.wake(connection, [key], made.NOW))
    assert await _due(store) == ["w1"]
    assert (await _the(store, "w1")).blocked_on is None


async def test_rows_behind_a_person_are_those_blocked_on_a_record_that_he_is_asked_about(store: Database) -> None:
    blocked = partial(made.waiting, reason="blocked", not_before=made.LATER)
    await _put(
        store,
        made.waiting(id="w1", record_id="L8", reason="rejected"),
        made.waiting(id="w2", record_id="L9", reason="retry"),
        blocked(id="w3", record_id="1", blocked_on=waiting_key("shop-left", "clients", "L8")),
        blocked(id="w4", record_id="2", blocked_on=waiting_key("shop-left", "clients", "L9")),
        blocked(id="w5", record_id="3", blocked_on=waiting_key("shop-right", "clients", "L8")),
        blocked(
            id="w6", workspace_id="other", record_id="4", blocked_on=waiting_key("shop-left", "clients", "L8")
        ),
    )
    assert await store.read(lambda connection: waiting.behind_persons(connection, "shop")) == 1


async def test_waking_retrying_and_dismissing_take_any_number(store: Database) -> None:
    await _put(store, made.waiting(reason="rejected", tries=7))
    many = [f"no such {number}" for number in range(40_000)]
    await store.run(lambda connection: waiting.wake(connection, many, made.NOW))
    assert await store.run(lambda connection: waiting.retry(connection, [*many, "w1"], made.LATER)) == 1
    row = await _the(store)
    assert (row.reason, row.tries, row.not_before, row.version) == ("retry", 0, made.LATER, 2)
    assert await store.run(lambda connection: waiting.dismiss(connection, [*many, "w1"])) == 1
    assert await store.run(lambda connection: waiting.dismiss(connection, ["w1"])) == 0


async def test_a_claimed_row_is_not_taken_again_at_once(store: Database) -> None:
    await _put(store, made.waiting())
    row = await _the(store)
    await store.run(lambda connection: waiting.postpone(connection, [(row, made.LATER)]))
    assert await _due(store) == []
    assert await _due(store, at=timedelta(minutes=5)) == ["w1"]


async def test_the_summary_tells_reasons_and_the_oldest_of_each(store: Database) -> None:
    await _put(
        store,
        made.waiting(id="w1", record_id="1", first_seen=made.LATER),
        made.waiting(id="w2", record_id="2"),
        made.waiting(id="w3", record_id="3", reason="loop"),
        made.waiting(id="w4", record_id="4", workspace_id="other"),
    )
    assert await store.read(lambda connection: waiting.summary(connection, "shop")) == [
        ("shop", "loop", 1, made.NOW, True),
        ("shop", "retry", 2, made.NOW, False),
    ]
    everything = await store.read(waiting.summary)
    assert [each[0] for each in everything] == ["other", "shop", "shop"]
    loops = await store.read(lambda connection: waiting.of_workspace(connection, "shop", reason="loop"))
    assert [each.id for each in loops] == ["w3"]


@pytest.mark.parametrize("flow_id", ["shop-customers", "second-flow"])
async def test_flows_of_a_shared_account_wait_each_for_themselves(store: Database, flow_id: str) -> None:
    await _put(store, made.waiting(), made.waiting(id="w2", flow_id="second-flow"))
    row = await store.read(lambda connection: waiting.find(connection, flow_id, "shop-left", "clients", "L1"))
    assert row is not None
    assert row.flow_id == flow_id
    both = await store.read(lambda connection: waiting.of_records(connection, "shop-left", "clients", "L1"))
    assert len(both) == 2
