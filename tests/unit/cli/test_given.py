"""What a person types: options for every command, secrets, settings files, times."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.cli import given
from shared import errors
from shared.connectors.registry import CONNECTORS

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CANARY = "canary-7f3a"


def test_options_for_every_command_may_stand_anywhere() -> None:
    found = given.split_common(["status", "--json", "acme", "--lang=es", "--env-file", "puente.env"])
    assert found == given.Common(json=True, lang="es", env_file="puente.env", rest=["status", "acme"])


def test_behind_two_hyphens_nothing_is_taken_out() -> None:
    assert given.split_common(["why", "--", "--json"]).rest == ["why", "--", "--json"]


@pytest.mark.parametrize("arguments", [["--lang"], ["--env-file"], ["--lang", "fr"]])
def test_an_option_without_a_usable_value_is_refused(arguments: list[str]) -> None:
    with pytest.raises(errors.Misconfigured):
        given.split_common(arguments)


@pytest.mark.parametrize(
    "option", ["--token", "--api-token", "--api_key", "--password", "--bitfactura-token", "-token", "--Secret"]
)
def test_secrets_on_the_command_line_are_refused_and_not_repeated(option: str) -> None:
    with pytest.raises(errors.Misconfigured) as raised:
        given.refuse_secrets(["account", "add", "acme", "bitfactura", f"{option}={CANARY}"])
    assert option in raised.value.message
    assert CANARY not in raised.value.message + raised.value.way_out


def test_the_option_that_names_a_file_of_secrets_is_none() -> None:
    given.refuse_secrets(["account", "add", "--secrets-file", "file", "--secrets", "waiting", "keys", "new"])


def test_a_bare_line_is_the_token_of_a_system_with_one_credential() -> None:
    assert given.parse_secrets(f"\n{CANARY}/acme\n", CONNECTORS["bitfactura"]) == {"token": f"{CANARY}/acme"}


def test_lines_name_their_values_and_the_address_may_be_among_them() -> None:
    text = f"# of the shop\nbase_url=https://acme.bitfactura.es\ntoken = {CANARY}=x \n"
    expected = {"base_url": "https://acme.bitfactura.es", "token": f"{CANARY}=x"}
    assert given.parse_secrets(text, CONNECTORS["bitfactura"]) == expected


def test_several_bare_lines_are_refused_and_not_repeated() -> None:
    with pytest.raises(errors.Misconfigured) as raised:
        given.parse_secrets(f"{CANARY}\nother\n", CONNECTORS["sugester"])
    assert CANARY not in raised.value.message + raised.value.way_out


def test_a_settings_file_adds_what_the_environment_lacks(tmp_path: Path) -> None:
    path = tmp_path / "puente.env"
    path.write_text('# mine\nexport PUENTE_DATA="/srv/puente"\nPUENTE_PORT=9000 # door\n\nPUENTE_LANG=es\n')
    environment = {"PUENTE_LANG": "en"}
    given.load_env_file(path, environment)
    assert environment == {"PUENTE_DATA": "/srv/puente", "PUENTE_PORT": "9000", "PUENTE_LANG": "en"}


def test_a_line_that_is_no_setting_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "puente.env"
    path.write_text(f"PUENTE_PORT=1\n{CANARY}\n")
    with pytest.raises(errors.Misconfigured, match="Line 2") as raised:
        given.load_env_file(path, {})
    assert CANARY not in raised.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", datetime(2026, 3, 2, 10, 0, tzinfo=UTC)),
        ("90 min", datetime(2026, 3, 2, 10, 30, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 2, 28, 23, 0, tzinfo=UTC)),
        ("2026-03-01T09:00+00:00", datetime(2026, 3, 1, 9, 0, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_date_in_the_workspace_or_so_long_ago(text: str, expected: datetime) -> None:
    assert given.moment(text, NOW, "Europe/Madrid") == expected


def test_what_is_no_time_and_no_date_is_refused() -> None:
    assert given.moment("", NOW, "Europe/Madrid") is None
    assert given.day("") is None
    for read in (lambda: given.moment("soon", NOW, "Europe/Madrid"), lambda: given.day("31.1.2026")):
        with pytest.raises(errors.Misconfigured):
            read()
