"""Sugester's clients."""

from services.sandbox.fields import REQUIRED, Kind, blank, wrapped
from services.sandbox.lists import delete_answer
from services.sandbox.storage import Fields, Record
from services.sandbox.sugester import common
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, int_of, invalid, json_answer

KINDS: dict[str, Kind] = {
    "name": "short",
    "shortcut": "short",
    "first_name": "short",
    "last_name": "short",
    "company": "flag",
    "kind": "short",
    "tax_no": "short",
    "register_number": "short",
    "external_id": "short",
    "email": "short",
    "phone": "short",
    "mobile_phone": "short",
    "fax": "short",
    "www": "short",
    "street": "short",
    "street_no": "short",
    "post_code": "short",
    "city": "short",
    "province": "short",
    "country": "short",
    "use_delivery_address": "flag",
    "delivery_address": "long",
    "bank": "short",
    "bank_account": "short",
    "bank_account_id": "int",
    "discount": "decimal",
    "payment_to_kind": "short",
    "note": "long",
    "description": "long",
    "position": "int",
    "status_id": "int",
    "category_id": "int",
    "department_id": "int",
    "project_id": "int",
    "contact_id": "int",
    "responsible_id": "int",
    "sensitive_data": "short",
    "origin": "short",
    "external_ids": "object",
    **common.SLOTS,
}

BLANK: Fields = {
    **{name: None for name in KINDS if name not in common.SLOTS},
    "company": True,
    "kind": "buyer",
    "use_delivery_address": False,
    "external_ids": {},
    "responsible_id": common.USER_ID,
    "creator_id": common.USER_ID,
    "updater_id": common.USER_ID,
    "token": None,
    "paid_from": None,
    "paid_to": None,
    "paid_total": None,
    "appendixes_count": 0,
    "posts_count": 0,
    "contacts_count": 0,
    "last_activity": None,
    "avatar_file_name": None,
    "avatar_content_type": None,
    "avatar_file_size": None,
    "avatar_updated_at": None,
}

HIDDEN = ("external_ids", "origin")
"""Stored, and not shown on read (`external_ids` by a switch)."""

NEVER_NULL: Fields = {"company": True, "kind": "buyer", "use_delivery_address": False}


def create(call: Call, given: Fields) -> Record:
    """Raises Refused(422). With `try_update` an existing client is changed instead."""
    if given.get("try_update"):
        present = _to_update(call, given)
        if present is not None:
            return update(call, present, given)
    fields = {**BLANK, **_read(call, given)}
    _check(call, fields, None)
    fields["token"] = call.world.new_secret()
    fields["shortcut"] = fields["shortcut"] or fields["name"]
    record = call.table("clients").insert(call.next_id("clients"), fields, call.now)
    common.quiet(call, given).raise_hooks("client:create", record)
    return record


def update(call: Call, record: Record, given: Fields) -> Record:
    """Raises Refused(422)."""
    changes = _read(call, given)
    if "external_ids" in changes:
        changes["external_ids"] = {
            **common.text_ids(record.fields["external_ids"]),
            **common.text_ids(changes["external_ids"]),
        }
    fields = {**record.fields, **changes}
    _check(call, fields, record)
    if fields == record.fields and not call.flag("unchanged_put_counts"):
        return record
    changed = call.table("clients").change(record, fields, call.now)
    common.quiet(call, given).raise_hooks("client:update", changed)
    return changed


def _read(call: Call, given: Fields) -> Fields:
    fields = common.read_known(call, KINDS, NEVER_NULL, given)
    if "external_ids" in fields:
        fields["external_ids"] = common.text_ids(fields["external_ids"])
    return fields


def _check(call: Call, fields: Fields, record: Record | None) -> None:
    if blank(fields["name"]) and not blank(fields["last_name"]):
        fields["name"] = f"{fields['first_name'] or ''} {fields['last_name']}".strip()
    if blank(fields["name"]):
        raise invalid(name=REQUIRED)
    if not call.flag("unique_clients"):
        return
    for name in ("email", "tax_no"):
        others = (r for r in call.table("clients").live() if record is None or r.id != record.id)
        if not blank(fields[name]) and any(other.fields[name] == fields[name] for other in others):
            raise invalid(**{name: "ya está en uso"})


def _to_update(call: Call, given: Fields) -> Record | None:
    how = call.choice("try_update_matches")
    if how == "external_ids_then_email":
        return by_external_ids(call, common.text_ids(given.get("external_ids"))) or by_field(call, "email", given)
    return by_field(call, "tax_no", given) if how == "tax_no" else None


def by_external_ids(call: Call, wanted: dict[str, str]) -> Record | None:
    return next((r for r in call.table("clients").live() if common.shares_id(r, wanted)), None)


def by_field(call: Call, name: str, given: Fields) -> Record | None:
    """A client with the same filled value."""
    value = str(given.get(name) or "").strip().casefold()
    if not value:
        return None
    same = (r for r in call.table("clients").live() if r.text(name).strip().casefold() == value)
    return next(same, None)


def show(call: Call, record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    shown = {name: value for name, value in record.fields.items() if name not in HIDDEN}
    if call.flag("external_ids_returned"):
        shown["external_ids"] = record.fields["external_ids"]
    times = common.times(record, created=created, updated=updated)
    return {"id": record.id, **shown, **common.marked(record), **times}


# Requests


def listed(call: Call) -> Answer:
    records = [r for r in common.rows(call, "clients") if _wanted(call, r)]
    return json_answer([show(call, r) for r in common.page(call, records)])


def _wanted(call: Call, record: Record) -> bool:
    if not call.flag("client_search"):
        return True
    external_id = call.filled("external_id")
    if external_id is not None and record.text("external_id") != external_id:
        return False
    return all(
        (call.filled(name) or "").casefold() in record.text(name).casefold()
        for name in ("name", "email", "tax_no")
    )


def read(call: Call) -> Answer:
    return json_answer(show(call, common.found(call, "clients")))


def created(call: Call) -> Answer:
    return common.create_answer(call, show(call, create(call, wrapped(call, "client")), created=True))


def updated(call: Call) -> Answer:
    record = common.found(call, "clients")
    return json_answer(show(call, update(call, record, wrapped(call, "client")), updated=True))


def deleted(call: Call) -> Answer:
    record = call.table("clients").delete(common.found(call, "clients"), call.now)
    call.raise_hooks("client:destroy", record)
    return delete_answer(call)


def touched(call: Call, client_id: object, count: str) -> None:
    """A post or a contact of a client counts there, and is an activity."""
    record = call.table("clients").get(int_of(client_id))
    if record is None:
        return
    counted = int_of(record.fields[count]) or 0
    changes: Fields = {count: counted + 1, "last_activity": call.now.isoformat(timespec="seconds")}
    moves = call.flag("activity_moves_updated_at")
    call.table("clients").change(record, changes, call.now, touch=moves)


ROUTES: tuple[Route, ...] = (
    Route(method="GET", template="/app/clients.json", action="list", handler=listed),
    Route(method="GET", template="/app/clients/{id}.json", action="read", handler=read),
    Route(method="POST", template="/app/clients.json", action="create", handler=created),
    Route(method="PUT", template="/app/clients/{id}.json", action="update", handler=updated),
    Route(method="PATCH", template="/app/clients/{id}.json", action="update", handler=updated),
    Route(method="DELETE", template="/app/clients/{id}.json", action="delete", handler=deleted),
)
