"""Numbers of sync for Prometheus, read from the log and the store. Labels are closed sets: nothing personal."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import structlog
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from shared import errors
from shared.eventlog.port import EventLog, Lag
from shared.operations import canary, views
from shared.runtime.parts import Parts
from shared.runtime.sync import Sync
from shared.store import totals
from shared.store.rows import PERSON, FlowState, Reason

_log = structlog.get_logger("puente.sync")

# Telling more apart would read them all every few seconds, when there is most to do.
_TOLD_APART = 2_000
_RECENT = timedelta(minutes=5)
_STATES: tuple[FlowState, ...] = get_args(FlowState)
_REASONS: tuple[Reason, ...] = get_args(Reason)


class Gauges:
    """Set anew every few seconds; every sync process of an installation shows the same totals."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._ready = self._gauge("puente_sync_ready", "1 while this process holds shards and reaches its store.")
        self._store_up = self._gauge("puente_sync_store_up", "1 while this process reaches its store.")
        self._shards = self._gauge("puente_sync_shards", "Shards that this process holds.")
        self._refreshed = self._gauge(
            "puente_sync_refreshed_timestamp_seconds", "When this process last read its totals (Unix time)."
        )
        self._lag = self._gauge("puente_lag_changes", "Changes that were not looked at yet.", "system")
        self._lag_age = self._gauge("puente_lag_oldest_seconds", "Age of the oldest change not looked at.")
        self._waiting = self._gauge("puente_waiting_changes", "Changes that wait, by reason.", "reason", "person")
        self._waiting_age = self._gauge("puente_waiting_oldest_seconds", "Age of the oldest one.", "reason")
        self._intents = self._gauge("puente_intents_open", "Writes whose outcome is not known yet.")
        self._flows = self._gauge("puente_flows", "Flows by state.", "state")
        self._loads = self._gauge("puente_loads_running", "Loads in progress.")
        self._sweep_age = self._gauge(
            "puente_sweep_oldest_seconds", "Time since the sweep that is longest ago saw every change."
        )
        self._canary = self._gauge(
            "puente_canary_seconds", "How long the newest canary that came through took, from post to store."
        )
        self._canary_age = self._gauge(
            "puente_canary_age_seconds", "Time since that one was sent; 0 while none is sent."
        )
        self._sweep_every = self._gauge("puente_sweep_every_seconds", "How often each system is to be swept.")
        self._attempts = self._gauge("puente_attempts_recent", "Attempts of the last 5 minutes.", "outcome")

    def _gauge(self, name: str, says: str, *labels: str) -> Gauge:
        return Gauge(name, says, labels, registry=self.registry)

    def page(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self.registry)

    async def keep_up(self, parts: Parts, log: EventLog, sync: Sync, *, every: timedelta) -> None:
        """Refresh for ever; an unreachable store or log leaves the last numbers and clears readiness."""
        while True:
            try:
                await self.refresh(parts, log, sync)
            except errors.Retryable as problem:
                self._ready.set(0)
                self._store_up.set(int(not sync.store_away))
                _log.debug("gauges.wait", says=problem.message)
            await parts.clock.sleep(every)

    async def refresh(self, parts: Parts, log: EventLog, sync: Sync) -> None:
        """Read everything once. Raises Retryable."""
        self._ready.set(int(sync.ready))
        self._store_up.set(int(not sync.store_away))
        self._shards.set(len(sync.shards))
        self._sweep_every.set(parts.settings.sweep_seconds)
        self._show_lag(await views.lag_of(log, detail_limit=_TOLD_APART), parts)
        await self._refresh_stored(parts)
        self._refreshed.set(parts.clock.now().timestamp())

    def _show_lag(self, lag: Lag, parts: Parts) -> None:
        """Every system has a number; where there is too much to tell them apart there is only the total."""
        self._lag.clear()
        if lag.by_system is None:
            self._lag.labels("unknown").set(lag.total)
        else:
            known = {system: lag.by_system.get(system, 0) for system in parts.workspaces.connectors}
            # Entries that name no system of ours: whoever may write to the topic shall not make labels.
            for system, count in {**known, "unknown": lag.total - sum(known.values())}.items():
                self._lag.labels(system).set(max(0, count))
        if lag.oldest_age is not None or not lag.total:
            # An age that could not be read is not an age of nothing: the last one stands.
            self._lag_age.set(lag.oldest_age.total_seconds() if lag.oldest_age is not None else 0)

    async def _refresh_stored(self, parts: Parts) -> None:
        now = parts.clock.now()
        waits = await parts.database.read(views.waits_of)
        self._waiting.clear()
        self._waiting_age.clear()
        for reason in _REASONS:
            self._waiting.labels(reason, "yes" if reason in PERSON else "no").set(0)
            self._waiting_age.labels(reason).set(0)
        for each in waits:
            self._waiting.labels(each.reason, "yes" if each.needs_person else "no").set(each.count)
            self._waiting_age.labels(each.reason).set((now - each.oldest_at).total_seconds())

        await self._refresh_canary(parts)
        found = await parts.database.read(lambda connection: totals.read(connection, now - _RECENT))
        self._intents.set(found.intents)
        self._loads.set(found.loads)
        for state in _STATES:
            self._flows.labels(state).set(found.flows.get(state, 0))
        self._sweep_age.set((now - found.seen_until).total_seconds() if found.seen_until is not None else 0)
        self._attempts.clear()
        for outcome, many in found.outcomes.items():
            self._attempts.labels(outcome).set(many)

    async def _refresh_canary(self, parts: Parts) -> None:
        last = (await canary.flown_lately(parts)).last
        if last is not None and last.took is not None:
            self._canary.set(last.took.total_seconds())
            self._canary_age.set((parts.clock.now() - last.posted_at).total_seconds())
