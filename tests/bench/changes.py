"""P2: changes applied per second by one sync process on its own core, beside a bare loop with the same calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from sqlalchemy import func, select

from shared.store import tables
from tests.bench import machine
from tests.bench.figures import Findings, Goal, Row, Series
from tests.bench.installation import Installation, bind, installed
from tests.bench.servers import SOON, Servers, Started, free_port
from tests.bench.settings import Effort
from tests.support.processes import Process
from tests.support.waiting import until

WORKSPACES = 16
WARM_UP = 0.2
"""The share of the changes that is applied before the measuring begins: connections, plans, caches."""

_LATEST = timedelta(minutes=10)
_POLL = timedelta(milliseconds=20)


@dataclass(frozen=True, kw_only=True)
class Applied:
    """One arm's run: its rate after the warm-up, and CPU seconds per 1,000 changes of the process under test."""

    per_second: float
    cpu_per_1000: float


class VendorWatch:
    """What the bare vendor has been asked for."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    async def writes(self) -> int:
        return (await self.counts())["writes"]

    async def moments(self) -> Sequence[float]:
        return [moment for _, moment in await self.written()]

    async def written(self) -> Sequence[tuple[str, float]]:
        """Every write's path and monotonic time, in order."""
        async with self._http.get(f"{self.url}/written") as answer:
            return [(path, float(moment)) for path, moment in await answer.json()]

    async def counts(self) -> Mapping[str, int]:
        async with self._http.get(f"{self.url}/counts") as answer:
            found: Mapping[str, int] = await answer.json()
            return found

    async def until_writes(self, count: int, process: Process) -> None:
        async def reached() -> bool:
            if not process.running:
                raise AssertionError(f"{process.name} ended too early\n{process.tail()}")
            return await self.writes() >= count

        await until(reached, within=_LATEST, what=f"{count} writes at the vendor", every=_POLL)


async def applied_per_second(servers: Servers, effort: Effort, findings: Findings) -> None:
    for delay in (0, 5, 50):
        count = effort.changes if delay < 50 else effort.changes // 2
        ours: list[Applied] = []
        bare: list[Applied] = []
        for _ in range(effort.repeats):
            ours.append(await _one_run(servers, count, delay, bare=False))
            bare.append(await _one_run(servers, count, delay, bare=True))
        name = f"changes applied per second, vendor at {delay} ms"
        findings.add(
            Row(
                figure="P2",
                what=name,
                unit="/s",
                values=[each.per_second for each in ours],
                bare=[each.per_second for each in bare],
                goal=Goal(of="ratio", least=0.5),
            ),
            Row(
                figure="P2",
                what=f"CPU per 1,000 changes, vendor at {delay} ms",
                unit="s",
                values=[each.cpu_per_1000 for each in ours],
                bare=[each.cpu_per_1000 for each in bare],
                goal=Goal(most=1.0),
            ),
        )
        points = [(float(number), each.per_second) for number, each in enumerate(ours, 1)]
        findings.series.append(Series(figure="P2", title=name, x="repeat", y="/s", points=points))


async def _one_run(servers: Servers, count: int, delay: int, *, bare: bool) -> Applied:
    """A fresh topic, database and vendor; `count` changes of bound pairs are in the log before it is read."""
    workspaces = [f"w{number}" for number in range(max(WORKSPACES, count // 400))]
    numbers = range(1, count // len(workspaces) + 1)
    total = len(numbers) * len(workspaces)
    with servers.processes() as started:
        async with servers.database() as store, aiohttp.ClientSession() as http:
            url = await start_vendor(started, delay)
            watch = VendorWatch(url, http)
            async with installed(
                started.folder,
                log_url=await servers.topic(),
                store_url=store,
                workspaces=workspaces,
                vendor_url=url,
            ) as here:
                if not bare:
                    for name in workspaces:
                        await bind(here, name, numbers)
                await here.append(here.change(name, number) for number in numbers for name in workspaces)
                process = _start_bare(started, here, url, total) if bare else start_sync(started, here)
                applied = await _watch(watch, process, total)
                if bare:
                    await process.exits(within=SOON)
                else:
                    await all_saved(here, total)
                    process.stop()
                return applied


async def start_vendor(started: Started, delay: int) -> str:
    port = free_port()
    process = started.beside("-m", "tests.bench.vendor", str(port), str(delay), name="vendor")
    await process.answers(f"http://127.0.0.1:{port}/counts", within=SOON)
    return f"http://127.0.0.1:{port}"


def start_sync(started: Started, here: Installation, name: str = "sync", **more: str) -> Process:
    env = here.environment(started.folder / name, **more)
    return started.server("-m", "services.sync.main", name=name, env=env)


def _start_bare(started: Started, here: Installation, vendor_url: str, count: int) -> Process:
    bootstrap, _, topic = here.log_url.removeprefix("kafka://").partition("/")
    store = here.parts.settings.store_url
    return started.server(
        "-m", "tests.bench.bare_sync", bootstrap, topic, vendor_url, store, str(count), name="bare", env={}
    )


async def _watch(watch: VendorWatch, process: Process, total: int) -> Applied:
    first = int(total * WARM_UP)
    await watch.until_writes(first, process)
    at_first, cpu_at_first = await watch.writes(), machine.cpu_seconds(process.pid)
    # The last few are left out: the bare arm ends with them, and a process that ended has no CPU time to read.
    last = int(total * 0.97)
    await watch.until_writes(last, process)
    at_last, cpu_at_last = await watch.writes(), machine.cpu_seconds(process.pid)
    moments = await watch.moments()
    return Applied(
        per_second=(last - first) / (moments[last - 1] - moments[first - 1]),
        cpu_per_1000=(cpu_at_last - cpu_at_first) / (at_last - at_first) * 1000,
    )


async def all_saved(here: Installation, total: int) -> None:
    """Every change has its attempt in the store: it was applied, and once."""
    statement = select(func.count()).select_from(tables.attempt).where(tables.attempt.c.outcome == "applied")

    async def saved() -> bool:
        count = await here.parts.database.read(lambda connection: connection.scalar(statement))
        return count == total

    await until(saved, within=timedelta(minutes=2), what=f"{total} applied attempts are saved")
