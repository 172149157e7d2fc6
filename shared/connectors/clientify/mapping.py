"""Clientify's contacts to Puente's customers and back. Pure.

Field names and value types are those of the vendor's published collection and of recorded answers; unknown keys
are tolerated. E-mails, phones and addresses hang from a contact as lists of parts, each part with an id and a type
of its own: a customer's field is the main part, or the one of its type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from shared import errors
from shared.connectors import countries, values
from shared.connectors.answers import Json
from shared.connectors.contract import Access, Row
from shared.connectors.settings import setting
from shared.connectors.values import Object
from shared.model import phones
from shared.model.normal import is_empty, normal
from shared.model.record import CUSTOMER, Fields, Value
from shared.model.text import Text

Kind = Literal["emails", "phones", "addresses", "websites"]

# A customer's fields that are one value of the contact itself. The name is two of theirs and is written apart.
SCALARS: Final = {
    "first_name": "first_name",
    "last_name": "last_name",
    "tax_no": "taxpayer_identification_number",
    "note": "remarks",
    "description": "description",
    "stage": "status",
}
_ADDRESS: Final = {
    "street": "street",
    "city": "city",
    "province": "state",
    "country": "country",
    "post_code": "postal_code",
}
_MAIN_EMAIL: Final = 4
_MAIN_ADDRESS: Final = 5
# What a number that Factusol keeps beside its main one is at Clientify.
_PHONES: Final = {"phone": 1, "mobile_phone": 2, "fax": 5, "phone_note": 6}
_NOT_MAIN: Final = frozenset({2, 5, 6})
# The main web site, else the business's own; a person's own page, a blog and the rest are no customer's web site.
_SITES: Final = (5, 1)
_BLANK: Final = "--"  # what a custom field without a value may read back as

FIELDS: Final = (
    "name",
    *SCALARS,
    "email",
    *_PHONES,
    *_ADDRESS,
    "www",
    "tags",
    "other_id",
)
# Asked for in version 2, where nothing is shown that was not asked for.
SHOWN: Final = (
    "id,first_name,last_name,status,taxpayer_identification_number,remarks,description,emails,phones,addresses,"
    "tags,custom_fields,channel,created,modified"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartWrite:
    """One call on a part of a contact: changed where `part_id` is given, made where it is "", removed where `body`
    is None."""

    kind: Kind
    part_id: str
    body: Object | None


def own_field(access: Access) -> str:
    """The name of the custom field that carries the counterpart's id."""
    return access.settings.get("id_field", "").strip() or "factusol_id"


def default_countries(access: Access, fields: Fields) -> tuple[str, ...]:
    """By which countries a number without a prefix is read: the account's, the workspace's, the record's."""
    own = (access.settings.get("country") or access.settings.get("found_country") or "").strip().upper()
    of_record = fields.get("country")
    given = [own, access.country, of_record if isinstance(of_record, str) and len(of_record) == 2 else ""]
    return tuple(dict.fromkeys(each for each in given if each))


# Reading


def customer_from_contact(wire: Object, access: Access) -> Row:
    """A contact as a customer. What the answer does not show stays absent."""
    fields: dict[str, Value] = dict(values.fields_from(wire, CUSTOMER, SCALARS))
    if "first_name" in wire or "last_name" in wire:
        fields["name"] = full_name(fields.get("first_name"), fields.get("last_name"))
    if "emails" in wire:
        fields["email"] = _text_of(_main(parts_of(wire, "emails"), _MAIN_EMAIL), "email")
    if "addresses" in wire:
        fields |= _address_fields(_main(parts_of(wire, "addresses"), _MAIN_ADDRESS))
    if "phones" in wire:
        fields |= _phone_fields(parts_of(wire, "phones"), default_countries(access, fields))
    if "websites" in wire:
        fields["www"] = _text_of(_site(parts_of(wire, "websites")), "website")
    if "tags" in wire:
        fields["tags"] = _tags(wire["tags"])
    if "custom_fields" in wire:
        fields["other_id"] = own_value(wire, access) or None
    return Row(
        record_id=values.record_id(wire.get("id"), "id"),
        fields=fields,
        changed_at=values.moment(wire.get("modified"), "modified"),
        reference=own_value(wire, access),
    )


def full_name(first: Value, last: Value) -> str | None:
    return " ".join(str(each).strip() for each in (first, last) if not is_empty(each)) or None


