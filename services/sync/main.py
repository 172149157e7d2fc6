"""Start a sync service: `puente serve sync`, or `python -m services.sync.main`."""

from __future__ import annotations

import asyncio
import gc
import sys
from datetime import timedelta
from typing import Final

import structlog
import uvloop

from services import http
from services.ending import stopped_by_signals
from services.sync.app import create_app
from services.sync.gauges import Gauges
from shared import errors
from shared.eventlog.port import EventLog
from shared.operations import housekeeping
from shared.operations.alerts.beside import alerting
from shared.runtime import logging, parts
from shared.runtime.parts import Parts
from shared.runtime.settings import Settings, load_settings
from shared.runtime.stopping import cancelled
from shared.runtime.sync import Sync

# To read them takes the loop tens of milliseconds, in which a change waits; they are fetched four times a minute.
_GAUGES_EVERY: Final = timedelta(seconds=15)
_GC_THRESHOLD: Final = 50_000

log = structlog.get_logger("puente.sync")


async def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then let what runs end and commit it.

    Returns 0 after a stop, 1 when bugs in many workspaces ended it. Raises Misconfigured, and Retryable when the
    store or the log is out of reach: at the start, or for longer than the patience.
    """
    logging.configure(level=settings.log_level, form=settings.log_format)
    log.info("sync.starting", **settings.summary())
    try:
        with stopped_by_signals() as stop:
            async with (
                parts.opened(settings, traced_as="puente-sync") as opened,
                parts.opened_log(opened) as events,
                alerting(opened, events),
            ):
                await serve(opened, events, stop)
    except errors.Misconfigured:
        raise
    except errors.PuenteError as problem:
        log.error("sync.failed", says=problem.message, way_out=problem.way_out)  # noqa: TRY400 - expected, one line
        if isinstance(problem, errors.Retryable):
            raise
        return 1
    log.info("sync.stopped")
    return 0


async def serve(opened: Parts, events: EventLog, stop: asyncio.Event) -> None:
    """Run the service with its pages until `stop` is set. What ends the one ends the other."""
    sync = housekeeping.whole_sync(opened, events)
    gauges = Gauges(opened.meters.registry)
    keeping = asyncio.create_task(gauges.keep_up(opened, events, sync, every=_GAUGES_EVERY))
    pages = asyncio.create_task(_serve_pages(opened.settings, sync, gauges, stop))
    working = asyncio.create_task(sync.run(stop))
    try:
        await asyncio.wait({pages, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        results = await asyncio.gather(working, pages, return_exceptions=True)
        await cancelled(keeping)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _serve_pages(settings: Settings, sync: Sync, gauges: Gauges, stop: asyncio.Event) -> None:
    """The pages on PUENTE_PORT; where another service of this machine has it, on a free one, and says which."""
    app = create_app(sync, gauges)
    try:
        await http.serve(app, settings.host, settings.port, stop=stop, on_ready=_say_where)
    except errors.Misconfigured as problem:
        log.warning("sync.port_taken", says=problem.message)
        await http.serve(app, settings.host, 0, stop=stop, on_ready=_say_where)


def _say_where(host: str, port: int) -> None:
    log.info("sync.listening", host=host, port=port)
    # What exists now stays: the collector need not look at it again for every few hundred new objects.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def main() -> int:
    """The process: 0 after a stop, 2 when a setting is wrong, 4 for keys, 5 when something is unreachable."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(load_settings()))
    except errors.PuenteError as problem:
        sys.stderr.write(f"{problem.message} {problem.way_out}".rstrip() + "\n")
        return (
            2 if isinstance(problem, errors.Misconfigured) else 5 if isinstance(problem, errors.Retryable) else 4
        )


if __name__ == "__main__":
    raise SystemExit(main())
