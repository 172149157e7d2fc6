"""Start a console: `puente serve console`. It reads the store and the log, and calls vendors with their budget.

It looks for what is to be told as well: while no sync lives, nobody else would.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog

from services import http
from services.console import settings as configuration
from services.console.app import create_app
from services.console.context import Console, environment
from services.console.jobs import Jobs
from services.console.oidc import Provider
from services.console.people import People
from services.console.settings import ConsoleSettings
from services.ending import stopped_by_signals
from shared import errors
from shared.clock import Clock
from shared.connectors.http import HttpWire, UnlimitedBudget
from shared.eventlog.port import EventLog
from shared.operations import movement
from shared.operations.alerts.beside import alerting
from shared.runtime import logging, parts
from shared.runtime.parts import Parts
from shared.runtime.settings import Settings
from shared.store import users

log = structlog.get_logger("puente.console")


async def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT: 0. Raises Misconfigured, and Retryable where store or log are away."""
    logging.configure(level=settings.log_level, form=settings.log_format)
    own = configuration.load()
    with stopped_by_signals() as stop:
        async with (
            parts.opened(settings) as opened,
            parts.opened_log(opened) as events,
            alerting(opened, events),
        ):
            await serve(opened, events, own, stop=stop, on_ready=_say_where)
    log.info("console.stopped")
    return 0


async def serve(
    opened: Parts,
    events: EventLog,
    settings: ConsoleSettings,
    *,
    stop: asyncio.Event,
    on_ready: http.Ready,
    first_link: Callable[[str], None] | None = None,
) -> None:
    """Serve the pages until `stop` is set. `first_link` is told the path that makes the first user, if there is
    none yet."""
    async with console_on(opened, events, settings) as console:
        if first_link is not None and await opened.database.read(users.count) == 0:
            first_link(f"/first?token={console.first_token}")
        app = create_app(console)
        await http.serve(app, settings.host, settings.port, stop=stop, on_ready=on_ready)


@asynccontextmanager
async def console_on(opened: Parts, events: EventLog, settings: ConsoleSettings) -> AsyncIterator[Console]:
    """The console's state, with lag sampled beside it, so that its plots go on while no sync lives."""
    people = People(
        database=opened.database,
        clock=opened.clock,
        new_id=opened.new_id,
        session_length=timedelta(hours=settings.session_hours),
        idle=timedelta(minutes=settings.idle_minutes),
        new_token=partial(secrets.token_urlsafe, 32),
    )
    console = Console(
        parts=opened,
        log=events,
        settings=settings,
        people=people,
        jobs=Jobs(opened.clock),
        first_token=secrets.token_urlsafe(24),
        templates=environment(),
    )
    wire = HttpWire(
        opened.clock, UnlimitedBudget(), opened.settings.outgoing(), ca_file=opened.settings.outgoing_ca_file
    )
    if settings.oidc_issuer:
        console.oidc = _provider(settings, wire, opened.clock)
    sampling = asyncio.create_task(_sample(opened, events))
    try:
        yield console
    finally:
        sampling.cancel()
        await asyncio.wait({sampling})
        await console.jobs.close()
        await wire.aclose()


def _provider(settings: ConsoleSettings, wire: HttpWire, clock: Clock) -> Provider:
    secret = settings.oidc_client_secret_file
    return Provider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=secret.read_text(encoding="utf-8").strip() if secret is not None else "",
        redirect=f"{settings.url.rstrip('/')}/login/oidc/back",
        claim=settings.oidc_claim,
        title=settings.oidc_title,
        wire=wire,
        clock=clock,
    )


async def _sample(opened: Parts, events: EventLog) -> None:
    while True:
        try:
            await movement.sample_due(opened, events)
        except errors.Retryable as problem:
            log.info("console.no_sample", says=problem.message)
        await opened.clock.sleep(movement.SAMPLE_EVERY)


def _say_where(host: str, port: int) -> None:
    log.info("console.listening", host=host, port=port)
