"""Sub-resources of contacts and companies: e-mails, phones, addresses, websites, tags and the small ones."""

from services.sandbox.clientify import custom_fields, records
from services.sandbox.clientify.companies import COMPANIES
from services.sandbox.clientify.contacts import CONTACTS, USER_ID
from services.sandbox.clientify.envelope import (
    NO_CONTENT,
    Handler,
    Version,
    both,
    invalid,
    items_page,
    not_found,
    one,
)
from services.sandbox.clientify.records import PARTS, Resource, names_of, parts_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, int_of, json_answer


def _path(call: Call, resource: Resource, kind: str) -> str:
    return f"/{resource.name}/{call.path['id']}/{kind}/"


# E-mails, phones, addresses, websites, other companies


def _lister(resource: Resource, kind: str) -> Handler:
    def answer(call: Call, version: Version) -> Answer:
        items = parts_of(records.found(call, resource), kind)
        return items_page(call, version, _path(call, resource, kind), items, lambda item: item)

    return answer


def _reader(resource: Resource, kind: str) -> Handler:
    def answer(call: Call, version: Version) -> Answer:
        return json_answer(_item(call, records.found(call, resource), kind))

    return answer


def _item(call: Call, record: Record, kind: str) -> Fields:
    wanted = int_of(call.path.get("item"))
    item = next((item for item in parts_of(record, kind) if item["id"] == wanted), None)
    if item is None:
        raise not_found()
    return item


def _read(call: Call, kind: str, before: Fields | None = None) -> Fields:
    if kind in PARTS:
        return records.read_part(call, kind, dict(call.body), before)
    given: Fields = {name: str(call.body[name]) for name in ("title", "company") if name in call.body}
    return {"id": call.next_id(kind), "title": "", "company": "", **(before or {}), **given}


def _adder(resource: Resource, kind: str) -> Handler:
    def answer(call: Call, version: Version) -> Answer:
        record = records.newest(call, resource)
        item = _read(call, kind)
        records.save_part(call, resource, record, {kind: [*parts_of(record, kind), item]})
        return json_answer(item, 201)

    return answer


def _changer(resource: Resource, kind: str) -> Handler:
    def answer(call: Call, version: Version) -> Answer:
        record = records.newest(call, resource)
        before = _item(call, record, kind)
        item = _read(call, kind, before)
        items = [item if old["id"] == before["id"] else old for old in parts_of(record, kind)]
        records.save_part(call, resource, record, {kind: items})
        return json_answer(item)

    return answer


def _remover(resource: Resource, kind: str) -> Handler:
    def answer(call: Call, version: Version) -> Answer:
        record = records.newest(call, resource)
        gone = _item(call, record, kind)
        items = [item for item in parts_of(record, kind) if item["id"] != gone["id"]]
        records.save_part(call, resource, record, {kind: items})
        return NO_CONTENT

    return answer


def _routes(resource: Resource, kind: str) -> tuple[Route, ...]:
    many = f"/{resource.name}/{{id}}/{kind}/"
    single = f"{many}{{item}}/"
    routes = (
        *both("GET", many, "list", _lister(resource, kind)),
        *both("POST", many, "other", _adder(resource, kind)),
        *both("GET", single, "read", _reader(resource, kind)),
        *both("PUT", single, "update", _changer(resource, kind)),
        *both("DELETE", single, "delete", _remover(resource, kind)),
    )
    if (resource.name, kind) == ("contacts", "websites"):
        return tuple(route for route in routes if route.template.startswith("/v1"))
    return routes


# Tags


