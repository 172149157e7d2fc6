"""The installation under fire: broker, database, sandbox, door and three syncs, set up by the command line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from shared.clock import Clock, clock_of
from shared.keys import generate_ring
from tests.kill import sabotage
from tests.kill.bridges import Bridge
from tests.kill.nursery import LOOK_UPS, SABOTAGE, Forked
from tests.kill.people import SPEED
from tests.kill.vendors import Vendors
from tests.support import kafka as kafkas
from tests.support import ports
from tests.support import postgres as databases
from tests.support.processes import Process, python

WORKSPACE: Final = "acme"
SOON: Final = timedelta(seconds=90)
_LONGEST: Final = timedelta(minutes=10)
ROOT: Final = Path(__file__).resolve().parents[2]
_SANDBOX: Final = ("-m", "services.sandbox", "--port", "0", "--json")

_LOG_OPTIONS: Final = "session_timeout=3&heartbeat=1&rebalance_timeout=9"
SYNCS: Final = ("sync-1", "sync-2", "sync-3")
VISIBLE_AFTER: Final = 60
_ACCOUNT: Final[Mapping[str, str]] = {
    "calls_per_minute": "60000",
    "seconds_per_call": "40",
    "visible_after_seconds": str(VISIBLE_AFTER),
}
# Short times, so that a kill costs seconds. A lost hook is made good by the next sweep.
_TIMES: Final = {
    "PUENTE_SWEEP_SECONDS": "120",
    "PUENTE_INDEX_MAX_AGE_SECONDS": "4500",
    "PUENTE_ATTEMPT_SECONDS": "60",
    "PUENTE_FULL_SWEEP_HOURS": "0.25",
    "PUENTE_STORE_PATIENCE_MINUTES": "150",
    "PUENTE_CANARY_SECONDS": "0",
}

# At the end sweeps are asked for; own ones beside them would keep the workspace from ever being quiet.
CALM: Final = {"PUENTE_SWEEP_SECONDS": "1500"}


class CommandFailed(AssertionError):
    """A command of the command line ended with an error; the message carries what it said."""


class Service:
    """A process of Puente that is started again and again, each time with failpoints of its own."""

    def __init__(self, name: str, module: str, env: Mapping[str, str], port: int, folder: Path) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self.failpoints = ""
        self.starts = 0
        self._module = module
        self._env = dict(env) | {"PUENTE_PORT": str(port)}
        self._folder = folder
        self.process: Process | None = None

    def start(self, failpoints: str = "", **more: str) -> None:
        self.failpoints = failpoints
        self.starts += 1
        env = self._env | ({"PUENTE_RIG_FAILPOINTS": failpoints} if failpoints else {}) | more
        self.process = Forked(self._module, name=self.name, folder=self._folder, env=env, cwd=ROOT)
        self.process.start()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    async def ready(self, *, within: timedelta = SOON) -> None:
        assert self.process is not None
        await self.process.answers(f"{self.url}/readyz", within=within)

    @property
    def log(self) -> Path:
        return self._folder / f"{self.name}.err"

    def close(self) -> None:
        if self.process is not None:
            self.process.close()


@dataclass(frozen=True, kw_only=True)
class Place:
    """What stands, and how the command line and the rig itself reach it."""

    folder: Path
    broker: kafkas.OwnBroker
    database: databases.OwnPostgres
    vendors: Vendors
    services: Mapping[str, Service]
    bridge: Bridge
    env: Mapping[str, str] = field(repr=False)
    clock: Clock

    async def puente(self, *arguments: str, given: str = "", codes: tuple[int, ...] = (0,)) -> Any:
        """What `puente ARGUMENTS --json` prints. Raises CommandFailed for an exit code not in `codes`."""
        typed = self.folder / "typed"
        typed.write_text(given)
        command = Forked(
            "services.cli.main",
            *arguments,
            "--json",
            name="puente",
            folder=self.folder,
            env=self.env,
            cwd=ROOT,
            given=typed,
        )
        command.start()
        code = await command.exits(within=_LONGEST)
        if code not in codes:
            said = command.errors()[-2000:]
            raise CommandFailed(f"puente {' '.join(arguments)} ended with {code}: {said}")
        out = command.output()
        return json.loads(out) if out.strip() else None


@asynccontextmanager
async def opened(
    folder: Path, *, bridge: Bridge, seed: int, without: str = "", look_ups: str = ""
) -> AsyncIterator[Place]:
    """Start the servers and set the workspace up, with no service of Puente running yet."""
    clock = _rig_clock()
    with kafkas.started() as broker, databases.started() as database:
        sandbox = Process(
            python(*_SANDBOX, "--seed", str(seed), "--rig-clock", clock),
            name="sandbox",
            folder=folder,
            cwd=ROOT,
        )
        sandbox.start()
        services: dict[str, Service] = {}
        try:
            hello = json.loads((await sandbox.line(r"^\{.*\}$", within=SOON))[0])
            store = (await database.database()).replace("postgresql+asyncpg", "postgresql")
            door, *others = ports.free_ports(1 + len(SYNCS))
            log_url = f"kafka://{broker.bootstrap}/puente.changes?{_LOG_OPTIONS}"
            env = _environment(folder, log_url, store, door) | {"PUENTE_RIG_CLOCK": clock, LOOK_UPS: look_ups}
            services |= _services(folder, env, door, others, without)
            async with Vendors(hello["control"]) as vendors:
                place = Place(
                    folder=folder,
                    broker=broker,
                    database=database,
                    vendors=vendors,
                    services=services,
                    bridge=bridge,
                    env=env,
                    clock=clock_of(clock),
                )
                await _set_up(place, {name: hello["systems"][name] for name in bridge.sides})
                yield place
        finally:
            for each in services.values():
                each.close()
            sandbox.close()


def _rig_clock() -> str:
    """Fast, and behind the machine's, so that nothing it stamps lies in the broker's future."""
    now = datetime.now(UTC)
    return f"{SPEED}@{now.isoformat()}@{(now - timedelta(hours=12)).isoformat()}"


def _environment(folder: Path, log_url: str, store_url: str, door: int) -> dict[str, str]:
    rings = {f"PUENTE_{name}": generate_ring() for name in ("DOOR_KEYS", "LOG_KEYS", "STORE_KEYS")}
    return {
        "PUENTE_DATA": str(folder / "data"),
        "PUENTE_LOG_URL": log_url,
        "PUENTE_STORE_URL": store_url,
        "PUENTE_PUBLIC_URL": f"http://127.0.0.1:{door}",
        "PUENTE_OUTGOING_ALLOW": "127.0.0.0/8",
        "PUENTE_PORT": "0",
        **rings,
        **_TIMES,
    }


def _services(
    folder: Path, env: Mapping[str, str], door: int, others: list[int], without: str
) -> dict[str, Service]:
    outside = {name: value for name, value in env.items() if name != "PUENTE_STORE_KEYS"}
    ingress = Service("ingress", "services.ingress.main", outside, door, folder)
    found = {"ingress": ingress}
    names = set(filter(None, without.split(",")))
    faults = names & sabotage.KNOWN
    for name, port in zip(SYNCS, others, strict=True):
        more = {
            "PUENTE_DATA": str(folder / name),
            "PUENTE_RIG_WITHOUT": ",".join(sorted(names - faults)),
            SABOTAGE: ",".join(sorted(faults)),
        }
        found[name] = Service(name, "services.sync.main", {**env, **more}, port, folder)
    return found


async def _set_up(place: Place, systems: Mapping[str, Mapping[str, str]]) -> None:
    for name, side in place.bridge.sides.items():
        for switch, value in side.switches.items():
            await place.vendors.turn(name, switch, value=None if value is True else value)
    await place.puente("topics")
    await place.puente("migrate")
    await place.puente("workspace", "add", WORKSPACE)
    for system, access in systems.items():
        settings = {**_ACCOUNT, **place.bridge.sides[system].settings}
        words = [word for name, value in settings.items() for word in ("--setting", f"{name}={value}")]
        url = ("--base-url", access["base_url"])
        await place.puente("account", "add", WORKSPACE, system, *url, *words, given=access["token"])
    await place.puente("bridge", "add", WORKSPACE, *systems)


async def go_live(place: Place) -> None:
    """Start every service, register the hooks, and load what is there."""
    for each in place.services.values():
        each.start()
    for each in place.services.values():
        await each.ready()
    await place.puente("hooks", WORKSPACE, "--register")
    await place.puente("match", "report", WORKSPACE)
    await place.puente("match", "approve", WORKSPACE)
    await place.puente("load", WORKSPACE, "--wait", "--timeout", "900")
    await place.puente("sync", WORKSPACE, "--wait", "--timeout", "600", codes=(0, 3))
