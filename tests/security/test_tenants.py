"""A second workspace cannot see or touch the first: every command that takes a name or an id, one entry each, and
every page and deed of the console below a workspace's address; on both bridges.

Two workspaces stand side by side, acme and zeta. Each entry acts for zeta, on its own things and on acme's names.
Afterwards every row of acme is what it was, and nothing of acme was shown. A new command without an entry fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
import typer.main

from services.cli.console import DONE, USAGE
from services.cli.main import app
from tests.integration.console.desk import filled, routes
from tests.security.two_workspaces import ACME, BRIDGES, OTHER, RECORD, ZETA, Both, set_up
from tests.support.processes import Processes


@dataclass(frozen=True, kw_only=True)
class Acts:
    """Command lines of zeta, after the command's name.

    Words in braces are replaced: those of `Bridge.words`, `{acme left url}`, `{acme left token}` and the like.
    """

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
            ["zeta", "{left}", "--base-url", "{acme left url}", "--name", "stolen", "--force"],
            ["zeta", "{left}", "--base-url", "{acme left url}", "--name", "../acme.{left}", "--force"],
        ],
        stdin="{acme left token}",
    ),
    "account set": Acts(
        lines=[["zeta.{left}", "--base-url", "{acme left url}", "--secrets", "--force"]], stdin="{acme left token}"
    ),
    "account list": Acts(lines=[["zeta"]]),
    "account check": Acts(lines=[["zeta"], ["zeta.{left}"], ["zeta.acme.{left}"]]),
    "bridge add": Acts(
        lines=[
            ["zeta", "acme.{left}", "{right}"],
            ["zeta", "{left}", "acme.{right}"],
            ["zeta", "acme.{left}", "acme.{right}"],
        ]
    ),
    "bridge list": Acts(lines=[["zeta"]]),
    "flow list": Acts(lines=[["zeta"], ["zeta.{customers}"]]),
    "flow set": Acts(lines=[["zeta.{customers}", "winner.city=right"], ["zeta.acme.{customers}", "x=y"]]),
    "flow pause": Acts(lines=[["zeta"], ["zeta.{customers}"]]),
    "flow resume": Acts(lines=[["zeta"], ["zeta.{customers}"]]),
    "match report": Acts(lines=[["zeta"], ["zeta.{customers}", "--kept"]]),
    "match decide": Acts(
        lines=[
            ["zeta.{customers}", "--record", f"left/{RECORD}", "--bind", "1"],
            ["zeta.{customers}", "--record", f"left/{RECORD}", "--new"],
            ["zeta.{customers}", "--record", f"right/{RECORD}", "--apart"],
        ]
    ),
    "match approve": Acts(lines=[["zeta"]]),
    "load": Acts(lines=[["zeta"]]),
    "status": Acts(lines=[["zeta"]]),
    "sync": Acts(lines=[["zeta"], ["zeta", "--full"]]),
    "lag": Acts(lines=[["zeta"]]),
    "why": Acts(
        lines=[
            ["{left}", "{record}", RECORD, "--workspace", "zeta", "--offline"],
            ["zeta.{left}", "{record}", RECORD, "--details", "--offline"],
            ["acme.{left}", "{record}", RECORD, "--workspace", "zeta", "--offline"],
        ]
    ),
    "hooks": Acts(lines=[["zeta"], ["zeta.{left}", "--register"], ["zeta.{left}", "--remove"]]),
    "waiting list": Acts(lines=[["zeta"], ["zeta.{customers}"], ["zeta.{left}"]]),
    "waiting show": OPERATOR,
    "waiting retry": Acts(lines=[["--in", "zeta"], ["--in", "zeta", "--reason", "rejected"]]),
    "waiting dismiss": Acts(lines=[["--in", "zeta"]]),
    "replay": Acts(
        lines=[
            ["list", "zeta"],
            ["zeta", "--since", "1h", "--dry-run"],
            ["zeta", "--account", "acme.{left}", "--since", "1h"],
            ["zeta", "--record", RECORD, "--mode", "repair"],
            ["zeta", "--mode", "export"],
        ]
    ),
    "doctor": Acts(lines=[["zeta"], ["zeta", "--look-only"]]),
    "recover": Acts(lines=[["zeta"]]),
    "forget": Acts(
        lines=[
            ["zeta.{left}", "{record}", RECORD, "--yes"],
            ["zeta.acme.{left}", "{record}", RECORD, "--yes"],
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


@pytest.fixture(scope="module", params=BRIDGES, ids=lambda each: each.left)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both workspaces, once for each bridge: only the last test of the module changes them."""
    folder = tmp_path_factory.mktemp(request.param.left)
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        closing(Processes(folder)) as processes,
        set_up(request.param, processes, folder, monkeypatch) as made,
    ):
        yield made


