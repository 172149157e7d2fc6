"""The scheduler: changes of one record become one job, workspaces take turns, nothing runs twice at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from shared.flows.context import Outcome
from shared.runtime.runner import Job
from shared.runtime.scheduler import BESIDE_LIVE, Scheduler


class Bench:
    """A scheduler whose jobs end when they are told to."""

    def __init__(
        self, *, running: int = 64, per_workspace: int = 24, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.story: list[str] = []
        self.jobs: list[Job] = []
        self.go = asyncio.Semaphore(0)
        self.scheduler = Scheduler(self._run, running=running, per_workspace=per_workspace, monotonic=monotonic)

    async def _run(self, job: Job) -> list[Outcome]:
        self.story.append(f"{job.workspace_id} {job.record_id}")
        self.jobs.append(job)
        await self.go.acquire()
        return [Outcome(kind="applied", says=job.record_id)]

    async def settles(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    def let(self, many: int) -> None:
        for _ in range(many):
            self.go.release()


def job(record_id: str, workspace: str = "acme", **more: object) -> Job:
    values: dict[str, object] = {
        "workspace_id": workspace,
        "account_id": f"{workspace}.one",
        "resource": "clients",
        "record_id": record_id,
        "origin": "change",
    }
    return Job(**(values | more))  # type: ignore[arg-type]


async def test_changes_that_come_while_a_record_is_looked_at_become_one_more_look() -> None:
    bench = Bench()
    told = datetime(2026, 3, 2, tzinfo=UTC)
    first = bench.scheduler.submit(job("1", change_ids=["a"]))
    await bench.settles()
    later = [bench.scheduler.submit(job("1", change_ids=[each], told_at=told)) for each in ("b", "c", "d")]
    await bench.settles()
    assert bench.story == ["acme 1"]
    bench.let(2)
    await bench.scheduler.quiet()
    assert [each.change_ids for each in bench.jobs] == [["a"], ["b", "c", "d"]]
    assert bench.jobs[1].told_at == told
    assert first.done()
    assert len({id(each) for each in later}) == 1


async def test_workspaces_take_turns() -> None:
    bench = Bench(running=2)
    for number in range(6):
        bench.scheduler.submit(job(str(number), "flood"))
    bench.scheduler.submit(job("1", "calm"))
    bench.let(7)
    await bench.scheduler.quiet()
    assert bench.story.index("calm 1") <= 3


async def test_one_workspace_takes_its_share_of_what_runs_and_no_more() -> None:
    bench = Bench(running=8, per_workspace=3)
    for number in range(9):
        bench.scheduler.submit(job(str(number), "flood"))
    await bench.settles()
    assert len(bench.story) == 3
    bench.scheduler.submit(job("1", "calm"))
    await bench.settles()
    assert bench.story[-1] == "calm 1"
    assert bench.scheduler.count("flood") == 9
    bench.let(10)
    await bench.scheduler.quiet()
    assert bench.scheduler.total == 0


async def test_what_is_dropped_is_not_settled() -> None:
    bench = Bench(running=1)
    running = bench.scheduler.submit(job("1"))
    queued = bench.scheduler.submit(job("2"))
    await bench.settles()
    assert bench.scheduler.drop(lambda each: each.workspace_id == "acme") == 1
    assert queued.cancelled()
    bench.let(1)
    assert [each.says for each in await running] == ["1"]
    assert bench.story == ["acme 1"]


async def test_at_a_stop_nothing_new_starts_and_what_does_not_end_is_cut_off() -> None:
    bench = Bench()
    slow = bench.scheduler.submit(job("1"))
    await bench.settles()
    await bench.scheduler.stop(within=0.01)
    late = bench.scheduler.submit(job("2"))
    await bench.settles()
    assert slow.cancelled()
    assert not late.done()
    assert bench.story == ["acme 1"]


async def test_at_a_stop_what_swallows_its_cancellation_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.runtime.scheduler.CANCEL_SECONDS", 0.01)
    over = asyncio.Event()

    async def run(_: Job) -> list[Outcome]:
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()
        return []

    scheduler = Scheduler(run)
    stubborn = scheduler.submit(job("1"))
    await asyncio.sleep(0)
    await asyncio.wait_for(scheduler.stop(within=0.01), 5)
    assert not stubborn.done()
    over.set()
    assert await stubborn == []


async def test_a_failure_reaches_whoever_waits_and_the_next_look_runs() -> None:
    tries: list[str] = []

    async def run(each: Job) -> list[Outcome]:
        tries.append(each.record_id)
        if len(tries) == 1:
            raise ValueError("broken")
        return []

    scheduler = Scheduler(run)
    failed = scheduler.submit(job("1"))
    with pytest.raises(ValueError, match="broken"):
        await failed
    assert await scheduler.submit(job("1")) == []


def listed(record_id: str, workspace: str = "new", **more: object) -> Job:
    return job(record_id, workspace, origin="load", **more)


async def test_what_a_load_listed_begins_when_no_change_is_left_to_begin_but_for_one_at_a_time() -> None:
    bench = Bench(running=8)
    bench.scheduler.submit(listed("0"))
    for number in range(12):
        bench.scheduler.submit(job(str(number)))
    for number in range(1, 4):
        bench.scheduler.submit(listed(str(number)))
    bench.let(16)
    await bench.scheduler.quiet()
    assert bench.story.index("new 1") < bench.story.index("acme 11") < bench.story.index("new 2")
    assert len(bench.story) == 16


async def test_beside_changes_only_a_few_of_a_load_run_at_once_and_all_its_share_without() -> None:
    bench = Bench()
    change = bench.scheduler.submit(job("1"))
    for number in range(100):
        bench.scheduler.submit(listed(str(number)))
    await bench.settles()
    assert len(bench.story) == 1 + BESIDE_LIVE
    bench.scheduler.drop(lambda each: each.origin == "load")
    bench.let(1 + BESIDE_LIVE)
    await bench.scheduler.quiet()
    await change

    alone = Bench()
    for number in range(100):
        alone.scheduler.submit(listed(str(number)))
    await alone.settles()
    assert len(alone.story) == 24
    alone.let(100)
    await alone.scheduler.quiet()


async def test_a_few_again_are_all_of_them_once_no_change_has_come_for_a_while() -> None:
    clock = Turning()
    bench = Bench(monotonic=clock)
    bench.scheduler.submit(job("1"))
    for number in range(100):
        bench.scheduler.submit(listed(str(number)))
    await bench.settles()
    bench.let(1)
    await bench.settles()
    assert len(bench.story) == 1 + BESIDE_LIVE
    clock.pass_by(10)
    bench.let(1)
    await bench.settles()
    assert len(bench.story) == 1 + 24 + 1
    bench.let(100)
    await bench.scheduler.quiet()


async def test_however_many_loads_there_are_a_change_finds_a_place() -> None:
    bench = Bench(running=16, per_workspace=8)
    for number in range(100):
        bench.scheduler.submit(listed(str(number), f"new{number % 5}"))
    await bench.settles()
    assert len(bench.story) == 12
    bench.scheduler.submit(job("1"))
    await bench.settles()
    assert bench.story[-1] == "acme 1"
    bench.let(101)
    await bench.scheduler.quiet()


async def test_a_load_beside_endless_changes_comes_to_its_end() -> None:
    bench = Bench(running=4)
    for number in range(40):
        bench.scheduler.submit(job(str(number), f"w{number}"))
    loaded = [bench.scheduler.submit(listed(str(number))) for number in range(3)]
    bench.let(16)
    await bench.settles()
    assert all(each.done() for each in loaded)
    assert bench.scheduler.total
    bench.let(40)
    await bench.scheduler.quiet()


async def test_a_change_of_a_record_that_a_list_named_takes_its_look_to_the_front() -> None:
    bench = Bench(running=2)
    bench.scheduler.submit(job("0"))
    for number in range(1, 5):
        bench.scheduler.submit(listed(str(number), "acme"))
    both = bench.scheduler.submit(job("4", change_ids=["a"]))
    await bench.settles()
    assert bench.story == ["acme 0", "acme 1"]
    bench.let(1)
    await bench.settles()
    assert bench.story[2:] == ["acme 4"]
    look = bench.jobs[2]
    assert (look.origin, look.change_ids, look.row) == ("change", ["a"], None)
    bench.let(4)
    await bench.scheduler.quiet()
    assert both.done()


async def test_one_place_is_enough() -> None:
    bench = Bench(running=1)
    looks = [bench.scheduler.submit(job(str(number))) for number in range(3)]
    bench.let(3)
    await asyncio.wait(looks, timeout=5)
    assert bench.story == ["acme 0", "acme 1", "acme 2"]


class Turning:
    """A monotonic time that moves on by `step` seconds at each look: how late the loop comes round."""

    def __init__(self) -> None:
        self.step = 0.0
        self._now = 100.0

    def __call__(self) -> float:
        self._now += self.step
        return self._now

    def pass_by(self, seconds: float) -> None:
        self._now += seconds


async def _most_at_once(step: float, *, company: bool) -> int:
    """How many jobs of one workspace ran at once at last, where each look at the time takes `step` seconds."""
    running: set[str] = set()
    clock, most = Turning(), 0

    async def run(each: Job) -> list[Outcome]:
        nonlocal most
        running.add(each.record_id)
        await asyncio.sleep(0)
        most = max(most, len(running)) if int(each.record_id) >= 200 else 0
        running.discard(each.record_id)
        return []

    scheduler = Scheduler(run, per_workspace=24, monotonic=clock)
    clock.step = step
    if company:
        await scheduler.submit(job("0", "calm"))
    for number in range(400):
        scheduler.submit(job(str(number), "flood"))
    await scheduler.quiet()
    return most


async def test_a_workspace_with_company_runs_fewer_at_once_when_the_process_cannot_keep_up() -> None:
    assert await _most_at_once(0.000002, company=True) == 24
    assert await _most_at_once(0.0005, company=False) == 24
    assert await _most_at_once(0.0005, company=True) < 12
