"""Running the watch beside a service: it ends with it, and never ends it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog

from shared.clock import Clock
from shared.eventlog.port import EventLog
from shared.runtime.alerts.channels import channels_of
from shared.runtime.alerts.watch import AlertWatch
from shared.runtime.parts import Parts
from shared.runtime.stopping import CANCEL_SECONDS, at_most

_log = structlog.get_logger("puente.sync")
_AFTER_A_BUG: Final = timedelta(minutes=1)


@asynccontextmanager
async def alerting(parts: Parts, log: EventLog) -> AsyncIterator[None]:
    """Look for what is to be told until the block ends. Raises Misconfigured for a channel that is half set."""
    channels = channels_of(parts.settings, parts.clock)
    watch = AlertWatch(parts, log, channels, owner=f"{os.getpid()}-{secrets.token_hex(8)}")
    task = asyncio.create_task(_kept_up(watch.run, parts.clock))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)
        await at_most(CANCEL_SECONDS, watch.let_go())
        await channels.close()


async def _kept_up(work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Run it for ever. A bug of it is told, costs a minute, and nobody else anything."""

    async def once() -> None:
        await work()

    while True:
        task = asyncio.create_task(once())
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if not task.cancelled() and task.exception() is not None:
            _log.error("alerts.failed", exc_info=task.exception())
        await clock.sleep(_AFTER_A_BUG)
