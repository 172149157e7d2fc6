"""Budgets of one process. The one that several processes share is leased from the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared.clock import Clock
from shared.connectors.contract import Access, Limits

_BURST: Final = timedelta(seconds=5)
_KEPT_FOR_LIVE: Final = 0.25


def budget_key(access: Access, limits: Limits) -> str:
    """What shares one budget: the account, the vendor's address, or the app that the calls are made as."""
    match limits.keyed_by:
        case "account":
            return f"account:{access.account}"
        case "base_url":
            return f"base_url:{access.base_url.rstrip('/')}"
        case "app":
            return f"app:{access.settings.get('app_id', access.base_url.rstrip('/'))}"


class UnlimitedBudget:
    """No limit at all: for tests, and for a vendor of one's own."""

    async def take(self, access: Access, limits: Limits, *, bulk: bool) -> None:
        return None

    async def punish(self, access: Access, limits: Limits, pause: timedelta) -> None:
        return None


@dataclass(slots=True)
class _Bucket:
    calls: float
    filled_at: float
    closed_until: float = 0.0
    live_waiting: int = 0


class PacedBudget:
    """A token bucket per budget key: `per_minute` calls, at most a few seconds' worth at once.

    Bulk calls leave a quarter of the bucket to live ones and wait while a live call waits.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    async def take(self, access: Access, limits: Limits, *, bulk: bool) -> None:
        """Return when one call may be made."""
        bucket, full, per_second = self._bucket(access, limits)
        if not bulk:
            bucket.live_waiting += 1
        try:
            while True:
                wait = self._wait(bucket, full, per_second, bulk=bulk)
                if wait <= 0:
                    bucket.calls -= 1
                    return
                await self._clock.sleep(timedelta(seconds=wait))
        finally:
            if not bulk:
                bucket.live_waiting -= 1

    async def punish(self, access: Access, limits: Limits, pause: timedelta) -> None:
        """Nobody takes from this budget before the pause is over, and nothing is saved up meanwhile."""
        bucket, _, _ = self._bucket(access, limits)
        bucket.closed_until = max(bucket.closed_until, self._clock.monotonic() + pause.total_seconds())
        bucket.filled_at = bucket.closed_until
        bucket.calls = min(bucket.calls, 1.0)

    def _bucket(self, access: Access, limits: Limits) -> tuple[_Bucket, float, float]:
        per_second = limits.per_minute / 60
        full = max(2.0, per_second * _BURST.total_seconds())
        key = budget_key(access, limits)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(full, self._clock.monotonic())
        return bucket, full, per_second

    def _wait(self, bucket: _Bucket, full: float, per_second: float, *, bulk: bool) -> float:
        """Seconds until a call may be made; 0 if now."""
        now = self._clock.monotonic()
        if bucket.closed_until > now:
            return bucket.closed_until - now
        bucket.calls = min(full, bucket.calls + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        needed = 1.0
        if bulk:
            needed += full * _KEPT_FOR_LIVE + bucket.live_waiting
        # A hair above zero, so that rounding never makes a sleeper wake just before its call has come.
        missing = min(needed, full) - bucket.calls
        return missing / per_second + 1e-6 if missing > 1e-9 else 0.0
