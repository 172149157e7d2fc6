"""The promises that every form of the event log keeps, numbered as in shared/eventlog/port.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared import errors
from shared.eventlog import envelope
from shared.eventlog.port import MAX_ENTRY_BYTES, Position
from shared.model.change import Change, shard_of
from tests.contracts.eventlog_places import (
    A_MOMENT,
    PATIENCE,
    SEEN_AT,
    Place,
    SqlitePlace,
    all_read,
    change,
    ends,
    ids,
    kafka_place,
    new_group,
    opened,
    taken,
)
from tests.support import waiting
from tests.support.processes import Processes, python

HOSTILE = (
    "\x00\x01\x7f\x1b[31m",
    "line\r\nbreak\u2028",
    "ce_id=forged\nce_workspace: other",
    "naïve ñ 漢字 🧾 \u202egnp",
    "%2F/%00/../../etc",
    "' OR 1=1; DROP TABLE entry; --",
    " leading and trailing ",
    "x" * 4000,
)


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "sqlite":
        yield SqlitePlace(tmp_path / "log")
        return
    async with kafka_place(request.getfixturevalue("kafka")) as made:
        yield made


async def test_01_what_was_appended_is_there_for_whoever_opens_the_log_next(place: Place) -> None:
    stored = change()
    async with opened(place) as log:
        position = await log.append(stored)

    async with opened(place) as log:
        (entry,) = await all_read(log)

    assert entry.change == stored
    assert entry.position == position
    assert entry.problem == ""


@pytest.mark.processes
async def test_01_what_a_process_saw_acknowledged_is_there_after_it_was_killed(
    place: Place, processes: Processes
) -> None:
    async with opened(place):
        pass  # the place exists
    command = python("-m", "tests.contracts.eventlog_process", "append", place.url, "acme", "1000000")
    writer = processes.start(*command, name="writer")
    await waiting.until(lambda: writer.output().count("\n") > 100, within=PATIENCE, what="a hundred acks")
    writer.kill9()
    acked = writer.output().split("\n")[:-1]

    async with opened(place) as log:
        stored = ids(await all_read(log))

    assert [f"acked {each}" for each in stored[: len(acked)]] == acked
    assert len(acked) <= len(stored) <= len(acked) + 1


async def test_02_changes_of_one_workspace_keep_their_order(place: Place) -> None:
    async with opened(place) as log:
        first = [change() for _ in range(50)]
        for each in first[:25]:
            await log.append(each)
        last = await log.append(*first[25:])

        async with log.subscribe(group=new_group()) as subscription:
            entries = await taken(subscription, 50, limit=7)

    assert ids(entries) == [each.id for each in first]
    assert entries[-1].position == last
    assert [entry.position.offset for entry in entries] == list(range(50))


async def test_02_many_appends_at_once_lose_and_double_nothing(place: Place) -> None:
    async with opened(place) as log:

        async def append_some(workspace: str) -> list[str]:
            mine = [change(workspace=workspace) for _ in range(20)]
            for each in mine:
                await log.append(each)
            return [each.id for each in mine]

        names = [f"workspace {number}" for number in range(30)]
        appended = dict(zip(names, await asyncio.gather(*map(append_some, names)), strict=True))
        entries = await all_read(log)

    assert len({entry.position for entry in entries}) == 600
    for name in names:
        assert [entry.change.id for entry in entries if entry.change.workspace == name] == appended[name]


async def test_03_a_new_group_starts_at_the_beginning_and_a_known_one_where_it_stood(place: Place) -> None:
    group = new_group()
    async with opened(place) as log:
        await log.append(change("1"), change("2"), change("3"))
        async with log.subscribe(group=group) as subscription:
            entries = await taken(subscription, 3)
            await subscription.commit(entries[1].position)

        async with log.subscribe(group=group) as subscription:
            (left,) = await taken(subscription, 1)
        async with log.subscribe(group=new_group()) as subscription:
            others = await taken(subscription, 3)

    assert left.change.record_id == "3"
    assert [entry.change.record_id for entry in others] == ["1", "2", "3"]


async def test_04_a_commit_settles_all_before_it_and_never_goes_back(place: Place) -> None:
    group = new_group()
    async with opened(place) as log:
        await log.append(*(change() for _ in range(5)))
        async with log.subscribe(group=group) as subscription:
            entries = await taken(subscription, 5)
            await subscription.commit(entries[3].position)
            await subscription.commit(entries[0].position)
            assert (await log.lag(group=group)).total == 1

        async with log.subscribe(group=group) as subscription:
            (left,) = await taken(subscription, 1)

    assert left.position == entries[4].position


async def test_05_what_was_not_committed_comes_again(place: Place) -> None:
    group = new_group()
    async with opened(place) as log:
        await log.append(change("1"), change("2"))
        for _ in range(2):
            async with log.subscribe(group=group) as subscription:
                entries = await taken(subscription, 2)
                assert [entry.change.record_id for entry in entries] == ["1", "2"]


async def test_06_the_first_subscription_makes_lag_a_number_everywhere(place: Place) -> None:
    group = new_group()
    async with opened(place) as log:
        assert {partition.committed for partition in (await log.lag(group=group)).partitions} == {None}
        async with log.subscribe(group=group):
            pass
        await log.append(change(workspace="acme"))
        lag = await log.lag(group=group)

    assert {partition.partition for partition in lag.partitions} == place.partitions
    assert {partition.committed for partition in lag.partitions} == {0}
    assert lag.total == 1


async def test_07_reading_by_time_includes_since_and_excludes_until(place: Place) -> None:
    async with opened(place) as log:
        for number in range(4):
            await log.append(change(str(number)))
            await asyncio.sleep(0.005)  # the log's clock counts milliseconds
        entries = await all_read(log)
        times = [entry.appended_at for entry in entries]
        assert times == sorted(set(times))

        middle = await all_read(log, since=times[1], until=times[3])
        assert ids(middle) == ids(entries[1:3])
        assert await all_read(log, since=times[3] + timedelta(milliseconds=1)) == []
        assert await all_read(log, until=times[0]) == []
        assert ids(await all_read(log, since=datetime(2000, 1, 1, tzinfo=UTC))) == ids(entries)
        with pytest.raises(ValueError, match="time zone"):
            await all_read(log, since=datetime(2026, 1, 1))  # noqa: DTZ001 - the naive time is the point


async def test_07_reading_one_workspace_leaves_the_others_out(place: Place) -> None:
    async with opened(place) as log:
        for name in ("acme", "bakery", "acme", "café"):
            await log.append(change(workspace=name))

        entries = await all_read(log, workspace="acme")
        nothing = await all_read(log, workspace="nobody")

    assert [entry.change.workspace for entry in entries] == ["acme", "acme"]
    assert nothing == []


async def test_07_reading_resumes_at_a_position_and_moves_no_group(place: Place) -> None:
    group = new_group()
    async with opened(place) as log:
        for number in range(30):
            await log.append(change(workspace=f"workspace {number % 7}"))
        async with log.subscribe(group=group):
            pass
        entries = await all_read(log)
        assert [entry.position for entry in entries] == sorted(entry.position for entry in entries)

        for start in (entries[11].position, entries[10].position.following):
            expected = [entry for entry in entries if entry.position >= start]
            assert await all_read(log, start=start) == expected
        assert await all_read(log, start=entries[-1].position.following) == []
        assert (await log.lag(group=group)).total == 30


async def test_07_reading_ends_where_the_log_ended_when_it_began(place: Place) -> None:
    async with opened(place) as log:
        await log.append(change("1"), change("2"))
        found = []
        async with aclosing(log.read()) as reading:
            async for entry in reading:
                found.append(entry.change.record_id)
                await log.append(change("later"))

        assert found == ["1", "2"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_08_hostile_text_comes_out_as_it_went_in(place: Place, text: str) -> None:
    stored = Change(
        id=text,
        what="unreadable",
        workspace=text,
        system=text,
        account=text,
        seen_at=SEEN_AT,
        resource=text,
        record_id=text,
        hook_kind=text,
        generation=2**31 - 1,
        deletion=True,
        run=text,
        mode="repair",
        traceparent=text,
        gap_since=SEEN_AT - timedelta(hours=1),
        body=text.encode(),
        body_key=text,
        body_of=text,
    )
    async with opened(place) as log:
        await log.append(stored)
        (entry,) = await all_read(log)

    assert entry.change == stored
    assert entry.problem == ""


async def test_08_no_body_an_empty_one_and_the_largest_are_three_things(place: Place) -> None:
    bare = change(body=b"")
    room = MAX_ENTRY_BYTES - envelope.size_of(bare.workspace, envelope.headers_of(bare), b"")
    largest = change(
        id=bare.id, record_id=bare.record_id, body=bytes(range(256)) * (room // 256) + b"." * (room % 256)
    )
    async with opened(place) as log:
        for body in (None, b"", largest.body):
            await log.append(change(id=bare.id, record_id=bare.record_id, body=body))
        entries = await all_read(log)

    assert [entry.change.body for entry in entries] == [None, b"", largest.body]


async def test_09_what_is_too_large_is_rejected_and_leaves_no_trace(place: Place) -> None:
    async with opened(place) as log:
        with pytest.raises(errors.Rejected, match="does not fit"):
            await log.append(change("small"), change("large", body=b"." * MAX_ENTRY_BYTES))
        with pytest.raises(errors.Rejected, match="Unicode"):
            await log.append(change("\ud800"))
        with pytest.raises(ValueError, match="exactly one workspace"):
            await log.append(change(workspace="acme"), change(workspace="bakery"))

        assert await all_read(log) == []
        await log.append(change("next"))
        assert len(await all_read(log)) == 1


@pytest.mark.processes
async def test_10_several_processes_append_to_one_place(place: Place, processes: Processes) -> None:
    async with opened(place) as log:
        writers = [
            processes.start(
                *python("-m", "tests.contracts.eventlog_process", "append", place.url, name, "40"), name="writer"
            )
            for name in ("acme", "bakery")
        ]
        async with log.subscribe(group=new_group()) as subscription:
            for number in range(40):
                await log.append(change(f"own {number}", workspace="café"))
            for writer in writers:
                assert await writer.exits(within=PATIENCE) == 0
            entries = await taken(subscription, 120)

    assert len(entries) == 120
    for name in ("acme", "bakery"):
        mine = [entry.change.id for entry in entries if entry.change.workspace == name]
        assert mine == [f"{name}-{number}" for number in range(40)]


async def test_11_order_and_positions_survive_a_restart(place: Place) -> None:
    async with opened(place) as log:
        for number in range(20):
            await log.append(change(str(number), workspace=f"workspace {number % 3}"))
        before = await all_read(log)
    async with opened(place) as log:
        position = await log.append(change("next", workspace="workspace 0"))
        after = await all_read(log)

    assert [entry for entry in after if entry.change.record_id != "next"] == before
    same = [entry.position for entry in before if entry.change.workspace == "workspace 0"]
    assert position > max(same)


def _headers(**other: bytes | None) -> list[tuple[str, bytes]]:
    """Good headers, with some replaced, or left out (None). Names are given without `ce_`."""
    found: dict[str, bytes | None] = {f"ce_{name}": value for name, value in other.items()}
    good: dict[str, bytes | None] = dict(envelope.headers_of(change()))
    return [(name, value) for name, value in (good | found).items() if value is not None]


MALFORMED = {
    "nothing at all": ([], "missing"),
    "no id": (_headers(id=None), "ce_id is missing"),
    "another version": (_headers(specversion=b"0.3"), "version"),
    "another type": (_headers(type=b"com.example.created"), "none of Puente's"),
    "a source of one part": (_headers(source=b"bitfactura"), "ce_source"),
    "no UTF-8": (_headers(hookkind=b"\xff\xfe"), "not UTF-8"),
    "a naive time": (_headers(time=b"2026-03-02T09:00:00"), "zone"),
    "no time": (_headers(time=b"yesterday"), "cannot be read"),
    "a time before all time": (_headers(time=b"0001-01-01T00:00:00+14:00"), "cannot be read"),
    "a generation of many digits": (_headers(generation=b"9" * 5000), "ce_generation"),
    "an unknown mode": (_headers(mode=b"force"), "mode"),
    "a strange deletion": (_headers(deletion=b"yes"), "ce_deletion"),
    "an id given twice": ([*_headers(), ("ce_id", b"other")], "given twice"),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_12_an_entry_that_somebody_wrote_wrongly_is_delivered_as_unreadable(place: Place, case: str) -> None:
    headers, reason = MALFORMED[case]
    async with opened(place) as log:
        await log.append(change("before"))
        await place.write_raw("acme", headers, b"their bytes")
        await log.append(change("after"))

        async with log.subscribe(group=new_group()) as subscription:
            before, wrong, after = await taken(subscription, 3)
            await subscription.commit(after.position)

    assert (before.change.record_id, after.change.record_id) == ("before", "after")
    assert wrong.change.what == "unreadable"
    assert wrong.change.id == f"log-{wrong.position.partition}-{wrong.position.offset}"
    assert wrong.change.body == b"their bytes"
    assert reason in wrong.problem


async def test_12_headers_that_we_do_not_know_are_passed_over(place: Place) -> None:
    headers = [*_headers(newer=b"\xff"), ("x-trace", b"\x00\xff"), ("x-trace", b"again")]
    headers.remove(("ce_newer", b"\xff"))
    async with opened(place) as log:
        await place.write_raw("acme", [*headers, ("ce_colour", b"blue")], b"sealed")
        (entry,) = await all_read(log)

    assert entry.problem == ""
    assert entry.change.workspace == "acme"


async def test_13_a_paused_subscription_stays_alive_and_gives_nothing(place: Place) -> None:
    async with opened(place) as log:
        await log.append(change("1"))
        async with log.subscribe(group=new_group()) as subscription:
            await taken(subscription, 1)
            subscription.pause()
            await log.append(change("2"), change("3"))
            for _ in range(3):
                assert list(await subscription.next_batch(limit=10, wait=A_MOMENT)) == []
            subscription.resume()
            entries = await taken(subscription, 2)

    assert [entry.change.record_id for entry in entries] == ["2", "3"]


async def test_14_a_batch_comes_as_soon_as_there_is_something_and_never_exceeds_its_limit(place: Place) -> None:
    loop = asyncio.get_running_loop()
    async with opened(place) as log, log.subscribe(group=new_group()) as subscription:
        started = loop.time()
        assert list(await subscription.next_batch(limit=10, wait=A_MOMENT)) == []
        assert loop.time() - started >= A_MOMENT.total_seconds() * 0.9
        assert list(await subscription.next_batch(limit=10, wait=timedelta(0))) == []

        waiting = asyncio.create_task(subscription.next_batch(limit=10, wait=PATIENCE))
        await asyncio.sleep(0.05)  # let it wait
        await log.append(*(change() for _ in range(25)))
        started = loop.time()
        first = await waiting
        assert loop.time() - started < PATIENCE.total_seconds() / 4

        sizes = [len(first)]
        while sum(sizes) < 25:
            sizes.append(len(await subscription.next_batch(limit=10, wait=PATIENCE)))
        assert max(sizes) <= 10


async def test_15_lag_is_counted_in_total_and_by_system_and_workspace(place: Place) -> None:
    group = new_group()
    async with opened(place) as log:
        for workspace, system in (("acme", "bitfactura"), ("acme", "sugester"), ("bakery", "sugester")):
            await log.append(*(change(workspace=workspace, system=system) for _ in range(4)))
        async with log.subscribe(group=group) as subscription:
            entries = await taken(subscription, 12)
            first = next(entry for entry in entries if entry.change.workspace == "acme")
            await subscription.commit(first.position)

        lag = await log.lag(group=group)
        coarse = await log.lag(group=group, detail_limit=10)

    assert lag.total == coarse.total == 11
    assert lag.by_system is not None
    assert sum(lag.by_system.values()) == 11
    assert lag.by_workspace is not None
    assert lag.by_workspace["sugester", "bakery"] == 4
    assert lag.by_workspace["bitfactura", "acme"] + lag.by_workspace["sugester", "acme"] == 7
    assert (coarse.by_system, coarse.by_workspace, coarse.oldest) == (None, None, None)
    assert lag.oldest is not None
    assert lag.oldest.keys() == lag.by_workspace.keys()
    assert max(lag.oldest.values()) == lag.oldest_age
    for one in (lag, coarse):
        assert one.oldest_age is not None
        assert timedelta(0) <= one.oldest_age < timedelta(minutes=2)
        assert all((partition.lag == 0) == (partition.oldest_age is None) for partition in one.partitions)


async def test_15_there_is_no_lag_once_all_is_settled(place: Place) -> None:
    group = new_group()
    async with opened(place) as log:
        await log.append(change(), change())
        async with log.subscribe(group=group) as subscription:
            await subscription.commit(*ends(await taken(subscription, 2)))
        lag = await log.lag(group=group)

    assert (lag.total, lag.by_system, lag.by_workspace, lag.oldest_age) == (0, {}, {}, None)


async def test_16_an_entry_is_found_by_its_position(place: Place) -> None:
    async with opened(place) as log:
        await log.append(change("1"))
        position = await log.append(change("2"))
        await log.append(change("3"))
        entry = await log.entry(position)

        assert entry is not None
        assert entry.change.record_id == "2"
        assert await log.entry(Position(partition=position.partition, offset=position.offset + 2)) is None
        assert await log.entry(Position(partition=4000, offset=0)) is None


async def test_17_callbacks_frame_the_time_in_which_shards_are_held(place: Place) -> None:
    story: list[str] = []

    async def on_assigned(shards: frozenset[int]) -> None:
        story.append(f"assigned {len(shards)}")

    async def on_revoked(shards: frozenset[int]) -> None:
        story.append(f"revoked {len(shards)}")

    async with opened(place) as log:
        await log.append(change())
        async with log.subscribe(
            group=new_group(), on_assigned=on_assigned, on_revoked=on_revoked
        ) as subscription:
            story.append(f"holds {len(subscription.shards)}")
            assert shard_of("acme") in subscription.shards
            await taken(subscription, 1)
            story.append("entry")

    assert story == ["assigned 64", "holds 64", "entry", "revoked 64"]
    with pytest.raises(errors.Lost):
        await subscription.next_batch(limit=1, wait=A_MOMENT)
    assert subscription.shards == frozenset()


async def test_17_a_commit_inside_on_revoked_still_counts(place: Place) -> None:
    group = new_group()
    positions: list[Position] = []

    async def on_revoked(_shards: frozenset[int]) -> None:
        await subscription.commit(*positions)

    async with opened(place) as log:
        await log.append(change())
        async with log.subscribe(group=group, on_revoked=on_revoked) as subscription:
            positions += ends(await taken(subscription, 1))
        assert (await log.lag(group=group)).total == 0


class OursError(Exception):
    """A failure of the subscriber's own code."""


