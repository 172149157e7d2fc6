"""Clientify's companies; a contact may name one, which is made if it is not there."""

from services.sandbox.clientify import custom_fields, filters, records
from services.sandbox.clientify.envelope import (
    NO_CONTENT,
    Version,
    address,
    both,
    chosen,
    invalid,
    items_page,
    page,
    stamp,
)
from services.sandbox.clientify.records import PARTS, Resource, names_of, parts_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, int_of, json_answer

COMPANIES = Resource(
    name="companies",
    event="company",
    texts=frozenset(
        {"name", "business_name", "company_sector", "taxpayer_identification_number", "description", "remarks"}
    ),
    numbers=frozenset({"number_of_employees"}),
)


def show(call: Call, record: Record, version: Version) -> Fields:
    result: Fields = {"url": address(call, f"{version}/companies/{record.id}/")} if version == "v1" else {}
    return {
        **result,
        "id": record.id,
        "owner": call.account.login,
        **{name: record.text(name) for name in ("name", "business_name", "company_sector")},
        "sector": record.text("company_sector"),
        "taxpayer_identification_number": record.text("taxpayer_identification_number"),
        "number_of_employees": record.fields.get("number_of_employees"),
        **{name: record.text(name) for name in ("description", "remarks")},
        **{kind: parts_of(record, kind) for kind in PARTS},
        "tags": names_of(record, "tags"),
        "custom_fields": custom_fields.values_of(call, "companies", record),
        "created": stamp(record.created_at),
        "modified": stamp(record.updated_at),
    }


# Store


def create(call: Call, given: Fields) -> Record:
    """Raises Refused(400)."""
    fields = records.read(call, COMPANIES, given, {})
    if not fields.get("name"):
        raise invalid(name="This field is required.")
    return records.save_new(call, COMPANIES, {**fields, **records.read_parts(call, given)})


def of_contact(call: Call, contact: Record) -> Record | None:
    return call.table("companies").get(int_of(contact.fields.get("company_id")))


def link(call: Call, fields: Fields, given: Fields) -> None:
    """`company` is a name: linked, or made and linked; an address of v1 links too."""
    name = given.get("company")
    if name is None or not isinstance(name, str):
        return
    if name.rstrip("/").rpartition("/")[0].endswith("/companies"):
        fields["company_id"] = int_of(name.rstrip("/").rpartition("/")[2])
        return
    if not name.strip():
        fields["company_id"] = None
        return
    wanted = name.strip().casefold()
    known = (r for r in call.table("companies").live() if r.text("name").casefold() == wanted)
    company = next(known, None) or create(call, {"name": name.strip()})
    fields["company_id"] = company.id


# Requests


def listed(call: Call, version: Version) -> Answer:
    tests = filters.company_tests(call)
    rows = [r for r in call.table("companies").live(call.as_of) if all(test(r) for test in tests)]
    rows = filters.ordered(call, rows)
    return page(call, version, "/companies/", rows, lambda r: chosen(call, version, show(call, r, version)))


def read(call: Call, version: Version) -> Answer:
    return json_answer(chosen(call, version, show(call, records.found(call, COMPANIES), version)))


def created(call: Call, version: Version) -> Answer:
    return json_answer(show(call, create(call, call.body), version), 201)


def updated(call: Call, version: Version) -> Answer:
    record = records.newest(call, COMPANIES)
    changes = records.read(call, COMPANIES, call.body, record.fields)
    if "name" in changes and not changes["name"]:
        raise invalid(name="This field may not be blank.")
    how = call.choice("put_lists")
    for kind, items in records.read_parts(call, call.body).items():
        if how != "ignored":
            changes[kind] = items if how == "replace" else [*parts_of(record, kind), *items]
    return json_answer(show(call, records.save(call, COMPANIES, record, changes), version))


def deleted(call: Call, version: Version) -> Answer:
    records.remove(call, COMPANIES, records.newest(call, COMPANIES))
    return NO_CONTENT


def employee(call: Call, version: Version) -> Answer:
    """PUT links a contact to the company."""
    return _employ(call, records.newest(call, COMPANIES).id)


def employee_left(call: Call, version: Version) -> Answer:
    records.newest(call, COMPANIES)
    _employ(call, None)
    return NO_CONTENT


def _employ(call: Call, company_id: int | None) -> Answer:
    contacts = Resource(name="contacts", event="contact", texts=frozenset())
    contact = records.found(call, contacts, "contact")
    records.save_part(call, contacts, contact, {"company_id": company_id})
    return json_answer({"id": contact.id, "company_id": company_id})


def sectors(call: Call, version: Version) -> Answer:
    names = sorted({r.text("company_sector") for r in call.table("companies").live()} - {""})
    return items_page(call, version, "/companies/sectors/", names, lambda name: {"name": name})


def tags(call: Call, version: Version) -> Answer:
    rows = call.table("tags").live(call.as_of)
    return items_page(call, version, "/companies/tags/", rows, lambda r: {"id": r.id, "name": r.fields["name"]})


ROUTES: tuple[Route, ...] = (
    *both("GET", "/companies/", "list", listed, fields=True),
    *both("POST", "/companies/", "create", created),
    *both("GET", "/companies/sectors/", "list", sectors),
    *both("GET", "/companies/tags/", "list", tags),
    *both("GET", "/companies/{id}/", "read", read, fields=True),
    *both("PUT", "/companies/{id}/", "update", updated),
    *both("PATCH", "/companies/{id}/", "update", updated),
    *both("DELETE", "/companies/{id}/", "delete", deleted),
    *both("PUT", "/companies/{id}/employees/{contact}/", "update", employee),
    *both("DELETE", "/companies/{id}/employees/{contact}/", "delete", employee_left),
)
