"""Ids that we choose: some vendors let whoever writes a new record give it its number.

The number is then our reference. It is saved with the intent before the record is written, and no other open
create of that account holds it; so whoever finds the intent later looks at that one number, and knows the record
again by what was sent. A number that another program took meanwhile is given up; the next one is saved and tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.connectors.contract import LookUp, Row
from shared.flows.context import FlowContext
from shared.flows.desk import Desk
from shared.flows.spec import Side
from shared.model.normal import is_empty
from shared.model.record import Fields
from shared.store import index, intents
from shared.store.rows import Intent

# How many numbers are tried in one look: other writers take some meanwhile, and not hundreds.
TRIES: Final = 5
_KNOWN_BY: Final = "known"


def is_chosen(flow: FlowContext, side: Side) -> bool:
    return flow.resource(side).look_up is LookUp.CHOSEN_KEY


def scope(flow: FlowContext, side: Side) -> str:
    """Where a number is one record: the account and the kind of record."""
    return f"{flow.accounts[side].id}/{flow.resource_name(side)}"


async def choose(desk: Desk) -> str | None:
    """The id of the record that is about to be made; None where the vendor gives it."""
    flow, target = desk.flow, desk.look.side.other
    if not is_chosen(flow, target):
        return None
    held: Sequence[str] = await desk.read(lambda connection: intents.held_ids(connection, scope(flow, target)))
    return await flow.session(target).choose_key(flow.resource_name(target), held)


async def choose_again(desk: Desk, intent: Intent) -> Intent:
    """Give up a number that is somebody else's and save the next one. Raises Lost if it was chosen meanwhile."""
    key = await choose(desk)
    where = scope(desk.flow, desk.look.side.other)
    chosen: Intent = await desk.run(
        lambda connection: intents.change_id(connection, intent, scope=where, record_id=key or "")
    )
    return chosen


def reference(intent: Intent) -> str:
    """What the vendor's record will carry of us: its number where we chose it, else our reference."""
    return intent.target_id or intent.reference


def known_by(desk: Desk, fields: Mapping[str, Any]) -> dict[str, str]:
    """What was sent, as it may look after some time, by which a record is known again to be ours."""
    flow, target = desk.flow, desk.look.side.other
    if not is_chosen(flow, target):
        return {}
    resource = flow.resource(target)
    digest = flow.digester(resource.entity)
    return {f"{_KNOWN_BY}.{name}": digest(name, resource.worn(name, value)) for name, value in fields.items()}


def is_ours(desk: Desk, target: Side, row: Row, intent: Intent) -> bool:
    """Whether the record under the number that we chose is the one that was sent.

    It shows all that was sent; or it was edited since, and still shows the tax number or address that was sent.
    """
    flow = desk.flow
    resource = flow.resource(target)
    digest = flow.digester(resource.entity)
    sent = {
        name: value for name in resource.columns if (value := intent.sent.get(f"{_KNOWN_BY}.{name}")) is not None
    }
    same = {name for name, value in sent.items() if _shows(row.fields, name, digest, resource, value)}
    strong = set(resource.entity.strong_keys) & sent.keys()
    return same == sent.keys() or (bool(strong) and strong <= same)


def _shows(fields: Fields, name: str, digest: Any, resource: Any, value: str) -> bool:
    shown = fields.get(name)
    return not is_empty(shown) and digest(name, resource.worn(name, shown)) == value


async def look_up(desk: Desk, intent: Intent, fields: Fields) -> list[Row]:
    """The records that may be what an unanswered create made: by our reference, or by the number if it is ours."""
    flow, target = desk.flow, desk.look.side.other
    hits = await flow.session(target).by_reference(flow.resource_name(target), reference(intent), fields)
    if is_chosen(flow, target):
        hits = [hit for hit in hits if is_ours(desk, target, hit, intent)]
    return [hit for hit in hits if not hit.gone]


async def maker(desk: Desk) -> Intent | None:
    """The open create that chose the number of the record which is looked at; None if there is none."""
    flow, side, record_id = desk.flow, desk.look.side, desk.look.record_id
    if not is_chosen(flow, side):
        return None
    found: Intent | None = await desk.read(
        lambda connection: intents.by_chosen_id(connection, scope(flow, side), record_id)
    )
    return found


async def was_seen_as_sent(desk: Desk, intent: Intent) -> bool:
    """Whether the record that is looked at was listed with a key that was sent, before it was deleted."""
    flow, side, record_id = desk.flow, desk.look.side, desk.look.record_id
    account, resource = flow.accounts[side].id, flow.resource_name(side)
    known = await desk.read(lambda connection: index.seen(connection, account, resource, [record_id]))
    if record_id not in known:
        return False
    shown = known[record_id].fields
    strong = [name for name in flow.resource(side).entity.strong_keys if f"{side.value}.{name}" in intent.sent]
    return any(shown.get(name) == intent.sent[f"{side.value}.{name}"] for name in strong)
