"""A process that uses an account's single-use tokens: `python -m tests.faults.token_holder VENDOR USES`."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

import httpx

from shared import errors
from shared.clock import SystemClock
from shared.keys import WorkspaceKeys
from shared.store.database import Database
from shared.store.tokens import Refresh, Token, Tokens

ACCOUNT = "acme.oauth"
EARLY = timedelta(milliseconds=100)


def keys() -> WorkspaceKeys:
    """The same in every process of the test."""
    return WorkspaceKeys(data=b"d" * 32, hashing=b"h" * 32)


def refresh_at(vendor: str, http: httpx.AsyncClient) -> Refresh:
    async def refresh(token: str) -> Token:
        answer = await http.post(f"{vendor}/token", json={"refresh_token": token})
        if answer.status_code == 400:
            raise errors.NeedsOperator("The vendor takes this refresh token no more.")
        return token_of(answer.json())

    return refresh


def token_of(told: dict[str, object]) -> Token:
    until = datetime.fromtimestamp(float(str(told["use_until"])), UTC)
    return Token(access=str(told["access_token"]), refresh=str(told["refresh_token"]), use_until=until)


async def run(vendor: str, uses: int) -> None:
    database = Database(os.environ["PUENTE_STORE_URL"])
    tokens = Tokens(database, SystemClock(), early=EARLY)
    async with httpx.AsyncClient(timeout=30) as http:
        refresh = refresh_at(vendor, http)

        async def use() -> None:
            token = await tokens.get(ACCOUNT, keys(), refresh)
            answer = await http.get(f"{vendor}/records", headers={"Authorization": f"Bearer {token.access}"})
            if answer.status_code == 401:
                await tokens.get(ACCOUNT, keys(), refresh, refused=token)

        for _ in range(uses):
            await asyncio.gather(*(use() for _ in range(4)))
    await database.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1], int(sys.argv[2]))))
