"""What a person does in Clientify's panel: the form of a contact, merging, bulk changes, imports, custom fields.

`POST /panel/contacts` and `PUT /panel/contacts/{id}` take the contact's scalars, tags and custom fields, and for
the main e-mail, phone and address `email`, `phone`, `street`, `city`, `postal_code`, `state`, `country_name`,
and `website` for the main web site.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from services.sandbox.accounts import Account
from services.sandbox.clientify import companies, contacts, custom_fields, records
from services.sandbox.clientify.contacts import CONTACTS
from services.sandbox.clientify.envelope import NO_CONTENT, invalid
from services.sandbox.clientify.records import PARTS, parts_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route, Wanted
from services.sandbox.wire import Answer, int_of, json_answer, stamp

if TYPE_CHECKING:
    from services.sandbox.world import World

_FORM = {
    "email": ("emails", "email"),
    "phone": ("phones", "phone"),
    "street": ("addresses", "street"),
    "city": ("addresses", "city"),
    "postal_code": ("addresses", "postal_code"),
    "state": ("addresses", "state"),
    "country_name": ("addresses", "country"),
    "website": ("websites", "website"),
}
"""A field of the form -> the kind of part and its field; always the main one."""


# The form


def _main(record: Record | None, kind: str) -> Fields | None:
    """The first item of the usual type."""
    items = parts_of(record, kind) if record is not None else []
    return next((item for item in items if item["type"] == PARTS[kind].usual), None)


def _parts(call: Call, record: Record | None) -> Fields:
    """The lists with what the form says of their main item; one that was emptied goes."""
    wanted: dict[str, Fields] = {}
    for name, (kind, field) in _FORM.items():
        if name in call.body:
            wanted.setdefault(kind, {})[field] = call.body[name]
    changes: Fields = {}
    for kind, given in wanted.items():
        before = _main(record, kind)
        others = [item for item in (parts_of(record, kind) if record else []) if item is not before]
        merged = {**(before or {}), **given}
        if any(merged.get(field) for field in PARTS[kind].fields):
            changes[kind] = [records.read_part(call, kind, merged, before), *others]
        else:
            changes[kind] = others
    return changes


def _scalars(call: Call) -> Fields:
    return {name: value for name, value in call.body.items() if name not in _FORM and name not in PARTS}


def created(call: Call) -> Answer:
    companies.link(call, {}, call.body)  # a new company is told of; the contact only when it is whole
    record = contacts.create(replace(call, quiet=True), _scalars(call))
    changes = _parts(call, None)
    whole = call.table("contacts").change(record, changes, call.now) if changes else record
    records.notify(call, CONTACTS, "saved", whole)
    return json_answer(shown(call, whole), 201)


def updated(call: Call) -> Answer:
    record = records.newest(call, CONTACTS)
    changes = records.read(call, CONTACTS, _scalars(call), record.fields)
    companies.link(call, changes, call.body)
    return json_answer(shown(call, records.save(call, CONTACTS, record, {**changes, **_parts(call, record)})))


def deleted(call: Call) -> Answer:
    records.remove(call, CONTACTS, records.newest(call, CONTACTS))
    return NO_CONTENT


# Several at once


def merged(call: Call) -> Answer:
    """The contact of the path stays; the others are gone, and what only they had is its own."""
    winner = records.newest(call, CONTACTS)
    losers_first = call.choice("merged_values") == "winner"
    for loser in _named(call, "losers"):
        if loser.id == winner.id:
            continue
        changes: Fields = {kind: [*parts_of(winner, kind), *parts_of(loser, kind)] for kind in PARTS}
        values = [parts_of(loser, "custom_fields"), parts_of(winner, "custom_fields")]
        ordered = values if losers_first else values[::-1]
        changes["custom_fields"] = list({v["id"]: v for two in ordered for v in two}.values())
        call.table("contacts").delete(loser, call.now)
        winner = call.table("contacts").change(winner, changes, call.now)
    records.notify(call, CONTACTS, "saved", winner)
    return json_answer(shown(call, winner))


def bulk_changed(call: Call) -> Answer:
    changes = call.body.get("changes")
    if not isinstance(changes, dict):
        raise invalid(changes="This field is required.")
    loud = replace(call, quiet=call.quiet or not call.flag("bulk_hooks"))
    for record in _named(call, "ids"):
        records.save(loud, CONTACTS, record, records.read(call, CONTACTS, changes, record.fields))
    return json_answer({"changed": len(_named(call, "ids"))})


def imported(call: Call) -> Answer:
    given = call.body.get("contacts")
    if not isinstance(given, list):
        raise invalid(contacts="This field is required.")
    loud = replace(call, quiet=call.quiet or not call.flag("bulk_hooks"))
    made = [contacts.create(loud, item) for item in given if isinstance(item, dict)]
    return json_answer({"ids": [record.id for record in made]}, 201)


def _named(call: Call, name: str) -> list[Record]:
    given = call.body.get(name)
    found = [call.table("contacts").get(int_of(number)) for number in given] if isinstance(given, list) else []
    return [record for record in found if record is not None]


# Custom fields


def field_created(call: Call) -> Answer:
    return json_answer(custom_fields.show(call, custom_fields.create(call, call.body), "v1"), 201)


def field_changed(call: Call) -> Answer:
    record = custom_fields.update(call, custom_fields.found(call), call.body)
    return json_answer(custom_fields.show(call, record, "v1"))


def field_deleted(call: Call) -> Answer:
    call.table(custom_fields.TABLE).delete(custom_fields.found(call), call.now)
    return NO_CONTENT


DESK: tuple[Route, ...] = (
    Route(method="POST", template="/panel/contacts", action="create", handler=created),
    Route(method="PUT", template="/panel/contacts/{id}", action="update", handler=updated),
    Route(method="DELETE", template="/panel/contacts/{id}", action="delete", handler=deleted),
    Route(method="POST", template="/panel/contacts/{id}/merge", action="other", handler=merged),
    Route(method="POST", template="/panel/bulk", action="other", handler=bulk_changed),
    Route(method="POST", template="/panel/import", action="other", handler=imported),
    Route(method="POST", template="/panel/custom-fields", action="create", handler=field_created),
    Route(method="PUT", template="/panel/custom-fields/{id}", action="update", handler=field_changed),
    Route(method="DELETE", template="/panel/custom-fields/{id}", action="delete", handler=field_deleted),
)


# For the control API


def shown(call: Call, record: Record) -> Fields:
    """The contact with its main e-mail, phone and address as plain fields, as the form shows them."""
    form: Fields = {}
    for name, (kind, field) in _FORM.items():
        form[name] = (_main(record, kind) or {}).get(field, "")
    return {**contacts.show(call, record, "v1"), **form}


def shelf(world: "World", account: Account, resource: str, wanted: Wanted) -> tuple[list[Fields], int]:
    call = Call(world=world, account=account, now=world.clock.now())
    table = account.tables[resource]
    rows = table.live() if wanted.deleted == "no" else table.everything()
    if wanted.deleted == "only":
        rows = [row for row in rows if row.deleted]
    return [_dump(call, resource, row) for row in wanted.last(rows)], len(rows)


def _dump(call: Call, resource: str, record: Record) -> Fields:
    if resource == "contacts":
        fields = shown(call, record)
    elif resource == "companies":
        fields = companies.show(call, record, "v1")
    else:
        fields = record.fields
    return {
        "id": record.id,
        **fields,
        "deleted": record.deleted,
        "created_at": stamp(record.created_at, millis=True),
        "updated_at": stamp(record.updated_at, millis=True),
    }


def seed_contact(call: Call, given: Fields) -> Record:
    """A contact that was there before. `created_at` and `updated_at` are the control API's own."""
    return contacts.create(call, given)
