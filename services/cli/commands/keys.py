"""`puente keys`: the rings of this installation, rotated while it runs."""

from __future__ import annotations

from typing import Final

import typer

from services.cli import given
from services.cli.console import DONE, Cli, cli_of
from shared.eventlog.port import EventLog
from shared.keyfile import RINGS, RingName
from shared.keys import generate_ring
from shared.operations import rotation
from shared.runtime.parts import Parts

_BY_WORD: Final[dict[str, RingName]] = {name.removesuffix("_keys"): name for name in RINGS}

keys = typer.Typer(no_args_is_help=True, help="The keys of this installation.")

_RINGS_TO_TURN = typer.Argument(None, metavar="[RING...]", help="door, log, store; all without it.")


def register(app: typer.Typer) -> None:
    app.add_typer(keys, name="keys")


@keys.command("new")
def new(context: typer.Context) -> int:
    """Print fresh keys for PUENTE_DOOR_KEYS, PUENTE_LOG_KEYS and PUENTE_STORE_KEYS. They are not kept anywhere."""
    cli = cli_of(context)
    rings = {f"PUENTE_{name.upper()}": generate_ring() for name in RINGS}

    def show(cli: Cli) -> None:
        for name, ring in rings.items():
            cli.line(f"{name}={ring}")

    cli.emit({"keys": rings}, show)
    return DONE


@keys.command("list")
def list_all(context: typer.Context) -> int:
    """Show which keys there are, by id, where they are kept, and how many workspaces each store key wraps."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        found = await rotation.shown(parts)
        rows = [
            {
                "ring": each.name.removesuffix("_keys"),
                "current": each.current,
                "others": list(each.others),
                "kept in": each.place,
                "workspaces": each.wrapped,
            }
            for each in found
        ]
        columns = ("ring", "current", "others", "kept in", "workspaces")
        cli.emit({"rings": rows}, lambda cli: cli.table(columns, [list(each.values()) for each in rows]))
        return DONE

    return cli.run(work)


@keys.command("rotate")
def rotate(context: typer.Context, rings: list[str] = _RINGS_TO_TURN) -> int:
    """Put a new key in front of each ring and wrap every workspace with it; running processes take it up."""
    cli = cli_of(context)
    made = rotation.rotate(cli.settings, tuple(_ring(word) for word in rings or _BY_WORD))

    async def work(parts: Parts) -> int:
        wrapped = await rotation.rewrap(parts)
        shown = {name.removesuffix("_keys"): key_id for name, key_id in made.items()}

        def show(cli: Cli) -> None:
            cli.say("keys rotated", keys=", ".join(f"{ring} {key_id}" for ring, key_id in shown.items()))
            cli.say("keys wrapped", count=wrapped)
            if "door_keys" in made:
                cli.then("puente doctor")
            cli.then("puente keys retire RING ID")

        cli.emit({"current": shown, "workspaces": wrapped}, show)
        return DONE

    return cli.run(work)


@keys.command("rewrap")
def rewrap(context: typer.Context) -> int:
    """Wrap every workspace with the current store key, after that was put in front of PUENTE_STORE_KEYS."""
    cli = cli_of(context)

    async def work(parts: Parts) -> int:
        wrapped = await rotation.rewrap(parts)
        cli.emit({"workspaces": wrapped}, lambda cli: cli.say("keys wrapped", count=wrapped))
        return DONE

    return cli.run(work)


@keys.command("retire")
def retire(
    context: typer.Context,
    ring: str = typer.Argument(help="door, log or store."),
    key_id: str = typer.Argument(metavar="ID", help="The old key, as `puente keys list` shows it."),
) -> int:
    """Take an old key out once nothing needs it: no workspace, no hook at a vendor, no body in the log."""
    cli = cli_of(context)

    async def work(parts: Parts, log: EventLog) -> int:
        await rotation.retire(parts, log, _ring(ring), key_id)
        cli.emit({"retired": {ring: key_id}}, lambda cli: cli.say("key retired", ring=ring, old=key_id))
        return DONE

    return cli.run_with_log(work)


def _ring(word: str) -> RingName:
    if word not in _BY_WORD:
        raise given.usage(f"There is no ring {word!r}.", f"Choose from {', '.join(_BY_WORD)}.")
    return _BY_WORD[word]
