"""A world for faults that last: two workspaces, vendors with quotas, and time that passes while nothing works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from shared.operations import administration
from shared.store import waiting
from tests.faults.neighbour import Neighbour
from tests.scenarios.conftest import settings_for
from tests.scenarios.owners import Owner
from tests.scenarios.world import WORKSPACE, World

# Calls a minute that each vendor bears from the first workspace, and how many at once.
QUOTA = 240
AT_ONCE = 2
_LOOK = 0.02
# Time goes on by as much as is missing until something is due, but in no greater steps than this.
_LONGEST = timedelta(seconds=30)
# What is under way and makes no call sleeps until a quota lets it go on, or hangs: then time goes on by a little.
_ASLEEP = 3
_STEP = timedelta(seconds=5)


@dataclass(kw_only=True)
class Town:
    """`broken` is the vendor that fails, for the first workspace only; `sound` is the one on the other side."""

    world: World
    neighbour: Neighbour
    system: str
    _names: int = field(default=0)

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path, system: str) -> AsyncIterator[Self]:
        async with World.opened(settings_for(folder)) as world:
            await world.connect(hooks=("bitfactura", "sugester"))
            await world.go_live()
            neighbour = await Neighbour.settled(world)
            for each in ("bitfactura", "sugester"):
                await _limit(world, each)
            yield cls(world=world, neighbour=neighbour, system=system)

    @property
    def broken(self) -> Owner:
        return self.world.left if self.system == "bitfactura" else self.world.right

    @property
    def sound(self) -> Owner:
        return self.world.right if self.system == "bitfactura" else self.world.left

    def named(self) -> dict[str, str]:
        """The name and e-mail of one more client."""
        self._names += 1
        return {"name": f"Cliente {self._names:03}", "email": f"c{self._names}@empresa.example"}

    @asynccontextmanager
    async def failing(self, fault: str, **rest: object) -> AsyncIterator[None]:
        """The vendor fails in this way while the block runs."""
        await self.world.control.turn(self.system, fault, account="demo", **rest)
        try:
            yield
        finally:
            off = {"system": self.system, "fault": fault, "account": "demo", "on": False}
            await self.world.control.post("faults", off)

    def calls(self, system: str = "") -> int:
        """What the first workspace asked of the vendor that fails, or of another, since `forget_calls`."""
        return sum(self.world.sandbox.world.counts("demo")[system or self.system].values())

    def pace(self) -> int:
        """Calls in the busiest minute of the first workspace, at the worse of the two vendors."""
        found = self.world.sandbox.world.pace
        return max(each.busiest for (_, account), each in found.items() if account == "demo")

    async def lasts(self, much: timedelta) -> None:
        """Time passes; whatever is due meanwhile is done."""
        end = self.world.clock.now() + much
        idle, before = 0, -1
        while (now := self.world.clock.now()) < end:
            made = self.calls("bitfactura") + self.calls("sugester")
            idle = idle + 1 if made == before else 0
            before = made
            if idle:
                due = await self._next_due()
                if due > now or idle % _ASLEEP == 0:
                    self._pass(min(max(due - now, _STEP), _LONGEST, end - now))
            await asyncio.sleep(_LOOK)

    def _pass(self, much: timedelta) -> None:
        """For the vendors and for Puente at once."""
        self.world.sandbox.world.clock.advance(much)
        self.world.clock.advance(much)

    async def _next_due(self) -> datetime:
        """When something is due next; in the past while something is being done."""
        status = await self.world.status()
        now = self.world.clock.now()
        if status.lag or any(each.problem is None for each in status.running_sweeps):
            return now
        rows = [row for row in await self.world.waits() if not row.needs_person and row.reason != "paused"]
        return min([row.not_before for row in rows] + [each.next_at for each in status.sweeps])

    async def mended_by_a_person(self) -> None:
        """The vendor works again; a person resumes what was paused and tries again what was shown to them.

        They look twice: what was under way when the vendor came back may still be put before them.
        """
        for _ in range(2):
            for flow in (await self.world.used()).directory.flows.values():
                if flow.state == "paused":
                    await self.world.resume(flow.spec)
            rows = [row.id for row in await self.world.asks()]
            now = self.world.clock.now()
            await self.world.parts.database.run(
                lambda connection, rows=rows, now=now: waiting.retry(connection, rows, now)  # type: ignore[misc]
            )
            await self.world.quiet()

    async def agreed(self) -> None:
        """Fails unless both sides show the same clients once, nobody is asked anything and every flow is live."""
        world = self.world
        await world.sweep(full=True)
        assert await world.asks() == []
        assert await world.differences() == []
        assert await world.doubled() == []
        names = [sorted(str(each["name"]) for each in await owner.all()) for owner in (world.left, world.right)]
        assert names[0] == names[1]
        assert {flow.state for flow in (await world.used()).directory.flows.values()} == {"live"}


async def _limit(world: World, system: str) -> None:
    used = await world.used()
    account = used.directory.accounts[f"{WORKSPACE}.{system}"]
    settings = {**account.settings, "calls_per_minute": str(QUOTA), "calls_at_once": str(AT_ONCE)}
    settings["seconds_per_call"] = "1"
    await administration.change_account(world.parts, used, replace(account, settings=settings))
    await world.used()
