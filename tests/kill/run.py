"""One run: set up, drive and strike, restore, wait for quiet, judge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from tests.kill import books, place
from tests.kill.audit import judge
from tests.kill.bridges import BRIDGES, DEFAULT
from tests.kill.people import SPEED, People
from tests.kill.place import WORKSPACE, Place
from tests.kill.plan import Plan
from tests.kill.report import Run
from tests.kill.striker import Striker

_QUIET_SECONDS = 60 * SPEED


async def run(
    folder: Path,
    *,
    kills: int,
    seed: int,
    bridge: str = DEFAULT,
    look_ups: str = "",
    rate: float = 3.0,
    faults: bool = True,
    without: str = "",
    aimed: float = 0.9,
    aims: Sequence[str] = (),
    minutes: float = 60.0,
    records: int = 60,
) -> Run:
    """Run the rig once in `folder`, which keeps the logs of every process."""
    began, started = monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    chosen = BRIDGES[bridge]
    async with place.opened(folder, bridge=chosen, seed=seed, without=without, look_ups=look_ups) as here:
        driver = chosen.people(here.vendors, here.clock, seed, rate=rate)
        await driver.prepare(records)
        await place.go_live(here)
        plan = Plan(seed=seed, bridge=chosen, aimed_share=aimed, aims=aims)
        striker = Striker(here, plan, faults=faults)
        hooks: dict[int, tuple[str, str, str]] = {}
        await _under_fire(here, driver, striker, hooks, kills=kills, minutes=minutes)
        quiet_began = monotonic()
        await striker.restore()
        await _settle(here)
        await books.accepted(here.vendors, hooks)
        to_quiet = monotonic() - quiet_began
        found = await books.read(here)
        return Run(
            bridge=bridge,
            look_ups=look_ups,
            seed=seed,
            wanted=kills,
            without=without,
            started=started,
            took=monotonic() - began,
            to_quiet=to_quiet,
            tally=striker.tally,
            verdict=judge(found, driver, hooks, striker.tally.ends, bridge=chosen, look_ups=look_ups),
            acts=driver.acts,
            calls=await here.vendors.calls(),
            folder=folder,
        )


async def _under_fire(
    here: Place,
    driver: People,
    striker: Striker,
    hooks: dict[int, tuple[str, str, str]],
    *,
    kills: int,
    minutes: float,
) -> None:
    stop = asyncio.Event()
    driving = asyncio.create_task(driver.run(stop))
    listing = asyncio.create_task(_keep_listing(here, hooks, stop))
    try:
        await striker.run(kills, until=monotonic() + minutes * 60)
    finally:
        stop.set()
        await asyncio.gather(driving, listing)


async def _keep_listing(here: Place, hooks: dict[int, tuple[str, str, str]], stop: asyncio.Event) -> None:
    """The sandbox keeps the last deliveries only."""
    while not stop.is_set():
        await books.accepted(here.vendors, hooks)
        try:
            await asyncio.wait_for(stop.wait(), 10)
        except TimeoutError:
            continue


async def _settle(here: Place) -> None:
    """Everything lists everything until nothing is left to do; what only waits for its time is made due."""
    await here.vendors.post("clock", {"advance": 60})
    await here.vendors.post("hooks/drain", {"seconds": 20})
    wait = ("sync", WORKSPACE, "--full", "--wait", "--timeout", f"{_QUIET_SECONDS:.0f}")
    status = await here.puente(*wait, codes=(0, 3))
    for _ in range(8):
        if status["quiet"] or "paused" in status["waiting"]:
            break  # a flow that stopped is a finding; waiting for it changes nothing
        await books.retry_what_waits(here)
        status = await here.puente(*wait, codes=(0, 3))
    # Once more: what was put right in the first round may differ from what its listing had shown.
    await here.puente(*wait, codes=(0, 3))
