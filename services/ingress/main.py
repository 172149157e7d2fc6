"""Start an ingress: `puente serve ingress [SYSTEM...]`, or `python -m services.ingress.main [SYSTEM...]`."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from services import http
from services.ending import stopped_by_signals
from services.ingress import settings as configuration
from services.ingress.app import IngressApp, combined, create_app
from services.ingress.counts import Counts
from services.ingress.door import Limits, Parts
from services.ingress.gaps import Gaps
from services.ingress.keeping import Keeper, Patience
from services.ingress.settings import Settings
from services.ingress.strangers import Strangers
from shared import clock, errors, failpoints
from shared.connectors.contract import Connector
from shared.connectors.registry import CONNECTORS
from shared.eventlog.port import EventLog
from shared.eventlog.spool import Spool
from shared.eventlog.urls import event_log
from shared.keys import DoorKeys, LogKeys
from shared.runtime import logging
from shared.runtime.traces import traces_to
from shared.tracing import Traces

_GC_THRESHOLD: Final = 50_000

log = structlog.get_logger(__name__)


async def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is in flight. Raises Misconfigured."""
    logging.configure(level=settings.log_level, form=settings.log_format)
    log.info("ingress.starting", **settings.summary())
    machine = clock.clock_of(settings.rig_clock)
    failpoints.arm(settings.rig_failpoints)
    events = event_log(settings.log_url, clock=machine)
    with stopped_by_signals() as stop:
        try:
            async with traces_to(
                settings.traces_url, service="puente-door", clock=machine, share=settings.traces_share
            ) as traces:
                await serve(settings, log=events, machine=machine, stop=stop, on_ready=_settle, traces=traces)
        finally:
            await events.close()
    log.info("ingress.stopped")
    return 0


async def serve(
    settings: Settings,
    *,
    log: EventLog,
    machine: clock.Clock,
    stop: asyncio.Event,
    on_ready: http.Ready | None = None,
    registry: CollectorRegistry | None = None,
    traces: Traces | None = None,
) -> None:
    """Serve the doors on a log that the caller closes, until `stop` is set. Raises Misconfigured."""
    connectors = _chosen(settings)
    door_keys = DoorKeys(settings.ring("door_keys"))
    randomness = clock.PooledRandomness()
    log_keys = LogKeys(settings.ring("log_keys"), randomness)
    counts = Counts(registry)
    new_id = clock.time_ordered_ids(machine, randomness)
    spool = Spool(settings.data / "spool", clock=machine, limit_bytes=settings.spool_bytes)
    gaps = Gaps(settings.data / "gaps", machine)
    patience = Patience(append=settings.append_time, probe=settings.probe_time)
    keeper = Keeper(log=log, spool=spool, gaps=gaps, new_id=new_id, counts=counts, patience=patience)
    parts = Parts(
        keeper=keeper,
        door_keys=door_keys,
        log_keys=log_keys,
        clock=machine,
        new_id=new_id,
        counts=counts,
        strangers=_strangers(settings, machine),
        limits=_limits(settings),
        public_url=settings.public_url,
        traces=traces,
    )
    app = app_of(connectors, parts)
    async with keeper.running(stop):
        await http.serve(app, settings.host, settings.port, stop=stop, on_ready=on_ready)


def app_of(connectors: Sequence[Connector], parts: Parts) -> IngressApp:
    """The app of one system, or of several together."""
    apps = [create_app(connector, parts) for connector in connectors]
    return apps[0] if len(apps) == 1 else combined(apps)


def _chosen(settings: Settings) -> Sequence[Connector]:
    """The connectors of PUENTE_SYSTEMS; without it, every one that has hooks."""
    with_hooks: Mapping[str, Connector] = {name: each for name, each in CONNECTORS.items() if each.hooks.kinds}
    unknown = sorted(set(settings.systems) - set(with_hooks))
    if unknown:
        raise errors.Misconfigured(
            f"PUENTE_SYSTEMS names {', '.join(unknown)}, which sends no hooks or is not known.",
            setting="PUENTE_SYSTEMS",
            way_out=f"Choose from {', '.join(sorted(with_hooks))}.",
        )
    return [with_hooks[name] for name in settings.systems or sorted(with_hooks)]


def _strangers(settings: Settings, machine: clock.Clock) -> Strangers:
    return Strangers(
        machine,
        burst=settings.stranger_burst,
        per_second=settings.stranger_per_second,
        proxies=settings.proxies,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        body_bytes=settings.body_bytes,
        body_time=settings.body_time,
        store_bodies=settings.store_bodies,
        secrets={name: secret.get_secret_value() for name, secret in settings.hook_secrets.items()},
    )


def _settle(host: str, port: int) -> None:
    """What exists now stays: the collector need not look at it again (a third more requests, a quarter of p99)."""
    log.info("ingress.listening", host=host, port=port)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def main(arguments: Sequence[str]) -> int:
    """The process: 0 after a stop, 2 with one sentence when a setting is wrong."""
    try:
        settings = configuration.load(**({"systems": tuple(arguments)} if arguments else {}))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(settings))
    except errors.Misconfigured as problem:
        sys.stderr.write(f"{problem.message} {problem.way_out}".rstrip() + "\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
