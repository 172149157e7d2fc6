"""Whether lag is a burden or a standstill, told by how it moves and by no fixed number (as Burrow does).

Every minute the end and the committed offset of each partition that is behind are kept as samples. Whoever shows
lag keeps them too, so that the answer stays right while no sync process lives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Final, Literal

from shared.eventlog.port import EventLog, Lag
from shared.runtime import views
from shared.runtime.parts import Parts
from shared.store import series
from shared.store.rows import PERSON

Verdict = Literal["ok", "warn", "stall", "unknown"]

WINDOW: Final = timedelta(minutes=10)
KEEP: Final = timedelta(days=2)
_LEAST: Final = timedelta(seconds=50)
LAG: Final = "lag"
OLDEST: Final = "lag.oldest"
WAITING: Final = "waiting"
PERSONS: Final = "waiting.person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One partition at one moment. `committed` is None where the group never came."""

    at: datetime
    committed: int | None
    lag: int


def verdict(points: Sequence[Point]) -> Verdict:
    """What the points of one partition, oldest first, say.

    Behind nowhere or caught up once: ok. Behind, and nothing settled in all that time: stall. Settling, and yet
    further behind at every look: warn. Too short a time to tell: unknown.
    """
    if any(point.lag == 0 for point in points):
        return "ok"
    if len(points) < 2 or points[-1].at - points[0].at < _LEAST:
        return "unknown"
    if points[0].committed == points[-1].committed:
        return "stall"
    grows = all(one.lag <= two.lag for one, two in pairwise(points))
    return "warn" if grows and points[-1].lag > points[0].lag else "ok"


async def sample(parts: Parts, log: EventLog) -> Lag:
    """Keep how it stands now, for verdicts and plots; returns the lag. Raises Retryable."""
    lag = await views.lag_of(log)
    waits = await parts.database.read(views.waits_of)
    values: dict[str, float] = {
        LAG: lag.total,
        OLDEST: lag.oldest_age.total_seconds() if lag.oldest_age is not None else 0,
        WAITING: sum(each.count for each in waits if not each.needs_person),
        PERSONS: sum(each.count for each in waits if each.needs_person or each.reason in PERSON),
    }
    for each in lag.partitions:
        if each.lag:
            values[f"{LAG}.{each.partition}"] = each.lag
            values[f"{LAG}.{each.partition}.committed"] = -1 if each.committed is None else each.committed
    now = parts.clock.now()

    await parts.database.run(partial(series.add_samples, at=now, values=values))
    await parts.database.run(partial(series.forget_samples, before=now - KEEP))
    return lag


async def verdicts(parts: Parts, lag: Lag) -> dict[int, Verdict]:
    """The verdict on each partition: what was kept of the last minutes, and how it stands now."""
    now = parts.clock.now()
    behind = [each for each in lag.partitions if each.lag]
    names = [name for each in behind for name in (f"{LAG}.{each.partition}", f"{LAG}.{each.partition}.committed")]
    kept = await parts.database.read(partial(series.samples, names=[LAG, *names], since=now - WINDOW))
    # A minute that was looked at and in which a partition has no sample: it was not behind then.
    looked = [at for at, _value in kept[LAG]]
    found: dict[int, Verdict] = {each.partition: "ok" for each in lag.partitions}
    for each in behind:
        lags = dict(kept[f"{LAG}.{each.partition}"])
        committed = dict(kept[f"{LAG}.{each.partition}.committed"])
        points = [
            Point(at=at, committed=_offset(committed.get(at)), lag=int(lags.get(at, 0)))
            for at in looked
            if at in lags or at < now - timedelta(minutes=1)
        ]
        since_free = _since_free(points)
        found[each.partition] = verdict([*since_free, Point(at=now, committed=each.committed, lag=each.lag)])
    return found


def _since_free(points: Sequence[Point]) -> list[Point]:
    """The points since the partition was last caught up: what was before says nothing of now."""
    behind: list[Point] = []
    for point in points:
        behind = [] if point.lag == 0 else [*behind, point]
    return behind


def _offset(value: float | None) -> int | None:
    return None if value is None or value < 0 else int(value)
