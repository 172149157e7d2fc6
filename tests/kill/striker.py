"""Kills, freezes, starts again: executes a plan on a place and counts what it did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Final

import psutil

from services.ending import STOP_LIMIT
from tests.kill.place import CALM, SOON, Place, Service
from tests.kill.plan import AIMED, Fault, Plan, Strike
from tests.kill.vendors import Refused
from tests.support.processes import ProcessDied, ProcessStuck

_LOOK: Final = 0.05
_FROZEN_BY_ITSELF: Final = 4.0
_STOPPED: Final = STOP_LIMIT + timedelta(seconds=10)
"""A process ends itself at its limit; starting the thread that does may take a while on a busy machine."""
_UNREACHABLE: Final = 5
"""The exit code of a service that reaches no store or no log when it starts: its supervisor tries again."""


@dataclass
class Tally:
    """What was done, and how long it took to recover. `ends` are exits that nobody asked for."""

    kills: Counter[str] = field(default_factory=Counter)
    freezes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    ends: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")

    @property
    def killed(self) -> int:
        return sum(self.kills.values())

    def recovered(self, what: str, seconds: float) -> None:
        self.slowest = max(self.slowest, (seconds, what))


class Striker:
    """Owns starting and stopping of everything from `run` to `restore`."""

    def __init__(self, place: Place, plan: Plan, *, faults: bool) -> None:
        self.tally = Tally()
        self._place = place
        self._plan = plan
        self._with_faults = faults
        self._failpoints: dict[str, Iterator[str]] = {name: plan.failpoints(name) for name in AIMED}
        self._busy: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    async def run(self, kills: int, *, until: float) -> None:
        """Strike until so many kills have happened, or until this monotonic time."""
        helpers = [asyncio.create_task(self._supervise())]
        if self._with_faults:
            helpers.append(asyncio.create_task(self._break_vendors()))
        try:
            for strike in self._plan.strikes():
                await asyncio.sleep(strike.after)
                for helper in helpers:
                    if helper.done():
                        helper.result()
                if self.tally.killed >= kills or monotonic() >= until:
                    return
                if strike.target not in self._busy:
                    self._spawn(strike)
        finally:
            self._over = True
            await asyncio.gather(*self._tasks)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def restore(self) -> None:
        """Everything runs, without failpoints, without faults, and without sweeps of its own accord."""
        await self._place.vendors.calm()
        for service in self._place.services.values():
            if service.process is not None and service.running:
                service.process.thaw()
                await self._stop(service)
            service.start(**CALM)
        for service in self._place.services.values():
            began = monotonic()
            await service.ready()
            self.tally.recovered(f"{service.name} at the end", monotonic() - began)

    async def _stop(self, service: Service) -> None:
        """Stop it as a supervisor does. On its way out it may pass the failpoint at which it dies or freezes."""
        assert service.process is not None
        stopping = asyncio.create_task(asyncio.to_thread(service.process.stop, within=_STOPPED))
        while not stopping.done():
            await asyncio.wait({stopping}, timeout=_LOOK)
            if _is_stopped(service):
                self._thaw_itself(service)
        try:
            if stopping.result() != 0:
                self._count_end(service)
        except ProcessStuck as stuck:
            self.tally.ends.append(str(stuck))

    def _thaw_itself(self, service: Service) -> None:
        """Let a process run on that a failpoint has frozen."""
        self.tally.freezes[f"{service.name}: {service.failpoints.partition(':')[0]}"] += 1
        assert service.process is not None
        service.process.thaw()
        service.failpoints = ""

    # Strikes

    def _spawn(self, strike: Strike) -> None:
        self._busy.add(strike.target)
        task = asyncio.create_task(self._strike(strike))
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._busy.discard(strike.target)
            if not task.cancelled() and task.exception() is not None:
                self.tally.ends.append(f"a strike failed: {task.exception()}")

        task.add_done_callback(done)

    async def _strike(self, strike: Strike) -> None:
        if strike.target == "broker":
            await self._strike_server("broker", strike)
        elif strike.target == "database":
            await self._strike_server("database", strike)
        else:
            await self._strike_service(self._place.services[strike.target], strike)

    async def _strike_server(self, name: str, strike: Strike) -> None:
        server = self._place.broker if name == "broker" else self._place.database
        if strike.action == "freeze":
            self.tally.freezes[name] += 1
            server.freeze()
            await asyncio.sleep(strike.seconds)
            server.thaw()
            return
        self.tally.kills[name] += 1
        server.kill9()
        await asyncio.sleep(strike.seconds)
        began = monotonic()
        await server.start_beside()
        self.tally.recovered(name, monotonic() - began)

    async def _strike_service(self, service: Service, strike: Strike) -> None:
        process = service.process
        if process is None or not process.running:
            return
        if strike.action == "freeze":
            self.tally.freezes[service.name] += 1
            process.freeze()
            await asyncio.sleep(strike.seconds)
            process.thaw()
            return
        self.tally.kills[service.name] += 1
        process.kill9()
        await asyncio.sleep(strike.seconds)
        await self._start(service)

    async def _start(self, service: Service) -> None:
        """Start it, and again as its supervisor would, until it is ready or dies by a failpoint."""
        began = monotonic()
        service.start(next(self._failpoints[service.name], "") if service.name in self._failpoints else "")
        try:
            await service.ready(within=SOON)
        except (ProcessDied, ProcessStuck):
            return  # seen by `_supervise`, which counts why
        self.tally.recovered(service.name, monotonic() - began)

    async def _supervise(self) -> None:
        """Start what ended by itself: by a failpoint, or because a server was away; thaw what froze itself."""
        frozen: dict[str, float] = {}
        while True:
            await asyncio.sleep(_LOOK)
            for service in self._place.services.values():
                if service.name in self._busy or self._over:
                    continue
                if not service.running:
                    refused = self._count_end(service)
                    self._busy.add(service.name)
                    task = asyncio.create_task(self._again(service, refused=refused))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                elif ":freeze:" in service.failpoints and _is_stopped(service):
                    since = frozen.setdefault(service.name, monotonic())
                    if monotonic() - since >= _FROZEN_BY_ITSELF:
                        del frozen[service.name]
                        self._thaw_itself(service)

    async def _again(self, service: Service, *, refused: bool) -> None:
        try:
            await asyncio.sleep(1.0 if refused else 0.1)
            await self._start(service)
        finally:
            self._busy.discard(service.name)

    def _count_end(self, service: Service) -> bool:
        """Whether it ended because a server was away."""
        assert service.process is not None
        code = service.process.exit_code
        if code == -9 and ":kill:" in service.failpoints:
            self.tally.kills[f"{service.name}: {service.failpoints.partition(':')[0]}"] += 1
        elif code == _UNREACHABLE:
            self.tally.refusals[service.name] += 1
        else:
            self.tally.ends.append(f"{service.name} ended with {code}\n{service.process.tail(15)}")
        return code == _UNREACHABLE

    # Vendors

    async def _break_vendors(self) -> None:
        for fault in self._plan.faults():
            await asyncio.sleep(fault.after)
            try:
                await self._break(fault)
            except Refused as problem:
                self.tally.ends.append(f"the sandbox refused a fault: {problem}")

    async def _break(self, fault: Fault) -> None:
        vendors = self._place.vendors
        self.tally.faults[f"{fault.system} {fault.name}"] += 1
        await vendors.turn(fault.system, fault.name, times=fault.times, match=fault.match, seconds=fault.lasting)
        await asyncio.sleep(fault.seconds)
        await vendors.turn(fault.system, fault.name, on=False)


def _is_stopped(service: Service) -> bool:
    with suppress(psutil.NoSuchProcess):
        assert service.process is not None
        return psutil.Process(service.process.pid).status() == psutil.STATUS_STOPPED
    return False
