"""P5: a load of many clients: time, calls and memory, and what a kill in the middle costs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from sqlalchemy import text, update

from shared.store import tables
from tests.bench import machine
from tests.bench.changes import VendorWatch, start_sync, start_vendor
from tests.bench.figures import Findings, Goal, Row, Series
from tests.bench.installation import Installation, installed
from tests.bench.latency import start_load
from tests.bench.servers import Servers, Started
from tests.bench.settings import Effort
from tests.support.waiting import until


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """How far a load is: monotonic time, records made, and the sync process's memory (bytes) and CPU (seconds)."""

    at: float
    made: int
    memory: int
    cpu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """What one process did of a load: points along the way, and the rows that PostgreSQL read meanwhile."""

    points: Sequence[Point]
    rows_read: int

    @property
    def made(self) -> int:
        return self.points[-1].made - self.points[0].made

    @property
    def cpu_per_1000(self) -> float:
        return (self.points[-1].cpu - self.points[0].cpu) / max(self.made, 1) * 1000

    @property
    def rows_per_client(self) -> float:
        return self.rows_read / max(self.made, 1)


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
    """A load, its two halves, and the vendor's counts; `stood` is how long nothing was made after the kill."""

    count: int
    halves: tuple[Half, Half]
    killed_at: int
    stood: float
    calls: Mapping[str, int]


async def loaded(started: Started, here: Installation, watch: VendorWatch, count: int) -> Loaded:
    """Follow a load that was asked for; its process is killed (-9) at the half, and another one goes on."""
    first = start_sync(started, here, "sync-first", **_SHORT)
    half = await _follow(here, watch, first.pid, behind=0, until_made=count // 2)
    first.kill9()
    killed, before = time.monotonic(), await watch.counts()
    await _end_of_lease(here)
    second = start_sync(started, here, "sync-second", **_SHORT)
    # Of the second half, too, what comes before its first client is left out: a process starts, and takes over.
    rest = await _follow(here, watch, second.pid, behind=before["created"], until_made=count)
    after = await watch.counts()
    second.stop()
    stood = rest.points[0].at - killed
    return Loaded(count=count, halves=(half, rest), killed_at=before["created"], stood=stood, calls=after)


def report(findings: Findings, found: Loaded, figure: str, *, calls: float) -> None:
    """The rows of a load; `calls` is the most that one record may cost."""
    count, halves, after = found.count, found.halves, found.calls
    points = [point for half in halves for point in half.points]
    rates = [_rate(half.points) for half in halves]
    spent = sum(after.get(each, 0) for each in ("created", "pages", "reads", "writes", "searches")) / count
    findings.add(
        Row(figure=figure, what=f"clients loaded per second, of {count:,}", unit="/s", values=rates),
        Row(
            figure=figure,
            what="memory at most",
            unit="MB",
            values=[max(point.memory for point in points) / 1e6],
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
        Row(
            figure=figure,
            what="sync's CPU s per 1,000 clients, each half",
            unit="s",
            values=[half.cpu_per_1000 for half in halves],
        ),
        Row(
            figure=figure,
            what="rows that PostgreSQL reads per client, each half",
            unit="",
            values=[half.rows_per_client for half in halves],
        ),
        Row(
            figure=figure,
            what="the same, second half to first",
            unit="",
            values=[halves[1].rows_per_client / halves[0].rows_per_client],
            goal=Goal(most=1.25),
            note="linear work: 1 or less, however busy the machine is",
        ),
        Row(figure=figure, what="seconds without a client after the kill", unit="s", values=[found.stood]),
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
    began = points[0].at
    findings.series += [
        Series(
            figure=figure,
            title="clients made",
            x="s",
            y="clients",
            points=[(point.at - began, float(point.made)) for point in points],
        ),
        Series(
            figure=figure,
            title="memory of the sync process",
            x="clients",
            y="MB",
            points=[(float(point.made), point.memory / 1e6) for point in points],
        ),
    ]


async def _end_of_lease(here: Installation) -> None:
    """The killed process holds its load for up to half a minute; here that is over at once."""
    now = here.parts.clock.now()
    await here.parts.database.run(lambda connection: connection.execute(update(tables.load).values(next_at=now)))


async def _follow(here: Installation, watch: VendorWatch, pid: int, *, behind: int, until_made: int) -> Half:
    """From the first client behind so many until so many are made, ten times a second."""
    points: list[Point] = []
    read_before: list[int] = []

    async def enough() -> bool:
        made = (await watch.counts())["created"]
        if made > (points[-1].made if points else behind):
            if not points:
                read_before.append(await _rows_read(here))
            now = time.monotonic()
            memory, cpu = machine.memory_bytes(pid), machine.cpu_seconds(pid)
            points.append(Point(at=now, made=made, memory=memory, cpu=cpu))
        return made >= until_made

    await until(enough, within=_LATEST, what=f"{until_made} clients are made", every=timedelta(milliseconds=100))
    return Half(points=points, rows_read=await _rows_read(here) - read_before[0])


async def _rows_read(here: Installation) -> int:
    """By all statements of the store so far; sessions tell it about once a second."""
    asked = text("SELECT tup_returned + tup_fetched FROM pg_stat_database WHERE datname = current_database()")
    counted = await here.parts.database.read(lambda connection: connection.execute(asked))
    return int(counted.scalar_one())


def _rate(points: Sequence[Point]) -> float:
    """Clients per second, without the last few: what the killed process had begun waits for its deadline."""
    most = points[-1].made
    first, last = points[0], next(point for point in points if point.made >= 0.95 * most)
    return (last.made - first.made) / max(last.at - first.at, 0.001)
