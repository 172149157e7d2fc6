"""The vendors' clock: real time plus an offset that the control API advances."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

ACCOUNT_OFFSET = timezone(timedelta(hours=1))
"""The offset that every account of the sandbox writes its times with; the recorded answers carry `+01:00`."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def rig_time(text: str) -> tuple[Callable[[], datetime], float]:
    """The time of a rig and how fast it runs, from `SPEED@SINCE@START`: START is shown at the real moment SINCE.

    Without a text the machine's time. Raises ValueError.
    """
    if not text:
        return utc_now, 1.0
    speed, since, start = text.split("@")
    began, shown, faster = datetime.fromisoformat(since), datetime.fromisoformat(start), float(speed)
    return lambda: shown + (utc_now() - began) * faster, faster


class VendorClock:
    """Whoever sleeps on this clock wakes at once when it is advanced past the due time."""

    def __init__(self, source: Callable[[], datetime] = utc_now, speed: float = 1.0) -> None:
        """`speed` is how much faster than the machine's clock `source` runs."""
        self._source = source
        self._speed = speed
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
                await asyncio.wait([waiter], timeout=left / self._speed)
            finally:
                self._waiters.discard(waiter)
