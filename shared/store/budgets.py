"""Budgets that several processes share: calls per minute, leased from the store in slices.

Time is cut into slots of a few seconds. A slice is charged to the slot in which it is leased and may be used in
that slot only; a lease is given if the slots of the last minute (and the one before, of which a part may still
lie within it) stay below the quota. So no minute, wherever it begins, sees more calls than the vendor bears, as
far as the processes' clocks agree. A slot begins with one call, or with half of what the slot before has used, and
doubles while more are asked for, up to a tenth of the quota: a busy account costs a few store writes per slot, and
one that falls idle wastes half a slot's calls once.

Live calls go first: bulk calls get at most a share of the quota and wait while a live call of this process waits.
Reads of records that nothing is bound to (whoever can forge a hook can cause them) get a tenth.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.clock import Clock
from shared.connectors.budgets import budget_key
from shared.connectors.contract import Access, Limits
from shared.store import tables
from shared.store.database import Database
from shared.store.sql import among, insert_or_ignore

Purpose = Literal["live", "bulk", "unbound"]

SLOT: Final = timedelta(seconds=3)
# The slots that a minute may touch: 20 whole ones, or 19 and a part at each end.
SLOTS_IN_A_MINUTE: Final = 21

# Nobody is asked to pause for longer, nor shut out by the quota: a later time is of a clock that was ahead.
_LONGEST: Final = timedelta(minutes=16)

# What the clocks of two processes may differ by, in slots: ten minutes.
_SLOTS_THAT_DIFFER: Final = 200

# How long a bulk call steps aside for a live one that waits.
_YIELD: Final = timedelta(milliseconds=50)
_PURPOSES: Final[tuple[Purpose, ...]] = ("live", "bulk", "unbound")
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_T = tables.budget

_unbound: ContextVar[bool] = ContextVar("reads_of_unbound_records", default=False)


@contextmanager
def reading_unbound() -> Iterator[None]:
    """Calls made inside, by this task, are reads of records that nothing is bound to."""
    token = _unbound.set(True)
    try:
        yield
    finally:
        _unbound.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What each purpose may take of a quota, as calls per minute; at least one call each."""

    bulk: float = 0.7
    unbound: float = 0.1

    def cap(self, purpose: Purpose, quota: int) -> int:
        share = {"live": 1.0, "bulk": self.bulk, "unbound": self.unbound}[purpose]
        return max(1, int(quota * share))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The store's answer: so many calls in this slot; if none, the time before which asking again is idle."""

    calls: int
    retry_at: datetime
    paused_until: datetime | None


@dataclass(slots=True)
class _Slice:
    """Calls in hand for one purpose."""

    slot: int = -1
    left: int = 0
    leased: int = 0
    waiting: int = 0
    shut_until: datetime = _EPOCH


