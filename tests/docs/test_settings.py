"""Every setting stands in the operator's table, with the default that it really has."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from services.console.settings import ConsoleSettings
from services.ingress.settings import Settings as DoorSettings
from shared.eventlog import kafka_client
from shared.runtime.settings import Settings
from tests.docs import pages

CONSOLE: dict[str, FieldInfo] = {f"console_{name}": each for name, each in ConsoleSettings.model_fields.items()}
FIELDS: dict[str, FieldInfo] = dict(DoorSettings.model_fields) | dict(Settings.model_fields) | CONSOLE
READERS = (("door", DoorSettings.model_fields), ("sync", Settings.model_fields), ("console", CONSOLE))
COMMANDS_ONLY = {"PUENTE_LANG", "PUENTE_MOVE_STORE_URL"}
TESTS_ONLY = {"PUENTE_RIG_CLOCK", "PUENTE_RIG_FAILPOINTS", "PUENTE_RIG_WITHOUT"}


def table() -> dict[str, list[str]]:
    settings = pages.section(pages.page("docs/operator.md"), "## Settings").partition("### ")[0]
    return {row[0].strip("`"): list(row[1:]) for row in pages.rows(settings)}


def shown(field: FieldInfo) -> str:
    """A default as the table shows it; a door's required setting has an empty one in sync, which comes first."""
    default = field.get_default(call_default_factory=True)
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    match default:
        case None | "" | () | {}:
            return "empty"
        case bool():
            return "`yes`" if default else "`no`"
        case int() | float():
            return f"`{default:.0f}`" if float(default).is_integer() else f"`{default}`"
        case str() | Path():
            return f"`{default}`"
    raise AssertionError(f"a default of a new kind: {default!r}")


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_setting_is_named_with_its_default(name: str) -> None:
    setting = f"PUENTE_{name.upper()}"
    assert setting in table(), f"docs/operator.md does not name {setting}"
    assert table()[setting][0] == shown(FIELDS[name])


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_setting_names_who_reads_it(name: str) -> None:
    readers = set(table()[f"PUENTE_{name.upper()}"][1].split(", "))
    assert readers == {reader for reader, known in READERS if name in known}


def test_the_table_names_nothing_else() -> None:
    assert set(table()) == {f"PUENTE_{name.upper()}" for name in FIELDS} | COMMANDS_ONLY


def test_no_secret_has_a_default() -> None:
    for settings in (DoorSettings, Settings):
        for name, field in settings.model_fields.items():
            if name.endswith(("_keys", "_secrets")):
                default = field.get_default(call_default_factory=True)
                assert default in (PydanticUndefined, SecretStr(""), {}), name


def test_every_setting_of_the_log_url_is_named() -> None:
    text = pages.section(pages.page("docs/operator.md"), "### The log URL")
    named = {word.strip("` ") for row in pages.rows(text) for word in row[0].split(",")}
    known = {field.name for field in fields(kafka_client.KafkaSettings)}
    assert named == known - {"bootstrap", "topic", "pending_bytes"}
    defaults = {row[0].strip("`"): row[1] for row in pages.rows(text) if "," not in row[0]}
    plain = kafka_client.KafkaSettings(bootstrap="localhost:9092")
    for name, default in defaults.items():
        value = getattr(plain, name)
        expected = f"{value.total_seconds():g}" if hasattr(value, "total_seconds") else str(value)
        assert default == expected, name


def test_every_setting_named_anywhere_exists() -> None:
    known = {f"PUENTE_{name.upper()}" for name in FIELDS} | COMMANDS_ONLY
    compose_only = {"PUENTE_POSTGRES_PASSWORD", "PUENTE_BIND"}
    for_tests = {"PUENTE_TEST_KAFKA", "PUENTE_TEST_POSTGRES", "PUENTE_TEST_BROWSER", "PUENTE_TEST_REQUIRE"} | {
        "PUENTE_TEST_PROMETHEUS",
        "PUENTE_TEST_DEEDS",
        "PUENTE_TEST_FAULT_MINUTES",
        "PUENTE_TEST_OUTAGE_SECONDS",
        "PUENTE_TEST_HOOKS_PER_SECOND",
    }
    named = {
        (name, word)
        for name, text in pages.pages().items()
        for word in re.findall(r"PUENTE_[A-Z0-9_]*[A-Z0-9]", text)
    }
    assert not sorted(each for each in named if each[1] not in known | compose_only | for_tests)


def test_every_setting_that_the_program_mentions_is_in_the_table() -> None:
    mentioned = {
        word
        for path in pages.tracked()
        if path.suffix == ".py" and path.parts[len(pages.ROOT.parts)] in {"services", "shared"}
        for word in re.findall(r"PUENTE_[A-Z0-9_]*[A-Z0-9]", path.read_text(encoding="utf-8"))
    }
    assert mentioned - {"PUENTE_RIG", "PUENTE_CONSOLE"} <= set(table())


def test_what_is_for_tests_only_says_so() -> None:
    for setting in TESTS_ONLY:
        assert "ests" in table()[setting][2]
        assert "Leave it empty." in table()[setting][2]
