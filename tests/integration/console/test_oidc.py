"""Logging in with an account of somebody else's: who is let in, with which role, and what is not believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from services.console.settings import ConsoleSettings, load
from shared import errors
from shared.clock import SystemClock
from shared.store import users
from tests.integration.console.desk import HOST, PASSWORD, Desk, open_desk
from tests.integration.console.provider import CLIENT, SECRET, Provider, serving

BACK: Final = f"{HOST}/login/oidc/back"
MAP: Final = '{"puente-admins": "*=admin", "workshop": "acme=operator", "readers": "acme=viewer"}'

in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Desk, Provider]]:
    folder = tmp_path_factory.mktemp("oidc")
    (folder / "secret").write_text(SECRET + "\n")
    async with serving(Provider(clock=SystemClock(), redirect=BACK)) as provider:
        settings = ConsoleSettings(
            port=0,
            url=HOST,
            oidc_issuer=provider.issuer,
            oidc_client_id=CLIENT,
            oidc_client_secret_file=folder / "secret",
            oidc_title="Acme",
            oidc_roles=MAP,
        )
        async with open_desk(folder, settings, live=False) as desk:
            await desk.console.people.add("ana@acme.example", PASSWORD, {"*": "admin"}, locale="en")
            yield desk, provider


@pytest.fixture
def provider(opened: tuple[Desk, Provider]) -> Provider:
    """The provider, honest again."""
    found = opened[1]
    found.claims, found.lies, found.signs_with, found.algorithm = {}, {}, None, "RS256"
    return found


@pytest.fixture
def desk(opened: tuple[Desk, Provider]) -> Desk:
    return opened[0]


async def go(desk: Desk, client: httpx.AsyncClient | None = None) -> tuple[httpx.AsyncClient, httpx.Response]:
    """There and back as a browser goes; the answer to coming back."""
    client = client or desk.stranger()
    there = await client.get("/login/oidc", params={"to": "/me"})
    assert there.status_code == 303, there.text
    async with httpx.AsyncClient() as outside:
        agreed = await outside.get(there.headers["location"])
    assert agreed.status_code == 302, agreed.text
    assert agreed.headers["location"].startswith(BACK)
    return client, await client.get(agreed.headers["location"])


async def user(desk: Desk, name: str) -> users.User | None:
    return await desk.world.parts.database.read(lambda connection: users.by_name(connection, name))


@in_one_loop
async def test_a_role_of_the_provider_lets_somebody_in(desk: Desk, provider: Provider) -> None:
    provider.claims = {
        "sub": "7",
        "email": "Olga@acme.example",
        "email_verified": True,
        "groups": ["workshop", "readers", "others"],
    }
    client, back = await go(desk)
    assert (back.status_code, back.headers["location"]) == (303, "/me")
    assert "olga@acme.example" in (await client.get("/me")).text
    made = await user(desk, "olga@acme.example")
    assert made is not None
    assert made.roles == {"acme": "operator"}  # the higher of two
    provider.claims["groups"] = "puente-admins"
    await go(desk)
    changed = await user(desk, "olga@acme.example")
    assert changed is not None
    assert (changed.id, changed.roles) == (made.id, {"*": "admin"})
    provider.claims["groups"] = []
    assert (await go(desk))[1].status_code == 401, "her roles at the provider are gone"
    by_password = {"name": "olga@acme.example", "password": ""}
    assert (await desk.stranger().post("/login", data=by_password)).status_code == 401


@in_one_loop
async def test_a_local_user_is_known_by_a_verified_email_and_keeps_the_password(
    desk: Desk, provider: Provider
) -> None:
    provider.claims = {"sub": "1", "email": "ana@acme.example", "email_verified": True}
    _, back = await go(desk)
    assert back.status_code == 303
    await desk.log_in("ana@acme.example")
    found = await user(desk, "ana@acme.example")
    assert found is not None
    assert (found.subject, found.roles) == (f"{provider.issuer} 1", {"*": "admin"})
    provider.claims = {"sub": "2", "email": "ana@acme.example", "email_verified": True}
    assert (await go(desk))[1].status_code == 401, "another account of the provider with her e-mail"


@in_one_loop
@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "3"},
        {"sub": "4", "email": "ana@acme.example", "email_verified": False},
        {"sub": "5", "email": "ana@acme.example", "email_verified": "true"},
        {"sub": "6", "email": "eva@acme.example", "email_verified": True, "groups": ["others"]},
        {"sub": "8", "preferred_username": "ana@acme.example", "groups": ["puente-admins"]},
    ],
    ids=["unknown", "unverified", "a word for verified", "no role", "another's name"],
)
async def test_whom_nobody_vouches_for_is_refused(desk: Desk, provider: Provider, claims: dict[str, Any]) -> None:
    provider.claims = claims
    client, back = await go(desk)
    assert back.status_code == 401
    assert "The provider knows you" in back.text
    assert (await client.get("/me")).status_code == 303


@in_one_loop
@pytest.mark.parametrize(
    "lies",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": 1_000},
        {"nonce": "of another log-in"},
        {"nonce": None},
        {"sub": None},
        {"iat": 99_999_999_999},
    ],
    ids=str,
)
async def test_a_token_that_is_not_right_is_not_believed(
    desk: Desk, provider: Provider, lies: dict[str, Any]
) -> None:
    provider.claims = {"sub": "9", "groups": ["puente-admins"]}
    provider.lies = lies
    client, back = await go(desk)
    assert back.status_code == 401, back.headers
    assert (await client.get("/me")).status_code == 303


@in_one_loop
@pytest.mark.parametrize("forgery", ["key", "shared secret", "none"])
async def test_a_signature_of_another_key_is_not_believed(desk: Desk, provider: Provider, forgery: str) -> None:
    provider.claims = {"sub": "9", "groups": ["puente-admins"]}
    if forgery == "key":
        provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": provider.key.kid or ""})
    else:
        provider.algorithm = "none" if forgery == "none" else "HS256"
    assert (await go(desk))[1].status_code == 401


@in_one_loop
async def test_an_answer_counts_once_and_where_it_was_asked_for(desk: Desk, provider: Provider) -> None:
    provider.claims = {"sub": "10", "groups": ["readers"]}
    client = desk.stranger()
    there = await client.get("/login/oidc")
    async with httpx.AsyncClient() as outside:
        back = (await outside.get(there.headers["location"])).headers["location"]
    assert (await desk.stranger().get(back)).status_code == 401, "another browser"
    assert (await client.get(back)).status_code == 303
    assert (await client.get(back)).status_code == 401, "a second time"
    other, _ = await go(desk)
    for wrong in ("code=x", "code=x&state=x", "state=x", ""):
        assert (await other.get(f"/login/oidc/back?{wrong}")).status_code == 401


@in_one_loop
async def test_a_new_key_of_the_provider_is_asked_for(desk: Desk, provider: Provider) -> None:
    provider.claims = {"sub": "11", "groups": ["readers"]}
    assert (await go(desk))[1].status_code == 303
    asked = len(provider.asked)
    assert (await go(desk))[1].status_code == 303
    assert len(provider.asked) == asked, "what it says of itself is kept"
    provider.key = RSAKey.generate_key(2048, auto_kid=True)
    desk.world.clock.advance(timedelta(minutes=2))
    assert (await go(desk))[1].status_code == 303


@in_one_loop
async def test_the_log_in_page_leads_there_and_back_to_where_one_was(desk: Desk, provider: Provider) -> None:
    page = await desk.stranger().get("/login?to=/me")
    assert "Log in with Acme" in page.text
    assert '"/login/oidc?to=%2Fme"' in page.text
    provider.claims = {"sub": "12", "groups": ["readers"]}
    client = desk.stranger()
    there = await client.get("/login/oidc", params={"to": "//evil.example"})
    async with httpx.AsyncClient() as outside:
        back = await client.get((await outside.get(there.headers["location"])).headers["location"])
    assert back.headers["location"] == "/"
    assert "httponly" in back.headers["set-cookie"].lower()


def test_settings_that_lack_something_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUENTE_CONSOLE_OIDC_ISSUER", "https://id.example")
    for missing, value in (
        ("PUENTE_CONSOLE_OIDC_CLIENT_ID", "puente"),
        ("PUENTE_CONSOLE_URL", "https://console.example"),
        ("PUENTE_CONSOLE_OIDC_CLIENT_SECRET_FILE", str(tmp_path / "secret")),
    ):
        if missing.endswith("_FILE"):
            monkeypatch.setenv(missing, value)
        with pytest.raises(errors.Misconfigured) as refused:
            load()
        assert missing in refused.value.message
        monkeypatch.setenv(missing, value)
    (tmp_path / "secret").write_text("x")
    load()
    for wrong in ("x", "[]", '{"a": "acme"}', '{"a": "acme=owner"}', '{"a": "=admin"}'):
        monkeypatch.setenv("PUENTE_CONSOLE_OIDC_ROLES", wrong)
        with pytest.raises(errors.Misconfigured, match="PUENTE_CONSOLE_OIDC_ROLES"):
            load()