def test_no_command_of_one_workspace_sees_or_touches_the_other(both: Both) -> None:
    before = both.rows_of(ACME)
    assert sum(map(len, before.values())) >= 15, "there is little of acme that could be touched"
    assert both.rows_of(ZETA).keys() == before.keys()
    for command, entry in COMMANDS.items():
        if isinstance(entry, Whole):
            continue
        for line in entry.lines:
            typed, stdin = list(line), entry.stdin
            for name, value in {**both.names, **both.bridge.words}.items():
                typed = [part.replace(f"{{{name}}}", value) for part in typed]
                stdin = stdin.replace(f"{{{name}}}", value)
            code = both.run(*command.split(), *typed, stdin=stdin)
            refused = any("acme" in part.lower() for part in line)
            assert code == (USAGE if refused else DONE), f"{command} {typed}: {both.seen}"
            assert both.rows_of(ACME) == before, f"{command} {typed} changed rows of acme: {both.seen}"
            shown = both.seen
            for part in typed:
                shown = shown.replace(part, "")
            # Names that a person must choose from are the operator's to see; what stands behind them is not.
            assert "client of acme" not in shown, f"{command} {typed}"
            assert "wait-acme" not in shown, f"{command} {typed}"
            for side in ("left", "right"):
                assert both.names[f"acme {side} token"] not in shown, f"{command} {typed}"


def pages() -> list[tuple[str, str]]:
    """(method, pattern) of every route below a workspace; the stream of a page shows what the page shows."""
    return [
        (method, pattern)
        for method in ("GET", "POST")
        for pattern in routes(method)
        if pattern.startswith("/w/{workspace_id}") and not pattern.endswith("/events")
    ]


async def asked(both: Both, client: httpx.AsyncClient, at: str, method: str, pattern: str) -> httpx.Response:
    """A page or deed at one workspace's address, with every id that it takes being one of acme's."""
    account, flow = f"{ACME}.{both.bridge.left}", f"{ACME}.{both.bridge.customers}"
    path = {
        "workspace_id": at,
        "account_id": account,
        "flow_id": flow,
        "resource": "clients",
        "record_id": RECORD,
        "waiting_id": f"wait-{ACME}",
        "run_id": both.runs[ACME],
        "word": "cancel" if "replay" in pattern else "pause",
    }
    form = {
        "account": account,
        "flow": flow,
        "resource": "clients",
        "record": RECORD,
        "again": RECORD,
        "other": OTHER,
        "ids": f"wait-{ACME}",
        "choice": "apart",
        "step": "run" if "replay" in pattern else "save",
        "since": "2026-01-31T09:00:00+00:00",
        "insist": "yes",
        "system": both.bridge.left,
        "base_url": both.names[f"{ACME} left url"],
        "option.winner.city": "right",
        f"credential.{both.bridge.secret}": both.names[f"{ACME} left token"],
    }
    if method == "GET":
        return await client.get(filled(pattern, path), params=form)
    return await client.post(filled(pattern, path), data=form)


async def test_no_page_and_no_deed_of_one_workspace_sees_or_touches_the_other(both: Both) -> None:
    before = await both.rows(ACME)
    async with both.console() as console:
        stranger = await console.log_in("otto", {ZETA: "admin"})
        for method, pattern in pages():
            answer = await asked(both, stranger, ZETA, method, pattern)
            assert answer.status_code < 500, f"{method} {pattern}: {answer.text}"
            if method == "POST":
                assert await both.rows(ACME) == before, f"{pattern} changed rows of acme: {answer.text}"
            for told in (
                "client of acme",
                f"wait-{ACME}",
                both.runs[ACME],
                f"records/{ACME}",
                *both.secrets(ACME),
            ):
                assert told not in answer.text, f"{method} {pattern} shows {told}"
            refused = await asked(both, stranger, ACME, method, pattern)
            assert refused.status_code == 404, f"{method} {pattern}: {refused.status_code}"
        assert await both.rows(ACME) == before


async def test_the_same_deeds_work_for_whoever_it_belongs_to(both: Both) -> None:
    """The test above is no use if its forms are refused for another reason: acme's own admin does act so."""
    before = await both.rows(ACME)
    async with both.console() as console:
        own = await console.log_in("ana", {ACME: "admin"})
        page = await asked(both, own, ACME, "GET", "/w/{workspace_id}/waiting")
        assert "client of acme" in page.text
        changed = set()
        for method, pattern in pages():
            if method == "POST" and pattern.endswith(
                ("/unlink", "/options", "/replay/{run_id}/{word}", "/decide")
            ):
                await asked(both, own, ACME, method, pattern)
                after = await both.rows(ACME)
                changed |= {name for name in after if after[name] != before[name]}
    assert {"binding", "flow", "run", "waiting", "audit"} <= changed


def test_the_rows_of_a_workspace_are_found_and_its_commands_do_work(both: Both) -> None:
    """The test above is no use if it watches nothing: for acme itself the same commands do change its rows."""
    before = both.rows_of(ACME)
    assert before["waiting"]
    assert before["binding"]
    assert before["run"]
    assert before["account"]
    assert before["flow"]
    assert both.run("waiting", "dismiss", "--in", ACME) == 0
    assert both.run("flow", "pause", ACME) == 0
    after = both.rows_of(ACME)
    assert after["waiting"] == []
    assert after["flow"] != before["flow"]
    assert after["audit"] != before["audit"]
