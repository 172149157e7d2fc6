"""Settings of everything that reads the store, from the environment (`PUENTE_...`). Secrets have no default.

On the embedded forms (one machine) keys that are not set are made once and kept in `data/keys`, readable by the
owner only. With Kafka or PostgreSQL several processes must share them, so a start without them is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import errors, keyfile
from shared.connectors.outgoing import OutgoingRules, networks_in
from shared.flows.context import EngineSettings, Guards
from shared.keyfile import RINGS, RingName
from shared.keys import AnyRing, DoorKeys, LogKeys, Ring, StoreKeys
from shared.runtime.sweeper import SweepSettings

KEY_FILE: Final = "keys"
LOCK_FILE: Final = "solo.lock"
"""Which process of a data folder is its solo: held, not read."""
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
    keys_file: Path | None = None
    outgoing_allow: str = ""
    outgoing_ca_file: Path | None = None
    sweep_seconds: float = Field(default=300, ge=1)
    full_sweep_hours: float = Field(default=24, gt=0)
    index_max_age_seconds: float = Field(default=0, ge=0)
    attempt_seconds: float = Field(default=60, ge=5, le=600)
    attempt_days: int = Field(default=14, ge=0, le=365)
    log_retention_days: int = Field(default=14, ge=1, le=30)
    backup_days: int = Field(default=30, ge=1, le=3650)
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
    canary_seconds: float = Field(default=60, ge=0)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    traces_url: str = ""
    traces_share: float = Field(default=1.0, ge=0, le=1)
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
    def keys_given(self) -> bool:
        """Whether the environment says where every key ring is; else they are in the data folder."""
        return self.keys_file is not None or all(self.ring(name) for name in RINGS)

    def ring(self, name: RingName) -> str:
        """A ring as the environment has it; empty where it is in the key file."""
        ring: SecretStr = getattr(self, name)
        return ring.get_secret_value()

    @property
    def key_file(self) -> Path | None:
        """Where rings are that the environment does not name; None if nowhere."""
        return self.keys_file or (self.data / KEY_FILE if self.embedded else None)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The three rings, ready for use. An ingress never makes one of these: it must not have the store keys."""

    door: DoorKeys
    log: LogKeys
    store: StoreKeys


def load_settings() -> Settings:
    """Read the environment. Raises Misconfigured with the name of the first setting that is wrong."""
    try:
        return Settings()
    except ValidationError as problem:
        first = problem.errors()[0]
        name = f"PUENTE_{str(first['loc'][0]).upper()}" if first["loc"] else "PUENTE_..."
        raise errors.Misconfigured(f"{name}: {first['msg']}.", setting=name) from None


def load_keys(settings: Settings) -> Keys:
    """The keys of the environment, else of the key file, which is followed when it changes.

    On the embedded forms the file is made at the first start. Raises Misconfigured where a ring is missing.
    """
    rings: dict[RingName, AnyRing] = {}
    for name in RINGS:
        text = settings.ring(name)
        setting = f"PUENTE_{name.upper()}"
        rings[name] = (
            Ring.parse(text, setting=setting) if text else keyfile.live_ring(_key_file(settings, name), name)
        )
    return Keys(
        door=DoorKeys(rings["door_keys"]), log=LogKeys(rings["log_keys"]), store=StoreKeys(rings["store_keys"])
    )


def key_rings(settings: Settings) -> dict[RingName, str]:
    """The text of each ring, by its name. Raises Misconfigured where one must be set and is not."""
    texts = {name: settings.ring(name) for name in RINGS}
    return {name: text or keyfile.read(_key_file(settings, name))[name] for name, text in texts.items()}


def _key_file(settings: Settings, wanted: RingName) -> Path:
    """The file that holds what the environment does not; made at the first start of one machine."""
    path = settings.key_file
    if path is None:
        setting = f"PUENTE_{wanted.upper()}"
        raise errors.Misconfigured(
            f"{setting} is not set.",
            setting=setting,
            way_out="Set it in every ingress and sync, or PUENTE_KEYS_FILE; `puente keys new` prints one.",
        )
    if settings.keys_file is None and not path.exists():
        keyfile.make(path)
    return path


def _without_password(text: str) -> str:
    if "://" in text and "@" in text:
        scheme, _, rest = text.partition("://")
        return f"{scheme}://...@{rest.rpartition('@')[2]}"
    return text
