"""Log-in at somebody else's: OpenID Connect, the code flow with PKCE, state and nonce (OpenID Connect Core 1.0).

What the provider answers is believed only where its signature, issuer, audience, time and nonce say so. Its keys
are kept for a while and asked for again when a token names one that is not known.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared import errors
from shared.clock import Clock
from shared.connectors.contract import Access, Limits, Request
from shared.connectors.http import HttpWire

# Asymmetric ones only: a provider's public key must never be taken for a shared secret.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519")
SCOPE: Final = "openid email profile"
_LIMITS: Final = Limits(per_minute=600, timeout=timedelta(seconds=10))
_KEEP: Final = timedelta(hours=1)
_ASK_AGAIN: Final = timedelta(minutes=1)
_LEEWAY: Final = 60
_LONGEST_TOKEN: Final = 64 * 1024


class NotProven(errors.PuenteError):
    """The provider did not prove who this is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A log-in on its way: kept in the browser's own cookie until it comes back."""

    state: str
    nonce: str
    verifier: str = field(repr=False)
    to: str

    def dump(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who the provider says it is. `email` is empty unless the provider has verified it."""

    subject: str
    name: str
    email: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the provider says of itself, and its keys."""

    authorize: str
    token: str
    basic: bool
    jwks: str
    keys: KeySet
    at: float


@dataclass(slots=True, kw_only=True)
class Provider:
    """One OpenID provider. The values of `claim` decide roles; `redirect` is where it sends people back."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect: str
    claim: str
    title: str
    wire: HttpWire
    clock: Clock
    _known: _Known | None = None

    async def begin(self, to: str) -> tuple[Begun, str]:
        """A new log-in and the address to send the browser to. Raises PuenteError when the provider is away."""
        known = await self._about()
        begun = Begun(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            to=to,
        )
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect,
            "scope": SCOPE,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": create_s256_code_challenge(begun.verifier),
            "code_challenge_method": "S256",
        }
        return begun, f"{known.authorize}{'&' if '?' in known.authorize else '?'}{urlencode(query)}"

    async def end(self, begun: Begun, *, code: str, state: str, issuer: str) -> Told:
        """Who came back. Raises NotProven, and PuenteError when the provider is away."""
        if not state or not secrets.compare_digest(state.encode(), begun.state.encode()):
            raise NotProven("This log-in was not begun here, or too long ago.", way_out="Begin it again.")
        if issuer and issuer != self.issuer:  # RFC 9207: another provider's answer
            raise NotProven("Another provider answered.", way_out="Begin it again.")
        known = await self._about()
        answer = await self._token(known, code, begun.verifier)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            raise NotProven("The provider told nothing about who this is.")
        return self._told(await self._claims(known, token, begun.nonce, access))

    async def _token(self, known: _Known, code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if self.client_secret and known.basic:
            pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.client_id
            if self.client_secret:
                form["client_secret"] = self.client_secret
        try:
            return await self._json("POST", known.token, headers=headers, body=urlencode(form).encode())
        except (errors.Rejected, errors.NeedsOperator):
            raise NotProven("The provider refused the log-in.", way_out="Begin it again.") from None

    async def _claims(self, known: _Known, token: str, nonce: str, access: object) -> Mapping[str, Any]:
        """What an id token says, if everything that can be wrong with it is right."""
        try:
            read = self._read(token, known.keys)
            if read is None:
                read = self._read(token, (await self._about(fresh=True)).keys)
            if read is None:
                raise NotProven("The provider's signature is of a key that it does not show.")
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": self.issuer},
                    "aud": {"essential": True, "value": self.client_id},
                    "sub": {"essential": True},
                    "nonce": {"essential": True},
                },
                {"nonce": nonce, "client_id": self.client_id, "access_token": access},
            )
            claims.validate(int(self.clock.now().timestamp()), _LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise NotProven("What the provider says about this log-in is not right.") from None
        found: Mapping[str, Any] = dict(claims)
        return found

    def _read(self, token: str, keys: KeySet) -> jwt.Token | None:
        """None for a token of a key that is not among these. Raises JoseError and ValueError."""
        header = jwt_header(token)
        known = {key.kid for key in keys.keys}
        if header.get("kid") is not None and header["kid"] not in known:
            return None
        return jwt.decode(token, keys, algorithms=list(ALGORITHMS))

    def _told(self, claims: Mapping[str, Any]) -> Told:
        email = claims.get("email") if claims.get("email_verified") is True else ""
        name = email or claims.get("preferred_username") or claims["sub"]
        values = claims.get(self.claim)
        listed = values if isinstance(values, list) else [values]
        return Told(
            subject=f"{self.issuer} {claims['sub']}",
            name=str(name)[:200],
            email=str(email or ""),
            values=frozenset(each for each in listed if isinstance(each, str)),
        )

    async def _about(self, *, fresh: bool = False) -> _Known:
        """What the provider says of itself. With `fresh` its keys are asked for again, once a minute at most."""
        known, now = self._known, self.clock.monotonic()
        age = timedelta(seconds=now - known.at) if known is not None else _KEEP
        if known is not None and age < (_ASK_AGAIN if fresh else _KEEP):
            return known
        said = await self._json("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != self.issuer:
            raise errors.Misconfigured(
                "The provider calls itself by another name.",
                setting="PUENTE_CONSOLE_OIDC_ISSUER",
                way_out="Write it exactly as its configuration does.",
            )
        places = [said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        authorize, token, jwks = (each if isinstance(each, str) else "" for each in places)
        methods = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        shown = await self._json("GET", jwks)
        try:
            keys = KeySet.import_key_set({"keys": [key for key in shown["keys"] if key.get("kty") != "oct"]})
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise NotProven("The provider's keys cannot be read.") from None
        self._known = _Known(
            authorize=authorize, token=token, basic="client_secret_basic" in methods, jwks=jwks, keys=keys, at=now
        )
        return self._known

    async def _json(self, method: Any, url: str, **given: Any) -> Mapping[str, Any]:
        parts = urlsplit(url)
        access = Access(account="console.oidc", base_url=f"{parts.scheme}://{parts.netloc}", credentials={})
        query = f"?{parts.query}" if parts.query else ""
        response = await self.wire.send(
            access, _LIMITS, Request(method=method, path=f"{parts.path}{query}", **given)
        )
        try:
            found = msgspec.json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = None
        if not isinstance(found, dict):
            raise errors.Retryable("The provider answers something else than its protocol.")
        return found


def jwt_header(token: str) -> Mapping[str, Any]:
    """The header of a signed token, not yet believed. Raises ValueError, TypeError."""
    first = token.split(".", 1)[0]
    found = msgspec.json.decode(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    if not isinstance(found, dict):
        raise TypeError("no header")
    return found


def begun_of(cookie: str) -> Begun | None:
    """What a cookie holds; None for anything else."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cookie.encode()), type=Begun)
    except (ValueError, msgspec.MsgspecError):
        return None
