"""The door's settings: what is refused, and what the start-up summary shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.ingress import settings
from shared import errors
from shared.keys import generate_ring

GOOD: dict[str, str] = {
    "PUENTE_LOG_URL": "sqlite:///data/log",
    "PUENTE_DOOR_KEYS": generate_ring(),
    "PUENTE_LOG_KEYS": generate_ring(),
}


def loaded(monkeypatch: pytest.MonkeyPatch, **change: str | None) -> settings.Settings:
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(f"PUENTE_{name.upper()}", raising=False)
    for name, value in (GOOD | change).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    return settings.load()


def test_three_settings_are_enough_and_the_defaults_are_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch)
    assert (found.host, found.port, found.systems, found.trusted_proxies) == ("127.0.0.1", 8080, (), ())
    assert found.store_bodies
    assert found.hook_secrets == {}
    assert found.append_seconds == 3


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named_with_what_to_set(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    with pytest.raises(errors.Misconfigured) as caught:
        loaded(monkeypatch, **{name: value})
    assert caught.value.setting == name
    assert name in caught.value.message
    assert caught.value.way_out.startswith("Set it to ")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch, PUENTE_SYSTEMS="bitfactura, sugester,", PUENTE_TRUSTED_PROXIES="10.0.0.0/8,::1")
    assert found.systems == ("bitfactura", "sugester")
    assert [str(network) for network in found.proxies] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize("text", ['{"a/b": ""}', '{"a": ["secret-value"]}', '["secret-value"]', "secret-value"])
def test_wrong_vendor_secrets_are_refused_without_being_quoted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(errors.Misconfigured) as caught:
        loaded(monkeypatch, PUENTE_HOOK_SECRETS=text)
    assert caught.value.setting == "PUENTE_HOOK_SECRETS"
    assert "secret-value" not in caught.value.message


def test_the_summary_shows_everything_but_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(monkeypatch, PUENTE_HOOK_SECRETS='{"a1/client:update": "issued"}', PUENTE_PORT="9000")
    summary: dict[str, Any] = dict(found.summary())
    assert summary["PUENTE_PORT"] == 9000
    assert summary["PUENTE_DOOR_KEYS"] == "configured"
    assert summary["PUENTE_HOOK_SECRETS"] == {"a1/client:update": "configured"}
    assert summary.keys() == {f"PUENTE_{name.upper()}" for name in settings.Settings.model_fields}
    for secret in (GOOD["PUENTE_DOOR_KEYS"], GOOD["PUENTE_LOG_KEYS"], "issued"):
        assert secret not in f"{summary}{found!r}"


def test_keys_come_from_a_file_without_the_stores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "door-keys"
    file.write_text(json.dumps({"door_keys": generate_ring(key_id="k7")}))
    found = loaded(monkeypatch, PUENTE_DOOR_KEYS=None, PUENTE_KEYS_FILE=str(file))
    assert found.ring("door_keys").now().current == "k7"
    assert found.ring("log_keys").now().current == "k1"
    with pytest.raises(errors.Misconfigured, match="lacks log_keys"):
        loaded(monkeypatch, PUENTE_DOOR_KEYS=None, PUENTE_LOG_KEYS=None, PUENTE_KEYS_FILE=str(file))
