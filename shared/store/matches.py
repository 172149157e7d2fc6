"""The match report: what was found for each record before a flow writes anything, and what a person decided.

Findings hold ids and reasons, never values. A record of one side is chosen by at most one record of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store import tables
from shared.store.rows import SideName
from shared.store.sql import chunks, upsert

_T = tables.match_decision
_R = tables.match_report

FindingName = Literal["exact", "probable", "ambiguous", "new", "not yet"]
Decision = Literal[
    "open",  # nobody has decided: the engine matches, and asks where it is not certain
    "bind",  # join it with the chosen record
    "new",  # it has no counterpart: one is made
    "apart",  # it stays alone: none is made
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found for one record. `candidates` are ids of the other side, the likeliest first."""

    flow_id: str
    side: SideName
    record_id: str
    finding: FindingName
    candidates: Sequence[str] = ()
    why: str = ""
    decision: Decision = "open"
    chosen_id: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The report of a flow as it was made; `counts` is keyed `side/finding`."""

    flow_id: str
    counts: Mapping[str, int]
    made_at: datetime
    approved_at: datetime | None = None
    approved_by: str | None = None


async def put(connection: AsyncConnection, findings: Sequence[Finding]) -> None:
    """Save what was found now. What a person decided about one of these records before stands."""
    for some in chunks(findings, 500):
        await upsert(
            connection,
            _T,
            [{name: getattr(each, name) for name in _COLUMNS} | _lists(each) for each in some],
            update=["finding", "candidates", "why"],
        )


async def start(connection: AsyncConnection, flow_id: str) -> None:
    """Begin a report anew: what nobody decided is forgotten, and so is the approval."""
    await connection.execute(delete(_T).where(_T.c.flow_id == flow_id, _T.c.decision == "open"))
    await connection.execute(delete(_R).where(_R.c.flow_id == flow_id))


async def finish(connection: AsyncConnection, flow_id: str, now: datetime) -> Report:
    """Save the report's counts, from the findings that are there."""
    counts = {f"{side}/{finding}": many for (side, finding), many in (await counted(connection, flow_id)).items()}
    row = {"flow_id": flow_id, "counts": counts, "made_at": now, "approved_at": None, "approved_by": None}
    await upsert(connection, _R, [row])
    return Report(flow_id=flow_id, counts=counts, made_at=now)


async def report(connection: AsyncConnection, flow_id: str) -> Report | None:
    row = (await connection.execute(select(_R).where(_R.c.flow_id == flow_id))).first()
    if row is None:
        return None
    return Report(
        flow_id=row.flow_id,
        counts=row.counts,
        made_at=row.made_at,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
    )


async def approve(connection: AsyncConnection, flow_id: str, *, actor: str, now: datetime) -> None:
    """Raises Lost if there is no report or somebody approved it already."""
    changed = await connection.execute(
        update(_R)
        .where(_R.c.flow_id == flow_id, _R.c.approved_at.is_(None))
        .values(approved_at=now, approved_by=actor)
    )
    if changed.rowcount != 1:
        raise errors.Lost("There is no report of this flow that waits for approval.")


async def counted(
    connection: AsyncConnection, flow_id: str, *, decision: Decision | None = None
) -> dict[tuple[SideName, FindingName], int]:
    """How many findings there are, by (side, finding)."""
    statement = (
        select(_T.c.side, _T.c.finding, func.count())
        .where(_T.c.flow_id == flow_id)
        .group_by(_T.c.side, _T.c.finding)
    )
    if decision is not None:
        statement = statement.where(_T.c.decision == decision)
    rows = await connection.execute(statement)
    return {(row[0], row[1]): row[2] for row in rows}


async def page(
    connection: AsyncConnection,
    flow_id: str,
    *,
    finding: FindingName | None = None,
    side: SideName | None = None,
    decision: Decision | None = None,
    after: tuple[str, str] = ("", ""),
    limit: int = 100,
) -> list[Finding]:
    """Findings in the order (side, record id), from behind `after`, which is that pair of the last one shown."""
    condition: list[ColumnElement[bool]] = [_T.c.flow_id == flow_id, _behind(after)]
    for column, wanted in ((_T.c.finding, finding), (_T.c.side, side), (_T.c.decision, decision)):
        if wanted is not None:
            condition.append(column == wanted)
    rows = await connection.execute(select(_T).where(*condition).order_by(_T.c.side, _T.c.record_id).limit(limit))
    return [_finding(row) for row in rows]


_of_side = (_T.c.flow_id == bindparam("of_flow"), _T.c.side == bindparam("of_side"))
_OWN = select(_T).where(*_of_side, _T.c.record_id == bindparam("of_record"))
_CHOSEN = select(_T).where(*_of_side, _T.c.chosen_id == bindparam("of_record"))


async def decision(connection: AsyncConnection, flow_id: str, side: SideName, record_id: str) -> Finding | None:
    """What is known of this record: its own finding, or that a record of the other side was joined with it.

    In the second case the answer is seen from this record: its `chosen_id` is the other side's record.
    """
    own = await _one(connection, flow_id, side, record_id)
    if own is not None and own.decision != "open":
        return own
    other: SideName = "right" if side == "left" else "left"
    row = (
        await connection.execute(_CHOSEN, {"of_flow": flow_id, "of_side": other, "of_record": record_id})
    ).first()
    if row is None:
        return own
    choice = _finding(row)
    return replace(
        choice, side=side, record_id=record_id, chosen_id=choice.record_id, candidates=(choice.record_id,)
    )


