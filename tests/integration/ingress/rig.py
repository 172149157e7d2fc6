"""A door on a free port of 127.0.0.1: real uvicorn, a real log, a real spool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec

from services import http
from services.ingress.counts import Counts
from services.ingress.door import Limits, Parts
from services.ingress.gaps import Gaps
from services.ingress.keeping import Keeper, Patience
from services.ingress.main import app_of
from services.ingress.strangers import Strangers
from shared.clock import SystemClock, time_ordered_ids
from shared.connectors.contract import Connector
from shared.eventlog.port import Entry, EventLog
from shared.eventlog.spool import Spool
from shared.eventlog.sqlite import SqliteLog
from shared.keys import DoorKeys, Hook, LogKeys, Ring, generate_ring
from tests.integration.ingress.vendors import KIOSK, PAPER
from tests.integration.ingress.wire import Headers, Reply, post

DOOR_KEYS = DoorKeys(Ring.parse(generate_ring(lambda size: b"d" * size), setting="TEST"))
LOG_KEYS = LogKeys(Ring.parse(generate_ring(lambda size: b"l" * size), setting="TEST"))
OTHER_KEYS = DoorKeys(Ring.parse(generate_ring(lambda size: b"x" * size), setting="TEST"))
QUICK = Patience(append=timedelta(seconds=1), probe=timedelta(milliseconds=50))


def hook(kind: str = "client:update", *, account: str = "k1", generation: int = 1, system: str = "kiosk") -> Hook:
    return Hook(system=system, workspace="w1", account=account, hook_kind=kind, generation=generation)


def token(kind: str = "client:update", *, account: str = "k1", system: str = "kiosk") -> str:
    return DOOR_KEYS.token(hook(kind, account=account, system=system))


def secret(kind: str = "client:update", *, account: str = "k1") -> str:
    return DOOR_KEYS.secret(hook(kind, account=account))


def body(*ids: int, given: str | None = None, kind: str = "client:update") -> bytes:
    """A kiosk's body with the right secret, or the given one."""
    return msgspec.json.encode({"api_token": secret(kind) if given is None else given, "ids": ids or (1,)})


def path(kind: str = "client:update", *, system: str = "kiosk") -> str:
    return f"/hooks/{system}/{token(kind, system=system)}"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A door that answers."""

    port: int
    log: EventLog
    keeper: Keeper
    counts: Counts
    gaps: Gaps

    async def hook(self, *ids: int, kind: str = "client:update", headers: Headers = ()) -> Reply:
        """A good delivery."""
        return await post(self.port, path(kind), body(*ids, kind=kind), headers)

    async def entries(self) -> list[Entry]:
        return [entry async for entry in self.log.read()]

    def counted(self, outcome: str, system: str = "kiosk") -> float:
        labels = {"system": system, "outcome": outcome}
        return self.counts.registry.get_sample_value("puente_door_requests_total", labels) or 0.0


@asynccontextmanager
async def door(
    folder: Path,
    *,
    log: EventLog | None = None,
    connectors: Sequence[Connector] = (KIOSK, PAPER),
    limits: Limits | None = None,
    patience: Patience = QUICK,
    spool_bytes: int = 2**30,
    burst: int = 1000,
    per_second: float = 1000,
    protocol: type[http.GuardedProtocol] = http.GuardedProtocol,
) -> AsyncIterator[Opened]:
    clock = SystemClock()
    kept = log or SqliteLog(folder / "log", clock=clock)
    counts = Counts()
    new_id = time_ordered_ids(clock)
    gaps = Gaps(folder / "gaps", clock)
    keeper = Keeper(
        log=kept,
        spool=Spool(folder / "spool", clock=clock, limit_bytes=spool_bytes),
        gaps=gaps,
        new_id=new_id,
        counts=counts,
        patience=patience,
    )
    parts = Parts(
        keeper=keeper,
        door_keys=DOOR_KEYS,
        log_keys=LOG_KEYS,
        clock=clock,
        new_id=new_id,
        counts=counts,
        strangers=Strangers(clock, burst=burst, per_second=per_second),
        limits=limits or Limits(),
    )
    stop = asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def announce(_: str, port: int) -> None:
        ready.set_result(port)

    async def run() -> None:
        async with keeper.running(stop):
            await http.serve(
                app_of(connectors, parts), "127.0.0.1", 0, stop=stop, on_ready=announce, protocol=protocol
            )

    running = asyncio.create_task(run())
    try:
        running.add_done_callback(lambda _: ready.cancel())
        try:
            port = await ready
        except asyncio.CancelledError:
            await running
            raise
        yield Opened(port=port, log=kept, keeper=keeper, counts=counts, gaps=gaps)
    finally:
        stop.set()
        await running
        if log is None:
            await kept.close()
