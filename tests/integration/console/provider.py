"""An OpenID Connect provider on this machine: discovery, keys, codes and tokens over real HTTP.

It checks what a provider checks (client, secret, redirect, PKCE, a code used once), and can be told to lie.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services import http
from shared.clock import Clock

CLIENT = "puente-console"
SECRET = "the client's secret"


@dataclass(kw_only=True)
class Provider:
    """`claims` are what it says of whoever comes; `lies` replace what a token would rightly say."""

    clock: Clock
    redirect: str
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    lies: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))
    signs_with: RSAKey | None = None
    algorithm: str = "RS256"
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/jwks", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _configuration(self, _request: Request) -> Response:
        self.asked.append("configuration")
        return JSONResponse(
            {
                "issuer": self.lies.get("configured", self.issuer),
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def _keys(self, _request: Request) -> Response:
        self.asked.append("keys")
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        """Whoever comes is logged in already and agrees."""
        given = dict(request.query_params)
        wanted = {"client_id": CLIENT, "redirect_uri": self.redirect, "code_challenge_method": "S256"}
        wanted |= {"response_type": "code"}
        if (
            any(given.get(name) != value for name, value in wanted.items())
            or "openid" not in given["scope"].split()
        ):
            return Response("refused", status_code=400)
        code = f"code-{len(self._codes)}"
        self._codes[code] = given
        back = {"code": code, "state": given["state"], "iss": self.issuer}
        return RedirectResponse(f"{self.redirect}?{urlencode(back)}", status_code=302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        client, _, secret = base64.b64decode(pair).decode().partition(":")
        begun = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        is_right = (
            (scheme, unquote(client), unquote(secret)) == ("Basic", CLIENT, SECRET)
            and begun is not None
            and form.get("redirect_uri") == self.redirect
            and challenge.decode().rstrip("=") == begun["code_challenge"]
        )
        if not is_right or begun is None:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        now = int(self.clock.now().timestamp())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": begun["nonce"]}
        claims |= self.claims | {name: each for name, each in self.lies.items() if name != "configured"}
        return JSONResponse({"access_token": "opaque", "token_type": "Bearer", "id_token": self._signed(claims)})

    def _signed(self, claims: Mapping[str, Any]) -> str:
        """By hand where no library would: with the public key as if it were a shared secret, or not at all."""
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm == "RS256":
            return jwt.encode(header, dict(claims), self.signs_with or self.key)
        text = ".".join(_coded(json.dumps(each).encode()) for each in (header, claims))
        public = self.key.as_pem(private=False)
        proof = hmac.digest(public, text.encode(), "sha256") if self.algorithm == "HS256" else b""
        return f"{text}.{_coded(proof)}"


def _coded(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


@asynccontextmanager
async def serving(provider: Provider) -> AsyncIterator[Provider]:
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def announce(host: str, port: int) -> None:
        ready.set_result(f"http://{host}:{port}")

    task = asyncio.create_task(http.serve(provider.app(), "127.0.0.1", 0, stop=stop, on_ready=announce))
    try:
        provider.issuer = await ready
        yield provider
    finally:
        stop.set()
        await task
