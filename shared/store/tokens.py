"""Tokens whose refresh token may be used once: any process refreshes, one at a time, and all see the new one.

The row of the account is locked while the vendor is asked, and read again inside the lock: whoever comes second
finds the token that the first one got. A new token is saved before anybody uses it. If it cannot be saved it is
kept in memory and saved by the next call, never asked for again: the refresh token that bought it is gone.

What no lock can cover: a process that dies between the vendor's answer and the save takes the token with it, and a
restored backup holds one that was used. The vendor then refuses it, and a person logs the account in again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.clock import Clock
from shared.keys import WorkspaceKeys
from shared.store import tables
from shared.store.database import Database
from shared.store.sql import upsert

_T = tables.token

# A database gives up on a transaction that is idle for 10 s; by then the vendor must have answered.
ASK_LIMIT: Final = timedelta(seconds=8)
# What is as good as over is refreshed: a call under way must still find its token good.
_EARLY: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a vendor gave out. `version` counts the refreshes of the account."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    use_until: datetime
    version: int = 0


Refresh = Callable[[str], Awaitable[Token]]
"""Asks the vendor, given the refresh token. Raises NeedsOperator when the vendor refuses it."""


class Tokens:
    """The tokens of all accounts, as one process holds them."""

    def __init__(self, database: Database, clock: Clock, *, early: timedelta = _EARLY) -> None:
        self._database = database
        self._clock = clock
        self._early = early
        self._held: dict[str, Token] = {}
        self._unsaved: dict[str, Token] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def put(self, account_id: str, keys: WorkspaceKeys, token: Token) -> None:
        """Save what a person's login gave, in place of whatever was there."""

        async def unit(connection: AsyncConnection) -> None:
            row = (await connection.execute(select(_T.c.version).where(_T.c.account_id == account_id))).first()
            values = _values(account_id, keys, token, 1 if row is None else row.version + 1)
            await upsert(connection, _T, [values])

        await self._database.run(unit)
        self._unsaved.pop(account_id, None)
        self._held.pop(account_id, None)

    async def get(
        self, account_id: str, keys: WorkspaceKeys, refresh: Refresh, *, refused: Token | None = None
    ) -> Token:
        """A token that is good now; `refused` is one that the vendor no longer takes.

        Raises NeedsOperator where nobody has logged in, Retryable when the vendor did not answer in time, and what
        `refresh` raises; StoreUnreachable.
        """
        held = self._held.get(account_id)
        if held is not None and self._is_good(held, refused):
            return held
        async with self._asking.setdefault(account_id, asyncio.Lock()):
            found = await self._database.run(
                lambda connection: self._locked(connection, account_id, keys, refresh, refused)
            )
        self._unsaved.pop(account_id, None)
        self._held[account_id] = found
        return found

    def _is_good(self, token: Token, refused: Token | None) -> bool:
        is_newer = refused is None or token.version > refused.version
        return is_newer and token.use_until - self._early > self._clock.now()

    async def _locked(
        self,
        connection: AsyncConnection,
        account_id: str,
        keys: WorkspaceKeys,
        refresh: Refresh,
        refused: Token | None,
    ) -> Token:
        """One at a time in all processes. The vendor is asked once, also if this is run again from its start."""
        row = (await connection.execute(select(_T).where(_T.c.account_id == account_id).with_for_update())).first()
        if row is None:
            raise errors.NeedsOperator("Nobody has logged this account in.", way_out="Log in at the vendor again.")
        present = _token(row, keys)
        if self._is_good(present, refused):
            return present
        fresh = self._unsaved.get(account_id)
        if fresh is None or fresh.version <= present.version:
            try:
                async with asyncio.timeout(ASK_LIMIT.total_seconds()):
                    told = await refresh(present.refresh)
            except TimeoutError as problem:
                raise errors.Retryable("The vendor gave no new token in time.") from problem
            fresh = self._unsaved[account_id] = replace(told, version=present.version + 1)
        values = _values(account_id, keys, fresh, fresh.version)
        await connection.execute(update(_T).where(_T.c.account_id == account_id).values(**values))
        return fresh


def _values(account_id: str, keys: WorkspaceKeys, token: Token, version: int) -> dict[str, Any]:
    plain = msgspec.json.encode({"access": token.access, "refresh": token.refresh})
    return {
        "account_id": account_id,
        "sealed": keys.seal(plain, context=f"token|{account_id}|{version}"),
        "use_until": token.use_until,
        "version": version,
    }


def _token(row: Any, keys: WorkspaceKeys) -> Token:
    plain = keys.open(row.sealed, context=f"token|{row.account_id}|{row.version}")
    told = msgspec.json.decode(plain, type=dict[str, str])
    return Token(access=told["access"], refresh=told["refresh"], use_until=row.use_until, version=row.version)
