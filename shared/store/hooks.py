"""Hooks as they are registered at the vendors: what was made, and how it stood when last looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables
from shared.store.sql import upsert

_T = tables.hook


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One kind of hook of one account. `hook_id` is the vendor's; None where a person pastes the URL by hand.

    `active` is what the vendor said at `checked_at`; `says` is that in words.
    """

    account_id: str
    hook_kind: str
    hook_id: str | None
    active: bool
    generation: int
    checked_at: datetime
    says: str = ""


async def save(connection: AsyncConnection, hooks: Sequence[Hook]) -> None:
    await upsert(connection, _T, [{name: getattr(hook, name) for name in _COLUMNS} for hook in hooks])


async def of_account(connection: AsyncConnection, account_id: str) -> list[Hook]:
    rows = await connection.execute(select(_T).where(_T.c.account_id == account_id).order_by(_T.c.hook_kind))
    return [_hook(row) for row in rows]


async def remove(connection: AsyncConnection, account_id: str, hook_kinds: Sequence[str]) -> int:
    gone = await connection.execute(
        delete(_T).where(_T.c.account_id == account_id, _T.c.hook_kind.in_(list(hook_kinds)))
    )
    return gone.rowcount


async def remove_all(connection: AsyncConnection, account_id: str) -> None:
    """Forget them: nobody looks after the hooks of this account any more."""
    await connection.execute(delete(_T).where(_T.c.account_id == account_id))


async def inactive(connection: AsyncConnection, account_ids: Sequence[str]) -> dict[str, int]:
    """How many hooks of each of these accounts were found inactive; accounts without any are left out."""
    rows = await connection.execute(
        select(_T.c.account_id, func.count())
        .where(_T.c.account_id.in_(list(account_ids)), _T.c.active.is_(False))
        .group_by(_T.c.account_id)
    )
    return {row[0]: row[1] for row in rows}


_COLUMNS = ("account_id", "hook_kind", "hook_id", "active", "generation", "checked_at", "says")


def _hook(row: Row[Any]) -> Hook:
    return Hook(**{name: getattr(row, name) for name in _COLUMNS})
