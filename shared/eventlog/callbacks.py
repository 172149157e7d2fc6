"""Runs a subscriber's callbacks within their limits and keeps their failures until somebody can be told.

aiokafka logs what a listener raises and goes on as if nothing had happened; so the failure is kept here and raised
by the subscriber's own next call.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from shared import errors
from shared.eventlog.port import ASSIGN_LIMIT, REVOKE_LIMIT, ShardsCallback


class Callbacks:
    """`on_assigned` and `on_revoked` of one subscription."""

    def __init__(
        self,
        on_assigned: ShardsCallback | None,
        on_revoked: ShardsCallback | None,
        *,
        assign_limit: timedelta = ASSIGN_LIMIT,
        revoke_limit: timedelta = REVOKE_LIMIT,
    ) -> None:
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._assign_limit = assign_limit
        self._revoke_limit = revoke_limit
        self._failure: BaseException | None = None

    async def assigned(self, shards: frozenset[int]) -> None:
        await self._run("on_assigned", self._on_assigned, shards, self._assign_limit)

    async def revoked(self, shards: frozenset[int]) -> None:
        await self._run("on_revoked", self._on_revoked, shards, self._revoke_limit)

    def fail(self, failure: BaseException) -> None:
        """Keep a failure; the first one wins, since the others often follow from it."""
        self._failure = self._failure or failure

    def raise_failure(self) -> None:
        """Raise what was kept, once."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    async def _run(
        self, name: str, callback: ShardsCallback | None, shards: frozenset[int], limit: timedelta
    ) -> None:
        if callback is None:
            return
        task = asyncio.ensure_future(callback(shards))
        try:
            done, _ = await asyncio.wait({task}, timeout=limit.total_seconds())
        finally:
            task.cancel()
        if not done:
            self.fail(errors.Retryable(f"{name} took longer than {limit.total_seconds():g} s and was cut off."))
        elif task.cancelled():
            self.fail(errors.Retryable(f"{name} was cancelled."))
        elif (failure := task.exception()) is not None:
            self.fail(failure)
