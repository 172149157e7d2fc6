"""The door's numbers for Prometheus. Labels are closed sets: no account, no address, nothing personal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from services.ingress.answers import Outcome

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Counts:
    """Counters on a registry that is handed in, so that several services of one process share a page."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._requests = Counter(
            "puente_door_requests",
            "Hook requests by system and what became of them.",
            ["system", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "puente_door_seconds",
            "Time from a request's head to its answer.",
            ["system"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._changes = Counter(
            "puente_door_changes", "Changes that were kept.", ["system"], registry=self.registry
        )
        self._log_up = Gauge(
            "puente_door_log_up", "1 while appends go straight to the log.", registry=self.registry
        )
        self._spooled = Gauge(
            "puente_door_spooled", "Changes in the spool, on their way to the log.", registry=self.registry
        )
        self._gaps = Gauge(
            "puente_door_open_gaps", "Accounts with hooks that could not be stored.", registry=self.registry
        )
        self._request = lru_cache(maxsize=None)(self._requests.labels)
        self._second = lru_cache(maxsize=None)(self._seconds.labels)
        self._change = lru_cache(maxsize=None)(self._changes.labels)

    def expect(self, systems: Iterable[str]) -> None:
        """Show a 0 for what did not happen yet: a counter that appears with its first event hides its growth."""
        for system in systems:
            self._second(system)
            self._change(system)
            for outcome in get_args(Outcome):
                self._request(system, outcome)

    def request(self, system: str, outcome: Outcome, took: timedelta) -> None:
        self._request(system, outcome).inc()
        self._second(system).observe(took.total_seconds())

    def kept(self, system: str, changes: int) -> None:
        self._change(system).inc(changes)

    def keeping(self, *, log_up: bool, spooled: int, gaps: int) -> None:
        self._log_up.set(int(log_up))
        self._spooled.set(spooled)
        self._gaps.set(gaps)

    def page(self) -> bytes:
        """The exposition in Prometheus' text format."""
        return generate_latest(self.registry)
