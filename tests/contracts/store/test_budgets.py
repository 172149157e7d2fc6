"""Leased budgets: however many processes call, no minute sees more calls than the vendor bears."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from shared import errors
from shared.clock import ManualClock
from shared.connectors.contract import Access, Budget, Limits
from shared.store import schema
from shared.store.budgets import LeasedBudget, Purpose, lease, reading_unbound
from shared.store.database import Database
from tests.contracts.store.conftest import Open
from tests.support.waiting import until

MINUTE = timedelta(minutes=1)
SOON = timedelta(seconds=10)
SHOP = Access(account="shop-left", base_url="https://shop.example", credentials={})


def _limits(per_minute: int, keyed_by: Literal["account", "base_url", "app"] = "account") -> Limits:
    return Limits(per_minute=per_minute, keyed_by=keyed_by)


def _most_in_a_minute(calls: Sequence[datetime]) -> int:
    """The most calls that any 60 seconds, wherever they begin, have seen."""
    ordered = sorted(calls)
    return max(
        (sum(1 for other in ordered[at:] if other - first < MINUTE) for at, first in enumerate(ordered)), default=0
    )


class _Clock(ManualClock):
    """A clock that knows how many sleep on it."""

    asleep = 0

    async def sleep(self, duration: timedelta) -> None:
        self.asleep += 1
        try:
            await super().sleep(duration)
        finally:
            self.asleep -= 1


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


class _Callers:
    """Tasks that take calls and note when, driven by a clock that moves once all of them have come to rest."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self.calls: list[datetime] = []
        self.who: list[str] = []
        self.throttled: list[errors.Throttled] = []

    def start(self, budget: Budget, limits: Limits, *, calls: int, bulk: bool = False) -> None:
        self._tasks.append(asyncio.create_task(self._call(budget, limits, calls, bulk=bulk)))

    async def _call(self, budget: Budget, limits: Limits, calls: int, *, bulk: bool) -> None:
        for _ in range(calls):
            try:
                await budget.take(SHOP, limits, bulk=bulk)
            except errors.Throttled as problem:
                self.throttled.append(problem)
                return
            self.calls.append(self._clock.now())
            self.who.append("bulk" if bulk else "live")

    async def run(self, duration: timedelta, *, step: timedelta = timedelta(seconds=1)) -> None:
        end = self._clock.now() + duration
        await self.rest()
        while self._clock.now() < end and not all(task.done() for task in self._tasks):
            self._clock.advance(step)
            await self.rest()

    async def rest(self) -> None:
        """Until every task is done or asleep on the clock."""
        # Whoever the clock has just woken runs before we go on.
        await asyncio.sleep(0)
        await until(
            lambda: self._clock.asleep >= sum(1 for task in self._tasks if not task.done()),
            within=SOON,
            every=timedelta(milliseconds=1),
            what="every caller rests",
        )

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


