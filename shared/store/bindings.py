"""Bindings: this record here is that record there. Unique per side; changed only by compare-and-set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store import tables
from shared.store.rows import Binding, BindingState, PairBase, SideBase, SideName
from shared.store.sql import among, chunks

_T = tables.binding


async def find(
    connection: AsyncConnection, bridge_id: str, entity: str, role: str, side: SideName, record_id: str
) -> Binding | None:
    found = await find_many(connection, bridge_id, entity, role, side, [record_id])
    return found.get(record_id)


async def find_many(
    connection: AsyncConnection, bridge_id: str, entity: str, role: str, side: SideName, record_ids: Sequence[str]
) -> dict[str, Binding]:
    """The bindings of these records of one side, by record id."""
    column = _T.c.left_id if side == "left" else _T.c.right_id
    found: dict[str, Binding] = {}
    for some in chunks(record_ids, 500):
        rows = await connection.execute(
            select(_T).where(
                _T.c.bridge_id == bridge_id, _T.c.entity == entity, _T.c.role == role, column.in_(some)
            )
        )
        found |= {binding.id_of(side): binding for binding in map(binding_of, rows)}
    return found


async def by_id(connection: AsyncConnection, binding_id: str) -> Binding | None:
    row = (await connection.execute(select(_T).where(_T.c.id == binding_id))).first()
    return None if row is None else binding_of(row)


async def page(
    connection: AsyncConnection, bridge_id: str, entity: str, role: str, *, after: str, limit: int
) -> list[Binding]:
    """Bindings in the order of their ids, for walks over all pairs."""
    rows = await connection.execute(
        select(_T)
        .where(_T.c.bridge_id == bridge_id, _T.c.entity == entity, _T.c.role == role, _T.c.id > after)
        .order_by(_T.c.id)
        .limit(limit)
    )
    return [binding_of(row) for row in rows]


async def count_active(connection: AsyncConnection, bridge_id: str, entity: str, role: str) -> int:
    query = select(func.count()).where(
        _T.c.bridge_id == bridge_id, _T.c.entity == entity, _T.c.role == role, _T.c.state == "active"
    )
    return (await connection.execute(query)).scalar_one()


async def count_by_state(connection: AsyncConnection, bridge_id: str, entity: str) -> dict[str, int]:
    rows = await connection.execute(
        select(_T.c.state, func.count())
        .where(_T.c.bridge_id == bridge_id, _T.c.entity == entity)
        .group_by(_T.c.state)
    )
    return {row[0]: row[1] for row in rows}


async def add(connection: AsyncConnection, binding: Binding) -> None:
    """Raises IntegrityError (Lost, outside) if either record is bound already."""
    await connection.execute(insert(_T).values(_values(binding)))


_ADD = insert(_T)


async def add_many(connection: AsyncConnection, rows: Sequence[Binding]) -> None:
    """As `add`, for several, always in the same order: two processes do not wait for each other crosswise."""
    if rows:
        ordered = sorted(rows, key=lambda row: (row.bridge_id, row.entity, row.role, row.left_id, row.right_id))
        await connection.execute(_ADD, [_values(row) for row in ordered])


async def save(
    connection: AsyncConnection,
    binding: Binding,
    *,
    expected: int,
    base: PairBase,
    now: datetime,
    state: BindingState | None = None,
) -> None:
    """Set the base (and state) if nobody else did since `expected`. Raises Lost."""
    changed = await connection.execute(
        update(_T)
        .where(_T.c.id == binding.id, _T.c.version == expected)
        .values(base=dump_base(base), state=state or binding.state, version=expected + 1, updated_at=now)
    )
    if changed.rowcount != 1:
        raise errors.Lost("Another process changed this pair first.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChange:
    """A binding's new base (and state), saved only if its version is still `expected`."""

    binding: Binding
    expected: int
    base: PairBase
    state: BindingState | None = None


_LOCK = select(_T.c.id, _T.c.version).where(among(_T.c.id, "ids")).order_by(_T.c.id).with_for_update()
_SAVE = (
    update(_T)
    .where(_T.c.id == bindparam("key"))
    .values(
        base=bindparam("new_base"),
        state=bindparam("new_state"),
        version=bindparam("new_version"),
        updated_at=bindparam("moment"),
    )
)
_locked = (
    select(_T.c.id, _T.c.version).where(among(_T.c.id, "ids")).order_by(_T.c.id).with_for_update().cte("locked")
)
_MOVE = update(_T).where(_T.c.id == _locked.c.id).values(version=_T.c.version + 1).returning(_T.c.id, _T.c.version)


