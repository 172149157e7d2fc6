"""A world whose sync services are real processes that a test kills, freezes and starts again."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from shared.operations.views import Status
from shared.runtime.settings import Settings
from tests.crashes.sync_process import AHEAD, JUMP
from tests.scenarios.world import World
from tests.support.processes import Process, Processes, python

START_WITHIN = timedelta(seconds=30)
DIES_WITHIN = timedelta(seconds=20)
ASSIGNED = r"shards\.assigned"


@dataclass
class Rig(World):
    """The servers run in this process, sync in others."""

    processes: Processes | None = None
    started: list[Process] = field(default_factory=list)

    async def start(
        self,
        name: str,
        *,
        failpoints: str = "",
        without: str = "",
        ready: str = ASSIGNED,
        root: Path | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Process:
        """Start a sync service and wait until it has written a line like `ready`.

        `root` holds the files of another version to run, `more` are further settings.
        """
        assert self.processes is not None
        environment = environment_of(self.settings) | {
            "PUENTE_RIG_FAILPOINTS": failpoints,
            "PUENTE_RIG_WITHOUT": without,
            AHEAD: str(self.clock.ahead.total_seconds()),
            **({"PYTHONPATH": str(root)} if root is not None else {}),
            **(more or {}),
        }
        process = self.processes.start(
            *python("-m", "tests.crashes.sync_process"), name=name, env=environment, cwd=root
        )
        self.started.append(process)
        await process.line(ready, within=START_WITHIN)
        return process

    async def dies(self, process: Process) -> None:
        """Until a failpoint has killed it."""
        assert await process.exits(within=DIES_WITHIN) == -signal.SIGKILL

    async def jump(self) -> None:
        """So much time passes for everybody that no open write can still be on its way."""
        for process in self.started:
            if process.running:
                os.kill(process.pid, signal.SIGUSR1)
        await self.pass_time(seconds=JUMP.total_seconds())

    async def _jump(self, status: Status) -> None:
        times = await self._next_times(status)
        if times and min(times) > self.clock.now() + timedelta(seconds=2):
            await self.jump()


def environment_of(settings: Settings) -> dict[str, str]:
    """These settings as the environment of a process."""
    names = ("data", "outgoing_allow", "attempt_seconds", "sweep_seconds")
    rings = ("door_keys", "log_keys", "store_keys")
    return {
        **{f"PUENTE_{name.upper()}": str(getattr(settings, name)) for name in names},
        **{f"PUENTE_{ring.upper()}": getattr(settings, ring).get_secret_value() for ring in rings},
        "PUENTE_LOG_URL": settings.effective_log_url,
        "PUENTE_STORE_URL": settings.effective_store_url,
        "PUENTE_PORT": "0",
    }
