"""Wiring: from settings to the parts of a process, built once and closed in order."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import get_args

from shared import failpoints
from shared.clock import Clock, NewId, clock_of, time_ordered_ids
from shared.connectors.http import HttpWire
from shared.connectors.registry import CONNECTORS
from shared.eventlog.port import EventLog
from shared.eventlog.sqlite import SqliteSettings
from shared.eventlog.urls import event_log
from shared.flows.catalog import FLOWS
from shared.flows.context import Kind
from shared.flows.engine import Engine
from shared.meters import Meters
from shared.runtime import unreadable
from shared.runtime.clockwatch import ClockWatch
from shared.runtime.consumer import Consumer
from shared.runtime.leftovers import Leftovers
from shared.runtime.loader import Loader
from shared.runtime.replay import Replayer
from shared.runtime.runner import Runner
from shared.runtime.scheduler import Scheduler
from shared.runtime.settings import Keys, Settings, load_keys
from shared.runtime.sweeper import Sweeper
from shared.runtime.sync import Rhythm, Sync, Task
from shared.runtime.traces import traces_to
from shared.runtime.workspaces import Workspaces
from shared.store import schema
from shared.store.budgets import LeasedBudget, Shares
from shared.store.database import Database
from shared.tracing import Traces

# A tenth would let a forged hook take least, and would make an honest import of new clients crawl: a hook is read
# only with a valid token and secret, so half is left to it.
_SHARES = Shares(unbound=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every process that reads the store has."""

    settings: Settings
    keys: Keys
    clock: Clock
    new_id: NewId
    database: Database
    wire: HttpWire
    workspaces: Workspaces
    meters: Meters
    traces: Traces | None


@asynccontextmanager
async def opened(
    settings: Settings, *, clock: Clock | None = None, migrate: bool | None = None, traced_as: str = ""
) -> AsyncIterator[Parts]:
    """Open the store and the way to the vendors. On the embedded forms the store is made and migrated here.

    `traced_as` is the name under which this process sends traces, where the settings want any; a command has none.
    """
    clock = clock or clock_of(settings.rig_clock)
    if settings.rig_failpoints:
        failpoints.arm(settings.rig_failpoints)
    keys = load_keys(settings)
    meters = Meters()
    meters.expect(CONNECTORS, FLOWS, get_args(Kind))
    async with AsyncExitStack() as stack:
        traces = await stack.enter_async_context(
            traces_to(
                settings.traces_url if traced_as else "",
                service=traced_as,
                clock=clock,
                share=settings.traces_share,
            )
        )
        database = Database(settings.effective_store_url)
        stack.push_async_callback(database.close)
        if settings.embedded if migrate is None else migrate:
            await schema.migrate(database)
        else:
            await schema.check(database)
        wire = HttpWire(
            clock,
            LeasedBudget(database, clock, shares=_SHARES),
            settings.outgoing(),
            ca_file=settings.outgoing_ca_file,
            meters=meters,
            traces=traces,
        )
        stack.push_async_callback(wire.aclose)
        workspaces = Workspaces(
            database=database, store_keys=keys.store, connectors=CONNECTORS, wire=wire, clock=clock
        )
        yield Parts(
            settings=settings,
            keys=keys,
            clock=clock,
            new_id=time_ordered_ids(clock),
            database=database,
            wire=wire,
            workspaces=workspaces,
            meters=meters,
            traces=traces,
        )


@asynccontextmanager
async def opened_log(parts: Parts) -> AsyncIterator[EventLog]:
    retention = SqliteSettings(retention=timedelta(days=parts.settings.log_retention_days))
    log = event_log(parts.settings.effective_log_url, clock=parts.clock, sqlite_settings=retention)
    await log.start()
    try:
        yield log
    finally:
        await log.close()


def engine_of(parts: Parts) -> Engine:
    return Engine(
        database=parts.database,
        clock=parts.clock,
        new_id=parts.new_id,
        owner=f"{os.getpid()}-{secrets.token_hex(8)}",
        settings=parts.settings.engine(),
    )


def sync_of(parts: Parts, log: EventLog, *, rhythm: Rhythm | None = None, also: tuple[Task, ...] = ()) -> Sync:
    """A sync service on this log and store, not yet running. `also` are further timers of its."""
    settings = parts.settings
    runner = Runner(
        engine=engine_of(parts),
        workspaces=parts.workspaces,
        database=parts.database,
        clock=parts.clock,
        new_id=parts.new_id,
        meters=parts.meters,
        traces=parts.traces,
    )
    scheduler = Scheduler(runner.run)
    consumer = Consumer(
        log=log,
        scheduler=scheduler,
        workspaces=parts.workspaces,
        database=parts.database,
        clock=parts.clock,
        new_id=parts.new_id,
        why_unreadable=partial(unreadable.why, parts.workspaces.connectors, parts.keys.log),
        budget=settings.budget_changes,
        store_patience=timedelta(minutes=settings.store_patience_minutes),
    )
    sweeper = Sweeper(
        database=parts.database,
        workspaces=parts.workspaces,
        scheduler=scheduler,
        runner=runner,
        clock=parts.clock,
        new_id=parts.new_id,
        settings=settings.sweeps(),
    )
    leftovers = Leftovers(
        database=parts.database, workspaces=parts.workspaces, scheduler=scheduler, clock=parts.clock
    )
    replayer = Replayer(log=log, database=parts.database, clock=parts.clock, new_id=parts.new_id)
    loader = Loader(
        database=parts.database,
        workspaces=parts.workspaces,
        scheduler=scheduler,
        runner=runner,
        clock=parts.clock,
        index_max_age=settings.engine().index_max_age,
    )
    clock_watch = ClockWatch(
        database=parts.database, clock=parts.clock, deadline_limit=settings.engine().attempt_limit
    )
    return Sync(
        consumer=consumer,
        scheduler=scheduler,
        sweeper=sweeper,
        loader=loader,
        workspaces=parts.workspaces,
        database=parts.database,
        clock=parts.clock,
        rhythm=rhythm,
        also=(clock_watch.run, replayer.run_due, leftovers.run_due, *also),
    )
