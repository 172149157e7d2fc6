"""What the program imports before it knows what to do, and the table that stands in for its commands till then."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from services.cli import commands, lazy
from services.cli.commands import COMMANDS

HEAVY = {
    "aiohttp",
    "aiokafka",
    "alembic",
    "asyncpg",
    "cryptography",
    "fastapi",
    "phonenumbers",
    "sqlalchemy",
}


def modules_after(*arguments: str, environment: dict[str, str] | None = None) -> set[str]:
    """The top-level modules that a run of the program has imported, and what else it has of ours."""
    program = (
        "import json, sys\n"
        "from services.cli.main import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1])
    return {name.partition(".")[0] for name in loaded} | {name for name in loaded if name.startswith("shared.")}


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("nonsense",)], ids=" ".join)
def test_what_needs_no_command_loads_none(arguments: tuple[str, ...]) -> None:
    loaded = modules_after(*arguments)
    assert loaded & HEAVY == set()
    assert not {name for name in loaded if name.startswith(("shared.store", "shared.flows", "shared.eventlog"))}


def test_a_command_that_runs_on_no_kafka_loads_none() -> None:
    assert "aiokafka" not in modules_after("status", "--help")


@pytest.mark.parametrize("name", sorted({each.module for each in COMMANDS.values()}))
def test_the_table_names_what_each_module_registers(name: str) -> None:
    module = import_module(f"services.cli.commands.{name}")
    there = {command for command, each in COMMANDS.items() if each.module == name}
    assert set(lazy.registered(module)) == there


def test_every_module_of_commands_is_in_the_table() -> None:
    files = {path.stem for path in Path(commands.__path__[0]).glob("*.py")} - {"__init__"}
    assert files == {each.module for each in COMMANDS.values()}


def test_a_line_of_help_fits_a_terminal() -> None:
    assert {name: each.says for name, each in COMMANDS.items() if len(each.says) > 62} == {}


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("puente re", "replay restore recover"), ("puente match ap", "approve"), ("puente lag --js", "")],
)
def test_a_shell_completes_names(typed: str, wanted: str) -> None:
    environment = {"_PUENTE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "services.cli.main"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert done.stdout.split() == wanted.split(), done.stderr
