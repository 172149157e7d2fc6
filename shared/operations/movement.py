"""Whether lag is a burden or a standstill, told by how it moves and by no fixed number (as Burrow does).

Every minute the end and the committed offset of each partition that is behind are kept as samples, by whichever
process comes first: sync, console, alerts, or a page that shows lag, so that the answer stays right while no sync
lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any, Final, Literal

import structlog

from shared import errors
from shared.eventlog.port import EventLog, Lag
from shared.operations import views
from shared.runtime.parts import Parts
from shared.runtime.rounds import Rounds
from shared.store import series
from shared.store.rows import PERSON

Verdict = Literal["ok", "warn", "stall", "unknown"]

WINDOW: Final = timedelta(minutes=10)
KEEP: Final = timedelta(days=2)
SAMPLE_EVERY: Final = timedelta(seconds=30)
"""How often a process looks whether the minute was kept."""
_LEAST: Final = timedelta(seconds=50)
LAG: Final = "lag"
OLDEST: Final = "lag.oldest"
WAITING: Final = "waiting"
PERSONS: Final = "waiting.person"

_log = structlog.get_logger("puente.sync")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One partition at one moment. `committed` is None where the group never came."""

    at: datetime
    committed: int | None
    lag: int


_BADNESS: Final[tuple[Verdict, ...]] = ("ok", "unknown", "warn", "stall")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The one to show for several partitions together; "ok" for none."""
    return max(verdicts, key=_BADNESS.index, default="ok")


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


class Sampler:
    """Keeps how it stands once a minute, whichever of the processes comes first; one of the timers of sync."""

    def __init__(self, parts: Parts, log: EventLog) -> None:
        self._parts = parts
        self._log = log
        self._rounds = Rounds(parts.clock, every=SAMPLE_EVERY)

    async def run_due(self, _shards: frozenset[int], group: asyncio.TaskGroup) -> None:
        if self._rounds.is_due:
            self._rounds.begin(self._sample(), group)

    async def _sample(self) -> None:
        try:
            await sample_due(self._parts, self._log)
        except errors.Retryable as problem:
            _log.debug("sample.waits", says=problem.message)


async def sample_due(parts: Parts, log: EventLog) -> bool:
    """Keep how it stands now, unless another process did so for this minute. Raises Retryable."""
    now = parts.clock.now()
    if await parts.database.read(lambda connection: series.minute_claimed(connection, now)):
        return False
    # What is kept tells partitions apart, and neither systems nor workspaces.
    return await _keep(parts, await views.lag_of(log, detail_limit=0))


async def sample(parts: Parts, log: EventLog, *, detail_limit: int = views.DETAIL_LIMIT) -> Lag:
    """The lag, kept too if nobody kept it for this minute: so a verdict is right while no sync lives.

    Up to `detail_limit` entries are read, to tell systems and workspaces apart.

    A store that takes no writes hides no lag. Raises Retryable when the log is away.
    """
    lag = await views.lag_of(log, detail_limit=detail_limit)
    with suppress(errors.Retryable):
        await _keep(parts, lag)
    return lag


async def _keep(parts: Parts, lag: Lag) -> bool:
    now = parts.clock.now()

    async def unit(connection: Any) -> bool:
        if not await series.claim_minute(connection, now):
            return False
        waits = await views.waits_of(connection)
        await series.add_samples(connection, now, values_of(lag, waits))
        await series.forget_samples(connection, now - KEEP)
        return True

    return await parts.database.run(unit)


def values_of(lag: Lag, waits: Sequence[views.Waits]) -> dict[str, float]:
    """What is kept of one look, by name. Of a partition that is not behind nothing is kept."""
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
    return values


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
