"""The door's settings, read from the environment (`PUENTE_...`). A wrong one stops the start with a sentence."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import pydantic
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.ingress.door import BODY_BYTES
from services.ingress.strangers import Network
from shared import errors, keyfile
from shared.keyfile import RingName
from shared.keys import AnyRing, Ring

_PREFIX: Final = "PUENTE_"
# Never the store keys: a door opens no store.
_RINGS: Final[tuple[RingName, ...]] = ("door_keys", "log_keys")
_NEW_KEYS: Final = "`puente keys new` prints one."
_WAY_OUT: Final[Mapping[str, str]] = {
    "log_url": "Set it to sqlite:///data/log or kafka://host:9092/puente.changes.",
    "door_keys": f"Set it to the key that makes and checks hook URLs, in every ingress and sync. {_NEW_KEYS}",
    "log_keys": f"Set it to the key that seals hook bodies in the log, in every ingress and sync. {_NEW_KEYS}",
    "data": "Set it to a folder on a volume that outlives the process.",
}

Words = Annotated[tuple[str, ...], NoDecode]


def _words(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


class Settings(BaseSettings):
    """What an ingress needs. Secrets show as "configured" or not at all."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    log_url: str = Field(min_length=1)
    data: Path = Field(default=Path("data"))
    door_keys: SecretStr = SecretStr("")
    log_keys: SecretStr = SecretStr("")
    keys_file: Path | None = None
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    systems: Words = ()
    trusted_proxies: Words = ()
    hook_secrets: Annotated[Mapping[str, SecretStr], NoDecode] = Field(default_factory=dict)
    store_bodies: bool = True
    body_bytes: int = Field(default=BODY_BYTES, ge=1024, le=BODY_BYTES)
    body_seconds: float = Field(default=10, gt=0, le=120)
    append_seconds: float = Field(default=3, gt=0, le=60)
    probe_seconds: float = Field(default=1, gt=0, le=60)
    spool_bytes: int = Field(default=1024**3, ge=1024 * 1024)
    stranger_burst: int = Field(default=60, ge=1)
    stranger_per_second: float = Field(default=1, gt=0)
    rig_clock: str = ""
    rig_failpoints: str = ""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"
    traces_url: str = ""
    traces_share: float = Field(default=1.0, ge=0, le=1)

    _split = field_validator("systems", "trusted_proxies", mode="before")(_words)

    @field_validator("hook_secrets", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        # Decoded here and not by the library, whose traceback would show the text.
        if not isinstance(value, str):
            return value
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise ValueError('it is no JSON object like {"account/client:update": "secret"}') from None

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text, strict=False)
        return value

    @field_validator("hook_secrets")
    @classmethod
    def _no_empty_secret(cls, value: Mapping[str, SecretStr]) -> Mapping[str, SecretStr]:
        if any(not secret.get_secret_value() for secret in value.values()):
            raise ValueError("an empty secret would let everybody in")
        return value

    def ring(self, name: RingName) -> AnyRing:
        """A ring of the environment, else of the key file, which is followed. Raises Misconfigured."""
        given: SecretStr = getattr(self, name)
        setting = _PREFIX + name.upper()
        if given.get_secret_value():
            return Ring.parse(given.get_secret_value(), setting=setting)
        if self.keys_file is None:
            raise errors.Misconfigured(f"{setting} is not set.", setting=setting, way_out=_WAY_OUT[name])
        return keyfile.live_ring(self.keys_file, name)

    @property
    def proxies(self) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(text, strict=False) for text in self.trusted_proxies)

    @property
    def body_time(self) -> timedelta:
        return timedelta(seconds=self.body_seconds)

    @property
    def append_time(self) -> timedelta:
        return timedelta(seconds=self.append_seconds)

    @property
    def probe_time(self) -> timedelta:
        return timedelta(seconds=self.probe_seconds)

    def summary(self) -> Mapping[str, Any]:
        """Everything but secrets, by the name of the setting."""
        return {_PREFIX + name.upper(): _shown(getattr(self, name)) for name in type(self).model_fields}


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "configured" if value.get_secret_value() else "not set"
    if isinstance(value, Mapping):
        return {name: _shown(each) for name, each in value.items()}
    if isinstance(value, Path):
        return str(value)
    return value


def load(**given: Any) -> Settings:
    """Settings from the environment, `given` before it. Raises Misconfigured with one sentence."""
    try:
        settings = Settings(**given)
    except pydantic.ValidationError as problem:
        raise _sentence(problem) from None
    for name in _RINGS:
        settings.ring(name)
    return settings


def _sentence(problem: pydantic.ValidationError) -> errors.Misconfigured:
    """The first finding as a sentence that says what to set; it never quotes a value."""
    first = problem.errors(include_input=False, include_context=False, include_url=False)[0]
    field = str(first["loc"][0]).removeprefix(_PREFIX.lower()) if first["loc"] else ""
    setting = _PREFIX + field.upper()
    way_out = _WAY_OUT.get(field, "See the table of settings in the operator's handbook.")
    if first["type"] == "missing":
        return errors.Misconfigured(f"{setting} is not set.", setting=setting, way_out=way_out)
    return errors.Misconfigured(f"{setting} is wrong: {first['msg']}.", setting=setting, way_out=way_out)
