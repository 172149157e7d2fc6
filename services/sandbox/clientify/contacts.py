"""Clientify's contacts: the object, creating with three ways of meeting a double, updating."""

from services.sandbox.clientify import companies, custom_fields, filters, records
from services.sandbox.clientify.envelope import (
    NO_CONTENT,
    Version,
    address,
    both,
    chosen,
    detail,
    invalid,
    items_page,
    not_allowed,
    page,
    stamp,
)
from services.sandbox.clientify.records import PARTS, Resource, names_of, parts_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, json_answer

SOCIAL = (
    "linkedin_url", "linkedin_id", "linkedin_picture_url", "facebook_url", "facebook_id", "facebook_picture_url",
    "twitter_url", "twitter_id", "twitter_picture_url", "google_id", "googleplus_url", "pinterest_url",
    "foursquare_url", "aboutme_url", "klout_url", "instagram_url", "skype_username", "manychat_url",
)  # fmt: skip
CONTACTS = Resource(
    name="contacts",
    event="contact",
    texts=frozenset(
        {
            "first_name", "last_name", "status", "title", "contact_type", "contact_source",
            "taxpayer_identification_number", "description", "remarks", "summary", "country", "medium",
            "visitor_key", "contact_sector", *SOCIAL,
        }
    ),
    flags=frozenset({"gdpr_accept", "disclaimer", "unsubscribed"}),
    numbers=frozenset({"lead_scoring", "marketing_status", "company_id"}),
)  # fmt: skip
USER_ID = 57001
TAX_NUMBER = "taxpayer_identification_number"


# Show


def show(call: Call, record: Record, version: Version) -> Fields:
    """The whole object; v2 shows ids where v1 shows addresses, and two fields more."""
    company = companies.of_contact(call, record)
    result = _head(call, record, version, company)
    for kind in PARTS:
        result[kind] = parts_of(record, kind)
    result |= {
        "custom_fields": custom_fields.values_of(call, "contacts", record),
        "taxpayer_identification_number": record.text("taxpayer_identification_number"),
        "tags": names_of(record, "tags"),
        **{name: record.text(name) for name in ("description", "remarks", "summary", "country")},
        "created": stamp(record.created_at),
        "modified": stamp(record.updated_at),
        "last_contact": None,
        "birthday": record.fields.get("birthday"),
        **{name: bool(record.fields.get(name)) for name in ("gdpr_accept", "disclaimer", "unsubscribed")},
        "gdpr_acceptance_date": None,
        "lead_scoring": record.fields.get("lead_scoring") or 0,
        "channel": record.fields["channel"],
        **{name: record.text(name) for name in ("medium", "visitor_key", "contact_sector")},
        **{name: [] for name in ("deals", "related_tasks", "attachments", "automations", "integrations")},
        "other_companies": parts_of(record, "other_companies"),
        "picture_url": None,
        "page_views": 0,
        "total_visits": 0,
        "first_visit": None,
        "last_visit": None,
        **{name: record.text(name) for name in SOCIAL},
    }
    if version == "v2":
        result |= {
            "marketing_status": record.fields.get("marketing_status") or 1,
            "full_name": f"{record.text('first_name')} {record.text('last_name')}".strip(),
        }
    return result


def _head(call: Call, record: Record, version: Version, company: Record | None) -> Fields:
    result: Fields = {"url": address(call, f"{version}/contacts/{record.id}/")} if version == "v1" else {}
    result |= {
        "id": record.id,
        "owner": call.account.login,
        "owner_id": record.fields.get("owner_id") or USER_ID,
        "owner_name": "Ana Ruiz",
        "first_name": record.text("first_name"),
        "last_name": record.text("last_name"),
        "status": record.fields.get("status") or "cold-lead",
        "title": record.text("title"),
    }
    if version == "v1":
        result["company"] = address(call, f"v1/companies/{company.id}/") if company else None
        result["company_details"] = {"id": company.id, "name": company.fields["name"]} if company else None
    else:
        name = company.fields["name"] if company else None
        result |= {"company": name, "company_id": company.id if company else None, "company_name": name}
        result["company_picture"] = None
    for name in ("contact_type", "contact_source"):
        result[name] = record.text(name) or None
    return result


# Store


def create(call: Call, given: Fields, version: Version = "v1") -> Record:
    """Made anew, or merged into one that is there. Raises Refused(400, 409)."""
    given = _of_version(call, given, version)
    fields = records.read(call, CONTACTS, given, {})
    if call.flag("first_name_required") and not fields.get("first_name"):
        raise invalid(first_name="This field is required.")
    parts = records.read_parts(call, given)
    twin = _twin(call, fields, parts)
    if twin is not None:
        return _merged(call, twin, fields, parts)
    fields["channel"] = "manual" if call.owner else "integrations-api"
    companies.link(call, fields, given)
    return records.save_new(call, CONTACTS, {**fields, **parts})


def _of_version(call: Call, given: Fields, version: Version) -> Fields:
    how = "accepted" if version == "v1" or call.owner else call.choice("v2_top_level_email")
    if how == "refused" and given.get("email"):
        raise invalid(email="Unknown field.")
    return {k: v for k, v in given.items() if k not in ("email", "phone")} if how == "ignored" else given