@dataclass(slots=True)
class _Key:
    name: str
    slices: dict[Purpose, _Slice] = field(default_factory=lambda: {purpose: _Slice() for purpose in _PURPOSES})
    paused_until: datetime = _EPOCH
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class LeasedBudget:
    """The `Budget` of every process that calls vendors; see `connectors/contract.py`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        shares: Shares | None = None,
        live_patience: timedelta = timedelta(seconds=20),
        bulk_patience: timedelta = timedelta(seconds=90),
    ) -> None:
        """`live_patience` and `bulk_patience` are how long a call waits here before its change waits instead."""
        self._database = database
        self._clock = clock
        self._shares = shares or Shares()
        self._patience: Mapping[Purpose, timedelta] = {
            "live": live_patience,
            "bulk": bulk_patience,
            "unbound": live_patience,
        }
        self._keys: dict[str, _Key] = {}

    async def take(self, access: Access, limits: Limits, *, bulk: bool) -> None:
        """Return when one call may be made.

        Raises Throttled, with the time to wait, when that is further away than the patience of the call, and
        StoreUnreachable. In both cases no call was taken.
        """
        purpose: Purpose = "bulk" if bulk else "unbound" if _unbound.get() else "live"
        key = self._key(access, limits)
        deadline = self._clock.now() + self._patience[purpose]
        key.slices[purpose].waiting += 1
        try:
            while True:
                ready_at = await self._try(key, purpose, limits.per_minute)
                if ready_at is None:
                    return
                await self._wait(ready_at, deadline)
        finally:
            key.slices[purpose].waiting -= 1

    async def punish(self, access: Access, limits: Limits, pause: timedelta) -> None:
        """Nobody takes from this budget before the pause is over.

        Calls that other processes have leased already may still be made, within one slot.
        """
        key = self._key(access, limits)
        until = self._clock.now() + pause
        key.paused_until = max(key.paused_until, until) if _is_ahead(key.paused_until, until) else until
        for each in key.slices.values():
            each.left = 0
        stored = await self._database.run(lambda connection: _pause(connection, key.name, until))
        key.paused_until = stored

    async def _try(self, key: _Key, purpose: Purpose, quota: int) -> datetime | None:
        """Take a call from what is in hand or from a new slice. None: taken; else when to try again."""
        mine = key.slices[purpose]
        async with key.asking:
            now = self._clock.now()
            if _is_ahead(key.paused_until, now):
                return key.paused_until
            slot = _slot(now)
            if mine.slot == slot and mine.left > 0:
                mine.left -= 1
                return None
            live = key.slices["live"]
            if purpose == "bulk" and live.waiting > 0:
                return (live.shut_until if _is_ahead(live.shut_until, now) else now) + _YIELD
            if _is_ahead(mine.shut_until, now):
                return mine.shut_until
            wanted = self._wanted(mine, slot, quota)
            lease = await self._lease(key, purpose, wanted, quota)
            return self._use(key, mine, slot, lease)

    def _use(self, key: _Key, mine: _Slice, slot: int, lease: Lease) -> datetime | None:
        """Put a lease in hand and take a call from it."""
        if lease.paused_until is not None and _is_ahead(lease.paused_until, self._clock.now()):
            key.paused_until = lease.paused_until
            return lease.paused_until
        if lease.calls == 0:
            mine.shut_until = lease.retry_at
            return lease.retry_at
        before = mine.leased if mine.slot == slot else 0
        mine.slot, mine.left, mine.leased = slot, lease.calls, before + lease.calls
        if _slot(self._clock.now()) != slot:
            # The store answered so late that the slot is over: the slice is lost, not used in another slot.
            mine.left = 0
            return self._clock.now()
        mine.left -= 1
        return None

    @staticmethod
    def _wanted(mine: _Slice, slot: int, quota: int) -> int:
        """How many calls to lease: those that wait, and as many again as this slot has used already.

        A slot begins with half of what the one before it has used.
        """
        used = mine.leased if mine.slot == slot else 0
        if mine.slot == slot - 1:
            used = (mine.leased - mine.left) // 2
        return min(max(1, mine.waiting, used), max(1, quota // 10))

    async def _lease(self, key: _Key, purpose: Purpose, wanted: int, quota: int) -> Lease:
        cap = self._shares.cap(purpose, quota)
        now = self._clock.now()
        return await self._database.grouped(
            Asked(name=key.name, purpose=purpose, wanted=wanted, quota=quota, cap=cap, now=now)
        )

    async def _wait(self, ready_at: datetime, deadline: datetime) -> None:
        now = self._clock.now()
        if ready_at > deadline:
            raise errors.Throttled(
                "The calls that this vendor bears per minute are used up.", retry_after=ready_at - now
            )
        await self._clock.sleep(ready_at - now)

    def _key(self, access: Access, limits: Limits) -> _Key:
        name = _key_name(access, limits)
        key = self._keys.get(name)
        if key is None:
            key = self._keys[name] = _Key(name)
        return key


_LOCK = select(_T).where(among(_T.c.key, "names")).order_by(_T.c.key).with_for_update()
_CHARGE = update(_T).where(_T.c.key == bindparam("name")).values(slots=bindparam("charged"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Asks for up to `wanted` calls in the slot of `now`. Those of several accounts are charged together."""

    name: str
    purpose: Purpose
    wanted: int
    quota: int
    cap: int
    now: datetime

    reads: ClassVar[bool] = False

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence[Asked]) -> Sequence[Lease]:
        names = sorted({unit.name for unit in units})
        rows = {row.key: row for row in await connection.execute(_LOCK, {"names": names})}
        missing = sorted({unit.name for unit in units} - rows.keys())
        if missing:
            fresh = insert_or_ignore(connection, _T)
            await connection.execute(fresh, [{"key": name, "slots": {}} for name in missing])
            rows = {row.key: row for row in await connection.execute(_LOCK, {"names": names})}
        slots = {name: dict(row.slots) for name, row in rows.items()}
        leases = [_charged(unit, slots, rows[unit.name].paused_until) for unit in units]
        charged = {unit.name for unit, lease in zip(units, leases, strict=True) if lease.calls}
        if charged:
            await connection.execute(_CHARGE, [{"name": name, "charged": slots[name]} for name in sorted(charged)])
        return leases


