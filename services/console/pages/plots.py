"""Plots, from our own store: what was done, how long it took from hook to write, what failed, lag, what waited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Final, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from services.console.charts import Chart, lines, stacked
from services.console.context import Asks, Visit
from shared.operations import movement
from shared.runtime.workspaces import Used
from shared.store import series
from shared.store.series import Tried

router = APIRouter()

_SPANS: Final = {
    "hour": (timedelta(hours=1), timedelta(minutes=1)),
    "day": (timedelta(days=1), timedelta(minutes=30)),
}
_DONE: Final = ("created", "applied", "bound")
_IDLE: Final = ("echo", "nothing", "not wanted", "not live")
_ASKS: Final = ("waits", "needs a person", "gone", "counterpart gone", "kept apart")


@router.get("/w/{workspace_id}/plots")
async def plots(visit: Asks, workspace_id: str, span: Literal["hour", "day"] = "hour") -> HTMLResponse:
    used = await visit.workspace(workspace_id)
    drawn = await charts_of(visit, used, span)
    return visit.page("plots.html", used=used, charts=drawn, span=span)


async def charts_of(visit: Visit, used: Used, span: Literal["hour", "day"]) -> list[Chart]:
    parts, (length, step) = visit.parts, _SPANS[span]
    zone = ZoneInfo(used.workspace.time_zone)
    end = _floor(parts.clock.now(), step) + step
    times = [end - length + step * place for place in range(length // step)]
    tried = await parts.database.read(lambda connection: series.attempts(connection, used.workspace.id, times[0]))
    names = [movement.LAG, movement.OLDEST, movement.WAITING, movement.PERSONS]
    kept = await parts.database.read(lambda connection: series.samples(connection, names, times[0]))
    buckets = _bucketed(tried, times, step)
    local = [at.astimezone(zone) for at in times]
    say = visit.say

    def counts(kinds: tuple[str, ...]) -> Chart:
        rows = [
            (
                at,
                {
                    kind: float(many)
                    for kind, many in Counter(each.outcome for each in some).items()
                    if kind in kinds
                },
            )
            for at, some in zip(local, buckets, strict=True)
        ]
        return stacked(titles[kinds], "", rows, kinds, step=step)

    titles = {
        _DONE: say("Written"),
        _IDLE: say("Looked at, nothing to write"),
        _ASKS: say("Put aside, or with nobody to write to"),
    }
    half, most = say("half are faster than"), say("19 of 20 are faster than")
    latency = {half: _each(buckets, _median), most: _each(buckets, _most)}
    sampled = {name: _sampled(kept[name], times, step) for name in names}
    return [
        counts(_DONE),
        lines(say("From the hook to the write"), "s", local, latency, step=step),
        counts(_ASKS),
        counts(_IDLE),
        lines(say("Lag of the installation"), "", local, {say("changes"): sampled[movement.LAG]}, step=step),
        lines(say("Age of the oldest change"), "s", local, {say("seconds"): sampled[movement.OLDEST]}, step=step),
        lines(
            say("Waiting in the installation"),
            "",
            local,
            {say("for a time"): sampled[movement.WAITING], say("for a person"): sampled[movement.PERSONS]},
            step=step,
        ),
    ]


def _floor(at: datetime, step: timedelta) -> datetime:
    seconds = int(step.total_seconds())
    return at - timedelta(seconds=int(at.timestamp()) % seconds, microseconds=at.microsecond)


def _bucketed(tried: Sequence[Tried], times: Sequence[datetime], step: timedelta) -> list[list[Tried]]:
    found: list[list[Tried]] = [[] for _ in times]
    for each in tried:
        place = (each.at - times[0]) // step
        if 0 <= place < len(found):
            found[place].append(each)
    return found


def _each(buckets: Sequence[Sequence[Tried]], pick: Callable[[Sequence[float]], float]) -> list[float | None]:
    """Seconds from the first hook of a change to the end of the attempt that wrote it."""
    found: list[float | None] = []
    for some in buckets:
        seconds = [
            (each.at - each.told_at).total_seconds() + each.took_ms / 1000
            for each in some
            if each.told_at is not None and each.outcome in _DONE
        ]
        found.append(pick(seconds) if seconds else None)
    return found


def _median(seconds: Sequence[float]) -> float:
    ordered = sorted(seconds)
    return ordered[len(ordered) // 2]


def _most(seconds: Sequence[float]) -> float:
    return max(seconds) if len(seconds) < 20 else quantiles(seconds, n=20)[-1]


def _sampled(
    kept: Sequence[tuple[datetime, float]], times: Sequence[datetime], step: timedelta
) -> list[float | None]:
    """The highest sample of each bucket; None where nobody looked."""
    found: list[float | None] = [None] * len(times)
    for at, value in kept:
        place = (at - times[0]) // step
        if 0 <= place < len(found):
            found[place] = max(value, found[place] or 0)
    return found
