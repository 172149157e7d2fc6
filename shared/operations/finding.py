"""Finding a record by what a person types: its number, name, e-mail or tax number.

Names are looked up as keyed hashes, whole and as they are written; each system that can be searched is asked too.
Nothing that was typed is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared import errors
from shared.connectors.contract import Row
from shared.flows.context import FlowContext
from shared.flows.spec import Side
from shared.model.change import is_record_id
from shared.model.record import EntityType
from shared.runtime.parts import Parts
from shared.runtime.workspaces import Used
from shared.store import index

_KEYS: Final = ("name", "email", "tax_no", "phone", "number")
_MOST: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A record that fits. `title` is what its system shows for it now, "" if it was not asked."""

    account: str
    system: str
    resource: str
    record_id: str
    by: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found, and the systems that did not answer, with the reason."""

    hits: Sequence[Hit]
    problems: Sequence[str] = ()


async def search(parts: Parts, used: Used, text: str) -> Found:
    """Every record of a workspace that this may mean, at most twenty of each kind of record."""
    hits: dict[tuple[str, str, str], Hit] = {}
    problems: list[str] = []
    for flow in used.flows.values():
        for side in Side:
            for hit in await _in_end(parts, flow, side, text, problems):
                hits.setdefault((hit.account, hit.resource, hit.record_id), hit)
    return Found(hits=list(hits.values()), problems=list(dict.fromkeys(problems)))


async def _in_end(parts: Parts, flow: FlowContext, side: Side, text: str, problems: list[str]) -> list[Hit]:
    resource = flow.resource(side)
    ways: dict[str, str] = {record_id: by for by, record_id in await _indexed(parts, flow, side, text)}
    if is_record_id(text):
        ways.setdefault(text, "id")
    rows: dict[str, Row] = {}
    try:
        for name in sorted(resource.searchable & set(_KEYS)):
            for row in await flow.session(side).search(resource.name, name, text):
                if _fits(resource.entity, flow, name, row, text):
                    ways.setdefault(row.record_id, name)
                    rows[row.record_id] = row
        hits = []
        for record_id, by in list(ways.items())[:_MOST]:
            row_now = rows.get(record_id) or await flow.session(side).read(resource.name, record_id)
            if row_now is not None and not row_now.gone:
                hits.append(_hit(flow, side, record_id, by, _title(row_now)))
    except errors.PuenteError as problem:
        problems.append(f"{flow.spec.end(side).connector.title}: {problem.message}")
        return [_hit(flow, side, record_id, by, "") for record_id, by in ways.items() if by != "id"]
    return hits


def _hit(flow: FlowContext, side: Side, record_id: str, by: str, title: str) -> Hit:
    account = flow.accounts[side]
    return Hit(
        account=account.id,
        system=account.system,
        resource=flow.resource_name(side),
        record_id=record_id,
        by=by,
        title=title,
    )


async def _indexed(parts: Parts, flow: FlowContext, side: Side, text: str) -> list[tuple[str, str]]:
    """(key name, record id) of what the match index has under this text."""
    entity = flow.resource(side).entity
    digest = flow.digester(entity)

    async def unit(connection: Any) -> list[tuple[str, str]]:
        found = []
        for name in _KEYS:
            if name not in entity.fields:
                continue
            ids = await index.with_key(
                connection, flow.accounts[side].id, flow.resource_name(side), name, digest(name, text), limit=_MOST
            )
            found += [(name, each) for each in ids]
        return found

    return await parts.database.read(unit)


def _fits(entity: EntityType, flow: FlowContext, name: str, row: Row, text: str) -> bool:
    """A search of a vendor may answer anything: the hit is checked here."""
    digest = flow.digester(entity)
    value = row.fields.get(name)
    if value is None:
        return False
    return digest(name, value) == digest(name, text) or text.casefold() in str(value).casefold()


def _title(row: Row) -> str:
    for name in ("name", "number", "title"):
        value = row.fields.get(name)
        if value:
            return str(value)
    return ""
