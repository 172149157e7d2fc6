"""Puente for one machine: `puente solo`. Settings from the environment or a file, data in one folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from services.console import settings as console_settings
from services.ending import stopped_by_signals
from services.solo.running import Solo, running
from shared import errors
from shared.runtime import logging
from shared.runtime.settings import Settings

log = structlog.get_logger("puente.solo")


async def run(
    settings: Settings, *, sandbox_port: int | None = None, on_ready: Callable[[Solo], None] = lambda _solo: None
) -> int:
    """Run until SIGTERM or SIGINT, then stop cleanly: 0. Raises what ended a part by itself, and Misconfigured."""
    logging.configure(level=settings.log_level, form=settings.log_format)
    log.info("solo.starting", **settings.summary())
    pages = console_settings.load()
    with stopped_by_signals() as stop:
        async with running(settings, sandbox_port=sandbox_port, pages=pages) as solo:
            # Without the link that makes the first user: it is for the terminal, and a log is read by others.
            log.info("solo.listening", door=solo.door, console=solo.console.partition("/first")[0])
            on_ready(solo)
            stopping = asyncio.create_task(stop.wait())
            either: set[asyncio.Future[Any]] = {stopping, solo.over}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if solo.over.done() and not stop.is_set():
                await solo.over
                raise errors.PuenteError("A part of Puente ended by itself.", way_out="Look at the log above.")
    log.info("solo.stopped")
    return 0