def own_value(wire: Object, access: Access) -> str:
    """What our custom field holds, "" for nothing. A person may have made it: its name is read in any case."""
    found = wire.get("custom_fields")
    if found is None:
        return ""
    if not isinstance(found, list):
        raise values.wrong("custom_fields", "a list")
    wanted = own_field(access).casefold()
    for each in found:
        if not isinstance(each, dict):
            raise values.wrong("custom_fields", "a list of objects")
        name = each.get("field")
        if isinstance(name, str) and name.strip().casefold() == wanted:
            value = values.loose_text(each.get("value"), "custom_fields")
            return "" if value == _BLANK else value
    return ""


def mark_in(wire: Object, access: Access) -> str:
    """As `own_value`; what cannot be read is no mark of ours."""
    try:
        return own_value(wire, access)
    except errors.Rejected:
        return ""


def parts_of(wire: Object, kind: Kind) -> Sequence[Object]:
    """The parts of one kind. Raises Rejected, naming the kind, for what is no list of objects."""
    found = wire.get(kind)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise values.wrong(kind, "a list of objects")
    return [each for each in found if isinstance(each, dict)]


def _main(parts: Sequence[Object], kind: int) -> Object | None:
    """The main part, else the first one."""
    return next((each for each in parts if each.get("type") == kind), parts[0] if parts else None)


def _site(parts: Sequence[Object]) -> Object | None:
    return next((each for kind in _SITES for each in parts if each.get("type") == kind), None)


def _text_of(part: Object | None, name: str) -> str | None:
    return None if part is None else values.text(part.get(name), name)


def _address_fields(part: Object | None) -> dict[str, Value]:
    found: dict[str, Value] = {name: _text_of(part, key) for name, key in _ADDRESS.items()}
    country = found["country"]
    return found | {"country": countries.alpha2(country.strip()) if isinstance(country, str) else None}


def _phone_part(parts: Sequence[Object], name: str) -> Object | None:
    """The number of a type; the main one is else any that is neither a mobile, a fax nor a further one."""
    wanted = _PHONES[name]
    found = next((each for each in parts if each.get("type") == wanted), None)
    if found is None and name == "phone":
        return next((each for each in parts if each.get("type") not in _NOT_MAIN), None)
    return found


