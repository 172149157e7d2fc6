"""P5: a load of many clients: time, calls and memory, and what a kill in the middle costs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from sqlalchemy import update

from shared.store import tables
from tests.bench import machine
from tests.bench.changes import VendorWatch, start_sync, start_vendor
from tests.bench.figures import Findings, Goal, Row, Series
from tests.bench.installation import Installation, installed
from tests.bench.latency import start_load
from tests.bench.servers import Servers, Started
from tests.bench.settings import Effort
from tests.support.waiting import until

Points = Sequence[tuple[float, int, int]]

_LATEST = timedelta(hours=2)
# What a killed process had begun to write is taken over after this time and not after a minute.
_SHORT = {"PUENTE_ATTEMPT_SECONDS": "5"}


async def load_of_clients(servers: Servers, effort: Effort, findings: Findings) -> None:
    """The first bridge's: one load, killed (-9) when half of it is done, and gone on with by a new process."""
    count = effort.load
    name = f"load-{count}"
    with servers.processes() as started:
        async with servers.database() as store, aiohttp.ClientSession() as http:
            url = await start_vendor(started, 0)
            async with installed(
                started.folder, log_url=await servers.topic(), store_url=store, workspaces=[name], vendor_url=url
            ) as here:
                await start_load(here, name)
                found = await loaded(started, here, VendorWatch(url, http), count)
    report(findings, found, "P5", calls=1.1)


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A load and its two halves: (time, records made, memory) along the way, and the vendor's counts."""

    count: int
    halves: tuple[Points, Points]
    killed_at: int
    calls: Mapping[str, int]


async def loaded(started: Started, here: Installation, watch: VendorWatch, count: int) -> Loaded:
    """Follow a load that was asked for; its process is killed (-9) at the half, and another one goes on."""
    first = start_sync(started, here, "sync-first", **_SHORT)
    points = await _follow(watch, first.pid, count // 2)
    first.kill9()
    before = await watch.counts()
    await _end_of_lease(here)
    second = start_sync(started, here, "sync-second", **_SHORT)
    points_after = await _follow(watch, second.pid, count)
    after = await watch.counts()
    second.stop()
    return Loaded(count=count, halves=(points, points_after), killed_at=before["created"], calls=after)


def report(findings: Findings, found: Loaded, figure: str, *, calls: float) -> None:
    """The rows of a load; `calls` is the most that one record may cost."""
    count, points, after = found.count, [*found.halves[0], *found.halves[1]], found.calls
    rates = [_rate(half) for half in found.halves]
    spent = sum(after.get(each, 0) for each in ("created", "pages", "reads", "writes", "searches")) / count
    findings.add(
        Row(figure=figure, what=f"clients loaded per second, of {count:,}", unit="/s", values=rates),
        Row(
            figure=figure,
            what="memory at most",
            unit="MB",
            values=[max(each for _, _, each in points) / 1e6],
            goal=Goal(most=200),
        ),
        Row(
            figure=figure,
            what="rate of the second half to that of the first",
            unit="",
            values=[rates[1] / rates[0]],
            goal=Goal(least=0.8),
            note="linear time: 1 or more",
        ),
        Row(figure=figure, what="vendor calls per client", unit="", values=[spent], goal=Goal(most=calls)),
        Row(
            figure=figure,
            what="clients made twice after the kill in the middle",
            unit="",
            values=[float(after["doubles"])],
            goal=Goal(most=0),
        ),
    )
    findings.notes.append(
        f"{figure}: killed at {found.killed_at:,} of {count:,} clients; the vendor counts {dict(after)}."
    )
    began = points[0][0]
    findings.series += [
        Series(
            figure=figure,
            title="clients made",
            x="s",
            y="clients",
            points=[(at - began, float(made)) for at, made, _ in points],
        ),
        Series(
            figure=figure,
            title="memory of the sync process",
            x="clients",
            y="MB",
            points=[(float(made), size / 1e6) for _, made, size in points],
        ),
    ]


async def _end_of_lease(here: Installation) -> None:
    """The killed process holds its load for up to half a minute; here that is over at once."""
    now = here.parts.clock.now()
    await here.parts.database.run(lambda connection: connection.execute(update(tables.load).values(next_at=now)))


async def _follow(watch: VendorWatch, pid: int, until_made: int) -> Points:
    """(time, clients made, memory) twice a second until so many are made."""
    points: list[tuple[float, int, int]] = []

    async def enough() -> bool:
        made = (await watch.counts())["created"]
        if made and (not points or made > points[-1][1]):
            points.append((time.monotonic(), made, machine.memory_bytes(pid)))
        return made >= until_made

    await until(enough, within=_LATEST, what=f"{until_made} clients are made", every=timedelta(milliseconds=100))
    return points


def _rate(points: Points) -> float:
    """Clients per second, without the last few: what the killed process had begun waits for its deadline."""
    most = points[-1][1]
    (first_at, first, _), (last_at, last, _) = points[0], next(each for each in points if each[1] >= 0.95 * most)
    return (last - first) / max(last_at - first_at, 0.001)
