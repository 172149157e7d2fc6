"""The program without a store: usage, exit codes, languages, the form of results."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from services.cli import console, words
from services.cli import main as program
from services.cli.main import main
from shared import errors
from shared.store.database import StoreUnreachable
from tests.docs import pages

CANARY = "canary-91bd"


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (errors.Misconfigured("a setting is wrong"), 2),
        (errors.NeedsOperator("the token is not accepted"), 4),
        (errors.Throttled("too many calls"), 5),
        (StoreUnreachable("the store is away"), 5),
        (errors.InDoubt("no answer"), 5),
        (errors.Rejected("not carried"), 1),
        (errors.Lost("somebody was first"), 1),
    ],
)
def test_an_error_has_the_exit_code_of_what_happens_next(problem: errors.PuenteError, code: int) -> None:
    assert console.exit_code(problem) == code


@pytest.mark.parametrize(
    ("wanted", "environment", "language"),
    [
        ("es", {"PUENTE_LANG": "en"}, "es"),
        ("", {"PUENTE_LANG": "es_ES.UTF-8", "LANG": "en_US"}, "es"),
        ("", {"LANG": "es_ES.UTF-8"}, "es"),
        ("", {"LANG": "pl_PL.UTF-8"}, "en"),
        ("", {}, "en"),
    ],
)
def test_the_language_is_the_nearest_that_was_named(
    wanted: str, environment: dict[str, str], language: str
) -> None:
    assert console.chosen_language(wanted, environment) == language


def test_every_sentence_takes_the_same_values_in_both_languages() -> None:
    from string import Formatter  # noqa: PLC0415 - used here alone

    for key, text in words.WORDS.items():
        named = [{name for _, name, _, _ in Formatter().parse(each) if name} for each in (text.en, text.es)]
        assert named[0] == named[1], key


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["account", "add", "acme"],
        ["account", "add", "acme", "bitfactura", "--token", CANARY],
        ["account", "add", "acme", "bitfactura", f"--api-key={CANARY}"],
        ["account", "add", "acme", "bitfactura", "http://127.0.0.1:1", CANARY],
        ["serve", "nothing"],
        ["load", "acme", "--from", "above"],
        ["load", "acme", "--since", "31.1.2026"],
        ["match", "decide", "acme", "--all", "probable"],
        ["match", "report", "acme", "--finding", "nothing"],
        ["replay", "acme", "--mode", "undo"],
        ["demo", "nothing"],
        ["status", "--lang", "fr"],
        ["status", "--env-file", "there/is/no/such.env"],
    ],
)
def test_wrong_usage_ends_with_a_sentence_and_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.strip()
    assert "Traceback" not in shown.err
    assert CANARY not in shown.err


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PUENTE_PORT", "70000")
    assert main(["status"]) == 2
    assert "PUENTE_PORT" in capsys.readouterr().err


def test_fresh_keys_are_one_object_for_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "new", "--json"]) == 0
    keys = json.loads(capsys.readouterr().out)["keys"]
    assert set(keys) == {"PUENTE_DOOR_KEYS", "PUENTE_LOG_KEYS", "PUENTE_STORE_KEYS"}
    assert len(set(keys.values())) == 3


def test_results_hold_plain_json_values(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    result = {"at": at, "took": timedelta(milliseconds=1500), "price": Decimal("121.00"), "ids": ("a", "b")}
    console.Cli(json=True).emit(result, lambda _cli: None)
    assert json.loads(capsys.readouterr().out) == {
        "at": "2026-03-02T09:00:00+00:00",
        "took": 1.5,
        "price": "121.00",
        "ids": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(milliseconds=120), "120 ms"),
        (timedelta(seconds=14), "14 s"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(days=1), "1 d"),
    ],
)
def test_a_duration_reads_to_two_units(value: timedelta, text: str) -> None:
    assert console.span(value) == text


def test_a_backup_says_what_becomes_of_the_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUENTE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["backup", str(tmp_path / "file")]) == 2
    assert "--passphrase-file FILE, or --without-keys" in capsys.readouterr().err
    (tmp_path / "short").write_text("1234567\n")
    assert main(["backup", str(tmp_path / "file"), "--passphrase-file", str(tmp_path / "short")]) == 2
    assert "less than 8" in capsys.readouterr().err
    assert main(["backup", str(tmp_path / "file"), "--without-keys"]) == 2
    assert "nothing to back up" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "file")]) == 2
    assert "There is no file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [tmp_path / "short"]


def kinds(kind: type[errors.PuenteError] = errors.PuenteError) -> list[type[errors.PuenteError]]:
    """Every kind of error that a command may end with."""
    return [kind, *(each for below in kind.__subclasses__() for each in kinds(below))]


@pytest.mark.parametrize("kind", sorted(set(kinds()), key=str), ids=lambda kind: kind.__name__)
def test_every_error_ends_in_the_command_to_type_next(
    kind: type[errors.PuenteError], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that does not say it itself; and it is a command that there is."""

    def fails(_arguments: list[str]) -> int:
        problem = kind.__new__(kind)  # some kinds need more than a message to be made
        problem.message, problem.way_out = "It does not work.", ""
        raise problem

    monkeypatch.setattr(program, "_run", fails)
    assert main([]) == console.exit_code(kind.__new__(kind))
    said = capsys.readouterr().err
    assert said.startswith("It does not work. ")
    named = re.findall(r"`(puente [^`]+)`", said)
    assert named
    assert [pages.mistake_in(pages.Command("", each)) for each in named] == [""] * len(named)


def test_an_error_that_says_what_to_do_is_left_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_arguments: list[str]) -> int:
        raise errors.Misconfigured("No.", way_out="Run `puente topics`.")

    monkeypatch.setattr(program, "_run", fails)
    assert main([]) == 2
    assert capsys.readouterr().err == "No. Run `puente topics`.\n"
