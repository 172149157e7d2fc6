"""Sugester's objects to Puente's records and back. Pure.

Field names are those of the public API description (github.com/sugester/API) and of the vendor's shop plugin;
value types are assumed to be the sister product's. Unknown keys are tolerated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from shared.connectors import values
from shared.connectors.answers import Json
from shared.connectors.contract import Access, Row
from shared.connectors.values import Object
from shared.model.record import CUSTOMER, DEAL, Fields

APP: Final = "puente"

# Our field to theirs: every name is the same, but for what other CRMs have.
_NOT_HERE: Final = frozenset({"phone_note", "stage", "tags", "other_id"})
CLIENT: Final = {name: name for name in CUSTOMER.fields if name not in _NOT_HERE}

# What is shown again when a deal is read. The status is an id there and is looked up by the session.
_SHOWN: Final = {
    "name": "name",
    "description": "description",
    "client": "client_id",
    "price": "price",
    "link": "url",
}
# What the invoicing product sends along and no page says that it is read back.
_WRITTEN: Final = {
    **_SHOWN,
    "currency": "currency",
    "date": "date",
    "number": "invoice_no",
    "kind": "kind",
    "paid": "paid",
}


def customer_from_client(wire: Object, access: Access) -> Row:
    return Row(
        record_id=values.record_id(wire.get("id"), "id"),
        fields=values.fields_from(wire, CUSTOMER, CLIENT),
        changed_at=values.moment(wire.get("updated_at"), "updated_at"),
        reference=reference_in(wire),
        gone=values.flag(wire.get("deleted"), "deleted") is True,
    )


def client_from_customer(fields: Fields) -> Object:
    return values.wire_from(fields, CLIENT)


def reference_in(wire: Object) -> str:
    """Our reference: under our name in `external_ids`, where those are read back, else in the one free field."""
    ids = wire.get("external_ids")
    ours = ids.get(APP) if isinstance(ids, dict) else None
    return values.loose_text(ours, "external_ids") or values.loose_text(wire.get("external_id"), "external_id")


def deal_from_wire(wire: Object, access: Access) -> Row:
    """A deal without its status, for which `status_in` tells the id."""
    return Row(
        record_id=values.record_id(wire.get("id"), "id"),
        fields=values.fields_from(wire, DEAL, _SHOWN),
        changed_at=values.moment(wire.get("updated_at"), "updated_at"),
        reference=deal_reference(wire),
        gone=values.flag(wire.get("deleted"), "deleted") is True,
    )


def deal_reference(wire: Object) -> str:
    """As for a client; deals have no free field, but a text that names the writer."""
    return reference_in(wire) or values.loose_text(wire.get("origin"), "origin")


def status_in(wire: Object) -> str | None:
    """The id of a deal's status; None for none. Raises KeyError where the deal does not show one."""
    return values.link(wire["status_id"], "status_id")


def deal_from_fields(fields: Fields) -> Object:
    """What of a deal is written as it stands; the status is added by the session."""
    written = values.wire_from({name: value for name, value in fields.items() if name != "status"}, _WRITTEN)
    if "client_id" in written:
        written["client_id"] = values.id_on_wire(fields["client"])
    return written


def statuses_in(listed: Sequence[Json]) -> Mapping[str, str]:
    """Deal statuses, name to id. Rows of another kind and unreadable ones are left out."""
    found: dict[str, str] = {}
    for row in listed:
        if isinstance(row, dict) and row.get("kind") in {None, "deal"} and isinstance(row.get("name"), str):
            found.setdefault(str(row["name"]).strip(), values.record_id(row.get("id"), "id"))
    return found
