"""The id field: where one side shows the number that the other side gave the record.

A binding is what the engine goes by; the field is for people, for other programs, and for finding a counterpart
again. It is filled on every pair, it is searched first, and it is no edit: a number that is not the binding's goes
to a person. A vendor that does not show what was written there has lost the field: it is made again, everything is
listed, and the listing fills it from the bindings. Until that listing is through nothing is created.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

import structlog

from shared import errors
from shared.connectors.contract import Row
from shared.flows.context import FlowContext
from shared.flows.desk import Desk, Waits
from shared.flows.merge import Decision, Why
from shared.flows.spec import IdField, Side
from shared.model.normal import is_empty
from shared.model.record import Fields, Value
from shared.store import marks, sweeps
from shared.store.marks import Mark
from shared.store.rows import Binding, Sweep

_log = structlog.get_logger("puente.sync")
_LOOK_AGAIN: Final = timedelta(seconds=1)

KEY = "the number"
"""How a candidate's agreement in the id field is named."""


def shown(flow: FlowContext, side: Side, fields: Fields) -> str | None:
    """What a record shows in the id field, "" if nothing; None where it has none to show."""
    field = flow.id_field
    if field is None or field.side is not side or field.name not in fields:
        return None
    return plain(fields[field.name])


def plain(value: Value) -> str:
    """An id as text; leading zeros of a number do not count."""
    text = "" if is_empty(value) else str(value).strip()
    return (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else text


def is_off(flow: FlowContext, side: Side, row: Row, binding: Binding) -> bool:
    """Whether the id field of a bound record is empty or says something else than the binding."""
    said = shown(flow, side, row.fields)
    return said is not None and said != plain(binding.id_of(side.other.value))


def decisions(
    desk: Desk, binding: Binding, rows: Mapping[Side, Row], doubt: frozenset[Side]
) -> Sequence[Decision]:
    """The write that fills the id field, if it is wanted. Raises Waits where the field contradicts the binding."""
    flow, field = desk.flow, desk.flow.id_field
    if field is None or field.side not in rows or not is_off(flow, field.side, rows[field.side], binding):
        return ()
    ours = binding.id_of(field.side.other.value)
    digest = flow.digester(flow.resource(field.side).entity)
    written = binding.base.of(field.side.value).shown.get(field.name) == digest(field.name, ours)
    if field.side in doubt and written:
        return ()  # it was written moments ago, and this read may be from before
    said = shown(flow, field.side, rows[field.side].fields)
    if said and not desk.person_insists:
        title, other = flow.spec.end(field.side).connector.title, flow.spec.end(field.side.other).connector.title
        raise Waits(
            "other id",
            f"{title} {binding.id_of(field.side.value)} shows the number {said}, and it is joined with {other} "
            f"{ours}. Correct the number at {title}, or retry to have {ours} written there again.",
            candidates=[said],
        )
    return (Decision(name=field.name, why=Why.NUMBER, to=field.side, value=ours),)


def nobody_has(desk: Desk, fields: Fields) -> Waits | None:
    """The question to a person when an unbound record shows a number that the other side has not got."""
    flow, side = desk.flow, desk.look.side
    said = shown(flow, side, fields)
    if not said:
        return None
    title, other = flow.spec.end(side).connector.title, flow.spec.end(side.other).connector.title
    return Waits(
        "other id",
        f"It shows the number {said}, and {other} has no such record: perhaps it was deleted there. Empty the "
        f"number at {title}, or correct it; or decide that it is new or stays alone.",
    )


def is_lost(flow: FlowContext, side: Side, sent: Fields, answer: Row) -> bool:
    """Whether the vendor took a number and does not show it: the field is not there any more."""
    field = flow.id_field
    return (
        field is not None
        and field.side is side
        and not is_empty(sent.get(field.name))
        and shown(flow, side, answer.fields) == ""
    )


async def make_again(desk: Desk) -> None:
    """Have the vendor's field made, and everything listed: the listing fills it, and creating waits for it.

    Raises NeedsOperator where the vendor has no such field and does not let us make it.
    """
    flow, field = desk.flow, _field(desk.flow)
    account, resource = flow.accounts[field.side].id, flow.resource_name(field.side)
    found = await flow.session(field.side).ensure_field(resource, field.name)
    if not found.usable:
        raise errors.NeedsOperator(found.says.en, way_out=found.way_out.en if found.way_out is not None else "")
    _log.warning("field.lost", account=account, field=found.name, state=found.state)
    facts = {"field": found.name}
    mark = Mark(kind="field lost", workspace_id=flow.workspace.id, subject=account, at=desk.now, facts=facts)
    await desk.run(lambda connection: marks.put(connection, mark))
    if not await _is_being_filled(desk):
        now = desk.now
        await desk.run(
            lambda connection: sweeps.request(connection, account, resource, now=now, full=True, gap=True)
        )


async def is_filled(desk: Desk) -> None:
    """Raises Waits while the field is being filled again: until then nothing is found by its number."""
    if desk.flow.id_field is not None and await _is_being_filled(desk):
        raise being_filled(desk)


def being_filled(desk: Desk) -> Waits:
    """Nothing is made until the field is there and filled."""
    title = desk.flow.spec.end(_field(desk.flow).side).connector.title
    says = f"The field for the number was lost at {title} and is being filled again."
    return Waits("index", says, until=desk.now + _LOOK_AGAIN)


async def _is_being_filled(desk: Desk) -> bool:
    flow, field = desk.flow, _field(desk.flow)
    account, resource = flow.accounts[field.side].id, flow.resource_name(field.side)
    row: Sweep | None = await desk.read(lambda connection: sweeps.find(connection, account, resource))
    if row is None or row.gap_at is None:
        return False
    return row.seen_until is None or row.seen_until < row.gap_at


def _field(flow: FlowContext) -> IdField:
    field = flow.id_field
    assert field is not None  # noqa: S101 - the caller found a number in it
    return field
