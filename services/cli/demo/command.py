"""`puente demo`: makes the place, plays the story, leaves the pages open."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from services.cli import given
from services.cli.console import DONE, FAILED, INTERRUPTED, Cli, run_loop
from services.cli.demo.owner import NotSeen, Owner
from services.cli.demo.shop import Shop
from services.cli.demo.stage import Stage, Step
from services.cli.demo.story import Story
from services.console import settings as console_settings
from services.ending import stopped_by_signals
from services.solo.running import PortTaken, Solo, running
from shared import errors
from shared.runtime import logging
from shared.runtime.settings import Settings, load_settings

_BRIDGES: Final[Mapping[str, type[Stage]]] = {"bitfactura-sugester": Story, "factusol-clientify": Shop}


def demo(cli: Cli, bridge: str, *, once: bool, port: int, data: Path | None) -> int:
    """Raises Misconfigured for a bridge without a demo, and for a folder that is in use."""
    bridge = bridge or next(iter(_BRIDGES))
    if bridge not in _BRIDGES:
        raise given.usage(f"There is no demo of {bridge!r}.", f"Choose from {', '.join(_BRIDGES)}.")
    if data is not None and data.exists() and any(data.iterdir()):
        raise given.usage(
            f"The folder {data} is not empty.", "Give --data a new one: the story starts from nothing."
        )
    logging.configure(level=os.environ.get("PUENTE_LOG_LEVEL", "ERROR"), form="text")
    if data is not None:
        return run_loop(_play(cli, _BRIDGES[bridge], data, once=once, port=port))
    with tempfile.TemporaryDirectory(prefix="puente-demo-") as folder:
        return run_loop(_play(cli, _BRIDGES[bridge], Path(folder), once=once, port=port))


def settings_in(data: Path) -> Settings:
    """The settings of a demo: files of this machine, keys of its own, frequent sweeps, short deadlines."""
    return load_settings().model_copy(
        update={
            "data": data,
            "log_url": "",
            "store_url": "",
            "public_url": "",
            "door_keys": SecretStr(""),
            "log_keys": SecretStr(""),
            "store_keys": SecretStr(""),
            "keys_file": None,
            "outgoing_allow": "",
            "sweep_seconds": 2.0,
            "attempt_seconds": 5.0,
            "rig_clock": "",
            "rig_failpoints": "",
            "rig_without": "",
        }
    )


async def _play(cli: Cli, plot: type[Stage], data: Path, *, once: bool, port: int) -> int:
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(stopped_by_signals())
        solo = await _started(cli, stack, settings_in(data), port)
        box = solo.sandbox
        assert box is not None  # noqa: S101 - started with it
        cli.line(f"Sandbox (all systems): {box.url}")
        cli.line(f"Door: {solo.door}")
        story = plot(solo=solo, owner=Owner(box.control, solo.parts.clock), tell=lambda step: _tell(cli, step))
        playing = asyncio.create_task(_told(cli, story))
        stopping = asyncio.create_task(stop.wait())
        either: set[asyncio.Future[Any]] = {playing, stopping}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not playing.done():
            playing.cancel()
            await asyncio.wait({playing})
            return INTERRUPTED
        found = playing.result()
        agrees = not found and all(step.ok for step in story.steps)
        if once or cli.json:
            _emit(cli, story, solo, found, agrees=agrees)
            return DONE if agrees else FAILED
        await _open_console(cli, solo)
        cli.line("")
        cli.line(f"Click through it: {box.url}/ -- edit a client on one side and watch the other. Ctrl-C ends it.")
        cli.line(f"The console, where you choose a name and a password first: {solo.console}")
        await stop.wait()
    return DONE if agrees else FAILED


async def _open_console(cli: Cli, solo: Solo) -> None:
    """The console on its port, or on a free one where that is taken."""
    settings = console_settings.load()
    try:
        await solo.open_console(settings)
    except errors.Misconfigured as problem:
        if settings.port == 0:
            raise
        cli.tell(f"{problem.message} A free port is taken instead.")
        await solo.open_console(settings.model_copy(update={"port": 0}))


async def _told(cli: Cli, story: Stage) -> list[str]:
    """Play the story to its end, or to where it got stuck; what the systems do not agree in."""
    try:
        return await story.play()
    except (NotSeen, TimeoutError) as problem:
        says = str(problem) or "The story took too long."
        _tell(cli, Step(name="stopped", says=says, ok=False))
        return [says]


async def _started(cli: Cli, stack: AsyncExitStack, settings: Settings, port: int) -> Solo:
    """A solo with the sandbox on its port and the door on PUENTE_PORT, or on free ones where they are taken."""
    try:
        return await stack.enter_async_context(running(settings, sandbox_port=port))
    except PortTaken as problem:
        cli.tell(f"{problem.message} A free port is taken instead.")
        return await _started(cli, stack, settings, 0)
    except errors.Misconfigured as problem:
        if problem.setting != "PUENTE_PORT" or settings.port == 0:
            raise
        cli.tell(f"{problem.message} A free port is taken instead.")
        return await _started(cli, stack, settings.model_copy(update={"port": 0}), port)


def _tell(cli: Cli, step: Step) -> None:
    took = f"{step.milliseconds:>7,} ms" if step.milliseconds is not None else " " * 10
    cli.line(f"{'+' if step.ok else 'x'} {took}  {step.says}")


def _emit(cli: Cli, story: Stage, solo: Solo, found: list[str], *, agrees: bool) -> None:
    steps = [
        {"name": step.name, "says": step.says, "milliseconds": step.milliseconds, "ok": step.ok}
        for step in story.steps
    ]
    box = solo.sandbox
    result = {
        "agrees": agrees,
        "steps": steps,
        "differences": found,
        "sandbox": box.url if box is not None else None,
        "door": solo.door,
    }

    def show(cli: Cli) -> None:
        rows = [[step.name, step.milliseconds, step.ok] for step in story.steps]
        cli.line("")
        cli.table(("step", "ms", "as it should be"), rows)
        for each in found:
            cli.line(f"  x {each}")
        cli.line("Both sides agree." if agrees else "Both sides do not agree.")

    cli.emit(result, show)
