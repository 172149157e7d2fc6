"""Clientify's webhooks: one slot for each entity, managed in v2, delivered without signature, time or id."""

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from services.sandbox.accounts import Account
from services.sandbox.clientify import companies, contacts
from services.sandbox.clientify.envelope import NO_CONTENT, Version, detail, hook_stamp, invalid, not_found, one
from services.sandbox.clientify.records import PARTS, parts_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, json_answer

if TYPE_CHECKING:
    from services.sandbox.world import World

EVENTS = {
    "contacts": "contact", "companies": "company", "deals": "deal", "tasks": "task", "budgets": "budget",
    "products": "product",
}  # fmt: skip
ENTITIES = tuple(EVENTS)
_HEAD = (
    "id", "first_name", "last_name", "status", "owner", "title", "company", "contact_type", "contact_source",
    "emails", "phones", "addresses", "websites", "tags", "deals", "related_tasks", "custom_fields",
    "taxpayer_identification_number", "created", "description", "remarks", "summary", "gdpr_accept",
    "lead_scoring",
)  # fmt: skip


# Bodies


def hook_wants(hook: Record, kind: str) -> bool:
    return EVENTS.get(hook.text("kind")) == kind.partition(".")[0]


def hooks_enabled(world: "World", account: Account) -> bool:
    return True


def body_of(world: "World", account: Account, hook: Record, kind: str, record: Record) -> Fields:
    call = Call(world=world, account=account, now=world.clock.now())
    entity, _, what = kind.partition(".")
    data = _data(call, entity, record)
    head: Fields = {"id": hook.id, "event": kind, "target": hook.text("url")}
    shape = call.choice("hook_shape")
    if shape == "hook_and_data":
        return {"hook": head, "data": data}
    if shape == "hook_and_contact":
        return {"hook": {"id": hook.id, "event": kind}, entity: data}
    if shape == "event_and_contact":
        return {"event": kind, entity: data}
    if shape == "event_and_data_contact":
        return {"event": kind, "data": {entity: data}}
    new = record.created_at == record.updated_at
    event = "deleted" if what == "deleted" else "created" if new else "updated"
    return {
        "event": f"{entity}.{event}",
        "timestamp": hook_stamp(call.now),
        "account_id": account.number,
        "user_id": contacts.USER_ID,
        "data": {entity: data, "changes": {}},
    }


def _data(call: Call, entity: str, record: Record) -> Fields:
    """The resource without `url` and `modified`, its parts without ids."""
    if entity == "contact":
        whole = contacts.show(call, record, "v1")
        data = {name: whole[name] for name in _HEAD}
    else:
        data = companies.show(call, record, "v1")
        del data["url"], data["modified"]
    for kind in PARTS:
        data[kind] = [
            {name: value for name, value in item.items() if name not in ("id", "unsubscribed")}
            for item in parts_of(record, kind)
        ]
    data["created"] = hook_stamp(record.created_at)
    return data


# Slots


def _slot(call: Call, entity: str) -> Record | None:
    return next((row for row in call.table("webhooks").live() if row.fields["kind"] == entity), None)


def _entity(call: Call) -> str:
    """Raises Refused(403, 404)."""
    if not call.flag("webhooks_allowed") and not call.owner:
        raise detail(403, "You do not have permission to perform this action.")
    entity = call.path["entity"]
    if entity not in ENTITIES:
        raise not_found()
    return entity


def save_in_panel(call: Call, given: Fields) -> Record:
    """A person puts a target into a slot, over whatever was there. Raises Refused(400)."""
    entity, target = str(given.get("kind")), str(given.get("url") or "")
    if entity not in ENTITIES:
        raise invalid(kind="Select a valid choice.")
    old = _slot(call, entity)
    if old is not None:
        call.table("webhooks").delete(old, call.now)
    fields: Fields = {"kind": entity, "url": target, "active": given.get("active") is not False, "headers": {}}
    return call.table("webhooks").insert(call.next_id("webhooks"), fields, call.now)


def _show(entity: str, row: Record | None) -> Fields:
    event = EVENTS[entity]
    return {
        "entity": entity,
        "target": row.text("url") if row else "",
        "is_active": bool(row and row.fields["active"]),
        "events": [f"{event}.saved", f"{event}.deleted"],
    }


def _target(call: Call) -> str:
    """Raises Refused(400)."""
    target = call.body.get("target")
    if not isinstance(target, str) or not _acceptable(target, private=call.flag("private_targets")):
        raise invalid(target="Enter a valid URL.")
    return target


def _acceptable(target: str, *, private: bool) -> bool:
    try:
        parts = urlsplit(target)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not host or parts.scheme not in ("http", "https"):
        return False
    if private:
        return True
    try:
        public = ipaddress.ip_address(host).is_global
    except ValueError:
        public = "." in host and not host.endswith((".local", ".internal", ".localhost"))
    return public and parts.scheme == "https"


def read(call: Call, version: Version) -> Answer:
    entity = _entity(call)
    return json_answer(_show(entity, _slot(call, entity)))


def created(call: Call, version: Version) -> Answer:
    entity, target = _entity(call), _target(call)
    if _slot(call, entity) is not None:
        raise detail(409, f"There is already a webhook for {entity}.")
    headers = call.body.get("headers")
    given = {str(k): str(v) for k, v in headers.items()} if isinstance(headers, dict) else {}
    fields: Fields = {"kind": entity, "url": target, "active": True, "headers": given}
    row = call.table("webhooks").insert(call.next_id("webhooks"), fields, call.now)
    shown = _show(entity, row)
    return json_answer({name: shown[name] for name in ("entity", "target", "is_active")}, 201)


def activated(call: Call, version: Version) -> Answer:
    entity = _entity(call)
    row = _slot(call, entity)
    if row is None:
        raise not_found()
    return json_answer(_show(entity, call.table("webhooks").change(row, {"active": True}, call.now)))


def deleted(call: Call, version: Version) -> Answer:
    row = _slot(call, _entity(call))
    if row is None:
        raise not_found()
    call.table("webhooks").delete(row, call.now)
    return NO_CONTENT


ROUTES: tuple[Route, ...] = (
    *one("v2", "GET", "/webhooks/{entity}/", "read", read),
    *one("v2", "POST", "/webhooks/{entity}/", "other", created),
    *one("v2", "POST", "/webhooks/{entity}/activate/", "update", activated),
    *one("v2", "DELETE", "/webhooks/{entity}/", "delete", deleted),
)
