"""Bars on a terminal, and nothing where nobody looks."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from services.cli.commands.seeing import load_line
from services.cli.console import Cli
from services.cli.progress import Shown
from shared.operations.views import Status, Waits
from shared.store.rows import Load

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def load(**given: object) -> Load:
    fields: dict[str, object] = {
        "id": "1", "workspace_id": "acme", "flow_id": "acme.customers", "side": "left", "then_side": None,
        "state": "running", "since": None, "cursor": None, "pages": 1, "done": 250, "total": 1000, "counts": {},
        "problem": None, "next_at": NOW, "started_at": NOW, "updated_at": NOW, "version": 1,
    }  # fmt: skip
    return Load(**(fields | given))  # type: ignore[arg-type]


def status(*loads: Load) -> Status:
    waits = Waits(reason="retry", count=3, oldest_at=NOW, needs_person=False)
    return Status(workspace="acme", lag=0, waits=[waits], loads=loads, at=NOW)


def test_a_load_that_fails_says_why_in_the_language_of_the_reader() -> None:
    row = load(problem="sugester.example cannot be reached.")
    assert load_line(Cli(), row).endswith("-- sugester.example cannot be reached.")
    assert load_line(Cli(language="es"), row).endswith("-- No se llega a sugester.example.")


def shown(*steps: Status) -> str:
    out = io.StringIO()
    with Shown(Cli(), console=Console(file=out, force_terminal=True, width=120)) as progress:
        for step in steps:
            progress.look(step)
        progress.listed("Sugester", 40, None)
    return out.getvalue()


def test_a_load_has_a_bar_with_how_far_it_is() -> None:
    said = shown(status(load()))
    assert "250 of 1,000" in said
    assert "\u2501" in said, "the bar itself"
    assert "3 waiting (retry)" in said
    assert "40 listed" in said


def test_what_nobody_looks_at_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Shown(Cli(json=True)) as progress:
        progress.look(status(load(total=None)))
    assert capsys.readouterr() == ("", "")
