"""Intents: a write is committed here before it is sent, and stays until its outcome is known.

`subject` is unique: one open create per source record, one open update per pair. A create also holds its strong
match keys, unique while it is open, so that the same client made on both sides at once meets itself and waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Row, Text, bindparam, delete, exists, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.model.change import SHARDS, shard_of
from shared.store import bindings, tables
from shared.store.rows import Binding, Intent, SideName
from shared.store.sql import among

_T = tables.intent
_K = tables.intent_key
_ID = "id:"
_UPDATE = "update/"


def create_subject(bridge_id: str, entity: str, role: str, side: SideName, source_id: str) -> str:
    return f"create/{bridge_id}/{entity}/{role}/{side}/{source_id}"


def update_subject(binding_id: str) -> str:
    return f"{_UPDATE}{binding_id}"


def update_subject_of(binding_id: ColumnElement[str]) -> ColumnElement[str]:
    """As `update_subject`, for a column."""
    return literal(_UPDATE, Text()).concat(binding_id)


_OPEN = insert(_T)
_HOLD = insert(_K)


async def open_intent(
    connection: AsyncConnection, intent: Intent, *, scope: str = "", keys: Mapping[str, str] | None = None
) -> None:
    """Save a new intent. Raises IntegrityError (Lost, outside) if one is open or a match key is held."""
    await connection.execute(_OPEN, [_values(intent)])
    if keys:
        await connection.execute(
            _HOLD,
            [
                {"scope": scope, "key_hash": f"{name}:{digest}", "intent_id": intent.id}
                for name, digest in keys.items()
            ],
        )


async def hold_id(connection: AsyncConnection, intent: Intent, *, scope: str) -> None:
    """Hold the id that was chosen for the new record. Raises IntegrityError (Lost, outside) if it is held."""
    await connection.execute(
        insert(_K).values(scope=scope, key_hash=f"{_ID}{intent.target_id}", intent_id=intent.id)
    )


async def held_ids(connection: AsyncConnection, scope: str) -> list[str]:
    """The ids that open creates have chosen."""
    rows = await connection.execute(
        select(_K.c.key_hash).where(_K.c.scope == scope, _K.c.key_hash.startswith(_ID, autoescape=True))
    )
    return [each.removeprefix(_ID) for each in rows.scalars()]


async def by_chosen_id(connection: AsyncConnection, scope: str, record_id: str) -> Intent | None:
    """The open create that has chosen this id."""
    row = (
        await connection.execute(
            select(_T)
            .join(_K, _K.c.intent_id == _T.c.id)
            .where(_K.c.scope == scope, _K.c.key_hash == f"{_ID}{record_id}")
        )
    ).first()
    return None if row is None else _intent(row)


async def change_id(connection: AsyncConnection, intent: Intent, *, scope: str, record_id: str) -> Intent:
    """Give up the id that was chosen and hold another. Raises Lost if the intent is not ours any more."""
    changed = await connection.execute(
        update(_T)
        .where(_T.c.id == intent.id, _T.c.version == intent.version, _T.c.owner == intent.owner)
        .values(target_id=record_id, version=intent.version + 1)
    )
    if changed.rowcount != 1:
        raise errors.Lost("Another process took this write over.")
    await connection.execute(delete(_K).where(_K.c.scope == scope, _K.c.key_hash == f"{_ID}{intent.target_id}"))
    chosen = replace(intent, target_id=record_id, version=intent.version + 1)
    await hold_id(connection, chosen, scope=scope)
    return chosen


async def by_subject(connection: AsyncConnection, subject: str) -> Intent | None:
    row = (await connection.execute(select(_T).where(_T.c.subject == subject))).first()
    return None if row is None else _intent(row)


_OF_SUBJECTS = select(_T).where(among(_T.c.subject, "subjects"))


async def by_subjects(connection: AsyncConnection, subjects: Sequence[str]) -> list[Intent]:
    rows = await connection.execute(_OF_SUBJECTS, {"subjects": subjects})
    return [_intent(row) for row in rows]


async def by_reference(connection: AsyncConnection, reference: str) -> Intent | None:
    row = (await connection.execute(select(_T).where(_T.c.reference == reference))).first()
    return None if row is None else _intent(row)


_HOLDER = (
    select(_T)
    .join(_K, _K.c.intent_id == _T.c.id)
    .where(_K.c.scope == bindparam("within"), among(_K.c.key_hash, "held"))
    .limit(1)
)


async def holder_of_keys(connection: AsyncConnection, scope: str, keys: Mapping[str, str]) -> Intent | None:
    """The open create that holds one of these match keys."""
    wanted = [f"{name}:{digest}" for name, digest in keys.items()]
    if not wanted:
        return None
    row = (await connection.execute(_HOLDER, {"within": scope, "held": wanted})).first()
    return None if row is None else _intent(row)


async def take_over(
    connection: AsyncConnection, intent: Intent, *, owner: str, now: datetime, deadline: datetime
) -> Intent:
    """Make an expired intent ours. Raises Lost if somebody else did."""
    changed = await connection.execute(
        update(_T)
        .where(_T.c.id == intent.id, _T.c.version == intent.version)
        .values(owner=owner, version=intent.version + 1, opened_at=now, deadline=deadline)
    )
    if changed.rowcount != 1:
        raise errors.Lost("Another process took this write over.")
    values = {name: getattr(intent, name) for name in _COLUMNS}
    values |= {"owner": owner, "version": intent.version + 1, "opened_at": now, "deadline": deadline}
    return Intent(**values, sent=intent.sent)


async def close(connection: AsyncConnection, intent: Intent) -> None:
    """Forget an intent whose outcome is known. Raises Lost if it is no longer the one that we hold."""
    gone = await connection.execute(
        delete(_T).where(_T.c.id == intent.id, _T.c.version == intent.version, _T.c.owner == intent.owner)
    )
    if gone.rowcount != 1:
        raise errors.Lost("Another process took this write over.")
    await connection.execute(delete(_K).where(_K.c.intent_id == intent.id))


_CLOSE = delete(_T).where(among(_T.c.id, "ids")).returning(_T.c.id, _T.c.version, _T.c.owner)
_FREE_KEYS = delete(_K).where(among(_K.c.intent_id, "ids"))


async def close_many(connection: AsyncConnection, intents: Sequence[Intent]) -> None:
    """As `close`, for several. Raises Lost if one of them is no longer the one that we hold, or is named twice."""
    if not intents:
        return
    rows = await connection.execute(_CLOSE, {"ids": [intent.id for intent in intents]})
    gone = sorted((row.id, row.version, row.owner) for row in rows)
    if gone != sorted((intent.id, intent.version, intent.owner) for intent in intents):
        raise errors.Lost("Another process took this write over.")
    creates = [intent.id for intent in intents if intent.kind == "create"]
    if creates:
        await connection.execute(_FREE_KEYS, {"ids": creates})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCreate:
    """Commits the intent of a create, with the match keys and the id that no other open create may hold.

    `scope` is where a match key is held once, `id_scope` where an id that we chose is.
    """

    intent: Intent
    scope: str
    keys: Mapping[str, str]
    id_scope: str

    reads: ClassVar[bool] = False

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence[OpenCreate]) -> Sequence[None]:
        # In one order, so that two processes that meet wait crosswise as rarely as can be.
        for unit in sorted(units, key=lambda each: each.intent.subject):
            await open_intent(connection, unit.intent, scope=unit.scope, keys=unit.keys)
            if unit.intent.target_id is not None:
                await hold_id(connection, unit.intent, scope=unit.id_scope)
        return [None] * len(units)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenUpdate:
    """Commits the intent of an update and moves its binding's version: whoever read the old one starts over.

    `held` is the intent that it replaces. `binding` and `intent` are None where a rig has switched them off.
    """

    held: Intent | None
    binding: Binding | None
    intent: Intent | None

    reads: ClassVar[bool] = False

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence[OpenUpdate]) -> Sequence[None]:
        await close_many(connection, [unit.held for unit in units if unit.held is not None])
        await bindings.move_many(connection, [unit.binding for unit in units if unit.binding is not None])
        opened = [unit.intent for unit in units if unit.intent is not None]
        if opened:
            await connection.execute(_OPEN, [_values(intent) for intent in opened])
        return [None] * len(units)


async def count_open(connection: AsyncConnection, workspace_id: str) -> int:
    """Writes whose outcome is not known, without the ones about which a person is asked."""
    wait = tables.waiting
    asked = exists().where(
        wait.c.flow_id == _T.c.flow_id,
        wait.c.record_id == _T.c.source_id,
        wait.c.needs_person,
    )
    statement = select(func.count()).select_from(_T).where(_T.c.workspace_id == workspace_id, ~asked)
    return (await connection.execute(statement)).scalar_one()


async def open_of(connection: AsyncConnection, flow_id: str, record_ids: list[str]) -> list[Intent]:
    """Open intents that touch one of these records, for a record's story."""
    rows = await connection.execute(
        select(_T).where(_T.c.flow_id == flow_id, _T.c.source_id.in_(record_ids) | _T.c.target_id.in_(record_ids))
    )
    return [_intent(row) for row in rows]


_COLUMNS = (
    "id",
    "workspace_id",
    "flow_id",
    "subject",
    "kind",
    "side",
    "source_id",
    "target_id",
    "reference",
    "owner",
    "version",
    "opened_at",
    "deadline",
)


def _values(intent: Intent) -> dict[str, Any]:
    values = {name: getattr(intent, name) for name in _COLUMNS}
    return values | {"sent": dict(intent.sent), "shard": shard_of(intent.workspace_id)}


def _intent(row: Row[Any]) -> Intent:
    return Intent(**{name: getattr(row, name) for name in _COLUMNS}, sent=row.sent)


async def overdue(
    connection: AsyncConnection, shards: Sequence[int], before: datetime, *, limit: int
) -> list[Intent]:
    """Intents whose deadline passed before this time, oldest first: nobody may be looking at their records."""
    condition = [_T.c.deadline < before]
    if len(shards) < SHARDS:
        condition.append(_T.c.shard.in_(list(shards)))
    rows = await connection.execute(select(_T).where(*condition).order_by(_T.c.deadline).limit(limit))
    return [_intent(row) for row in rows]
