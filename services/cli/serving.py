"""The half of the long-running commands that knows the servers; imported only by the command that starts one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from services.cli import given
from services.cli.console import Cli, run_loop
from services.console import main as console_main
from services.ingress import main as ingress
from services.sandbox import server as sandbox_server
from services.solo import main as solo_main
from services.solo.running import Solo
from services.sync import main as sync_main
from shared.runtime.settings import Settings

SERVICES: Final[Mapping[str, Callable[[Cli, list[str]], int]]] = {
    "ingress": lambda _cli, arguments: ingress.main(arguments),
    "sync": lambda cli, _arguments: run_loop(sync_main.run(cli.settings)),
    "console": lambda cli, _arguments: run_loop(console_main.run(cli.settings)),
    "sandbox": lambda _cli, arguments: sandbox_server.main(arguments),
}


def sandbox(arguments: list[str], where: str) -> int:
    """Serve the sandbox until it is stopped. Raises Misconfigured when the address is taken."""
    try:
        return sandbox_server.main(arguments)
    except OSError as problem:
        raise given.usage(
            f"The sandbox cannot listen on {where}: {problem.strerror}.",
            "Give another --port; 0 takes a free one.",
        ) from None


def solo(cli: Cli, settings: Settings, *, sandbox_port: int | None) -> int:
    return run_loop(
        solo_main.run(
            settings, sandbox_port=sandbox_port, on_ready=lambda running: _show_solo(cli, settings, running)
        )
    )


def _show_solo(cli: Cli, settings: Settings, running: Solo) -> None:
    """The start-up summary; with --json it is the first line."""
    box = running.sandbox
    if cli.json:
        found: dict[str, object] = {
            "door": running.door,
            "console": running.console or None,
            "public_url": settings.public_url or None,
            "data": str(settings.data),
            "sandbox": {"control": box.control, "systems": box.systems} if box is not None else None,
            "settings": settings.summary(),
        }
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        sys.stdout.flush()
        return
    for name, value in settings.summary().items():
        if not name.startswith("PUENTE_RIG"):
            cli.line(f"  {name} = {value or 'not set'}")
    if box is not None:
        cli.line(f"Sandbox: {box.url}")
        for system, access in box.systems.items():
            cli.line(f"  {system}: {access['base_url']}  token {access['token']}")
    cli.say("door at", url=running.door)
    if running.console:
        cli.say("console at", url=running.console)
    if not settings.public_url:
        cli.say("by sweeps alone", seconds=f"{settings.sweep_seconds:g}")
    cli.say("solo runs", data=settings.data)
    sys.stdout.flush()
