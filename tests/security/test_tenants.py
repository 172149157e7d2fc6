"""A second workspace cannot see or touch the first: every command that takes a name or an id, one entry each.

Two workspaces stand side by side, acme and zeta. Each entry acts for zeta, on its own things and on acme's names.
Afterwards every row of acme is what it was, and nothing of acme was shown. A new command without an entry fails.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.console import DONE, USAGE
from services.cli.main import app, main
from shared.clock import SystemClock
from shared.store import tables, waiting
from shared.store.database import Database
from shared.store.rows import Waiting
from tests.integration.cli.rig import PUENTE, SOON
from tests.support.processes import Processes

ACME, ZETA = "acme", "zeta"
CUSTOMERS: Final = "customer_bitfactura_sugester"


@dataclass(frozen=True, kw_only=True)
class Acts:
    """Command lines of zeta, after the command's name. `{acme url}` and `{acme token}` are replaced."""

    lines: Sequence[Sequence[str]]
    stdin: str = ""


@dataclass(frozen=True)
class Whole:
    """A command of the installation, not of a workspace; why it may see all of them."""

    why: str


OPERATOR = Whole("one row or run by its id, for the operator, who has every workspace")
PEOPLE = Whole(
    "people who log in to the console belong to the installation; what each may see is the console's to prove"
)
SETUP = Whole("sets up or serves the installation")
RECORD: Final = "424242"

COMMANDS: Final[Mapping[str, Acts | Whole]] = {
    "migrate": SETUP,
    "topics": SETUP,
    "move": SETUP,
    "sandbox": SETUP,
    "solo": SETUP,
    "serve": SETUP,
    "demo": SETUP,
    "schema": SETUP,
    "backup": SETUP,
    "restore": SETUP,
    "keys new": SETUP,
    "keys list": SETUP,
    "keys rotate": SETUP,
    "keys rewrap": SETUP,
    "keys retire": SETUP,
    "alerts list": Acts(lines=[["zeta"]]),
    "alerts test": Whole("tries the channels, which the installation has once"),
    "users add": PEOPLE,
    "users list": PEOPLE,
    "users password": PEOPLE,
    "users role": PEOPLE,
    "users remove": PEOPLE,
    "workspace list": Whole("lists the workspaces of the installation"),
    "workspace add": Acts(lines=[["acme"], ["Acme"], ["zeta.acme"]]),
    "account add": Acts(
        lines=[
            # A vendor's account belongs to one workspace: the same login cannot be taken over.
            ["zeta", "bitfactura", "--base-url", "{acme url}", "--name", "stolen", "--force"],
            ["zeta", "bitfactura", "--base-url", "{acme url}", "--name", "../acme.bitfactura", "--force"],
        ],
        stdin="{acme token}",
    ),
    "account set": Acts(
        lines=[["zeta.bitfactura", "--base-url", "{acme url}", "--secrets", "--force"]], stdin="{acme token}"
    ),
    "account list": Acts(lines=[["zeta"]]),
    "account check": Acts(lines=[["zeta"], ["zeta.bitfactura"], ["zeta.acme.bitfactura"]]),
    "bridge add": Acts(
        lines=[
            ["zeta", "acme.bitfactura", "sugester"],
            ["zeta", "bitfactura", "acme.sugester"],
            ["zeta", "acme.bitfactura", "acme.sugester"],
        ]
    ),
    "bridge list": Acts(lines=[["zeta"]]),
    "flow list": Acts(lines=[["zeta"], [f"zeta.{CUSTOMERS}"]]),
    "flow set": Acts(lines=[[f"zeta.{CUSTOMERS}", "winner.city=right"], [f"zeta.acme.{CUSTOMERS}", "x=y"]]),
    "flow pause": Acts(lines=[["zeta"], [f"zeta.{CUSTOMERS}"]]),
    "flow resume": Acts(lines=[["zeta"], [f"zeta.{CUSTOMERS}"]]),
    "match report": Acts(lines=[["zeta"], [f"zeta.{CUSTOMERS}", "--kept"]]),
    "match decide": Acts(
        lines=[
            [f"zeta.{CUSTOMERS}", "--record", f"left/{RECORD}", "--bind", "1"],
            [f"zeta.{CUSTOMERS}", "--record", f"left/{RECORD}", "--new"],
            [f"zeta.{CUSTOMERS}", "--record", f"right/{RECORD}", "--apart"],
        ]
    ),
    "match approve": Acts(lines=[["zeta"]]),
    "load": Acts(lines=[["zeta"]]),
    "status": Acts(lines=[["zeta"]]),
    "sync": Acts(lines=[["zeta"], ["zeta", "--full"]]),
    "lag": Acts(lines=[["zeta"]]),
    "why": Acts(
        lines=[
            ["bitfactura", "client", RECORD, "--workspace", "zeta", "--offline"],
            ["zeta.bitfactura", "client", RECORD, "--details", "--offline"],
            ["acme.bitfactura", "client", RECORD, "--workspace", "zeta", "--offline"],
        ]
    ),
    "hooks": Acts(lines=[["zeta"], ["zeta.bitfactura", "--register"], ["zeta.bitfactura", "--remove"]]),
    "waiting list": Acts(lines=[["zeta"], [f"zeta.{CUSTOMERS}"], ["zeta.bitfactura"]]),
    "waiting show": OPERATOR,
    "waiting retry": Acts(lines=[["--in", "zeta"], ["--in", "zeta", "--reason", "rejected"]]),
    "waiting dismiss": Acts(lines=[["--in", "zeta"]]),
    "replay": Acts(
        lines=[
            ["list", "zeta"],
            ["zeta", "--since", "1h", "--dry-run"],
            ["zeta", "--account", "acme.bitfactura", "--since", "1h"],
            ["zeta", "--record", RECORD, "--mode", "repair"],
            ["zeta", "--mode", "export"],
        ]
    ),
    "doctor": Acts(lines=[["zeta"], ["zeta", "--look-only"]]),
    "recover": Acts(lines=[["zeta"]]),
    "forget": Acts(
        lines=[
            ["zeta.bitfactura", "client", RECORD, "--yes"],
            ["zeta.acme.bitfactura", "client", RECORD, "--yes"],
        ]
    ),
}