async def decide(
    connection: AsyncConnection,
    flow_id: str,
    side: SideName,
    record_id: str,
    decision: Decision,
    *,
    chosen_id: str | None = None,
    actor: str,
    now: datetime,
) -> Finding:
    """A person's word about one record, in the report or not.

    Raises Rejected where "bind" names no record, and Lost where the chosen one is joined with another already.
    """
    if (decision == "bind") != bool(chosen_id):
        raise errors.Rejected(
            "Joining needs the id of the record to join with, and nothing else does.", field="chosen_id"
        )
    found = await _one(connection, flow_id, side, record_id)
    if found is None:
        found = Finding(flow_id=flow_id, side=side, record_id=record_id, finding="ambiguous")
    if chosen_id:
        await _check_free(connection, found, chosen_id)
    decided = replace(found, decision=decision, chosen_id=chosen_id, decided_by=actor, decided_at=now)
    values = {name: getattr(decided, name) for name in _COLUMNS} | _lists(decided)
    # A chosen record that was taken meanwhile breaks the unique constraint: Lost, outside.
    await upsert(connection, _T, [values], update=["decision", "chosen_id", "decided_by", "decided_at"])
    return decided


async def decide_all(
    connection: AsyncConnection,
    flow_id: str,
    finding: FindingName,
    decision: Decision,
    *,
    side: SideName | None = None,
    actor: str,
    now: datetime,
) -> int:
    """Decide all open findings of one sort and return how many were. "bind" takes those whose one candidate is
    free and wanted by nobody else; the others stay open."""
    if finding not in get_args(FindingName):
        raise errors.Rejected(f"There is no finding {finding!r}.", field="finding")
    if decision == "bind":
        return await _bind_all(connection, flow_id, finding, side=side, actor=actor, now=now)
    statement = update(_T).where(_T.c.flow_id == flow_id, _T.c.finding == finding, _T.c.decision == "open")
    if side is not None:
        statement = statement.where(_T.c.side == side)
    values = {"decision": decision, "decided_by": actor, "decided_at": now}
    return (await connection.execute(statement.values(**values))).rowcount


async def _bind_all(
    connection: AsyncConnection,
    flow_id: str,
    finding: FindingName,
    *,
    side: SideName | None,
    actor: str,
    now: datetime,
) -> int:
    taken = await _taken(connection, flow_id)
    rows: list[dict[str, Any]] = []
    after = ("", "")
    while some := await page(
        connection, flow_id, finding=finding, side=side, decision="open", after=after, limit=500
    ):
        after = (some[-1].side, some[-1].record_id)
        for each in some:
            pair = _pair(each.side, each.record_id, each.candidates[0]) if len(each.candidates) == 1 else None
            if pair is None or any(end in taken for end in pair):
                continue
            taken.update(pair)
            decided = replace(
                each, decision="bind", chosen_id=each.candidates[0], decided_by=actor, decided_at=now
            )
            rows.append({name: getattr(decided, name) for name in _COLUMNS} | _lists(decided))
    for part in chunks(rows, 500):
        await upsert(connection, _T, part, update=["decision", "chosen_id", "decided_by", "decided_at"])
    return len(rows)


async def _taken(connection: AsyncConnection, flow_id: str) -> set[tuple[str, str]]:
    """Every (side, record id) that a decision has joined already."""
    rows = await connection.execute(
        select(_T.c.side, _T.c.record_id, _T.c.chosen_id).where(
            _T.c.flow_id == flow_id, _T.c.decision == "bind", _T.c.chosen_id.is_not(None)
        )
    )
    return {end for side, record_id, chosen in rows for end in _pair(side, record_id, chosen)}


def _pair(side: str, record_id: str, other_id: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (side, record_id), ("right" if side == "left" else "left", other_id)


async def _check_free(connection: AsyncConnection, found: Finding, chosen_id: str) -> None:
    """Raises Lost if either record is joined with a third, by a decision made from either side."""
    other: SideName = "right" if found.side == "left" else "left"
    row = (
        await connection.execute(
            select(_T).where(
                _T.c.flow_id == found.flow_id,
                _T.c.decision == "bind",
                ((_T.c.side == found.side) & (_T.c.chosen_id == chosen_id) & (_T.c.record_id != found.record_id))
                | ((_T.c.side == other) & (_T.c.record_id == chosen_id) & (_T.c.chosen_id != found.record_id))
                | ((_T.c.side == other) & (_T.c.chosen_id == found.record_id) & (_T.c.record_id != chosen_id)),
            )
        )
    ).first()
    if row is not None:
        raise errors.Lost(f"{row.record_id} was joined with {row.chosen_id} already. Decide that one anew first.")


async def _one(connection: AsyncConnection, flow_id: str, side: SideName, record_id: str) -> Finding | None:
    row = (await connection.execute(_OWN, {"of_flow": flow_id, "of_side": side, "of_record": record_id})).first()
    return None if row is None else _finding(row)


def _behind(after: tuple[str, str]) -> ColumnElement[bool]:
    side, record_id = after
    return (_T.c.side > side) | ((_T.c.side == side) & (_T.c.record_id > record_id))


def _lists(finding: Finding) -> dict[str, Any]:
    return {"candidates": list(finding.candidates)}


_COLUMNS = (
    "flow_id",
    "side",
    "record_id",
    "finding",
    "candidates",
    "why",
    "decision",
    "chosen_id",
    "decided_by",
    "decided_at",
)


def _finding(row: Row[Any]) -> Finding:
    return Finding(**{name: getattr(row, name) for name in _COLUMNS})
