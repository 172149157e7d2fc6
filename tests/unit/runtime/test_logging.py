"""Log lines: JSON, without secrets, without floods."""

from __future__ import annotations

import io
import logging as standard
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import structlog

from shared import errors
from shared.clock import ManualClock
from shared.runtime import logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged, as text; the set-up of before is put back."""
    root = standard.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    logging.configure(stream=written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    standard.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_the_libraries_have_one_form(stream: io.StringIO) -> None:
    structlog.get_logger("puente.sync").info("sync.attempted", flow="customers", took=0.5)
    standard.getLogger("some.library").warning("careful with %s", "this", extra={"part": 3})
    ours, theirs = lines(stream)
    assert (ours["event"], ours["flow"], ours["level"], ours["logger"]) == (
        "sync.attempted",
        "customers",
        "info",
        "puente.sync",
    )
    assert (theirs["event"], theirs["part"], theirs["level"]) == ("careful with this", 3, "warning")
    assert ours["timestamp"].endswith("Z")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("POST /hooks/bitfactura/AbC-dEf_123 HTTP/1.1", "AbC-dEf_123"),
        ("https://sync.example/hooks/kiosk/AbCdEf123/app/clients/external_update.json", "AbCdEf123"),
        ("GET https://acme.example/clients.json?api_token=S3cr3t%2Facme&page=2", "S3cr3t"),
        ('{"api_token": "S3cr3tValue"}', "S3cr3tValue"),
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("postgresql://puente:S3cr3t@db/puente", "S3cr3t"),
        ("password=hunter2 and more", "hunter2"),
    ],
)
def test_secrets_in_a_text_are_blanked(stream: io.StringIO, text: str, hidden: str) -> None:
    standard.getLogger("any").error("went wrong: %s", text)
    structlog.get_logger("any").error(text, nested={"list": [text]})
    assert hidden not in stream.getvalue()
    assert "[redacted]" in stream.getvalue()


def test_values_under_the_name_of_a_secret_are_blanked(stream: io.StringIO) -> None:
    secrets = {"a1": "abc4", "a2": "configured"}
    structlog.get_logger("any").info(
        "x", token="abc1", nested={"PASSWORD": b"abc2", "kept": "abc3"}, secrets=secrets
    )
    (line,) = lines(stream)
    assert line["token"] == line["nested"]["PASSWORD"] == line["secrets"]["a1"] == logging.BLANK
    assert line["nested"]["kept"] == "abc3"
    assert line["secrets"]["a2"] == "configured", "whether a secret is set may be said"


def test_secrets_in_a_traceback_are_blanked(stream: io.StringIO) -> None:
    try:
        raise OSError("no answer from https://a.example/x?api_token=S3cr3t")
    except OSError:
        standard.getLogger("any").exception("failed")
    (line,) = lines(stream)
    assert "no answer from https://a.example" in line["exception"]
    assert "S3cr3t" not in stream.getvalue()


def test_a_bug_is_told_by_its_place_and_type_and_its_words_are_left_out(stream: io.StringIO) -> None:
    nobody: dict[str, str] = {}
    try:
        try:
            int("Ana Canaria")
        except ValueError:
            nobody["+34 922 000 111"]
    except KeyError:
        standard.getLogger("any").exception("failed")
    (line,) = lines(stream)
    assert "builtins.ValueError" in line["exception"]
    assert "builtins.KeyError" in line["exception"]
    assert "test_logging.py" in line["exception"]
    told = line["exception"].replace('int("Ana Canaria")', "").replace('nobody["+34 922 000 111"]', "")
    assert "Ana" not in told
    assert "+34" not in told


def test_the_http_clients_urls_are_not_logged(stream: io.StringIO) -> None:
    standard.getLogger("httpx").info("HTTP Request: GET https://a.example/?x=1")
    assert stream.getvalue() == ""


def test_a_noisy_library_gets_a_few_lines_a_window() -> None:
    clock = ManualClock()
    throttle = logging.Throttle(lines=3, window=timedelta(seconds=10), monotonic=clock.monotonic)

    def passed(logger: str, text: str) -> str:
        record = standard.makeLogRecord({"name": logger, "msg": text})
        return record.getMessage() if throttle.filter(record) else ""

    noisy = [passed("aiokafka.conn", "no broker") for _ in range(100)]
    ours = [passed("puente.sync", "ours") for _ in range(100)]
    assert noisy == ["no broker"] * 3 + [""] * 97
    assert ours == ["ours"] * 100
    clock.advance(timedelta(seconds=10))
    assert passed("aiokafka.conn", "again") == "again (97 lines of aiokafka.conn were dropped before)"


def test_text_for_a_person_has_no_escape_codes(stream: io.StringIO) -> None:
    logging.configure(form="text", stream=stream)
    structlog.get_logger("any").info("hello", name="Ana")
    assert "hello" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_problem_that_is_raised_from_the_group_that_holds_it_is_told_once() -> None:
    problem, name = errors.Retryable("The broker does not answer."), "Ana"
    try:
        raise problem from ExceptionGroup("two tasks", [problem, ValueError(name)])
    except errors.Retryable as raised:
        text = logging.told(raised)
    assert text.count("The broker does not answer.") == 1
    assert "builtins.ValueError" in text
    assert name not in text
