"""Who is calling Factusol: a login with four values gives a token of some minutes."""

import base64
import binascii
import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from services.sandbox.accounts import Account
from services.sandbox.factusol.envelope import SYSTEM, failure, setting
from services.sandbox.storage import Fields
from services.sandbox.system import Call, Incoming, Route
from services.sandbox.wire import Answer, Refused, json_answer

if TYPE_CHECKING:
    from services.sandbox.world import World

MANUFACTURER = 990
"""The number of the developer whom the accounts of the sandbox gave access to."""
DATABASE = "FS001"
LOGIN = "/login/Autenticar"
DENIED = {"Message": "Authorization has been denied for this request."}
_HEAD = {"alg": "HS256", "typ": "JWT"}


def packed_token(account: Account) -> str:
    """The four values in one text, the password last."""
    return f"{MANUFACTURER}:{account.number}:{DATABASE}:{account.password}"


def sign_in(world: "World", incoming: Incoming, body: Fields) -> Account:
    """The account of a login's four values, else of the Bearer token. Raises Refused."""
    if incoming.path.rstrip("/").lower() == LOGIN.lower():
        account = _account_of(world, body)
        if account is None:
            raise Refused(_login_failed(world, None))
        return account
    token = incoming.bearer()
    if token is None:
        status = int(setting(world, "missing_token_answer", None))
        raise Refused(json_answer(DENIED, status))
    account = _account_of_token(world, token)
    if account is None:
        raise Refused(expired(world, None, incoming))
    return account


def _account_of(world: "World", body: Fields) -> Account | None:
    given = {name: str(value) for name, value in body.items()}
    try:
        password = base64.b64decode(given.get("password", ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    wanted = (str(MANUFACTURER), given.get("codigoCliente"), DATABASE, password)
    if (given.get("codigoFabricante"), given.get("baseDatosCliente")) != (wanted[0], wanted[2]):
        return None
    return next(
        (a for a in world.accounts(SYSTEM) if (str(a.number), a.password) == (wanted[1], wanted[3])),
        None,
    )


# Tokens


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signature(account: Account, signed: str) -> str:
    return _encoded(hmac.digest(account.secret.encode(), signed.encode(), hashlib.sha256))


def new_token(call: Call) -> str:
    call.account.counters["logins"] += 1
    ends = call.now + timedelta(seconds=call.amount("token_seconds"))
    payload = {
        "unique_name": str(call.account.number),
        "role": "AdminUser",
        "serial": call.account.counters["logins"],
        "nbf": int(call.now.timestamp()),
        "exp": int(ends.timestamp()),
    }
    signed = f"{_encoded(msgspec.json.encode(_HEAD))}.{_encoded(msgspec.json.encode(payload))}"
    return f"{signed}.{_signature(call.account, signed)}"


class _Payload(msgspec.Struct):
    unique_name: str
    serial: int
    exp: int


def _account_of_token(world: "World", token: str) -> Account | None:
    """None for a token that is over, or none of ours."""
    signed, _, signature = token.rpartition(".")
    try:
        payload = msgspec.json.decode(_decoded(signed.rpartition(".")[2]), type=_Payload)
    except (binascii.Error, msgspec.DecodeError, UnicodeEncodeError, ValueError):
        return None
    account = next((a for a in world.accounts(SYSTEM) if str(a.number) == payload.unique_name), None)
    if account is None or not hmac.compare_digest(signature.encode(), _signature(account, signed).encode()):
        return None
    if payload.exp <= world.clock.now().timestamp():
        return None
    ended = setting(world, "login_ends_older_tokens", account.name)
    return None if ended and payload.serial < account.counters["logins"] else account


# Answers


def _name(account: Account | None) -> str | None:
    return account.name if account else None


def _login_failed(world: "World", account: Account | None) -> Answer:
    word = str(setting(world, "login_failed_word", _name(account)))
    if word == "http_401":
        return json_answer(DENIED, 401)
    return failure(world, word, _name(account))


def expired(world: "World", account: Account | None, incoming: Incoming) -> Answer:
    if setting(world, "expired_answer", _name(account)) == "401":
        return json_answer(DENIED, 401)
    return failure(world, "Unauthorized", _name(account))


def revoked(world: "World", account: Account, incoming: Incoming) -> Answer:
    """The API was switched off in the program: neither tokens nor logins work."""
    if incoming.path.rstrip("/").lower() == LOGIN.lower():
        return _login_failed(world, account)
    return expired(world, account, incoming)


def read_only() -> Answer:
    return json_answer({"resultado": "", "respuesta": "Unauthorized"})


def logged_in(call: Call) -> Answer:
    most, counters = int(call.amount("logins_per_minute")), call.account.counters
    minute = int(call.now.timestamp()) // 60
    if counters["logins:minute"] != minute:
        counters["logins:minute"], counters["logins:used"] = minute, 0
    counters["logins:used"] += 1
    if most and counters["logins:used"] > most:
        return _login_failed(call.world, call.account)
    return json_answer({"resultado": new_token(call), "respuesta": "OK"})


ROUTES: tuple[Route, ...] = (Route(method="POST", template=LOGIN, action="login", handler=logged_in),)