async def _fail(_shards: frozenset[int]) -> None:
    raise OursError


async def test_17_a_failing_callback_is_raised_where_the_subscriber_sees_it(place: Place) -> None:
    async with opened(place) as log:
        async with log.subscribe(group=new_group(), on_assigned=_fail) as subscription:
            with pytest.raises(OursError):
                await subscription.next_batch(limit=1, wait=A_MOMENT)
        with pytest.raises(OursError):
            async with log.subscribe(group=new_group(), on_revoked=_fail):
                pass


async def test_18_after_a_close_appends_are_retryable(place: Place) -> None:
    async with opened(place) as log:
        await log.append(change("1"))
        assert await log.healthy()
        await log.close()
        with pytest.raises(errors.Retryable):
            await log.append(change("2"))
        assert not await log.healthy()
    async with opened(place) as log:
        assert [entry.change.record_id for entry in await all_read(log)] == ["1"]


async def test_18_a_close_during_appends_answers_every_one_of_them_truly(place: Place) -> None:
    acked: set[str] = set()

    async def append_until_closed() -> None:
        with suppress(errors.Retryable):
            while True:
                mine = change()
                await log.append(mine)
                acked.add(mine.id)

    async with opened(place) as log:
        writers = [asyncio.create_task(append_until_closed()) for _ in range(8)]
        await asyncio.sleep(0.2)  # some are acknowledged, some are on their way
        await log.close()
        await asyncio.wait_for(asyncio.gather(*writers), PATIENCE.total_seconds())

    assert acked
    async with opened(place) as log:
        assert acked <= set(ids(await all_read(log)))


@pytest.mark.processes
async def test_the_one_consumer_of_a_machine_is_replaced_as_soon_as_it_dies(
    tmp_path: Path, processes: Processes
) -> None:
    place = SqlitePlace(tmp_path / "log")
    async with opened(place) as log:
        await log.append(change())
        command = python(
            "-m", "tests.contracts.eventlog_process", "consume", place.url, "sync", str(tmp_path / "no")
        )
        first = processes.start(*command, name="consumer")
        await first.line(r"^entry ", within=PATIENCE)
        with pytest.raises(errors.Misconfigured, match="Another process"):
            async with log.subscribe(group="sync"):
                pass

        first.kill9()
        async with log.subscribe(group="sync") as subscription:
            assert len(await taken(subscription, 1)) == 1
