"""After a clock was set back: rows that name a time of before would wait for it as long as the clock went back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Table, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.model.change import SHARDS
from shared.store import tables


async def bring_near(
    connection: AsyncConnection, shards: Sequence[int], now: datetime, *, deadline_limit: timedelta
) -> int:
    """Make due now what these shards' rows put off beyond `now`, and let no intent last longer than a write may.

    What is looked at too early waits again; what was listed by a clock that was ahead is listed whole. Returns how
    many rows were changed.
    """
    waiting, sweep, load, intent = tables.waiting, tables.sweep, tables.load, tables.intent
    asked: list[tuple[Table, list[ColumnElement[bool]], dict[str, Any]]] = [
        (waiting, [waiting.c.needs_person.is_(False), waiting.c.not_before > now], {"not_before": now}),
        (
            sweep,
            [or_(sweep.c.next_at > now, sweep.c.seen_until > now)],
            {"next_at": now, "full_at": now, "seen_until": None},
        ),
        (load, [load.c.state == "running", load.c.next_at > now], {"next_at": now}),
        (intent, [intent.c.deadline > now + deadline_limit], {"deadline": now + deadline_limit}),
    ]
    changed = 0
    for table, condition, values in asked:
        done = await connection.execute(update(table).where(*condition, *_of(table, shards)).values(**values))
        changed += done.rowcount
    return changed


async def is_ahead(connection: AsyncConnection, shards: Sequence[int], moment: datetime) -> bool:
    """Whether something of these shards says that it was done after this moment."""
    sweep, waiting = tables.sweep, tables.waiting
    listed = select(sweep.c.account_id).where(sweep.c.seen_until > moment, *_of(sweep, shards))
    put_aside = select(waiting.c.id).where(waiting.c.updated_at > moment, *_of(waiting, shards))
    for found in (listed, put_aside):
        if (await connection.execute(found.limit(1))).first() is not None:
            return True
    return False


def _of(table: Table, shards: Sequence[int]) -> list[ColumnElement[bool]]:
    return [] if len(shards) >= SHARDS else [table.c.shard.in_(list(shards))]
