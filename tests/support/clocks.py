"""A clock that runs on and can be moved forward: for stories that would otherwise sleep until a deadline."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class ShiftedClock:
    """Real time plus an offset. Whoever sleeps on this clock wakes when it is moved past the due time."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self._offset = ahead
        self._sleepers: set[asyncio.Future[None]] = set()

    @property
    def ahead(self) -> timedelta:
        """How far this clock was moved."""
        return self._offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic() + self._offset.total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        due = self.monotonic() + duration.total_seconds()
        while (left := due - self.monotonic()) > 0:
            sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._sleepers.add(sleeper)
            try:
                await asyncio.wait([sleeper], timeout=left)
            finally:
                self._sleepers.discard(sleeper)
        await asyncio.sleep(0)

    def advance(self, duration: timedelta) -> None:
        self._offset += duration
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)


class LeapingClock(ShiftedClock):
    """Real time that leaps over every pause: whoever sleeps wakes at once, and that much later."""

    async def sleep(self, duration: timedelta) -> None:
        self.advance(max(duration, timedelta(0)))
        await asyncio.sleep(0)
