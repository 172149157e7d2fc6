"""Settings of everything that reads the store, from the environment (`PUENTE_...`). Secrets have no default.

On the embedded forms (one machine) keys that are not set are made once and kept in `data/keys`, readable by the
owner only. With Kafka or PostgreSQL several processes must share them, so a start without them is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import errors
from shared.connectors.outgoing import OutgoingRules, networks_in
from shared.files import private_folder, private_opener
from shared.flows.context import EngineSettings, Guards
from shared.keys import DoorKeys, LogKeys, Ring, StoreKeys, generate_ring
from shared.runtime.sweeper import SweepSettings

KEY_FILE: Final = "keys"
LOCK_FILE: Final = "solo.lock"
"""Which process of a data folder is its solo: held, not read."""
_RINGS: Final = ("door_keys", "log_keys", "store_keys")
_OWN_MACHINE: Final = "127.0.0.0/8, ::1/128"
_GUARDS: Final = frozenset({"intent", "compare_and_set", "match_keys"})


class Settings(BaseSettings):
    """What sync, console and the command line share."""

    model_config = SettingsConfigDict(env_prefix="PUENTE_", extra="ignore", frozen=True, hide_input_in_errors=True)

    data: Path = Path("data")
    log_url: str = ""
    store_url: str = ""
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    door_keys: SecretStr = SecretStr("")
    log_keys: SecretStr = SecretStr("")
    store_keys: SecretStr = SecretStr("")
    outgoing_allow: str = ""
    outgoing_ca_file: Path | None = None
    sweep_seconds: float = Field(default=300, ge=1)
    full_sweep_hours: float = Field(default=24, gt=0)
    index_max_age_seconds: float = Field(default=0, ge=0)
    attempt_seconds: float = Field(default=60, ge=5, le=600)
    attempt_days: int = Field(default=14, ge=0, le=365)
    log_retention_days: int = Field(default=14, ge=1, le=30)
    store_patience_minutes: float = Field(default=30, gt=0)
    budget_changes: int = Field(default=500, ge=10)
    console_url: str = ""
    alert_smtp: str = ""
    alert_smtp_user: str = ""
    alert_smtp_password_file: Path | None = None
    alert_mail_from: str = ""
    alert_mail_to: str = ""
    alert_webhook_url: SecretStr = SecretStr("")
    alert_webhook_secret_file: Path | None = None
    alert_chat_url_file: Path | None = None
    alert_every_seconds: float = Field(default=30, ge=0.1)
    alert_repeat_minutes: float = Field(default=60, ge=0)
    alert_calm_seconds: float = Field(default=180, ge=0)
    alert_oldest_minutes: float = Field(default=60, gt=0)
    alert_details_of: str = ""
    alert_runbook_url: str = "deploy/runbook.md"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    rig_clock: str = ""
    rig_failpoints: str = ""
    rig_without: str = ""

    @property
    def effective_log_url(self) -> str:
        return self.log_url or f"sqlite:///{self.data}/log"

    @property
    def effective_store_url(self) -> str:
        return self.store_url or f"sqlite:///{self.data}/store.db"

    @property
    def embedded(self) -> bool:
        """Whether both log and store are files of this machine."""
        return self.effective_log_url.startswith("sqlite:") and self.effective_store_url.startswith("sqlite:")

    @property
    def rings_set(self) -> bool:
        """Whether the environment names every key ring; else they are kept in the data folder."""
        return all(getattr(self, name).get_secret_value() for name in _RINGS)

    def outgoing(self) -> OutgoingRules:
        """Which private addresses may be called. On one machine its own: there the tenant owns the machine."""
        allowed = self.outgoing_allow or (_OWN_MACHINE if self.embedded else "")
        return OutgoingRules(networks_in(allowed, setting="PUENTE_OUTGOING_ALLOW"))

    def sweeps(self) -> SweepSettings:
        return SweepSettings(
            every=timedelta(seconds=self.sweep_seconds), full_every=timedelta(hours=self.full_sweep_hours)
        )

    def engine(self) -> EngineSettings:
        without = frozenset(filter(None, (word.strip() for word in self.rig_without.split(","))))
        if not without <= _GUARDS:
            raise errors.Misconfigured("PUENTE_RIG_WITHOUT names no guard.", setting="PUENTE_RIG_WITHOUT")
        # A listing takes a while itself: three sweeps' time until what it found counts as old.
        age = self.index_max_age_seconds or 3 * self.sweep_seconds
        return EngineSettings(
            attempt_limit=timedelta(seconds=self.attempt_seconds),
            index_max_age=timedelta(seconds=max(age, 30)),
            keep_details=self.attempt_days > 0,
            guards=Guards(
                intent="intent" not in without,
                compare_and_set="compare_and_set" not in without,
                match_keys="match_keys" not in without,
            ),
        )

    def summary(self) -> dict[str, str]:
        """Everything but secrets, by the name of the setting."""
        shown: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                value = "configured" if value.get_secret_value() else "not set"
            shown[f"PUENTE_{name.upper()}"] = _without_password(str(value))
        return shown


class Keys:
    """The three rings, ready for use. An ingress never makes one of these: it must not have the store keys."""

    def __init__(self, *, door: str, log: str, store: str) -> None:
        self.door = DoorKeys(Ring.parse(door, setting="PUENTE_DOOR_KEYS"))
        self.log = LogKeys(Ring.parse(log, setting="PUENTE_LOG_KEYS"))
        self.store = StoreKeys(Ring.parse(store, setting="PUENTE_STORE_KEYS"))


def load_settings() -> Settings:
    """Read the environment. Raises Misconfigured with the name of the first setting that is wrong."""
    try:
        return Settings()
    except ValidationError as problem:
        first = problem.errors()[0]
        name = f"PUENTE_{str(first['loc'][0]).upper()}" if first["loc"] else "PUENTE_..."
        raise errors.Misconfigured(f"{name}: {first['msg']}.", setting=name) from None


def load_keys(settings: Settings) -> Keys:
    """The keys of the environment; on the embedded forms those of `data/keys`, made at the first start."""
    rings = key_rings(settings)
    return Keys(door=rings["door_keys"], log=rings["log_keys"], store=rings["store_keys"])


def key_rings(settings: Settings) -> dict[str, str]:
    """The text of each ring, by its name. Raises Misconfigured where one must be set and is not."""
    rings = {name: getattr(settings, name).get_secret_value() for name in _RINGS}
    if all(rings.values()):
        return rings
    if not settings.embedded:
        missing = next(name for name, text in rings.items() if not text)
        raise errors.Misconfigured(
            f"PUENTE_{missing.upper()} is not set.",
            setting=f"PUENTE_{missing.upper()}",
            way_out="Set it in every ingress and sync; `puente keys new` prints one.",
        )
    kept = _kept_rings(settings.data / KEY_FILE)
    return {name: text or kept[name] for name, text in rings.items()}


def _kept_rings(path: Path) -> dict[str, str]:
    """Read the key file, making it if it is not there; two processes that start at once agree on one."""
    if not path.exists():
        write_rings(path, {name: generate_ring() for name in _RINGS})
    try:
        rings = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError) as problem:
        raise errors.Misconfigured(
            f"The key file {path} cannot be read.", way_out="Restore it from the backup of the data folder."
        ) from problem
    if not all(rings.get(name) for name in _RINGS):
        raise errors.Misconfigured(f"The key file {path} lacks a ring.", way_out="Restore it from a backup.")
    return rings


def write_rings(path: Path, rings: Mapping[str, str]) -> None:
    """Write a key file that is not there yet; where somebody else was first, theirs counts."""
    private_folder(path.parent)
    draft = path.with_name(f".keys-{os.getpid()}")
    with open(draft, "wb", opener=private_opener) as file:
        file.write(msgspec.json.format(msgspec.json.encode(dict(rings)), indent=2))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _without_password(text: str) -> str:
    if "://" in text and "@" in text:
        scheme, _, rest = text.partition("://")
        return f"{scheme}://...@{rest.rpartition('@')[2]}"
    return text