@contextmanager
def _writes(store: Database) -> Iterator[list[str]]:
    """The transactions that changed something, as they are committed."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE budget"):
            seen.append(statement)

    event.listen(store.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.engine.sync_engine, "before_cursor_execute", note)


async def test_two_processes_together_stay_within_the_quota(open_store: Open, clock: _Clock) -> None:
    callers, limits = _Callers(clock), _limits(60)
    for _ in range(2):
        budget: Budget = LeasedBudget(open_store(), clock, live_patience=timedelta(hours=1))
        for _ in range(4):
            callers.start(budget, limits, calls=40)
    await callers.run(timedelta(minutes=4))
    await callers.stop()
    assert _most_in_a_minute(callers.calls) <= 60
    # And the quota is used: 60 calls per 63 seconds at the least, less what slices waste.
    assert len(callers.calls) >= 190


async def test_a_lonely_caller_gets_its_whole_quota_at_once(store: Database, clock: _Clock) -> None:
    budget, limits = LeasedBudget(store, clock), _limits(60)
    with _writes(store) as writes:
        for _ in range(60):
            await budget.take(SHOP, limits, bulk=False)
    # Slices of 1, 1, 2, 4 and then 6 calls, which is a tenth of the quota.
    assert len(writes) == 13
    with pytest.raises(errors.Throttled) as full:
        await budget.take(SHOP, limits, bulk=False)
    assert full.value.retry_after is not None
    assert MINUTE <= full.value.retry_after <= timedelta(seconds=63)
    clock.advance(full.value.retry_after)
    await budget.take(SHOP, limits, bulk=False)


async def test_slow_calls_waste_nothing(store: Database, clock: _Clock) -> None:
    budget, limits = LeasedBudget(store, clock), _limits(30)
    for _ in range(100):
        await asyncio.wait_for(budget.take(SHOP, limits, bulk=False), timeout=SOON.total_seconds())
        clock.advance(timedelta(seconds=3))


async def test_bulk_leaves_room_for_live_calls(open_store: Open, clock: _Clock) -> None:
    limits, bulk, live = _limits(100), LeasedBudget(open_store(), clock), LeasedBudget(open_store(), clock)
    callers = _Callers(clock)
    callers.start(bulk, limits, calls=100, bulk=True)
    await callers.rest()
    assert len(callers.calls) == 70
    for _ in range(30):
        await live.take(SHOP, limits, bulk=False)
    with pytest.raises(errors.Throttled):
        await live.take(SHOP, limits, bulk=False)
    await callers.stop()


async def test_a_waiting_live_call_goes_before_waiting_bulk_calls(store: Database, clock: _Clock) -> None:
    limits = _limits(10)
    budget = LeasedBudget(store, clock, live_patience=timedelta(hours=1), bulk_patience=timedelta(hours=1))
    for _ in range(10):
        await budget.take(SHOP, limits, bulk=False)
    callers = _Callers(clock)
    callers.start(budget, limits, calls=7, bulk=True)
    await callers.rest()
    for _ in range(6):
        callers.start(budget, limits, calls=1)
    await callers.run(timedelta(seconds=62))
    assert callers.calls == []
    await callers.run(timedelta(seconds=2))
    await callers.stop()
    assert callers.who == ["live"] * 6 + ["bulk"] * 4


async def test_reads_of_unbound_records_get_a_tenth(store: Database, clock: _Clock) -> None:
    budget, limits = LeasedBudget(store, clock), _limits(50)
    with reading_unbound():
        for _ in range(5):
            await budget.take(SHOP, limits, bulk=False)
        with pytest.raises(errors.Throttled):
            await budget.take(SHOP, limits, bulk=False)
    for _ in range(45):
        await budget.take(SHOP, limits, bulk=False)


async def test_a_pause_holds_for_every_process_and_outlives_a_restart(open_store: Open, clock: _Clock) -> None:
    limits = _limits(60)
    first, second = LeasedBudget(open_store(), clock), LeasedBudget(open_store(), clock)
    await first.take(SHOP, limits, bulk=False)
    await first.punish(SHOP, limits, timedelta(minutes=5))
    # A shorter pause does not end a longer one.
    await second.punish(SHOP, limits, timedelta(seconds=1))
    for budget in (first, second, LeasedBudget(open_store(), clock)):
        with pytest.raises(errors.Throttled) as paused:
            await budget.take(SHOP, limits, bulk=False)
        assert paused.value.retry_after == timedelta(minutes=5)
    clock.advance(timedelta(minutes=5))
    for budget in (first, second):
        await budget.take(SHOP, limits, bulk=False)


async def test_a_short_pause_is_waited_out(store: Database, clock: _Clock) -> None:
    budget, limits, callers = LeasedBudget(store, clock), _limits(60), _Callers(clock)
    await budget.punish(SHOP, limits, timedelta(seconds=10))
    callers.start(budget, limits, calls=1)
    until_then = clock.now() + timedelta(seconds=10)
    await callers.run(timedelta(seconds=30))
    await callers.stop()
    assert callers.calls == [until_then]


@pytest.mark.parametrize(
    ("keyed_by", "shared"),
    [("account", []), ("base_url", ["same address"]), ("app", ["same address", "same app"])],
)
async def test_what_shares_a_budget_is_the_connector_s_word(
    store: Database, clock: _Clock, keyed_by: Literal["account", "base_url", "app"], shared: list[str]
) -> None:
    app = {"app_id": "puente"}
    limits, budget = _limits(1, keyed_by), LeasedBudget(store, clock)
    others = {
        "same address": Access(account="b", base_url="https://a.example/", credentials={}, settings=app),
        "same app": Access(account="c", base_url="https://c.example", credentials={}, settings=app),
        "nothing": Access(account="d", base_url="https://d.example/" + "d" * 400, credentials={}),
    }
    await budget.take(
        Access(account="a", base_url="https://a.example", credentials={}, settings=app), limits, bulk=False
    )
    met = []
    for name, access in others.items():
        try:
            await budget.take(access, limits, bulk=False)
        except errors.Throttled:
            met.append(name)
    assert met == shared


async def test_a_clock_that_is_behind_does_not_open_a_second_quota(store: Database, clock: _Clock) -> None:
    def ask(at: timedelta, wanted: int) -> Any:
        return lambda connection: lease(
            connection, "key", "live", wanted=wanted, quota=10, cap=10, now=clock.now() + at
        )

    assert (await store.run(ask(timedelta(0), 6))).calls == 6
    assert (await store.run(ask(timedelta(minutes=-3), 6))).calls == 4
    assert (await store.run(ask(timedelta(seconds=59), 6))).calls == 0
    assert (await store.run(ask(timedelta(seconds=63), 6))).calls == 6


_ASKS = st.lists(
    st.tuples(
        st.integers(0, 20_000),
        st.sampled_from(["live", "bulk", "unbound"]),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=60,
)


@given(asks=_ASKS, quota=st.integers(1, 40))
@settings(deadline=None, max_examples=25)
def test_no_sequence_of_leases_exceeds_quota_or_caps(
    tmp_path_factory: pytest.TempPathFactory, asks: list[tuple[int, Purpose, int]], quota: int
) -> None:
    caps = {"live": quota, "bulk": max(1, int(quota * 0.7)), "unbound": max(1, quota // 10)}

    async def play() -> list[tuple[datetime, Purpose]]:
        store = Database(f"sqlite:///{tmp_path_factory.mktemp('leases')}/store.db")
        await schema.migrate(store)
        now = ManualClock().now()
        calls: list[tuple[datetime, Purpose]] = []
        for after_ms, purpose, wanted in asks:
            now += timedelta(milliseconds=after_ms)
            got = await store.run(
                partial(lease, name="k", purpose=purpose, wanted=wanted, quota=quota, cap=caps[purpose], now=now)
            )
            assert got.calls > 0 or got.retry_at > now
            calls += [(now, purpose)] * got.calls
        await store.close()
        return calls

    calls = asyncio.run(play())
    assert _most_in_a_minute([at for at, _ in calls]) <= quota
    for name, cap in caps.items():
        assert _most_in_a_minute([at for at, purpose in calls if purpose == name]) <= cap
