"""`puente backup` and `puente restore`: everything of one machine in one file, and back."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path

import typer

from services.cli import given
from services.cli.commands import keeping
from services.cli.console import DONE, Cli, cli_of, exit_code, run_loop
from services.solo.folder import folder_held
from shared import errors
from shared.operations import backup, recovery
from shared.runtime.parts import Parts
from shared.store.matches import Report

_FILE = typer.Argument(metavar="FILE", help="Where the backup is.")
_NEW_FILE = typer.Argument(metavar="FILE", help="A new file.")
_PASSPHRASE = typer.Option(None, "--passphrase-file", help="A file whose first line opens the keys.")
_KEY_FILE = typer.Option(None, "--key-file", help="The `keys` of the old data folder, kept apart.")
_SHORTEST = 8


def register(app: typer.Typer) -> None:
    app.command("backup")(make)
    app.command("restore")(restore)


def make(
    context: typer.Context,
    file: Path = _NEW_FILE,
    passphrase_file: Path | None = _PASSPHRASE,
    without_keys: bool = typer.Option(False, "--without-keys", help="Leave the keys out; keep data/keys apart."),
) -> int:
    """Copy log, store, spool and keys of this machine into one file, while Puente runs, and check it."""
    cli = cli_of(context)
    passphrase = None if without_keys else _new_passphrase(passphrase_file)
    made = backup.make(cli.settings, file, now=datetime.now(UTC), passphrase=passphrase)
    size = file.stat().st_size

    def show(cli: Cli) -> None:
        cli.say("backup made", file=file, size=f"{size:,}")
        if without_keys:
            cli.say("keys apart", file=cli.settings.data / "keys")
        else:
            cli.say("keys sealed")
        cli.then(f"puente restore {file}")

    result = {"file": str(file), "bytes": size, "made_at": made.made_at, "keys": made.keys}
    cli.emit(result | {"files": {name: noted.size for name, noted in made.files.items()}}, show)
    return DONE


def restore(
    context: typer.Context,
    file: Path = _FILE,
    passphrase_file: Path | None = _PASSPHRASE,
    key_file: Path | None = _KEY_FILE,
) -> int:
    """Put a backup into an empty data folder; every flow goes back to review, and what is there is found."""
    cli = cli_of(context)
    settings = cli.settings
    backup.refuse_used(settings)
    manifest = backup.check(file)
    passphrase = None
    if manifest.keys == "sealed" and key_file is None and not settings.keys_given:
        passphrase = _passphrase(passphrase_file)
    with folder_held(settings.data):
        restored = run_loop(
            backup.restore(settings, file, passphrase=passphrase, key_file=key_file, actor=given.actor())
        )
    return cli.run(lambda parts: _find(cli, parts, restored))


async def _find(cli: Cli, parts: Parts, restored: backup.Restored) -> int:
    """List both sides of every workspace. A vendor that is away takes nothing back: it is asked again later."""
    found: dict[str, Report] = {}
    problems: dict[str, errors.PuenteError] = {}
    for name in restored.workspaces:
        try:
            found |= await recovery.reports(parts, name)
        except (errors.Retryable, errors.NeedsOperator) as problem:
            problems[name] = problem

    def show(cli: Cli) -> None:
        cli.say("restored", made_at=f"{restored.made_at.astimezone():%Y-%m-%d %H:%M}")
        keeping.show_reports(cli, found)
        for name in restored.workspaces:
            if name in problems:
                cli.line(f"{name}: {problems[name].message} {problems[name].way_out}".rstrip())
                cli.then(f"puente recover {name}")
            else:
                cli.then(f"puente match approve {name}, puente load {name}, puente doctor {name}")

    result = {
        "made_at": restored.made_at,
        "workspaces": restored.workspaces,
        "reports": keeping.reports_as_dicts(found),
        "problems": [{"workspace": name, "says": each.message} for name, each in problems.items()],
    }
    cli.emit(result, show)
    return max((exit_code(each) for each in problems.values()), default=DONE)


def _new_passphrase(path: Path | None) -> str:
    if path is None and not sys.stdin.isatty():
        raise given.usage(
            "The keys open everything in a backup, so they are sealed with a passphrase or left out.",
            "Give --passphrase-file FILE, or --without-keys and keep the key file apart.",
        )
    found = _passphrase(path)
    if len(found) < _SHORTEST:
        raise given.usage(f"The passphrase has less than {_SHORTEST} characters.", "Choose a longer one.")
    if path is None and getpass.getpass("The same again: ") != found:
        raise given.usage("The two differ.", "Type the command again.")
    return found


def _passphrase(path: Path | None) -> str:
    """From a file's first line, else from a prompt that shows nothing."""
    if path is None:
        if not sys.stdin.isatty():
            raise given.usage("The keys in this backup are sealed.", "Give --passphrase-file FILE.")
        return getpass.getpass("Passphrase of the keys: ")
    try:
        first = path.read_text("utf-8").splitlines()[:1]
    except (OSError, UnicodeDecodeError):
        raise given.usage(f"The passphrase file {path} cannot be read.", "Give the path of a text file.") from None
    return first[0].strip() if first else ""
