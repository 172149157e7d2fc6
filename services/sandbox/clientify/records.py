"""What contacts and companies share: reading what a request wants to store, lists of parts, storing, hooks."""

import re
from dataclasses import dataclass
from datetime import date

from services.sandbox.clientify import custom_fields
from services.sandbox.clientify.envelope import invalid, not_found
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call
from services.sandbox.wire import int_of

STATUSES = (
    "other", "not-qualified-lead", "visitor", "cold-lead", "warm-lead", "hot-lead", "in-deal", "lost-lead",
    "client", "lost-client",
)  # fmt: skip
_SITE = re.compile(r"https?://\S+\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One kind of the lists that hang from a record: its fields, the highest type, and the usual one."""

    fields: tuple[str, ...]
    types: int
    usual: int


PARTS: dict[str, Part] = {
    "emails": Part(fields=("email",), types=4, usual=4),
    "phones": Part(fields=("phone",), types=6, usual=1),
    "addresses": Part(fields=("street", "city", "state", "country", "postal_code"), types=5, usual=5),
    "websites": Part(fields=("website",), types=5, usual=5),
}


@dataclass(frozen=True, kw_only=True)
class Resource:
    """`name` is the path and the table, `event` the first word of its hooks. Only what differs is stored."""

    name: str
    event: str
    texts: frozenset[str]
    flags: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()


# Reading


def read(call: Call, resource: Resource, given: Fields, stored: Fields) -> Fields:
    """The scalars, tags and custom fields to store. Raises Refused(400)."""
    result: Fields = {}
    for name, value in given.items():
        if name in resource.texts:
            result[name] = _text(call, name, value)
        elif name in resource.flags:
            if not isinstance(value, bool):
                raise invalid(**{name: "Must be a valid boolean."})
            result[name] = value
        elif name in resource.numbers:
            result[name] = None if value is None else int_of(value)
    if "custom_fields" in given:
        values = custom_fields.read_values(
            call, resource.name, given["custom_fields"], stored.get("custom_fields")
        )
        result["custom_fields"] = values
    if "tags" in given:
        result["tags"] = read_tags(call, given["tags"])
    if "status" in result and result["status"] not in STATUSES:
        raise invalid(status=f'"{result["status"]}" is not a valid choice.')
    if "birthday" in given:
        result["birthday"] = _birthday(given["birthday"])
    return result


def _text(call: Call, name: str, value: object) -> str:
    if isinstance(value, dict | list | bool):
        raise invalid(**{name: "Not a valid string."})
    text = "" if value is None else str(value)
    limit = int(call.amount("short_text_limit"))
    if len(text) > limit and name not in ("description", "remarks", "summary"):
        raise invalid(**{name: f"Ensure this field has no more than {limit} characters."})
    return text


def _birthday(value: object) -> str | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise invalid(birthday="Date has wrong format. Use one of these formats instead: YYYY-MM-DD.") from None


def read_tags(call: Call, given: object) -> list[str]:
    """Names of tags; each is known to the account from now on. Raises Refused(400)."""
    if not isinstance(given, list):
        raise invalid(tags='Expected a list of items but got type "other".')
    names = [str(tag).strip() if isinstance(tag, str | int) else "" for tag in given]
    if not all(names):
        raise invalid(tags="This field may not be blank.")
    for name in names:
        tag_id(call, name)
    return list(dict.fromkeys(names))


def tag_id(call: Call, name: str) -> int:
    for record in call.table("tags").live():
        if record.fields["name"] == name:
            return record.id
    return call.table("tags").insert(call.next_id("tags"), {"name": name}, call.now).id


# Parts


def read_part(call: Call, kind: str, given: object, before: Fields | None = None) -> Fields:
    """One e-mail, phone, address or website, with an id. Raises Refused(400)."""
    part = PARTS[kind]
    if not isinstance(given, dict):
        raise invalid(**{kind: "Invalid data. Expected a dictionary."})
    old = before or {"id": call.next_id(kind), "type": part.usual}
    item: Fields = {"id": old["id"], "type": int_of(given.get("type", old["type"]))}
    if not isinstance(item["type"], int) or not 1 <= item["type"] <= part.types:
        raise invalid(type=f'"{given.get("type")}" is not a valid choice.')
    for name in part.fields:
        item[name] = _text(call, name, given.get(name, old.get(name, "")))
    if kind != "addresses" and not item[part.fields[0]]:
        raise invalid(**{part.fields[0]: "This field is required."})
    if kind == "emails" and not _EMAIL.fullmatch(str(item["email"])):
        raise invalid(email="Enter a valid email address.")
    if (
        kind == "websites"
        and call.choice("website_format") == "addresses"
        and not _SITE.match(str(item["website"]))
    ):
        raise invalid(website="Enter a valid URL.")
    if kind == "phones":
        if call.choice("phone_format") == "compact":
            item["phone"] = re.sub(r"[\s.\-()]", "", str(item["phone"]))
        item["unsubscribed"] = False
    return item


def read_parts(call: Call, given: Fields) -> dict[str, list[Fields]]:
    """All lists that a body holds, and what its singular `email` and `phone` mean. Raises Refused(400)."""
    found: dict[str, list[Fields]] = {}
    for kind in PARTS:
        if kind in given:
            items = given[kind]
            if not isinstance(items, list):
                raise invalid(**{kind: 'Expected a list of items but got type "other".'})
            found[kind] = [read_part(call, kind, item) for item in items]
    for name, kind in (("email", "emails"), ("phone", "phones")):
        value = given.get(name)
        if value not in (None, ""):
            found.setdefault(kind, []).append(read_part(call, kind, {name: value}))
    return found


def parts_of(record: Record, kind: str) -> list[Fields]:
    items = record.fields.get(kind)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def names_of(record: Record, field: str) -> list[str]:
    items = record.fields.get(field)
    return [str(item) for item in items] if isinstance(items, list) else []


# Storing


def found(call: Call, resource: Resource, name: str = "id") -> Record:
    """The record that the path names. Raises Refused(404)."""
    record = call.table(resource.name).get(int_of(call.path.get(name)), call.as_of)
    if record is None:
        raise not_found()
    return record


def newest(call: Call, resource: Resource) -> Record:
    """The record that a write is about, whatever a stale read would show. Raises Refused(404)."""
    record = call.table(resource.name).get(call.record_id)
    if record is None:
        raise not_found()
    return record


def save_new(call: Call, resource: Resource, fields: Fields) -> Record:
    record = call.table(resource.name).insert(call.next_id(resource.name), fields, call.now)
    notify(call, resource, "saved", record)
    return record


def save(call: Call, resource: Resource, record: Record, changes: Fields, *, touch: bool = True) -> Record:
    changed = call.table(resource.name).change(record, changes, call.now, touch=touch)
    notify(call, resource, "saved", changed)
    return changed


def save_part(call: Call, resource: Resource, record: Record, changes: Fields) -> Record:
    """A change of a sub-resource, which may leave `modified` alone."""
    return save(call, resource, record, changes, touch=call.flag("sub_resources_move_modified"))


def remove(call: Call, resource: Resource, record: Record) -> None:
    notify(call, resource, "deleted", call.table(resource.name).delete(record, call.now))


def notify(call: Call, resource: Resource, what: str, record: Record) -> None:
    """Writes made with the key do not come back, unless a switch says so."""
    if call.owner or call.flag("hooks_for_api_writes"):
        call.raise_hooks(f"{resource.event}.{what}", record)
