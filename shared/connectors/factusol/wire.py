"""Talking to Factusol: one envelope, errors as words with status 200, a token of some minutes.

What a word means is decided here and nowhere else. A call that the vendor refused for its token is done again
after one login: the refusal proves that nothing was done. `KO` explains nothing and passes by itself most of the
time; the rows that are written carry their own key, so that writing one again cannot make a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import msgspec

from shared import errors
from shared.connectors import answers
from shared.connectors.contract import Access, Limits, Request, Response, StatusFate, Wire
from shared.connectors.factusol.login import Token, login_of, token_from
from shared.connectors.settings import limits_of
from shared.connectors.values import Object

_LOGIN: Final = "/login/Autenticar"
_QUERY: Final = "/admin/LanzarConsulta"
_INSERT: Final = "/admin/EscribirRegistro"
_UPDATE: Final = "/admin/ActualizarRegistro"

_KO_PAUSES: Final = (timedelta(seconds=0.5), timedelta(seconds=2), timedelta(seconds=5))
_FATES: Final[Mapping[int, StatusFate]] = {401: "answer", 404: "operator", 410: "operator"}
_CREDENTIALS: Final = (
    "Check the account's manufacturer, client, database and password with `puente account check`."
)


class RefusedCall(errors.Retryable):
    """`KO`, also after the pauses."""


class RefusedWrite(errors.InDoubt):
    """`KO` to a write, also after the pauses: a closed year answers so, and nobody knows what else does."""


class NoSuchYear(errors.NeedsOperator):
    """There is no database for this fiscal year."""

    def __init__(self, year: str, *, instead: str = "") -> None:
        super().__init__(
            f"Factusol has no database for the year {year}.",
            way_out=f"Open the year in Factusol, or set the account's `year` to {instead or 'one that is there'}.",
        )
        self.year = year


class RefusedLogin(errors.NeedsOperator):
    """The four values are not accepted together."""


class RefusedRow(errors.Rejected):
    """The database did not take a row; `exists` where the word says that its key is taken."""

    def __init__(self, message: str, *, exists: bool, way_out: str = "") -> None:
        super().__init__(message, way_out=way_out)
        self.exists = exists


class Api:
    """The calls of one account, in one fiscal year each. Holds the token."""

    def __init__(self, access: Access, wire: Wire, limits: Limits) -> None:
        self.access = replace(access, base_url=access.base_url.strip().rstrip("/"))
        self.limits = limits_of(limits, access)
        self._limits = limits
        self.clock = wire.clock
        self._wire = wire
        self._token: Token | None = None
        self._lock = asyncio.Lock()

    def with_credentials(self, credentials: Mapping[str, str]) -> Api:
        """The same account with other values to log in with."""
        return Api(replace(self.access, credentials=credentials), self._wire, self._limits)

    async def select(self, year: str, query: str, *, bulk: bool = False) -> Sequence[Object]:
        """The rows of a SELECT, column (upper case) to value. No rows may mean as well that it is wrong."""
        body: Object = {"ejercicio": year, "consulta": query}
        return rows_in(await self._done(_QUERY, body, year=year, bulk=bulk))

    async def insert(self, year: str, table: str, row: Object) -> None:
        """Raises RefusedRow; InDoubt when it is not known whether the row was made."""
        await self._done(_INSERT, _registered(year, table, row), year=year, writes=True)

    async def update(self, year: str, table: str, row: Object) -> None:
        """Change the named columns of the row whose key is among them. Raises as `insert` does."""
        await self._done(_UPDATE, _registered(year, table, row), year=year, writes=True)

    async def log_in(self) -> None:
        """A fresh token. Raises RefusedLogin."""
        async with self._lock:
            self._token = await self._logged_in()

    async def _done(
        self, path: str, body: Object, *, year: str, writes: bool = False, bulk: bool = False
    ) -> answers.Json:
        """What a call that succeeded answered. `KO` is asked again after pauses."""
        for pause in (*_KO_PAUSES, None):
            word, result = await self._admitted(path, body, writes=writes, bulk=bulk)
            if word != "KO":
                break
            if pause is not None:
                await self.clock.sleep(pause)
        if word == "OK":
            return result
        raise _error_of(word, year, writes=writes)

    async def _admitted(self, path: str, body: Object, *, writes: bool, bulk: bool) -> tuple[str, answers.Json]:
        """The word and result of a call that was let in, after one more login where the token was refused."""
        token = await self._valid_token(None)
        said = await self._said(path, body, token=token, writes=writes, bulk=bulk)
        if said is None:
            token = await self._valid_token(token)
            said = await self._said(path, body, token=token, writes=writes, bulk=bulk)
        if said is None and self.clock.now() >= token.use_until:
            # It ran out on the way: the machine slept, or the answer took longer than a token lives.
            raise errors.Retryable("Factusol's token ran out before the call arrived.")
        if said is None:
            raise errors.NeedsOperator(
                "Factusol accepts the login and refuses the call: its rights do not reach.", way_out=_CREDENTIALS
            )
        return said

    async def _valid_token(self, refused: Token | None) -> Token:
        """A token that is neither over nor the refused one; of many calls that need one, one logs in."""
        async with self._lock:
            held = self._token
            if held is None or held is refused or self.clock.now() >= held.use_until:
                held = self._token = await self._logged_in()
            return held

    async def _logged_in(self) -> Token:
        body = login_of(self.access).body
        said: tuple[str, answers.Json] | None = None
        for pause in (*_KO_PAUSES, None):
            said = await self._said(_LOGIN, body, token=None, writes=False, bulk=False)
            if said is None or said[0] != "KO":
                break
            if pause is not None:
                await self.clock.sleep(pause)
        word, result = said if said is not None else ("Unauthorized", None)
        if word == "OK" and isinstance(result, str) and result.isascii() and result.isprintable() and result:
            return token_from(result, self.clock.now())
        if word == "KO":
            # What is said to wrong values is not known. These were good when the account was added.
            raise RefusedCall("Factusol refuses the login for now (KO).")
        if word == "OK":
            raise errors.Retryable("Factusol answered a login without a token.")
        raise RefusedLogin(f"Factusol does not accept the login ({word}).", way_out=_CREDENTIALS)

    async def _said(
        self, path: str, body: Object, *, token: Token | None, writes: bool, bulk: bool
    ) -> tuple[str, answers.Json] | None:
        """The word and the result of one request; None where the token was not accepted."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.jwt}"
        request = Request(
            method="POST",
            path=path,
            headers=headers,
            body=msgspec.json.encode(body),
            writes=writes,
            bulk=bulk,
            fates=_FATES,
        )
        response = await self._wire.send(self._hiding(token), self.limits, request)
        if response.status == 401:
            return None
        word, result = await self._envelope(response, token, writes=writes)
        return None if word == "Unauthorized" else (word, result)

    def _hiding(self, token: Token | None) -> Access:
        """The account with all that must never be repeated, in every form in which it is sent."""
        login = login_of(self.access)
        secrets = {**self.access.credentials, "password": login.password, "sent": login.encoded_password}
        for name in ("manufacturer", "client", "database"):
            secrets.pop(name, None)
        if token is not None:
            secrets["jwt"] = token.jwt
        return replace(self.access, credentials=secrets)

    async def _envelope(
        self, response: Response, token: Token | None, *, writes: bool
    ) -> tuple[str, answers.Json]:
        found = await answers.json_of(response, writes=writes)
        word = found.get("respuesta") if isinstance(found, dict) else None
        if not isinstance(found, dict) or not isinstance(word, str) or not word.strip():
            raise answers.not_json(response, writes=writes)
        secrets = tuple(self._hiding(token).credentials.values())
        return answers.redact(" ".join(word.split())[:60], secrets), found.get("resultado")


