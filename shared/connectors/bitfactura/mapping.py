"""BitFactura's objects to Puente's records and back. Pure.

Field names and value types are those of the public API description (github.com/bitfactura/API and its sister
brands) and of recorded answers; unknown keys are tolerated.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from shared.connectors import values
from shared.connectors.contract import Access, Row
from shared.connectors.values import Object
from shared.model.record import CUSTOMER, INVOICE, Fields, Value

# Our field to theirs: the same name, but for what only a CRM has.
_NOT_HERE: Final = frozenset({"province", "description", "phone_note", "stage", "tags", "other_id"})
CLIENT: Final = {name: name for name in CUSTOMER.fields if name not in _NOT_HERE}

_INVOICE: Final = {
    "number": "number",
    "kind": "kind",
    "status": "status",
    "income": "income",
    "client": "client_id",
    "client_name": "buyer_name",
    "issue_date": "issue_date",
    "payment_to": "payment_to",
    "currency": "currency",
    "price_net": "price_net",
    "price_gross": "price_gross",
    "paid": "paid",
    "link_token": "token",
}


def customer_from_client(wire: Object, access: Access) -> Row:
    """A client as a customer. Our reference stands in `external_id`, which users may fill as well."""
    return Row(
        record_id=values.record_id(wire.get("id"), "id"),
        fields=values.fields_from(wire, CUSTOMER, CLIENT),
        changed_at=values.moment(wire.get("updated_at"), "updated_at"),
        reference=client_reference(wire),
        gone=values.flag(wire.get("deleted"), "deleted") is True,
    )


def client_reference(wire: Object) -> str:
    return values.loose_text(wire.get("external_id"), "external_id")


def client_from_customer(fields: Fields) -> Object:
    return values.wire_from(fields, CLIENT)


def invoice_from_document(wire: Object, access: Access) -> Row:
    """A document as an invoice: its title is its first position's name, else its number.

    Most answers of a list lack `positions` and some answers lack `view_url`: the link is then built from `token`.
    A cancelled document is one whose kind has become `canceled`.
    """
    fields: dict[str, Value] = values.fields_from(wire, INVOICE, _INVOICE)
    fields["title"] = _title(wire) or fields.get("number")
    fields["cancelled"] = (
        fields.get("kind") == "canceled" or values.flag(wire.get("cancelled"), "cancelled") is True
    )
    fields["link"] = values.text(wire.get("view_url"), "view_url") or _link(access, fields.get("link_token"))
    if fields.get("income") is None:
        fields["income"] = True  # the list that we ask for holds sales; expenses say income 0
    return Row(
        record_id=values.record_id(wire.get("id"), "id"),
        fields=fields,
        changed_at=values.moment(wire.get("updated_at"), "updated_at"),
        reference=invoice_reference(wire),
        gone=values.flag(wire.get("deleted"), "deleted") is True,
    )


def invoice_reference(wire: Object) -> str:
    return values.loose_text(wire.get("oid"), "oid")


def document_from_invoice(fields: Fields) -> Object:
    """Documents are never written: an invoice is a legal paper, made by its owner."""
    raise values.wrong(next(iter(fields), "invoice"), "writable here")


def _title(wire: Object) -> str | None:
    positions = wire.get("positions")
    if positions is None:
        return None
    if not isinstance(positions, list):
        raise values.wrong("positions", "a list")
    for position in positions:
        if not isinstance(position, dict):
            raise values.wrong("positions", "a list of objects")
        if values.flag(position.get("deleted"), "positions.deleted") is not True:
            return values.text(position.get("name"), "positions.name")
    return None


def _link(access: Access, token: Value) -> str | None:
    if not isinstance(token, str):
        return None
    return f"{access.base_url.rstrip('/')}/invoice/{quote(token, safe='')}"
