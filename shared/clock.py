"""Time, randomness and ids, handed in so that a test or a rig decides what they are."""

from __future__ import annotations

import asyncio
import heapq
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the time is, and how to wait. `now` is aware (UTC); `monotonic` is in seconds."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, duration: timedelta) -> None: ...


# A deadline of a write with the vendor's time to show it, and the minute of a budget, are over in less.
HOLD = timedelta(minutes=2)
# What a wall clock is moved by in small corrections while nothing is wrong.
_DRIFT = 2.0


class SystemClock:
    """The machine's clock. When somebody sets it, the new time holds only `HOLD` later.

    Until then time goes on as it did: else a clock set forward would end every open deadline and forget every call
    that was made, and what is on its way would be looked for too early and made twice.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self._set_at: float | None = None

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._seconds(), UTC)

    def _seconds(self) -> float:
        wall, elapsed = self._wall(), self._monotonic()
        if abs(wall - elapsed - self._offset) > _DRIFT:
            if self._set_at is None:
                self._set_at = elapsed
            if elapsed - self._set_at < HOLD.total_seconds():
                return elapsed + self._offset
        self._set_at = None
        self._offset = wall - elapsed
        return wall

    def monotonic(self) -> float:
        return self._monotonic()

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds()))


class FastClock:
    """The clock of a test rig, one for all its processes: it shows `start` at the real moment `since` and runs
    `speed` times as fast from there on."""

    def __init__(self, *, speed: float, since: datetime, start: datetime) -> None:
        self.speed = speed
        self._since = since
        self._start = start

    def now(self) -> datetime:
        return self._start + (datetime.now(UTC) - self._since) * self.speed

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, machine_seconds(self, duration)))


def machine_seconds(clock: Clock, duration: timedelta) -> float:
    """How long `duration` of this clock takes on the machine's, by which sockets and tasks are timed."""
    return duration.total_seconds() / (clock.speed if isinstance(clock, FastClock) else 1.0)


def clock_of(text: str) -> Clock:
    """The machine's clock, or the rig's from `speed@since@start`, both moments in ISO 8601. Raises ValueError."""
    if not text:
        return SystemClock()
    speed, since, start = text.split("@")
    return FastClock(speed=float(speed), since=datetime.fromisoformat(since), start=datetime.fromisoformat(start))


class ManualClock:
    """A clock that stands still until `advance` is called; sleepers wake in order of their deadline."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, duration: timedelta) -> None:
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + duration.total_seconds(), self._count, woken))
        await woken

    def advance(self, duration: timedelta) -> None:
        """Move time forward and wake whoever's deadline has come."""
        self._now += duration
        self._elapsed += duration.total_seconds()
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)


class PooledRandomness:
    """The operating system's randomness, asked for in larger pieces: a system call costs more than the bytes.

    No byte is given out twice, whichever thread asks, nor by a child process again.
    """

    def __init__(self, source: Callable[[int], bytes] = os.urandom, *, size: int = 4096) -> None:
        self._source = source
        self._size = size
        self._pool = b""
        self._at = 0
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self, count: int) -> bytes:
        with self._lock:
            if self._at + count > len(self._pool):
                self._pool = self._source(max(self._size, count))
                self._at = 0
            given = self._pool[self._at : self._at + count]
            self._at += count
            return given

    def _forget(self) -> None:
        self._pool = b""
        self._at = 0
        self._lock = threading.Lock()


NewId = Callable[[], str]


def time_ordered_ids(clock: Clock, randomness: Callable[[int], bytes] = os.urandom) -> NewId:
    """Make a function that returns UUIDs of version 7 (RFC 9562): sortable by time, unguessable in the rest."""

    def new_id() -> str:
        milliseconds = int(clock.now().timestamp() * 1000) & ((1 << 48) - 1)
        noise = int.from_bytes(randomness(10), "big")
        value = milliseconds << 80 | 0x7 << 76 | (noise >> 68) << 64 | 0b10 << 62 | noise & ((1 << 62) - 1)
        digits = f"{value:032x}"  # as `str(UUID(int=value))`, in a third of the time
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    return new_id
