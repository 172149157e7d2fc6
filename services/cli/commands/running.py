"""`puente sandbox`, `solo`, `serve` and `demo`: what stays up until it is told to stop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
import typer

from services.cli import given
from services.cli.console import DONE, Cli, cli_of, run_loop
from services.ingress import main as ingress
from services.sandbox import server as sandbox_server
from services.solo import main as solo_main
from services.solo.running import Solo
from services.sync import main as sync_main
from shared.runtime.settings import Settings

SANDBOX_PORT: Final = sandbox_server.DEFAULT_PORT

_DATA = typer.Option(None, help="The data folder; also PUENTE_DATA.")
_SYSTEMS = typer.Argument(None, metavar="[SYSTEM...]", help="For ingress: the systems it takes.")


def register(app: typer.Typer) -> None:
    app.command("sandbox")(sandbox)
    app.command("solo")(solo)
    app.command("serve")(serve)


def sandbox(
    context: typer.Context,
    port: int = typer.Option(SANDBOX_PORT, min=0, max=65535, help="0 takes a free one."),
    host: str = typer.Option("127.0.0.1", help="The address to listen on."),
    seed: int | None = typer.Option(None, help="The same seed makes the same tokens and ids."),
) -> int:
    """Serve the vendors' APIs with memory and faults, to try things out. With --json the first line says where."""
    cli = cli_of(context)
    arguments = ["--port", str(port), "--host", host]
    if seed is not None:
        arguments += ["--seed", str(seed)]
    try:
        return sandbox_server.main([*arguments, *(["--json"] if cli.json else [])])
    except OSError as problem:
        raise given.usage(
            f"The sandbox cannot listen on {host}:{port}: {problem.strerror}.",
            "Give another --port; 0 takes a free one.",
        ) from None


def solo(
    context: typer.Context,
    with_sandbox: bool = typer.Option(False, "--sandbox", help="Serve the vendors' sandbox beside it."),
    sandbox_port: int = typer.Option(SANDBOX_PORT, min=0, max=65535, help="0 takes a free one."),
    port: int | None = typer.Option(None, min=0, max=65535, help="The door's port; also PUENTE_PORT."),
    data: Path | None = _DATA,
) -> int:
    """Run Puente on this machine: door and sync in one process, everything in one folder. Ctrl-C stops it."""
    cli = cli_of(context)
    changes: dict[str, object] = {}
    if port is not None:
        changes["port"] = port
    if data is not None:
        changes["data"] = data
    settings = cli.settings.model_copy(update=changes)
    return run_loop(
        solo_main.run(
            settings,
            sandbox_port=sandbox_port if with_sandbox else None,
            on_ready=lambda running: _show_solo(cli, settings, running),
        )
    )


def _show_solo(cli: Cli, settings: Settings, running: Solo) -> None:
    """The start-up summary; with --json it is the first line."""
    box = running.sandbox
    if cli.json:
        found: dict[str, object] = {
            "door": running.door,
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
    if not settings.public_url:
        cli.say("by sweeps alone", seconds=f"{settings.sweep_seconds:g}")
    cli.say("solo runs", data=settings.data)
    sys.stdout.flush()


_SERVICES: Final[Mapping[str, Callable[[Cli, list[str]], int]]] = {
    "ingress": lambda _cli, arguments: ingress.main(arguments),
    "sync": lambda cli, _arguments: run_loop(sync_main.run(cli.settings)),
    "sandbox": lambda _cli, arguments: sandbox_server.main(arguments),
}


def serve(
    context: typer.Context,
    service: str = typer.Argument(help=", ".join(_SERVICES)),
    arguments: list[str] = _SYSTEMS,
) -> int:
    """Start one service of a larger installation."""
    cli = cli_of(context)
    start = _SERVICES.get(service)
    if start is None:
        raise given.usage(f"There is no service {service!r}.", f"Choose from {', '.join(_SERVICES)}.")
    if arguments and service == "sync":
        raise given.usage("The sync service takes no arguments.")
    return start(cli, list(arguments or [])) or DONE