def commands(group: Any = None, path: str = "") -> Iterator[tuple[str, bool]]:
    """Every command's name, and whether it takes an argument."""
    group = group or typer.main.get_command(app)
    for name, each in getattr(group, "commands", {}).items():
        if hasattr(each, "commands"):
            yield from commands(each, f"{path}{name} ")
        else:
            yield f"{path}{name}", any(given.param_type_name == "argument" for given in each.params)


def test_every_command_has_an_entry() -> None:
    assert dict(commands()).keys() == COMMANDS.keys()


@dataclass(kw_only=True)
class Both:
    """Two workspaces that are set up alike."""

    store_url: str
    control: str
    names: dict[str, str] = field(default_factory=dict)
    seen: str = ""

    def run(self, *arguments: str, stdin: str = "", monkeypatch: pytest.MonkeyPatch, capsys: Any) -> int:
        """One command in this process; what it printed is in `seen`."""
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        code = main([*arguments, "--json"])
        told = capsys.readouterr()
        self.seen = told.out + told.err
        assert "Traceback" not in self.seen, self.seen
        return code

    def rows_of(self, workspace: str) -> dict[str, list[str]]:
        """Every row of one workspace, of every table."""

        async def dump() -> dict[str, list[str]]:
            database = Database(self.store_url)
            try:
                return await database.read(lambda connection: _rows(connection, workspace))
            finally:
                await database.close()

        return asyncio.run(dump())


async def _rows(connection: AsyncConnection, workspace: str) -> dict[str, list[str]]:
    found = {}
    for table in tables.metadata.sorted_tables:
        rows = (await connection.execute(select(table))).mappings().all()
        found[table.name] = sorted(repr(dict(row)) for row in rows if _belongs(table, dict(row), workspace))
    return found


def _belongs(table: Table, row: Mapping[str, Any], workspace: str) -> bool:
    if "workspace_id" in row:
        return bool(row["workspace_id"] == workspace)
    names = [row[name] for name in ("id", "account_id", "flow_id", "key", "scope") if name in row]
    return any(workspace in str(name).replace(":", ".").split(".") for name in names)


