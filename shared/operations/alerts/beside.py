"""Running the watch and the canary beside a service: they end with it, and never end it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import structlog

from shared.clock import Clock
from shared.eventlog.port import EventLog
from shared.operations.alerts.channels import channels_of
from shared.operations.alerts.watch import AlertWatch
from shared.operations.canary import CanaryFlight
from shared.runtime.parts import Parts
from shared.runtime.stopping import CANCEL_SECONDS, at_most, cancelled

_log = structlog.get_logger("puente.sync")
_AFTER_A_BUG: Final = timedelta(minutes=1)


@asynccontextmanager
async def alerting(parts: Parts, log: EventLog) -> AsyncIterator[None]:
    """Look for what is to be told, and send canaries, until the block ends.

    Raises Misconfigured for a channel that is half set.
    """
    channels = channels_of(parts.settings, parts.clock)
    owner = f"{os.getpid()}-{secrets.token_hex(8)}"
    watch = AlertWatch(parts, log, channels, owner=owner)
    flight = CanaryFlight(parts, owner=owner)
    tasks = [asyncio.create_task(_kept_up(watch.run, parts.clock))]
    if flight.is_wanted:
        tasks.append(asyncio.create_task(_kept_up(flight.run, parts.clock)))
    try:
        yield
    finally:
        await cancelled(*tasks)
        await at_most(CANCEL_SECONDS, watch.let_go())
        await flight.close()
        await channels.close()


async def _kept_up(work: Callable[[], Coroutine[Any, Any, None]], clock: Clock) -> None:
    """Run it for ever. A bug of it is told, costs a minute, and nobody else anything."""
    while True:
        task = asyncio.create_task(work())
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if not task.cancelled() and task.exception() is not None:
            _log.error("alerts.failed", exc_info=task.exception())
        await clock.sleep(_AFTER_A_BUG)