def _tag_routes(resource: Resource) -> tuple[Route, ...]:
    many = f"/{resource.name}/{{id}}/tags/"

    def listed(call: Call, version: Version) -> Answer:
        tags = [
            {"id": records.tag_id(call, n), "name": n} for n in names_of(records.found(call, resource), "tags")
        ]
        return items_page(call, version, _path(call, resource, "tags"), tags, lambda tag: tag)

    def added(call: Call, version: Version) -> Answer:
        record = records.newest(call, resource)
        (name,) = records.read_tags(call, [call.body.get("name")])
        names = names_of(record, "tags")
        if name not in names:
            records.save_part(call, resource, record, {"tags": [*names, name]})
        return json_answer({"id": records.tag_id(call, name), "name": name}, 201)

    def removed(call: Call, version: Version) -> Answer:
        record = records.newest(call, resource)
        tag = call.table("tags").get(int_of(call.path.get("item")))
        names = names_of(record, "tags")
        if tag is None or tag.fields["name"] not in names:
            raise not_found()
        records.save_part(call, resource, record, {"tags": [n for n in names if n != tag.fields["name"]]})
        return NO_CONTENT

    return (
        *both("GET", many, "list", listed),
        *both("POST", many, "other", added),
        *both("DELETE", f"{many}{{item}}/", "delete", removed),
    )


# The small ones


def values(call: Call, version: Version) -> Answer:
    found = custom_fields.values_of(call, "contacts", records.found(call, CONTACTS))
    return items_page(call, version, _path(call, CONTACTS, "customfields"), found, lambda value: value)


def note(call: Call, version: Version) -> Answer:
    record = records.newest(call, CONTACTS)
    name, comment = str(call.body.get("name") or ""), str(call.body.get("comment") or "")
    if not name:
        raise invalid(name="This field is required.")
    made: Fields = {"id": call.next_id("wallentries"), "name": name, "comment": comment}
    records.save_part(call, CONTACTS, record, {"wallentries": [*parts_of(record, "wallentries"), made]})
    return json_answer(made, 201)


def _wall(resource: Resource, path: str) -> Handler:
    def answer(call: Call, version: Version) -> Answer:
        entries = parts_of(records.found(call, resource), "wallentries")
        where = path.replace("{id}", call.path["id"])
        return items_page(call, version, where, entries, lambda entry: entry)

    return answer


def _tasks(resource: Resource) -> Handler:
    def answer(call: Call, version: Version) -> Answer:
        records.found(call, resource)
        none: list[Fields] = []
        return items_page(call, version, _path(call, resource, "tasks"), none, lambda task: task)

    return answer


def owner(call: Call, version: Version) -> Answer:
    record = records.newest(call, CONTACTS)
    wanted = int_of(call.body.get("ownerId"))
    if wanted != USER_ID:
        raise invalid(ownerId="Invalid user.")
    records.save_part(call, CONTACTS, record, {"owner_id": wanted})
    return json_answer({"owner_id": wanted})


def marketing_status(call: Call, version: Version) -> Answer:
    record = records.newest(call, CONTACTS)
    wanted = int_of(call.body.get("marketing_status"))
    if wanted not in (1, 2):
        raise invalid(marketing_status="Select a valid choice.")
    records.save_part(call, CONTACTS, record, {"marketing_status": wanted})
    return json_answer({"marketing_status": wanted})


_CONTACT_WALL, _COMPANY_WALL = "/contacts/{id}/wallentries", "/companies/{id}/wallentries/"

ROUTES: tuple[Route, ...] = (
    *(route for resource in (CONTACTS, COMPANIES) for kind in PARTS for route in _routes(resource, kind)),
    *_routes(CONTACTS, "other_companies"),
    *_tag_routes(CONTACTS),
    *_tag_routes(COMPANIES),
    *both("GET", "/contacts/{id}/customfields/", "list", values),
    *both("POST", "/contacts/{id}/note/", "other", note),
    *both("GET", _CONTACT_WALL, "list", _wall(CONTACTS, _CONTACT_WALL)),
    *both("GET", _COMPANY_WALL, "list", _wall(COMPANIES, _COMPANY_WALL)),
    *one("v2", "GET", "/contacts/{id}/tasks/", "list", _tasks(CONTACTS)),
    *both("GET", "/companies/{id}/tasks/", "list", _tasks(COMPANIES)),
    *both("PUT", "/contacts/{id}/owner/", "update", owner),
    *both("PUT", "/contacts/{id}/marketing_status/", "update", marketing_status),
)
