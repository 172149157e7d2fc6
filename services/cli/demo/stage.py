"""What every story of the demo stands on: a running solo, its sandbox, and the steps that were told."""

from __future__ import annotations

import asyncio
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from services.cli.commands import seeing
from services.cli.demo.owner import NotSeen, Owner
from services.solo.running import Solo
from shared import errors
from shared.flows.catalog import FLOWS
from shared.flows.spec import Side
from shared.operations import administration, hooking, steering, views
from shared.runtime.workspaces import Used
from shared.store import bindings, intents
from shared.store.rows import FlowRow, Intent

WORKSPACE = "demo"
SOON = 15.0
RECOVERY = 60.0
_LOOK_EVERY = timedelta(milliseconds=50)

Tell = Callable[["Step"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened. `milliseconds` is what was measured, None where nothing was."""

    name: str
    says: str
    milliseconds: int | None = None
    ok: bool = True


@dataclass(slots=True, kw_only=True)
class Stage(ABC):
    """Plays on a running solo with its sandbox. Every step is told as it happens and kept.

    `clients` are ids of left records by the names that the story gives them; `customers` is the flow of clients.
    """

    solo: Solo
    owner: Owner
    tell: Tell
    customers: str = ""
    steps: list[Step] = field(default_factory=list)
    clients: dict[str, int] = field(default_factory=dict)

    @abstractmethod
    async def play(self) -> list[str]:
        """The whole story; what the systems do not agree in at its end."""

    def _say(self, name: str, says: str, milliseconds: int | None = None, *, ok: bool = True) -> None:
        step = Step(name=name, says=says, milliseconds=milliseconds, ok=ok)
        self.steps.append(step)
        self.tell(step)

    async def _add_account(self, system: str) -> None:
        parts, box = self.solo.parts, self.solo.sandbox
        assert box is not None  # noqa: S101 - the demo always runs with the sandbox
        access = box.systems[system]
        connector = administration.connector_of(parts, system)
        used = await self._used()
        account = administration.new_account(
            parts,
            used,
            system,
            base_url=access["base_url"],
            credentials={connector.credentials[0].name: access["token"]},
            settings={"calls_per_minute": "60000", "calls_at_once": "8"},
        )
        checks = await administration.check_account(parts, used, account)
        failed = [check for check in checks if check.state == "failed"]
        if failed:
            raise errors.NeedsOperator(f"{system}: {failed[0].says.en}")
        account = administration.remembering(parts, used, account, checks)
        await administration.save_account(parts, used, account)
        passed = sum(check.state == "ok" for check in checks)
        lines = await hooking.register(parts, await self._used(), account, self.solo.door)
        registered = sum(line.state == "registered" for line in lines)
        hooks = (
            f"{registered} hooks registered"
            if registered
            else f"it sends no hooks: a sweep every {parts.settings.sweep_seconds:g} s carries its changes"
        )
        self._say("account", f"{connector.title}: {passed} checks passed, {hooks}.")

    async def _load(self, row: FlowRow) -> None:
        side, then_side = steering.directions(row, FLOWS[row.spec], "")
        await administration.start_load(self.solo.parts, row, side=side, then_side=then_side, since=None)

    async def _used(self) -> Used:
        return await administration.used_of(self.solo.parts, WORKSPACE)

    async def _quiet(self) -> views.Status:
        parts, log = self.solo.parts, self.solo.log
        status = await views.wait_quiet(parts, log, WORKSPACE, limit=timedelta(seconds=RECOVERY))
        if not status.quiet:
            raise NotSeen(f"The workspace did not become quiet: {seeing.status_as_dict([status])}.")
        return status

    async def _until(self, holds: Callable[[], Awaitable[bool]], *, what: str) -> None:
        clock = self.solo.parts.clock
        deadline = clock.monotonic() + RECOVERY
        while not await holds():
            if clock.monotonic() > deadline:
                raise NotSeen(f"Not within {RECOVERY:g} s: {what}.")
            await clock.sleep(_LOOK_EVERY)

    async def _left_open(self, *record_ids: str) -> list[Intent]:
        flow_id, wanted = f"{WORKSPACE}.{self.customers}", list(record_ids)
        return await self.solo.parts.database.read(lambda connection: intents.open_of(connection, flow_id, wanted))

    async def _binding(self, name: str) -> Mapping[str, str] | None:
        record_id = str(self.clients[name])
        (flow,) = [f for f in (await self._used()).flows.values() if f.row.entity == "customer"]
        found = await self.solo.parts.database.read(
            lambda connection: bindings.find(
                connection, flow.bridge.id, "customer", flow.spec.role, Side.LEFT.value, record_id
            )
        )
        return {"right": found.right_id, "state": found.state} if found is not None else None

    async def _is_bound(self, name: str) -> bool:
        return await self._binding(name) is not None

    async def _state(self, name: str) -> str:
        found = await self._binding(name)
        return found["state"] if found is not None else ""

    async def _counterpart(self, name: str) -> str:
        await self._until(lambda: self._is_bound(name), what=f"the counterpart of {name}")
        found = await self._binding(name)
        if found is None:
            raise NotSeen(f"{name} has no counterpart.")
        return found["right"]


async def doomed_sync(data: Path, sweep_seconds: float) -> asyncio.subprocess.Process:
    """A sync service in a process of its own that dies right after the answer to its first write."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PUENTE_")}
    environment |= {
        "PUENTE_DATA": str(data),
        "PUENTE_PORT": "0",
        "PUENTE_SWEEP_SECONDS": f"{sweep_seconds:g}",
        "PUENTE_ATTEMPT_SECONDS": "5",
        "PUENTE_LOG_LEVEL": "ERROR",
        "PUENTE_RIG_FAILPOINTS": "write answered:kill:1",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.sync.main",
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
