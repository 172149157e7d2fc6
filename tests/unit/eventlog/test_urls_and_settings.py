"""What a log's URL may say, and that everything else is refused with a sentence that repeats no secret."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from shared import errors
from shared.clock import ManualClock
from shared.eventlog.kafka import KafkaLog
from shared.eventlog.kafka_client import RateLimit, settings_of
from shared.eventlog.sqlite import SqliteLog, SqliteSettings
from shared.eventlog.urls import event_log, sqlite_folder


def test_three_slashes_are_relative_and_four_absolute() -> None:
    assert sqlite_folder("sqlite:///data/log") == Path("data/log")
    assert sqlite_folder("sqlite:////var/lib/my%20log") == Path("/var/lib/my log")


async def test_a_url_names_its_form() -> None:
    clock = ManualClock()
    assert isinstance(event_log("sqlite:///data/log", clock=clock), SqliteLog)
    assert isinstance(event_log("kafka://localhost:9092", clock=clock), KafkaLog)


def test_a_kafka_url_says_everything_about_the_client() -> None:
    settings = settings_of(
        "kafka://a:9092,b.example:9093/other?compression=lz4&append_limit=1.5&session_timeout=30&heartbeat=5"
        "&security=sasl_ssl&sasl_mechanism=scram-sha-512&username=puente&password_file=/run/secrets/kafka"
    )
    assert settings.bootstrap == "a:9092,b.example:9093"
    assert settings.topic == "other"
    assert settings.append_limit == timedelta(seconds=1.5)
    assert (settings.compression, settings.security) == ("lz4", "sasl_ssl")


def test_a_kafka_url_needs_little() -> None:
    settings = settings_of("kafka://[::1]:9092/")
    assert (settings.bootstrap, settings.topic) == ("[::1]:9092", "puente.changes")
    assert settings.rebalance_timeout > timedelta(seconds=8)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "log",
        "postgresql://localhost/log",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/log",
        "sqlite:///log?mode=ro",
        "kafka://",
        "kafka:///topic",
        "kafka://user:hunter2@host:9092",
        "kafka://host:9092/a topic",
        "kafka://host:9092/a/b",
        "kafka://host:9092?password=hunter2",
        "kafka://host:9092?session_timeout=hunter2",
        "kafka://host:9092?session_timeout=-1",
        "kafka://host:9092?session_timeout=nan",
        "kafka://host:9092?session_timeout=4&heartbeat=3",
        "kafka://host:9092?rebalance_timeout=5",
        "kafka://host:9092?compression=hunter2",
        "kafka://host:9092?security=sasl_plaintext&username=hunter2",
        "kafka://host:9092?bootstrap=elsewhere:1",
        "kafka://host:9092?hunter2",
        "kafka://[::1:9092/x",
    ],
)
def test_anything_else_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(errors.Misconfigured) as refused:
        event_log(url, clock=ManualClock())
    assert refused.value.setting == "PUENTE_LOG_URL"
    assert refused.value.way_out
    assert "hunter2" not in refused.value.message + refused.value.way_out


def test_a_file_where_a_folder_belongs_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("")
    with pytest.raises(errors.Misconfigured, match="folder"):
        event_log(f"sqlite:///{file}", clock=ManualClock())


@pytest.mark.parametrize("days", [0, 31])
def test_entries_are_kept_for_thirty_days_at_most(days: int) -> None:
    with pytest.raises(errors.Misconfigured, match="30 days"):
        SqliteSettings(retention=timedelta(days=days))


async def test_a_password_file_that_is_missing_is_a_wrong_setting(tmp_path: Path) -> None:
    url = f"kafka://127.0.0.1:1/x?security=sasl_plaintext&username=u&password_file={tmp_path}/absent"
    log = event_log(url, clock=ManualClock())
    with pytest.raises(errors.Misconfigured, match="file"):
        await log.start()
    await log.close()


def test_a_flood_of_equal_lines_is_one_line_a_period_with_their_number() -> None:
    limit = RateLimit(timedelta(seconds=10))

    def line(at: float, text: str = "broker %s is away", level: int = logging.ERROR) -> logging.LogRecord:
        record = logging.LogRecord("aiokafka.conn", level, __file__, 1, text, ("one",), None)
        record.created = at
        return record

    passed = [limit.filter(line(at / 10)) for at in range(100)]
    assert passed.count(True) == 1
    assert limit.filter(line(1.0, level=logging.WARNING))
    assert limit.filter(line(1.0, text="another"))
    later = line(10.0)
    assert limit.filter(later)
    assert later.getMessage() == "broker one is away [and 99 more like it]"
