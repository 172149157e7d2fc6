"""How much work a run puts into each figure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """`repeats` is how often both arms take their turn."""

    repeats: int
    changes: int
    door_seconds: float
    burst: int
    load: int
    load_beside: int
    latency: timedelta
    flood: int


FULL = Effort(
    repeats=3,
    changes=6000,
    door_seconds=6.0,
    burst=100_000,
    load=100_000,
    load_beside=20_000,
    latency=timedelta(seconds=20),
    flood=100_000,
)

QUICK = Effort(
    repeats=3,
    changes=1600,
    door_seconds=2.0,
    burst=10_000,
    load=2_000,
    load_beside=2_000,
    latency=timedelta(seconds=6),
    flood=2_000,
)
