"""P3: from a hook at the door to the edit at the other vendor, at a steady rate, each service its own process.

The bare vendor notes when each write came, on the clock that this process posts by.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp

from shared.operations import administration
from tests.bench import load
from tests.bench.changes import VendorWatch, start_sync, start_vendor
from tests.bench.door import hook_body, start_ingress
from tests.bench.figures import Findings, Goal, Row, percentile
from tests.bench.installation import HookKeys, Installation, bind, installed
from tests.bench.servers import Servers, Started, free_port
from tests.bench.settings import Effort
from tests.bench.vendor import RIGHT_ID
from tests.support.processes import Process
from tests.support.waiting import until

PER_SECOND = 100
_WORKSPACES = tuple(f"w{number}" for number in range(8))
_LATEST = timedelta(minutes=5)
_WARM_UP = 200


@dataclass(kw_only=True)
class Street:
    """Everything from the door to the vendor, running. `posted` is when each client's hook was sent."""

    started: Started
    here: Installation
    watch: VendorWatch
    sync: Process
    door: str
    http: aiohttp.ClientSession
    keys: HookKeys
    posted: dict[tuple[str, int], float] = field(default_factory=dict)

    async def post(self, workspace: str, number: int) -> None:
        """A hook that tells an edit of this client; raises when it is refused."""
        url = f"{self.door}/hooks/bitfactura/{self.keys.token(workspace)}"
        body = hook_body(self.keys.secret(workspace), number)
        self.posted[workspace, number] = time.monotonic()
        async with self.http.post(url, data=body) as answer:
            if answer.status != 200:
                raise AssertionError(f"the door answered {answer.status}")

    async def at_rate(self, workspaces: Sequence[str], numbers: Sequence[int], rate: float) -> None:
        """Post one hook for each number, to the workspaces in turn."""
        await load.at_rate(
            rate,
            len(numbers),
            lambda at: asyncio.create_task(self.post(workspaces[at % len(workspaces)], numbers[at])),
        )

    async def visible(self, count: int) -> Mapping[tuple[str, int], float]:
        """When each client's edit came to the other side, once `count` have come."""
        await self.watch.until_writes(count, self.sync)
        return {_client_of(path): moment for path, moment in await self.watch.written()}

    async def took(self, wanted: Sequence[tuple[str, int]]) -> list[float]:
        """Seconds from posting to visible, of these clients; waits for the last."""

        async def all_there() -> bool:
            written = {_client_of(path) for path, _ in await self.watch.written()}
            return written >= set(wanted)

        await until(all_there, within=_LATEST, what="every edit is visible", every=timedelta(milliseconds=200))
        visible = {_client_of(path): moment for path, moment in await self.watch.written()}
        return [visible[each] - self.posted[each] for each in wanted]


def _client_of(path: str) -> tuple[str, int]:
    parts = path.split("/")
    return parts[1], int(parts[-1].removesuffix(".json")) - RIGHT_ID


@asynccontextmanager
async def street(
    servers: Servers, workspaces: Sequence[str], pairs: Mapping[str, int], **sync: str
) -> AsyncIterator[Street]:
    """Vendor, ingress and sync running; `pairs` bound clients in each workspace."""
    async with AsyncExitStack() as stack:
        started = stack.enter_context(servers.processes())
        store = await stack.enter_async_context(servers.database())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        vendor_url = await start_vendor(started, 0)
        log_url = await servers.topic()
        here = await stack.enter_async_context(
            installed(
                started.folder, log_url=log_url, store_url=store, workspaces=workspaces, vendor_url=vendor_url
            )
        )
        for name, count in pairs.items():
            await bind(here, name, range(1, count + 1))
        keys, port = HookKeys(), free_port()
        await start_ingress(started, keys, log_url, port)
        process = start_sync(started, here, **sync)
        yield Street(
            started=started,
            here=here,
            watch=VendorWatch(vendor_url, http),
            sync=process,
            door=f"http://127.0.0.1:{port}",
            http=http,
            keys=keys,
        )


async def hook_to_visible(servers: Servers, effort: Effort, findings: Findings) -> None:
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    for _ in range(effort.repeats):
        alone.append(await _one_run(servers, effort, load_of=0))
        beside.append(await _one_run(servers, effort, load_of=effort.load_beside))
    name = f"hook in to visible at {PER_SECOND}/s"
    findings.add(
        _row(f"{name}, p50", alone, 0.5, Goal(most=10)),
        _row(f"{name}, p99", alone, 0.99, Goal(most=40)),
        _row(f"{name}, p99, a load of {effort.load_beside:,} beside", beside, 0.99, Goal(most=100)),
    )


def _row(what: str, runs: Sequence[Sequence[float]], share: float, goal: Goal) -> Row:
    values = [percentile(took, share) * 1000 for took in runs]
    return Row(figure="P3", what=what, unit="ms", values=values, goal=goal)


async def _one_run(servers: Servers, effort: Effort, *, load_of: int) -> list[float]:
    count = _WARM_UP + int(PER_SECOND * effort.latency.total_seconds())
    loading = f"load-{load_of}"
    workspaces = [*_WORKSPACES, loading] if load_of else list(_WORKSPACES)
    async with street(servers, workspaces, dict.fromkeys(_WORKSPACES, count)) as here:
        numbers = range(1, count + 1)
        await here.at_rate(_WORKSPACES, numbers[:_WARM_UP], PER_SECOND)
        await here.watch.until_writes(_WARM_UP, here.sync)
        if load_of:
            await start_load(here.here, loading)
        measured = numbers[_WARM_UP:]
        await here.at_rate(_WORKSPACES, measured, PER_SECOND)
        return await here.took([(_WORKSPACES[at % len(_WORKSPACES)], n) for at, n in enumerate(measured)])


async def start_load(here: Installation, workspace: str) -> None:
    used = await administration.used_of(here.parts, workspace)
    flow = next(flow for flow in used.directory.flows.values() if flow.entity == "customer")
    await administration.start_load(here.parts, flow, side="left", then_side=None, since=None)
