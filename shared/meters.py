"""What a process counts while it works, for Prometheus: calls of vendors and attempts.

Labels are closed sets (systems, flows, outcomes): no account, no record, no address, nothing personal. The names
are promised: rules and dashboards of others stand on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import lru_cache
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

CallOutcome = Literal[
    "answered",  # also "no such record"
    "throttled",  # too many calls
    "denied",  # token, rights, plan
    "rejected",  # the content of this call
    "failed",  # an error of the vendor, or an answer that is none
    "timeout",  # no answer in time
    "dropped",  # the connection broke during the call
    "unreachable",  # nothing was sent
]

_CALL_SECONDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_WAY_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class Meters:
    """Counters on a registry that is handed in, so that several parts of one process share a page."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        calls = Counter(
            "puente_vendor_calls",
            "Calls of a vendor by what became of them.",
            ["system", "writes", "outcome"],
            registry=self.registry,
        )
        seconds = Histogram(
            "puente_vendor_call_seconds",
            "Time from sending a call to its whole answer.",
            ["system"],
            buckets=_CALL_SECONDS,
            registry=self.registry,
        )
        waits = Counter(
            "puente_vendor_wait_seconds",
            "Time that calls waited for the account's budget and for a free slot.",
            ["system"],
            registry=self.registry,
        )
        attempts = Counter(
            "puente_attempts",
            "Looks at a record by how they ended.",
            ["flow", "outcome"],
            registry=self.registry,
        )
        way = Histogram(
            "puente_way_seconds",
            "Time from the door to the end of the look that settled the change.",
            ["flow"],
            buckets=_WAY_SECONDS,
            registry=self.registry,
        )
        # A child is looked up by its labels under a lock: once is enough.
        self._calls = lru_cache(maxsize=None)(calls.labels)
        self._seconds = lru_cache(maxsize=None)(seconds.labels)
        self._waits = lru_cache(maxsize=None)(waits.labels)
        self._attempts = lru_cache(maxsize=None)(attempts.labels)
        self._way = lru_cache(maxsize=None)(way.labels)

    def expect(self, systems: Iterable[str], flows: Iterable[str], outcomes: Iterable[str]) -> None:
        """Show a 0 for what did not happen yet: a counter that appears with its first event hides its growth."""
        for system in systems:
            self._seconds(system)
            self._waits(system)
            for writes in ("yes", "no"):
                for each in get_args(CallOutcome):
                    self._calls(system, writes, each)
        found = tuple(outcomes)
        for flow in flows:
            self._way(flow)
            for outcome in found:
                self._attempts(flow, outcome)

    def called(
        self, system: str, outcome: CallOutcome, *, writes: bool, waited_seconds: float, took_seconds: float
    ) -> None:
        """A call is over: `waited_seconds` until it was sent, `took_seconds` from then on."""
        self._calls(system, "yes" if writes else "no", outcome).inc()
        self._waits(system).inc(waited_seconds)
        if outcome != "unreachable":
            self._seconds(system).observe(took_seconds)

    def attempted(self, flow: str, outcome: str, *, since_told: timedelta | None) -> None:
        """A look at a record ended. `since_told`: how long ago the door took its change, once it is settled."""
        self._attempts(flow, outcome).inc()
        if since_told is not None:
            self._way(flow).observe(max(0.0, since_told.total_seconds()))