def _phone_fields(parts: Sequence[Object], regions: tuple[str, ...]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name in _PHONES:
        text = _text_of(_phone_part(parts, name), "phone")
        is_number = CUSTOMER.fields[name].kind == "phone"
        found[name] = phones.international(text, regions) if text and is_number else text
    return found


def _tags(given: Json) -> str | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise values.wrong("tags", "a list")
    names = [each.get("name") if isinstance(each, dict) else each for each in given]
    return ", ".join(name for name in (values.text(each, "tags") for each in names) if name) or None


# Writing


def refuse_unknown(fields: Fields, lacking: Mapping[str, Text]) -> None:
    """Raises Rejected for a field that a contact cannot hold, in this account or in any."""
    lacked = next((name for name in fields if name in lacking), None)
    if lacked is not None:
        raise errors.Rejected(lacking[lacked].en, field=lacked)
    unknown = next((name for name in fields if name not in FIELDS or name == "tags"), None)
    if unknown is not None:
        raise errors.Rejected(f"The vendor has no field for {unknown!r}.", field=unknown)


def scalars_from(fields: Fields, before: Object | None = None) -> Object:
    """The contact's own values for the fields given; `before` is the contact as it stands, if it is there."""
    written: Object = {
        SCALARS[name]: "" if value is None else values.plain(value)
        for name, value in fields.items()
        if name in SCALARS
    }
    if "name" in fields and not {"first_name", "last_name"} & set(fields):
        first, last = split_name(fields["name"], before or {})
        written |= {"first_name": first, "last_name": last}
    return written


def split_name(name: Value, before: Object) -> tuple[str, str]:
    """A whole name as first and last one: parted where a person has parted it before, else all of it in front."""
    whole = " ".join(str(name or "").split())
    last, first = (str(before.get(key) or "").strip() for key in ("last_name", "first_name"))
    if last and whole.casefold().endswith(f" {last}".casefold()):
        return whole[: -len(last)].rstrip(), whole[-len(last) :]
    if last and first and whole.casefold().startswith(f"{first} ".casefold()):
        return whole[: len(first)], whole[len(first) :].lstrip()
    return whole, ""


def contact_from_customer(
    fields: Fields, access: Access, *, version: Literal["v1", "v2"], mark: str, mark_name: str
) -> Object:
    """The contact to make. `mark` is what our custom field, called `mark_name`, shall hold.

    Version 1 takes the main e-mail and phone as two plain values, version 2 as lists; the page knows no answer to
    both at once. What version 1 cannot take in the same call is written as parts afterwards.
    """
    made: Object = {name: value for name, value in scalars_from(fields).items() if value != ""}
    new: Object = {}
    for each in part_writes(fields, new, access):
        body = each.body or {}
        if version == "v2" or each.kind == "addresses":
            kept = made.setdefault(each.kind, [])
            if isinstance(kept, list):
                kept.append(body)
        elif each.kind == "emails":
            made["email"] = body["email"]
        elif each.kind == "phones" and body["type"] == _PHONES["phone"]:
            made["phone"] = body["phone"]
    made.setdefault("status", setting(access, "new_status", "client", allowed=STATUSES))
    if version == "v2":
        made["marketing_status"] = 1  # not counted as one whom the shop sends mailings
    if mark:
        made["custom_fields"] = [{"field": mark_name, "value": mark}]
    return made


STATUSES: Final = (
    "client",
    "other",
    "not-qualified-lead",
    "visitor",
    "cold-lead",
    "warm-lead",
    "hot-lead",
    "in-deal",
    "lost-lead",
    "lost-client",
)


def part_writes(fields: Fields, before: Object, access: Access) -> list[PartWrite]:
    """The calls that bring a contact's parts to what the fields say; none for a part that says it already."""
    found: list[PartWrite] = []
    if "email" in fields:
        part = _main(parts_of(before, "emails"), _MAIN_EMAIL)
        found += _changed("emails", part, {"email": _sent("email", fields, access)}, _MAIN_EMAIL)
    for name, kind in _PHONES.items():
        if name in fields:
            part = _phone_part(parts_of(before, "phones"), name)
            found += _changed("phones", part, {"phone": _sent(name, fields, access)}, kind)
    if set(_ADDRESS) & set(fields):
        part = _main(parts_of(before, "addresses"), _MAIN_ADDRESS)
        old = {key: _text_of(part, key) or "" for key in _ADDRESS.values()}
        new = {key: _sent(name, fields, access) for name, key in _ADDRESS.items() if name in fields}
        if "country" in fields:
            new["country"] = country_text(fields["country"], old["country"], access)
        found += _changed("addresses", part, {**old, **new}, _MAIN_ADDRESS)
    if "www" in fields:  # last: whether an address without https:// is taken is not known
        part = _site(parts_of(before, "websites"))
        found += _changed("websites", part, {"website": _sent("www", fields, access)}, _SITES[0])
    return found


def _sent(name: str, fields: Fields, access: Access) -> str:
    value = fields[name]
    text = "" if is_empty(value) else str(value).strip()
    if CUSTOMER.fields[name].kind == "phone" and text:
        return phones.international(text, default_countries(access, fields))
    return text


def _changed(kind: Kind, part: Object | None, wanted: Mapping[str, str], usual: int) -> list[PartWrite]:
    part_id = "" if part is None else values.record_id(part.get("id"), f"{kind}.id")
    if not any(wanted.values()):
        return [PartWrite(kind=kind, part_id=part_id, body=None)] if part is not None else []
    if part is not None and all((_text_of(part, key) or "") == value for key, value in wanted.items()):
        return []
    kept = part.get("type") if part is not None else None
    type_: Json = kept if isinstance(kept, int) and not isinstance(kept, bool) else usual
    return [PartWrite(kind=kind, part_id=part_id, body={"type": type_, **wanted})]


def country_text(value: Value, before: str, access: Access) -> str:
    """A country in the form that the contact has, else in the account's: a name in its language, or a code."""
    code = str(value or "").strip()
    if not code:
        return ""
    if before and countries.alpha2(before.strip()) == countries.alpha2(code):
        return before
    usual = setting(access, "country_names", "en", allowed=("en", "es", "code"))
    return countries.written(code, countries.form_of(before) or usual)


# Knowing again


def is_same(found: Object, fields: Fields, access: Access) -> bool:
    """Whether a contact without our mark is the one that was sent: made by a key, it shows all of it."""
    if found.get("channel") != "integrations-api" or is_empty(fields.get("name")):
        return False
    try:
        shown = customer_from_contact(found, access).fields
    except errors.Rejected:
        return False  # not the one that was sent: that one can be read
    return all(
        normal(CUSTOMER.fields[name], shown[name], country=access.country)
        == normal(CUSTOMER.fields[name], value, country=access.country)
        for name, value in fields.items()
        if name in shown and name not in {"other_id", "tags", "www"}
    )


def matches(row: Row, field_name: str, value: str, access: Access) -> bool:
    """Whether a hit of the vendor's search shows the value that was searched, both in normal form."""
    kind = CUSTOMER.fields[field_name]
    shown = row.fields.get(field_name)
    return not is_empty(shown) and (
        normal(kind, shown, country=access.country) == normal(kind, value, country=access.country)
    )