@pytest.fixture
def both(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Both]:
    sandbox = processes.start(*PUENTE, "sandbox", "--port", "0", "--json", name="sandbox")
    sandbox.block_until(lambda: "\n" in sandbox.output(), within=SOON, what="says where it is")
    hello = json.loads(sandbox.output().splitlines()[0])
    monkeypatch.setenv("PUENTE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PUENTE_PUBLIC_URL", "http://127.0.0.1:1")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = Both(store_url=f"sqlite:///{tmp_path}/data/store.db", control=hello["control"])
    try:
        for workspace in (ACME, ZETA):
            _set_up(made, workspace, monkeypatch, capsys)
        yield made
    finally:
        root.handlers[:], root.level = handlers, level
        logging.captureWarnings(capture=False)


def _set_up(both: Both, workspace: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def run(*arguments: str, stdin: str = "") -> None:
        assert both.run(*arguments, stdin=stdin, monkeypatch=monkeypatch, capsys=capsys) == 0, both.seen

    run("workspace", "add", workspace)
    for system in ("bitfactura", "sugester"):
        body = json.dumps({"system": system, "account": f"at-{workspace}"}).encode()
        asked = urllib.request.Request(  # noqa: S310 - the sandbox on this machine
            f"{both.control}/accounts", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(asked) as answer:  # noqa: S310
            access = json.loads(answer.read())
        run("account", "add", workspace, system, "--base-url", access["base_url"], stdin=access["token"])
        both.names |= {f"{workspace} url": access["base_url"], f"{workspace} token": access["token"]}
    run("bridge", "add", workspace, "bitfactura", "sugester")
    run("match", "approve", workspace)
    run("replay", workspace, "--since", "1h")
    now = SystemClock().now()
    row = Waiting(
        id=f"wait-{workspace}",
        workspace_id=workspace,
        flow_id=f"{workspace}.{CUSTOMERS}",
        account_id=f"{workspace}.bitfactura",
        resource="clients",
        record_id=RECORD,
        reason="rejected",
        not_before=now + timedelta(days=1),
        first_seen=now,
        updated_at=now,
        change_ids=("c1",),
        says=f"Something about a client of {workspace}.",
    )

    async def wait() -> None:
        database = Database(both.store_url)
        try:
            await database.run(lambda connection: waiting.put(connection, row))
        finally:
            await database.close()

    asyncio.run(wait())


def test_no_command_of_one_workspace_sees_or_touches_the_other(
    both: Both, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = both.rows_of(ACME)
    assert sum(map(len, before.values())) >= 15, "there is little of acme that could be touched"
    assert both.rows_of(ZETA).keys() == before.keys()
    for command, entry in COMMANDS.items():
        if isinstance(entry, Whole):
            continue
        for line in entry.lines:
            typed, stdin = list(line), entry.stdin
            for name, value in both.names.items():
                typed = [part.replace(f"{{{name}}}", value) for part in typed]
                stdin = stdin.replace(f"{{{name}}}", value)
            code = both.run(*command.split(), *typed, stdin=stdin, monkeypatch=monkeypatch, capsys=capsys)
            refused = any("acme" in part.lower() for part in line)
            assert code == (USAGE if refused else DONE), f"{command} {typed}: {both.seen}"
            assert both.rows_of(ACME) == before, f"{command} {typed} changed rows of acme: {both.seen}"
            shown = both.seen
            for part in typed:
                shown = shown.replace(part, "")
            # Names that a person must choose from are the operator's to see; what stands behind them is not.
            assert "client of acme" not in shown, f"{command} {typed}"
            assert "wait-acme" not in shown, f"{command} {typed}"
            assert both.names["acme token"] not in shown, f"{command} {typed}"


def test_the_rows_of_a_workspace_are_found_and_its_commands_do_work(
    both: Both, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The test above is no use if it watches nothing: for acme itself the same commands do change its rows."""
    before = both.rows_of(ACME)
    assert before["waiting"]
    assert before["run"]
    assert before["account"]
    assert before["flow"]
    assert both.run("waiting", "dismiss", "--in", ACME, monkeypatch=monkeypatch, capsys=capsys) == 0
    assert both.run("flow", "pause", ACME, monkeypatch=monkeypatch, capsys=capsys) == 0
    after = both.rows_of(ACME)
    assert after["waiting"] == []
    assert after["flow"] != before["flow"]
    assert after["audit"] != before["audit"]