def _twin(call: Call, fields: Fields, parts: dict[str, list[Fields]]) -> Record | None:
    """The contact that the vendor takes for the same one. Raises Refused(400, 409) where it refuses a second."""
    how = call.choice("duplicates")
    if how == "insert" or call.owner or call.param("force_insert") == "true":
        return None
    if how.endswith("tax_number"):
        number = str(fields.get("taxpayer_identification_number") or "").casefold()
        twin = (
            _with(call, lambda r: r.text("taxpayer_identification_number").casefold() == number)
            if number
            else None
        )
        if twin is not None and how == "409_tax_number":
            raise detail(409, "A contact with this taxpayer_identification_number already exists.")
        return twin
    emails = {str(item["email"]).casefold() for item in parts.get("emails", [])}
    twin = _with(call, lambda r: any(str(i["email"]).casefold() in emails for i in parts_of(r, "emails")))
    if twin is not None and how == "400_email":
        raise invalid(email="A contact with this email already exists.")
    return twin


def _with(call: Call, holds: filters.Test) -> Record | None:
    return next((record for record in call.table("contacts").live() if holds(record)), None)


def _merged(call: Call, twin: Record, fields: Fields, parts: dict[str, list[Fields]]) -> Record:
    changes = {name: value for name, value in fields.items() if value not in ("", None, [])}
    if "custom_fields" in fields:
        given = {v["id"]: v for v in [*parts_of(twin, "custom_fields"), *_items(fields["custom_fields"])]}
        changes["custom_fields"] = list(given.values())
    for kind, items in parts.items():
        known = [{**item, "id": None} for item in parts_of(twin, kind)]
        changes[kind] = [*parts_of(twin, kind), *(item for item in items if {**item, "id": None} not in known)]
    return records.save(call, CONTACTS, twin, changes)


def _items(value: object) -> list[Fields]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def update(call: Call, record: Record, given: Fields) -> Record:
    """Scalars are replaced; what becomes of lists is a switch. Raises Refused(400)."""
    changes = records.read(call, CONTACTS, given, record.fields)
    if "first_name" in changes and not changes["first_name"] and call.flag("first_name_required"):
        raise invalid(first_name="This field may not be blank.")
    how = call.choice("put_lists")
    for kind, items in records.read_parts(call, given).items():
        if how == "replace":
            changes[kind] = items
        elif how == "append":
            changes[kind] = [*parts_of(record, kind), *items]
    companies.link(call, changes, given)
    return records.save(call, CONTACTS, record, changes)


# Requests


def listed(call: Call, version: Version) -> Answer:
    tests = filters.contact_tests(call)
    rows = [r for r in call.table("contacts").live(call.as_of) if all(test(r) for test in tests)]
    rows = filters.ordered(call, rows)
    return page(call, version, "/contacts/", rows, lambda r: chosen(call, version, show(call, r, version)))


def read(call: Call, version: Version) -> Answer:
    return json_answer(chosen(call, version, show(call, records.found(call, CONTACTS), version)))


def created(call: Call, version: Version) -> Answer:
    return json_answer(show(call, create(call, call.body, version), version), 201)


def put(call: Call, version: Version) -> Answer:
    record, how = records.newest(call, CONTACTS), _update_of(call, version)
    if how == "patch_only":
        raise not_allowed("PUT")
    if how != "put_does_nothing":
        record = update(call, record, call.body)
    return json_answer(show(call, record, version))


def patched(call: Call, version: Version) -> Answer:
    record = records.newest(call, CONTACTS)
    if _update_of(call, version) == "put_only":
        raise not_allowed("PATCH")
    return json_answer(show(call, update(call, record, call.body), version))


def _update_of(call: Call, version: Version) -> str:
    return "put_and_patch" if version == "v1" or call.owner else call.choice("v2_update")


def deleted(call: Call, version: Version) -> Answer:
    records.remove(call, CONTACTS, records.newest(call, CONTACTS))
    return NO_CONTENT


def batch_created(call: Call, version: Version) -> Answer:
    given = call.body.get("contacts")
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise invalid(contacts="This field is required.")
    made = [create(call, item, version) for item in given]
    return json_answer([show(call, record, version) for record in made], 201)


def tags_listed(call: Call, version: Version) -> Answer:
    rows = call.table("tags").live(call.as_of)
    return items_page(call, version, "/contacts/tags/", rows, lambda r: {"id": r.id, "name": r.fields["name"]})


ROUTES: tuple[Route, ...] = (
    *both("GET", "/contacts/", "list", listed, fields=True),
    *both("POST", "/contacts/", "create", created),
    *both("GET", "/contacts/tags/", "list", tags_listed),
    *both("GET", "/contacts/{id}/", "read", read, fields=True),
    *both("PUT", "/contacts/{id}/", "update", put),
    *both("PATCH", "/contacts/{id}/", "update", patched),
    *both("DELETE", "/contacts/{id}/", "delete", deleted),
    *both("POST", "/multiple-contacts/", "create", batch_created),
)
