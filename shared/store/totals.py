"""Totals over a whole installation, for metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """`outcomes` are those of attempts since the time that was asked for; `seen_until` is the oldest sweep's."""

    intents: int
    loads: int
    flows: Mapping[str, int]
    outcomes: Mapping[str, int]
    seen_until: datetime | None


async def read(connection: AsyncConnection, since: datetime) -> Totals:
    count = func.count()
    flow, load, attempt = tables.flow, tables.load, tables.attempt
    states = await connection.execute(select(flow.c.state, count).group_by(flow.c.state))
    outcomes = await connection.execute(
        select(attempt.c.outcome, count)
        .where(attempt.c.at >= since, attempt.c.day >= since.date())
        .group_by(attempt.c.outcome)
    )
    running = select(count).select_from(load).where(load.c.state == "running")
    return Totals(
        intents=(await connection.execute(select(count).select_from(tables.intent))).scalar_one(),
        loads=(await connection.execute(running)).scalar_one(),
        flows={row[0]: row[1] for row in states},
        outcomes={row[0]: row[1] for row in outcomes},
        seen_until=(await connection.execute(select(func.min(tables.sweep.c.seen_until)))).scalar_one(),
    )