async def save_many(connection: AsyncConnection, changes: Sequence[tuple[BaseChange, datetime]]) -> None:
    """As `save`, for several. Raises Lost if somebody else changed one of them, or if one is named twice."""
    if not changes:
        return
    ids = [change.binding.id for change, _ in changes]
    held = await connection.execute(_LOCK, {"ids": ids})
    _check(
        [(row.id, row.version) for row in held], [(change.binding.id, change.expected) for change, _ in changes]
    )
    rows = [
        {
            "key": change.binding.id,
            "new_base": dump_base(change.base),
            "new_state": change.state or change.binding.state,
            "new_version": change.expected + 1,
            "moment": now,
        }
        for change, now in changes
    ]
    await connection.execute(_SAVE, rows)


async def move_many(connection: AsyncConnection, rows: Sequence[Binding]) -> None:
    """Move the versions, and nothing else, so that whoever read an older one starts over. Raises Lost."""
    if rows:
        moved = await connection.execute(_MOVE, {"ids": [row.id for row in rows]})
        _check([(row.id, row.version - 1) for row in moved], [(row.id, row.version) for row in rows])


def _check(found: Sequence[tuple[str, int]], expected: Sequence[tuple[str, int]]) -> None:
    """Raises Lost if a binding has not the expected version, or is named twice.

    They were locked in the order of their ids, so that two processes do not wait for each other crosswise.
    """
    if sorted(found) != sorted(expected):
        raise errors.Lost("Another process changed this pair first.")


async def set_state(connection: AsyncConnection, binding_id: str, state: BindingState, now: datetime) -> None:
    """A person's word: no compare-and-set, but the version moves so that work in progress starts over."""
    await connection.execute(
        update(_T).where(_T.c.id == binding_id).values(state=state, version=_T.c.version + 1, updated_at=now)
    )


async def rejoin(
    connection: AsyncConnection, binding: Binding, *, left_id: str, right_id: str, now: datetime
) -> None:
    """A person's word: the pair is active, between these two records, and starts without a base.

    Raises Lost if another process changed the pair first, and (outside) if one of the records is in another pair.
    """
    changed = await connection.execute(
        update(_T)
        .where(_T.c.id == binding.id, _T.c.version == binding.version)
        .values(
            left_id=left_id,
            right_id=right_id,
            state="active",
            base=dump_base(PairBase(normaliser=0, map_version=0)),
            version=binding.version + 1,
            updated_at=now,
        )
    )
    if changed.rowcount != 1:
        raise errors.Lost("Another process changed this pair first.")


def dump_base(base: PairBase) -> dict[str, Any]:
    """The stored form: short keys, since there is one per pair."""
    return {
        "l": _dump_side(base.left),
        "r": _dump_side(base.right),
        "n": base.normaliser,
        "m": base.map_version,
        "w": [moment.isoformat() for moment in base.writes],
    }


def _dump_side(side: SideBase) -> dict[str, Any]:
    stored: dict[str, Any] = {"s": dict(side.shown)}
    if side.previous:
        stored["p"] = dict(side.previous)
    if side.written_at is not None:
        stored["w"] = side.written_at.isoformat()
    if side.ours and side.ours_until is not None:
        stored["o"] = {name: list(hashes) for name, hashes in side.ours.items()}
        stored["u"] = side.ours_until.isoformat()
    return stored


def load_base(stored: Mapping[str, Any]) -> PairBase:
    return PairBase(
        left=_load_side(stored.get("l", {})),
        right=_load_side(stored.get("r", {})),
        normaliser=stored.get("n", 0),
        map_version=stored.get("m", 0),
        writes=tuple(datetime.fromisoformat(moment) for moment in stored.get("w", ())),
    )


def _load_side(stored: Mapping[str, Any]) -> SideBase:
    return SideBase(
        shown=stored.get("s", {}),
        previous=stored.get("p", {}),
        written_at=datetime.fromisoformat(stored["w"]) if "w" in stored else None,
        ours=stored.get("o", {}),
        ours_until=datetime.fromisoformat(stored["u"]) if "u" in stored else None,
    )


def _values(binding: Binding) -> dict[str, Any]:
    return {
        "id": binding.id,
        "workspace_id": binding.workspace_id,
        "bridge_id": binding.bridge_id,
        "entity": binding.entity,
        "role": binding.role,
        "left_id": binding.left_id,
        "right_id": binding.right_id,
        "state": binding.state,
        "version": binding.version,
        "base": dump_base(binding.base),
        "reference": binding.reference,
        "created_at": binding.created_at,
        "updated_at": binding.updated_at,
    }


def binding_of(row: Row[Any]) -> Binding:
    return Binding(
        id=row.id,
        workspace_id=row.workspace_id,
        bridge_id=row.bridge_id,
        entity=row.entity,
        role=row.role,
        left_id=row.left_id,
        right_id=row.right_id,
        state=row.state,
        version=row.version,
        base=load_base(row.base),
        reference=row.reference,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
