"""The program `puente`. Expected errors end with one sentence, the command to type next, and an exit code.

0 done; 1 failed; 2 wrong usage or setting; 3 not quiet, or a person is needed; 4 credentials or rights;
5 a system, the store or the log is out of reach.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import typer

from services.cli import given
from services.cli.console import DONE, INTERRUPTED, USAGE, Cli, chosen_language, exit_code
from services.cli.lazy import LazyGroup
from shared import errors

app = typer.Typer(
    name="puente",
    cls=LazyGroup,
    help="Keeps two business systems in step: nothing lost, nothing doubled, and a trace to follow.",
    epilog="Every command takes --json, --lang en|es and --env-file FILE. "
    "Exit codes: 0 done, 1 failed, 2 usage, 3 not quiet or a person is needed, 4 credentials, 5 unreachable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"puente {metadata.version('puente')}\n")
        raise typer.Exit


@app.callback()
def everywhere(
    json: bool = typer.Option(False, "--json", help="Print one JSON object instead of text."),
    lang: str = typer.Option("", "--lang", help="en or es; also PUENTE_LANG and LANG."),
    env_file: str = typer.Option("", "--env-file", help="Settings as KEY=VALUE lines; the environment wins."),
    version: bool = typer.Option(False, "--version", help="Show the version.", is_eager=True, callback=_version),
) -> None:
    """Keeps two business systems in step."""
    # Taken out of the arguments before they get here, so that they may stand anywhere; declared for the help.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except errors.PuenteError as problem:
        _say(problem.message, problem.way_out or next_for(problem))
        return exit_code(problem)
    except typer.TyperException as problem:
        return _say_usage(problem)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read standard output went away (`| head`); nothing more may be written to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _run(arguments: list[str]) -> int:
    common = given.split_common(arguments)
    given.refuse_secrets(common.rest)
    if common.env_file:
        given.load_env_file(Path(common.env_file), os.environ)
    cli = Cli(json=common.json, language=chosen_language(common.lang, os.environ))
    result = app(common.rest, prog_name="puente", standalone_mode=False, obj=cli)
    return result if isinstance(result, int) else DONE


def next_for(problem: errors.PuenteError) -> str:
    """What to type where the error itself does not say."""
    match problem:
        case errors.Misconfigured():
            return "See `puente --help`, and the settings in docs/operator.md."
        case errors.NeedsOperator():
            return "Run `puente doctor`: it says which account, key or right is meant."
        case errors.Retryable():
            return "Type the same command again in a moment; `puente status` shows how things stand."
        case _:
            return "`puente status` shows how things stand, `puente waiting list` what needs a person."


def _say_usage(problem: typer.TyperException) -> int:
    """A wrong command line. What was typed where nothing is expected is not repeated: it may be a secret."""
    message = problem.format_message()
    if "unexpected extra argument" in message:
        message = "There are more arguments than this command takes."
    context = getattr(problem, "ctx", None)
    path = context.command_path if context is not None else "puente"
    if message:
        _say(message, f"See `{path} --help`.")
    return USAGE


def _say(message: str, way_out: str) -> None:
    from shared.runtime.logging import redacted

    sys.stderr.write(redacted(f"{message} {way_out}".strip()) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
