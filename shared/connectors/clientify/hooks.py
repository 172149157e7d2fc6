"""What Clientify's hook bodies say. Pure, and tolerant of every shape that was recorded or documented.

One slot an entity sends both of its events; the body names which. The record is found under `data`, under the
entity's name, or under both; it has no time of change, so only its id is taken. Nothing is signed: the address,
which holds the token, is the only secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shared import errors
from shared.connectors import hooks
from shared.connectors.contract import CanaryBody, HookKind, HookRules, Told
from shared.connectors.hooks import BadBody, Json

RULES: Final = HookRules(
    kinds={"contacts": HookKind(resource="contacts")},
    one_slot=True,
    canary=CanaryBody(kind="contacts", body=lambda record_id: {"data": {"id": record_id}}),
)

_ENTITY: Final = {"contacts": "contact"}


def changes_in(hook_kind: str, body: bytes) -> Sequence[Told]:
    """The record that a body names. Raises Rejected for a body of another entity, or without an id."""
    rule = RULES.kinds.get(hook_kind)
    if rule is None:
        raise errors.Rejected(f"Clientify has no hook kind {hook_kind[:40]!r}.", field="hook kind")
    entity = _ENTITY[hook_kind]
    whole = hooks.object_in(body)
    what = _event(whole)
    if what and what.partition(".")[0] != entity:
        raise BadBody("The body is about another entity than its slot.", field="event")
    record = _record(whole, entity)
    record_id = hooks.record_id_in(record.get("id"), "id")
    return [Told(resource=rule.resource, record_id=record_id, deletion=what == f"{entity}.deleted")]


def _event(whole: dict[str, Json]) -> str:
    """The event that a body names, "" for none. The one at the top stands above the hook's own."""
    head = whole.get("hook")
    for given in (whole.get("event"), head.get("event") if isinstance(head, dict) else None):
        if isinstance(given, str) and given.strip():
            return given.strip().lower()
    return ""


def _record(whole: dict[str, Json], entity: str) -> dict[str, Json]:
    data = whole.get("data")
    inner = data.get(entity) if isinstance(data, dict) else None
    for given in (inner, whole.get(entity), data):
        if isinstance(given, dict):
            return given
    raise BadBody("The body names no record.", field="data")
