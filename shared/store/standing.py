"""How one record stands in one flow: what waits for it, what it is bound to, and which writes are under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import bindings, intents, tables, waiting
from shared.store.rows import Binding, Intent, SideName, Waiting
from shared.store.sql import any_of, key_values, padded

_B, _W = tables.binding, tables.waiting
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
    """Asks for the standing of a record; that of many records is told by the same four statements."""

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
        waits = await _waiting(connection, units)
        pairs = await _bindings(connection, units)
        bound = [pairs.get((unit.side, unit.binding_key)) for unit in units]
        subjects = [unit.subjects(binding) for unit, binding in zip(units, bound, strict=True)]
        found = await intents.by_subjects(connection, padded([name for names in subjects for name in names]))
        under_way = {intent.subject: intent for intent in found}
        return [
            Standing(
                waiting=waits.get(unit.waiting_key),
                binding=binding,
                intents=[under_way[name] for name in names if name in under_way],
            )
            for unit, binding, names in zip(units, bound, subjects, strict=True)
        ]


async def _waiting(connection: AsyncConnection, units: Sequence[LookUp]) -> dict[_Key, Waiting]:
    keys = padded([unit.waiting_key for unit in units])
    rows = await connection.execute(_waiting_of(len(keys)), key_values(keys))
    return {waiting.place(row): row for row in map(waiting.waiting_of, rows)}


async def _bindings(connection: AsyncConnection, units: Sequence[LookUp]) -> dict[tuple[SideName, _Key], Binding]:
    found: dict[tuple[SideName, _Key], Binding] = {}
    for side in _SIDES:
        keys = padded([unit.binding_key for unit in units if unit.side == side])
        if keys:
            rows = await connection.execute(_bindings_of(side, len(keys)), key_values(keys))
            for pair in map(bindings.binding_of, rows):
                found[side, (pair.bridge_id, pair.entity, pair.role, pair.id_of(side))] = pair
    return found


@lru_cache
def _waiting_of(size: int) -> Select[Any]:
    return select(_W).where(any_of((_W.c.flow_id, _W.c.account_id, _W.c.resource, _W.c.record_id), size))


@lru_cache
def _bindings_of(side: SideName, size: int) -> Select[Any]:
    record_id = _B.c.left_id if side == "left" else _B.c.right_id
    return select(_B).where(any_of((_B.c.bridge_id, _B.c.entity, _B.c.role, record_id), size))
