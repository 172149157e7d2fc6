"""The four values of a login, given one by one or packed into one key, and the token that they are changed for."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from shared import errors
from shared.connectors.contract import Access
from shared.connectors.values import Object

PACKED: Final = "token"
PARTS: Final = ("manufacturer", "client", "database", "password")

_DATABASE: Final = re.compile(r"[0-9]?FS[0-9]{3}", re.IGNORECASE)
_CODE: Final = re.compile(r"[0-9]{1,12}")
# Tokens lived about three minutes when that was measured; this is for one whose end cannot be read.
_UNKNOWN_LIFE: Final = timedelta(seconds=150)
_LONGEST_LIFE: Final = timedelta(days=1)
_RENEWED_EARLY: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logs in where: the developer's number, the customer's number, the company's database, the password."""

    manufacturer: str
    client: str
    database: str
    password: str = field(repr=False)

    @property
    def encoded_password(self) -> str:
        """Base64 of the UTF-8 text; plain, no hash."""
        return base64.b64encode(self.password.encode("utf-8", "surrogatepass")).decode("ascii")

    @property
    def body(self) -> Object:
        return {
            "codigoFabricante": _number(self.manufacturer),
            "codigoCliente": _number(self.client),
            "baseDatosCliente": self.database,
            "password": self.encoded_password,
        }


def _number(code: str) -> int | str:
    """Numbers are what most programs in use send; both forms are taken."""
    return int(code) if _CODE.fullmatch(code) else code


def given(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """The four values by name, "" for what is missing. A packed key stands for all: `990:31007:FS001:password`.

    The password is last, since it may hold a colon.
    """
    packed = credentials.get(PACKED, "").strip()
    if packed:
        pieces = [piece.strip() for piece in packed.split(":", 3)]
        return dict(zip(PARTS, [*pieces, "", "", ""], strict=False))
    return {name: credentials.get(name, "").strip() for name in PARTS}


def looks_wrong(name: str, value: str) -> bool:
    """Whether a value cannot be what it should be, whoever is asked."""
    match name:
        case "manufacturer" | "client":
            return _CODE.fullmatch(value) is None
        case "database":
            return _DATABASE.fullmatch(value) is None
        case _:
            return not value or not value.isprintable()


def plain_of(password: str) -> list[str]:
    """What a password may be that was pasted encoded, as the API sends it."""
    try:
        plain = base64.b64decode(password, validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    return [plain] if plain.isprintable() and plain else []


def login_of(access: Access) -> Login:
    """Raises NeedsOperator, naming the value that cannot be sent."""
    values = given(access.credentials)
    # A database of another shape may exist; one that is empty or holds blanks does not.
    wrong = [
        name
        for name, value in values.items()
        if (looks_wrong(name, value) if name != "database" else not re.fullmatch(r"\w{1,40}", value))
    ]
    if wrong:
        raise errors.NeedsOperator(
            f"The account's {wrong[0]} cannot be used.",
            way_out="Give manufacturer, client, database and password again, or one key "
            "MANUFACTURER:CLIENT:DATABASE:PASSWORD.",
        )
    return Login(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token and until when it is used."""

    jwt: str = field(repr=False)
    use_until: datetime


def token_from(jwt: str, now: datetime) -> Token:
    """Read how long a token lives, without proving it. Its end is renewed early, by a quarter at most.

    The vendor's clock may differ from ours, so the life is taken from the token's own times where it has both.
    """
    claims = _claims(jwt)
    ends, begins = (_epoch(claims.get(name)) for name in ("exp", "iat"))
    begins = begins or _epoch(claims.get("nbf")) or now.timestamp()
    life = timedelta(seconds=ends - begins) if ends is not None else _UNKNOWN_LIFE
    if not timedelta(0) < life <= _LONGEST_LIFE:
        life = _UNKNOWN_LIFE
    return Token(jwt=jwt, use_until=now + life - min(_RENEWED_EARLY, life / 4))


def _claims(jwt: str) -> Mapping[str, object]:
    middle = jwt.split(".")[1] if jwt.count(".") == 2 else ""
    try:
        found: object = msgspec.json.decode(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _epoch(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 < value < 10**11:
        return None
    return float(value)