def _registered(year: str, table: str, row: Object) -> Object:
    pairs: list[answers.Json] = [{"columna": name, "dato": value} for name, value in row.items()]
    return {"ejercicio": year, "tabla": table, "registro": pairs}


def _error_of(word: str, year: str, *, writes: bool) -> errors.PuenteError:
    if word == "BDNoExiste":
        return NoSuchYear(year)
    if word == "KO":
        if writes:
            return RefusedWrite(
                f"Factusol answers KO to a write in the year {year}; it may have happened.",
                way_out="If the year is closed, open the next one in Factusol.",
            )
        return RefusedCall(f"Factusol answers KO for the year {year}.")
    if writes:
        return RefusedRow(
            f"Factusol refused the row ({word}).",
            exists=word == "BDExisteRegistro",
            way_out="Factusol does not say which value it is: look for one that is too long or of an odd form.",
        )
    return errors.Retryable(f"Factusol answered {word!r}.")


def rows_in(result: answers.Json) -> Sequence[Object]:
    """Rows as objects, column names in upper case. Null, "" and a missing key are no rows.

    Raises Retryable for anything that is no list of rows.
    """
    if result is None or result == "":
        return []
    if not isinstance(result, list):
        raise errors.Retryable("Factusol's answer is not the list of rows that it should be.")
    return [_row(pairs) for pairs in result]


def _row(pairs: answers.Json) -> Object:
    if not isinstance(pairs, list):
        raise errors.Retryable("A row of Factusol's answer is not the list of columns that it should be.")
    row: Object = {}
    for pair in pairs:
        name = pair.get("columna") if isinstance(pair, dict) else None
        if not isinstance(pair, dict) or not isinstance(name, str):
            raise errors.Retryable("A row of Factusol's answer is not the list of columns that it should be.")
        row[name.upper()] = pair.get("dato")
    return row
