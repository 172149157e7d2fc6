"""Settings of the console, beside those of every service that reads the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import errors
from shared.store.users import ROLES, Role

PORT: Final = 8070


class ConsoleSettings(BaseSettings):
    """Read from the environment, each with the prefix below."""

    model_config = SettingsConfigDict(env_prefix="PUENTE_CONSOLE_", extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=PORT, ge=0, le=65_535)
    url: str = ""
    session_hours: float = Field(default=12, gt=0, le=24 * 30)
    idle_minutes: float = Field(default=120, gt=0)
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = None
    oidc_title: str = "OpenID Connect"
    oidc_claim: str = "groups"
    oidc_roles: str = ""

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the console by https: its cookie then never travels in clear."""
        return self.url.startswith("https://")

    def oidc_map(self) -> dict[str, tuple[str, Role]]:
        """{value of the claim: (workspace or "*", role)}. Raises Misconfigured."""
        try:
            given = json.loads(self.oidc_roles or "{}")
        except json.JSONDecodeError:
            given = None
        if not isinstance(given, dict):
            raise _no_map()
        found: dict[str, tuple[str, Role]] = {}
        for value, text in given.items():
            where, _, word = str(text).partition("=")
            role = next((each for each in ROLES if each == word), None)
            if role is None or not where:
                raise _no_map()
            found[value] = (where, role)
        return found


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
    _check_oidc(settings)
    return settings


def _check_oidc(settings: ConsoleSettings) -> None:
    if not settings.oidc_issuer:
        return
    settings.oidc_map()
    needed = {"PUENTE_CONSOLE_OIDC_CLIENT_ID": settings.oidc_client_id, "PUENTE_CONSOLE_URL": settings.url}
    for name, value in needed.items():
        if not value:
            raise errors.Misconfigured(
                f"{name} is not set, and logging in with OpenID Connect needs it.",
                setting=name,
                way_out="Set it, or leave PUENTE_CONSOLE_OIDC_ISSUER empty.",
            )
    secret = settings.oidc_client_secret_file
    if secret is not None and not secret.is_file():
        raise errors.Misconfigured(
            "PUENTE_CONSOLE_OIDC_CLIENT_SECRET_FILE names no file.",
            setting="PUENTE_CONSOLE_OIDC_CLIENT_SECRET_FILE",
            way_out="Put the secret into a file that only this user may read, and name it.",
        )


def _no_map() -> errors.Misconfigured:
    return errors.Misconfigured(
        "PUENTE_CONSOLE_OIDC_ROLES cannot be read.",
        setting="PUENTE_CONSOLE_OIDC_ROLES",
        way_out='Write it as {"puente-admins": "*=admin", "workshop": "acme=operator"}.',
    )
