"""`puente sandbox`, `solo`, `serve` and `demo`: what stays up until it is told to stop.

Servers are imported by the command that starts them: they would cost every other one a quarter of its start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import typer

from services.cli import given
from services.cli.console import cli_of

SANDBOX_PORT: Final = 8090

_DATA = typer.Option(None, help="The data folder; also PUENTE_DATA.")
_DEMO_DATA = typer.Option(None, "--data", help="Keep the data in this folder; a temporary one without it.")
_SYSTEMS = typer.Argument(None, metavar="[SYSTEM...]", help="For ingress: the systems it takes.")


def register(app: typer.Typer) -> None:
    app.command("sandbox")(sandbox)
    app.command("solo")(solo)
    app.command("serve")(serve)
    app.command("demo")(demo)


def sandbox(
    context: typer.Context,
    port: int = typer.Option(SANDBOX_PORT, min=0, max=65535, help="0 takes a free one."),
    host: str = typer.Option("127.0.0.1", help="The address to listen on."),
    seed: int | None = typer.Option(None, help="The same seed makes the same tokens and ids."),
) -> int:
    """Serve the vendors' APIs with memory and faults, to try things out. With --json the first line says where."""
    from services.cli import serving  # noqa: PLC0415 - see above

    arguments = ["--port", str(port), "--host", host]
    if seed is not None:
        arguments += ["--seed", str(seed)]
    if cli_of(context).json:
        arguments.append("--json")
    return serving.sandbox(arguments, f"{host}:{port}")


def solo(
    context: typer.Context,
    with_sandbox: bool = typer.Option(False, "--sandbox", help="Serve the vendors' sandbox beside it."),
    sandbox_port: int = typer.Option(SANDBOX_PORT, min=0, max=65535, help="0 takes a free one."),
    port: int | None = typer.Option(None, min=0, max=65535, help="The door's port; also PUENTE_PORT."),
    data: Path | None = _DATA,
) -> int:
    """Run Puente on this machine: door and sync in one process, everything in one folder. Ctrl-C stops it."""
    from services.cli import serving  # noqa: PLC0415 - see above

    cli = cli_of(context)
    changes: dict[str, object] = {}
    if port is not None:
        changes["port"] = port
    if data is not None:
        changes["data"] = data
    settings = cli.settings.model_copy(update=changes)
    return serving.solo(cli, settings, sandbox_port=sandbox_port if with_sandbox else None)


def serve(
    context: typer.Context,
    service: str = typer.Argument(help="ingress, sync or sandbox"),
    arguments: list[str] = _SYSTEMS,
) -> int:
    """Start one service of a larger installation."""
    from services.cli import serving  # noqa: PLC0415 - see above

    cli = cli_of(context)
    start = serving.SERVICES.get(service)
    if start is None:
        raise given.usage(f"There is no service {service!r}.", f"Choose from {', '.join(serving.SERVICES)}.")
    if arguments and service == "sync":
        raise given.usage("The sync service takes no arguments.")
    return start(cli, list(arguments or []))


def demo(
    context: typer.Context,
    bridge: str = typer.Argument("", metavar="[BRIDGE]", help="bitfactura-sugester, or factusol-clientify."),
    once: bool = typer.Option(False, "--once", help="End after the story; 0 only if both sides agree."),
    port: int = typer.Option(SANDBOX_PORT, min=0, max=65535, help="The sandbox's port; a free one if taken."),
    data: Path | None = _DEMO_DATA,
) -> int:
    """Play a story on this machine: both systems, the door and sync in one process, with measured times."""
    from services.cli.demo import command  # noqa: PLC0415 - see above

    return command.demo(cli_of(context), bridge, once=once, port=port, data=data)
