"""Sugester's deals, which its Spanish pages call Asuntos."""

from services.sandbox.fields import NOT_RIGHT, REQUIRED, Kind, blank, wrapped
from services.sandbox.lists import delete_answer
from services.sandbox.storage import Fields, Record
from services.sandbox.sugester import clients, common
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, int_of, invalid, json_answer

DOCUMENT_FIELDS = ("invoice_no", "currency", "date", "paid", "status", "kind")
"""What an invoicing product sends along; whether it is shown on read is not known."""

KINDS: dict[str, Kind] = {
    "name": "short",
    "description": "long",
    "price": "decimal",
    "client_id": "int",
    "status_id": "int",
    "url": "long",
    "responsible_id": "int",
    "category_id": "int",
    "department_id": "int",
    "origin": "short",
    "external_ids": "object",
    "currency": "short",
    "paid": "flag",
    "status": "short",
    "date": "date",
    "invoice_no": "short",
    "kind": "short",
    **common.SLOTS,
}

BLANK: Fields = {
    **{name: None for name in KINDS if name not in common.SLOTS},
    "external_ids": {},
    "responsible_id": common.USER_ID,
    "creator_id": common.USER_ID,
    "updater_id": common.USER_ID,
}
HIDDEN = ("external_ids", "origin", *DOCUMENT_FIELDS)


def create(call: Call, given: Fields) -> Record:
    """Raises Refused(422). By default the same `external_ids` twice make two deals."""
    wanted = common.text_ids(given.get("external_ids"))
    if call.flag("deals_matched_by_external_ids"):
        present = by_external_ids(call, wanted)
        if present is not None:
            return update(call, present, given)
    fields = {**BLANK, **_read(call, given)}
    _check(call, fields)
    record = call.table("deals").insert(call.next_id("deals"), fields, call.now)
    common.quiet(call, given).raise_hooks("deal:create", record)
    return record


def update(call: Call, record: Record, given: Fields) -> Record:
    """Raises Refused(422)."""
    fields = {**record.fields, **_read(call, given)}
    _check(call, fields)
    if fields == record.fields and not call.flag("unchanged_put_counts"):
        return record
    changed = call.table("deals").change(record, fields, call.now)
    common.quiet(call, given).raise_hooks("deal:update", changed)
    return changed


def _read(call: Call, given: Fields) -> Fields:
    fields = common.read_known(call, KINDS, {}, given)
    if "external_ids" in fields:
        fields["external_ids"] = common.text_ids(fields["external_ids"])
    nested = given.get("client")
    if isinstance(nested, dict) and fields.get("client_id") is None:
        if blank(fields.get("name", "-")):
            raise invalid(name=REQUIRED)
        fields["client_id"] = linked_client(call, nested).id
    return fields


def linked_client(call: Call, nested: Fields) -> Record:
    """The client with one of the nested `external_ids`, else a new one."""
    present = clients.by_external_ids(call, common.text_ids(nested.get("external_ids")))
    return present or clients.create(call, nested)


def _check(call: Call, fields: Fields) -> None:
    if blank(fields["name"]):
        raise invalid(name=REQUIRED)
    for name, resource in (("client_id", "clients"), ("status_id", "statuses")):
        given = fields[name]
        if given is not None and call.table(resource).get(int_of(given)) is None:
            raise invalid(**{name: NOT_RIGHT})


def by_external_ids(call: Call, wanted: dict[str, str]) -> Record | None:
    return next((r for r in call.table("deals").live() if common.shares_id(r, wanted)), None)


def show(call: Call, record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    shown = {name: value for name, value in record.fields.items() if name not in HIDDEN}
    if call.flag("deal_document_fields"):
        shown.update({name: record.fields[name] for name in DOCUMENT_FIELDS})
    if call.flag("external_ids_returned"):
        shown["external_ids"] = record.fields["external_ids"]
    times = common.times(record, created=created, updated=updated)
    return {"id": record.id, **shown, **common.marked(record), **times}


# Requests


def listed(call: Call) -> Answer:
    wanted = call.filled("client_id") if call.flag("deals_by_client") else None
    records = [r for r in common.rows(call, "deals") if wanted in (None, r.text("client_id"))]
    return json_answer([show(call, r) for r in common.page(call, records)])


def read(call: Call) -> Answer:
    return json_answer(show(call, common.found(call, "deals")))


def created(call: Call) -> Answer:
    return common.create_answer(call, show(call, create(call, wrapped(call, "deal")), created=True))


def updated(call: Call) -> Answer:
    record = common.found(call, "deals")
    return json_answer(show(call, update(call, record, wrapped(call, "deal")), updated=True))


def deleted(call: Call) -> Answer:
    call.raise_hooks("deal:destroy", call.table("deals").delete(common.found(call, "deals"), call.now))
    return delete_answer(call)


ROUTES: tuple[Route, ...] = (
    Route(method="GET", template="/app/deals.json", action="list", handler=listed),
    Route(method="GET", template="/app/deals/{id}.json", action="read", handler=read),
    Route(method="POST", template="/app/deals.json", action="create", handler=created),
    Route(method="PUT", template="/app/deals/{id}.json", action="update", handler=updated),
    Route(method="PATCH", template="/app/deals/{id}.json", action="update", handler=updated),
    Route(method="DELETE", template="/app/deals/{id}.json", action="delete", handler=deleted),
)
