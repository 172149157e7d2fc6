"""P6: a quiet workspace beside one that floods, and the age of changes through a rolling restart."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from tests.bench.changes import start_sync
from tests.bench.figures import Findings, Goal, Row, percentile
from tests.bench.latency import Street, street
from tests.bench.servers import SOON, Servers
from tests.bench.settings import Effort
from tests.support.processes import Process

_QUIET, _FLOODED = "quiet", "flooded"
_PER_SECOND = 20
_WARM_UP = 60
_OLDEST = 15.0
_READY = r"shards\.assigned"


async def neighbours_and_restarts(servers: Servers, effort: Effort, findings: Findings) -> None:
    idle: list[float] = []
    flooded: list[float] = []
    oldest: list[float] = []
    for _ in range(effort.repeats):
        alone, beside = await _flood(servers, effort)
        idle.append(alone * 1000)
        flooded.append(beside * 1000)
        oldest.append(await _rolling_restart(servers, effort))
    findings.add(
        Row(
            figure="P6",
            what=f"p99 of a quiet workspace while another floods {effort.flood:,} changes; bare: its idle p99",
            unit="ms",
            values=flooded,
            bare=idle,
            goal=Goal(of="ratio", most=2.0),
        ),
        Row(
            figure="P6",
            what="oldest change through a rolling restart of two sync processes",
            unit="s",
            values=oldest,
            goal=Goal(most=_OLDEST),
        ),
    )


async def _flood(servers: Servers, effort: Effort) -> tuple[float, float]:
    """The quiet workspace's p99, before and while the other one's changes are worked off."""
    some = int(_PER_SECOND * effort.latency.total_seconds())
    pairs = {_QUIET: _WARM_UP + 2 * some, _FLOODED: effort.flood}
    async with street(servers, [_QUIET, _FLOODED], pairs) as here:
        await here.at_rate([_QUIET], range(1, _WARM_UP + 1), _PER_SECOND)
        await here.took([(_QUIET, number) for number in range(1, _WARM_UP + 1)])
        idle = await _quiet(here, range(_WARM_UP + 1, _WARM_UP + some + 1))
        flood = [here.here.change(_FLOODED, number) for number in range(1, effort.flood + 1)]
        flooding = asyncio.create_task(here.here.append(flood))
        beside = await _quiet(here, range(_WARM_UP + some + 1, _WARM_UP + 2 * some + 1))
        await flooding
        return idle, beside


async def _quiet(here: Street, numbers: range) -> float:
    await here.at_rate([_QUIET], numbers, _PER_SECOND)
    return percentile(await here.took([(_QUIET, number) for number in numbers]), 0.99)


async def _rolling_restart(servers: Servers, effort: Effort) -> float:
    """The oldest that a change became while two processes were stopped and started, one after the other."""
    workspaces = [f"w{number}" for number in range(8)]
    count = 60 * _PER_SECOND
    async with street(servers, workspaces, dict.fromkeys(workspaces, count)) as here:
        other = start_sync(here.started, here.here, "sync-other")
        await other.line(_READY, within=SOON)
        await here.at_rate(workspaces, range(1, _WARM_UP + 1), _PER_SECOND)
        posted = list(range(_WARM_UP + 1, count + 1))
        stop = asyncio.Event()
        posting = asyncio.create_task(_post_until(here, workspaces, posted, stop))
        for number, process in enumerate((here.sync, other)):
            await _restart(here, process, f"sync-new-{number}")
        stop.set()
        done = await posting
        took = await here.took([(workspaces[at % len(workspaces)], posted[at]) for at in range(done)])
        return max(took)


async def _restart(here: Street, process: Process, name: str) -> None:
    """Stop one as a supervisor does, start its successor, and wait until that one holds shards."""
    process.term()
    await process.exits(within=SOON)
    fresh = start_sync(here.started, here.here, name)
    await fresh.line(_READY, within=timedelta(minutes=2))


async def _post_until(here: Street, workspaces: list[str], numbers: list[int], stop: asyncio.Event) -> int:
    """Post at the steady rate until told to stop; how many were posted."""
    began = time.monotonic()
    for at, number in enumerate(numbers):
        pause = began + at / _PER_SECOND - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        if stop.is_set():
            return at
        await here.post(workspaces[at % len(workspaces)], number)
    return len(numbers)