async def lease(
    connection: AsyncConnection, name: str, purpose: Purpose, *, wanted: int, quota: int, cap: int, now: datetime
) -> Lease:
    """Charge up to `wanted` calls to the slot of `now`, if quota and cap allow. One transaction of its own."""
    asked = Asked(name=name, purpose=purpose, wanted=wanted, quota=quota, cap=cap, now=now)
    return (await Asked.together(connection, [asked]))[0]


def _charged(asked: Asked, slots: dict[str, dict[str, list[int]]], paused_until: datetime | None) -> Lease:
    """The lease that the counts allow; what it grants is charged in `slots`."""
    if paused_until is not None and _is_ahead(paused_until, asked.now):
        return Lease(calls=0, retry_at=paused_until, paused_until=paused_until)
    known = _dated(slots[asked.name], _slot(asked.now))
    # A process whose clock is behind charges the newest slot that anybody has used.
    slot = max([_slot(asked.now), *known])
    counts = {each: used for each, used in known.items() if each > slot - SLOTS_IN_A_MINUTE}
    at = _PURPOSES.index(asked.purpose)
    free = min(asked.quota - sum(map(sum, counts.values())), asked.cap - sum(used[at] for used in counts.values()))
    calls = max(0, min(asked.wanted, free))
    if calls == 0:
        return Lease(calls=0, retry_at=_free_at(counts, at, asked.quota, asked.cap), paused_until=None)
    charged = counts.setdefault(slot, [0] * len(_PURPOSES))
    charged[at] += calls
    slots[asked.name] = {str(each): used for each, used in counts.items()}
    return Lease(calls=calls, retry_at=asked.now, paused_until=None)


def _dated(slots: Mapping[str, list[int]], present: int) -> dict[int, list[int]]:
    """The slots by their number. Those far ahead were charged before a clock was set back: when their calls were
    made is not known any more, so they count as made now. Less far ahead is a process whose clock differs."""
    found: dict[int, list[int]] = {}
    for name, used in slots.items():
        slot = int(name) if int(name) <= present + _SLOTS_THAT_DIFFER else present
        found[slot] = [one + other for one, other in zip(found.get(slot, [0] * len(used)), used, strict=True)]
    return found


def _is_ahead(moment: datetime, now: datetime) -> bool:
    """Whether a moment until which nobody may call is still to come, and was not set by a clock that was ahead."""
    return now < moment <= now + _LONGEST


def _free_at(counts: Mapping[int, list[int]], at: int, quota: int, cap: int) -> datetime:
    """When the oldest slot that stands in the way has left the minute."""
    blocking: list[int] = []
    if sum(map(sum, counts.values())) >= quota:
        blocking.append(min(slot for slot, used in counts.items() if sum(used)))
    if sum(used[at] for used in counts.values()) >= cap:
        blocking.append(min(slot for slot, used in counts.items() if used[at]))
    return _start(max(blocking) + SLOTS_IN_A_MINUTE)


async def _pause(connection: AsyncConnection, name: str, until: datetime) -> datetime:
    """Save the pause, unless a longer one is there; return the one that holds."""
    values: dict[str, Any] = {"key": name, "slots": {}, "paused_until": until}
    added = await connection.execute(insert_or_ignore(connection, _T).values(**values))
    if added.rowcount == 1:
        return until
    stored = (
        await connection.execute(select(_T.c.paused_until).where(_T.c.key == name).with_for_update())
    ).scalar_one()
    longest = stored if stored is not None and _is_ahead(stored, until) else until
    await connection.execute(update(_T).where(_T.c.key == name).values(paused_until=longest))
    return longest


def _key_name(access: Access, limits: Limits) -> str:
    name = budget_key(access, limits)
    return name if len(name) <= 250 else "hash:" + hashlib.sha256(name.encode()).hexdigest()


def _slot(moment: datetime) -> int:
    return (moment - _EPOCH) // SLOT


def _start(slot: int) -> datetime:
    return _EPOCH + slot * SLOT
