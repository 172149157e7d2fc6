"""The vendors' clock: real time plus an offset that the control API advances."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

ACCOUNT_OFFSET = timezone(timedelta(hours=1))
"""The offset that every account of the sandbox writes its times with; the recorded answers carry `+01:00`."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class VendorClock:
    """Whoever sleeps on this clock wakes at once when it is advanced past the due time."""

    def __init__(self, source: Callable[[], datetime] = utc_now) -> None:
        self._source = source
        self._offset = timedelta()
        self._waiters: set[asyncio.Future[None]] = set()

    def now(self) -> datetime:
        return self._source() + self._offset

    def today(self) -> datetime:
        """Now, in the accounts' own time zone."""
        return self.now().astimezone(ACCOUNT_OFFSET)

    def advance(self, by: timedelta) -> None:
        self._offset += by
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def sleep(self, seconds: float) -> None:
        due = self.now() + timedelta(seconds=seconds)
        while (left := (due - self.now()).total_seconds()) > 0:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await asyncio.wait([waiter], timeout=left)
            finally:
                self._waiters.discard(waiter)
