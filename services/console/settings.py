"""Settings of the console, beside those of every service that reads the store."""

from __future__ import annotations

from typing import Final

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import errors

PORT: Final = 8070


class ConsoleSettings(BaseSettings):
    """Read from the environment, each with the prefix below."""

    model_config = SettingsConfigDict(env_prefix="PUENTE_CONSOLE_", extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=PORT, ge=0, le=65_535)
    url: str = ""
    session_hours: float = Field(default=12, gt=0, le=24 * 30)
    idle_minutes: float = Field(default=120, gt=0)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the console by https: its cookie then never travels in clear."""
        return self.url.startswith("https://")


def load() -> ConsoleSettings:
    """Raises Misconfigured with the name of the first setting that is wrong."""
    try:
        settings = ConsoleSettings()
    except ValidationError as problem:
        first = problem.errors()[0]
        name = "PUENTE_CONSOLE_" + str(first["loc"][0]).upper()
        raise errors.Misconfigured(f"{name}: {first['msg']}.", setting=name) from None
    if settings.url and not settings.url.startswith(("http://", "https://")):
        raise errors.Misconfigured(
            "PUENTE_CONSOLE_URL is no web address.",
            setting="PUENTE_CONSOLE_URL",
            way_out="Write it as browsers reach the console: https://puente.example.com",
        )
    if settings.host not in {"127.0.0.1", "::1", "localhost"} and not settings.is_https:
        raise errors.Misconfigured(
            "The console would send passwords in clear over the network.",
            setting="PUENTE_CONSOLE_URL",
            way_out="Put it behind https and set PUENTE_CONSOLE_URL to that address, or listen on 127.0.0.1.",
        )
    return settings
