"""PostgreSQL's statistics of the tables that a listing fills, made while they grow.

A process prepares a statement once and keeps its plan. What was planned while a table was empty reads all of it,
or all of one account, since nothing told otherwise; by itself PostgreSQL counts again after a minute or later, and
a first load puts thousands of records there meanwhile, read by each look-up. Statistics that are made anew also
make every process plan its statements anew.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables

_GROWING: Final = (tables.seen, tables.match_key, tables.binding, tables.intent, tables.intent_key)
# What waits for another process's ANALYZE or VACUUM is passed over: that one does the same.
_ANALYZE: Final = text(f"ANALYZE (SKIP_LOCKED) {', '.join(table.name for table in _GROWING)}")
# So few rows are read as fast as they are looked up.
_FEW: Final = 256


def are_due(before: int, after: int) -> bool:
    """Whether a listing that had met `before` records and has now met `after` may have doubled a table."""
    return after >= _FEW and after.bit_length() > before.bit_length()


async def refresh(connection: AsyncConnection) -> None:
    """Count the tables now. SQLite chooses an index by what it covers and needs none."""
    if connection.dialect.name == "postgresql":
        await connection.execute(_ANALYZE)
