"""How one record stands in one flow: what waits for it, what it is bound to, and which writes are under way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import bindings, intents, tables, waiting
from shared.store.rows import Binding, Intent, SideName, Waiting
from shared.store.sql import given, rows_of

_B, _I, _W = tables.binding, tables.intent, tables.waiting
_SIDES: tuple[SideName, ...] = ("left", "right")
_Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`intents` are the open update of the pair and the open create of the record."""

    waiting: Waiting | None
    binding: Binding | None
    intents: Sequence[Intent]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """Asks for the standing of a record; that of many records is told by one statement for each side."""

    flow_id: str
    account_id: str
    resource: str
    record_id: str
    bridge_id: str
    entity: str
    role: str
    side: SideName

    reads: ClassVar[bool] = True

    @property
    def waiting_key(self) -> _Key:
        return (self.flow_id, self.account_id, self.resource, self.record_id)

    @property
    def binding_key(self) -> _Key:
        return (self.bridge_id, self.entity, self.role, self.record_id)

    def subjects(self, binding: Binding | None) -> list[str]:
        """Of the intents that may be open: a create of this record's counterpart, an update of its pair."""
        create = intents.create_subject(self.bridge_id, self.entity, self.role, self.side, self.record_id)
        return [create] if binding is None else [create, intents.update_subject(binding.id)]

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence[LookUp]) -> Sequence[Standing]:
        found: dict[int, Standing] = {}
        for side in _SIDES:
            asked = {at: unit for at, unit in enumerate(units) if unit.side == side}
            if asked:
                found |= await _standing(connection, side, asked)
        return [found[at] for at in range(len(units))]


async def _standing(
    connection: AsyncConnection, side: SideName, units: Mapping[int, LookUp]
) -> dict[int, Standing]:
    """How these records of one side stand. What waits or is under way is rare, and read apart where it is met."""
    given_rows = [
        (str(at), *unit.waiting_key, unit.bridge_id, unit.entity, unit.role, unit.subjects(None)[0])
        for at, unit in units.items()
    ]
    rows = (await connection.execute(_LOOK_UP[side], {"given": rows_of(given_rows)})).all()
    waits = await waiting.by_ids(connection, [row.waiting_id for row in rows if row.waiting_id is not None])
    subjects = {subject for row in rows for subject in (row.create, row.update) if subject is not None}
    under_way = (
        {each.subject: each for each in await intents.by_subjects(connection, sorted(subjects))}
        if subjects
        else {}
    )
    standing: dict[int, Standing] = {}
    for row in rows:
        standing[int(row.at)] = Standing(
            waiting=waits.get(row.waiting_id),
            binding=bindings.binding_of(row) if row.id is not None else None,
            intents=[under_way[subject] for subject in (row.create, row.update) if subject in under_way],
        )
    return standing


def _look_up(side: SideName) -> Select[Any]:
    """What is rare is asked for each row by itself, through its unique index.

    To join with it PostgreSQL would read all of that index, since it is told that there are few such rows; and it
    holds an entry for every one that was deleted since the last vacuum.
    """
    asked = given("at", "flow_id", "account_id", "resource", "record_id", "bridge_id", "entity", "role", "subject")
    own_id = _B.c.left_id if side == "left" else _B.c.right_id
    waits = (
        select(_W.c.id)
        .where(
            _W.c.flow_id == asked.c.flow_id,
            _W.c.account_id == asked.c.account_id,
            _W.c.resource == asked.c.resource,
            _W.c.record_id == asked.c.record_id,
        )
        .scalar_subquery()
    )
    bound = and_(
        _B.c.bridge_id == asked.c.bridge_id,
        _B.c.entity == asked.c.entity,
        _B.c.role == asked.c.role,
        own_id == asked.c.record_id,
    )
    return select(
        asked.c.at,
        waits.label("waiting_id"),
        _open(asked.c.subject).label("create"),
        _open(intents.update_subject_of(_B.c.id)).label("update"),
        _B,
    ).select_from(asked.outerjoin(_B, bound))


def _open(subject: ColumnElement[str]) -> ScalarSelect[str]:
    """The subject, if an intent of it is open."""
    return select(_I.c.subject).where(_I.c.subject == subject).scalar_subquery()


_LOOK_UP: Mapping[SideName, Select[Any]] = {side: _look_up(side) for side in _SIDES}
