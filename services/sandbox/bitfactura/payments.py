"""BitFactura's payments, and what they do to the invoices that they pay."""

from decimal import Decimal

from services.sandbox.bitfactura import documents, invoices
from services.sandbox.bitfactura.clients import in_order
from services.sandbox.fields import REQUIRED, Kind, amount, blank, read_fields, wrapped
from services.sandbox.lists import delete_answer, page_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import (
    Answer,
    date_of,
    decimal_text,
    int_of,
    invalid,
    json_answer,
    not_found_newer,
    stamp,
)

KINDS: dict[str, Kind] = {
    "name": "short",
    "price": "decimal",
    "currency": "short",
    "paid": "flag",
    "paid_date": "short",
    "kind": "short",
    "invoice_id": "int",
    "client_id": "int",
    "department_id": "int",
    "oid": "short",
    "description": "long",
    "comment": "long",
    "provider": "short",
    "provider_status": "short",
    "provider_title": "short",
    "income": "flag",
}
BLANK: Fields = {
    **dict.fromkeys(KINDS),
    "currency": "EUR",
    "paid": True,
    "kind": "api",
    "income": True,
    "invoice_ids": [],
}


def create(call: Call, given: Fields) -> Record:
    fields = {**BLANK, **_read(call, given)}
    if blank(fields["price"]):
        raise invalid(price=REQUIRED)
    fields["paid_date"] = fields["paid_date"] or stamp(call.now)
    record = call.table("payments").insert(call.next_id("payments"), fields, call.now)
    _settle_invoices(call, _targets(record))
    return record


def update(call: Call, record: Record, given: Fields) -> Record:
    changed = call.table("payments").change(record, {**record.fields, **_read(call, given)}, call.now)
    _settle_invoices(call, _targets(record) + _targets(changed))
    return changed


def _read(call: Call, given: Fields) -> Fields:
    fields = read_fields(call, KINDS, given)
    for name, value in BLANK.items():
        if value is not None and name in fields and fields[name] is None:
            del fields[name]
    wanted = given.get("invoice_ids")
    if isinstance(wanted, list):
        fields["invoice_ids"] = [number for value in wanted if (number := int_of(value)) is not None]
    return fields


def _targets(record: Record) -> list[int]:
    many = record.fields["invoice_ids"]
    ids = [number for number in many if isinstance(number, int)] if isinstance(many, list) else []
    one = record.number("invoice_id")
    return [one, *ids] if one is not None and one not in ids else ids


def _settle_invoices(call: Call, invoice_ids: list[int]) -> None:
    """Give every payment to its invoices in their order; the amount paid decides the status."""
    received: dict[int, Decimal] = {}
    for payment in call.table("payments").live():
        rest = amount(payment.fields["price"]) if payment.fields["paid"] else Decimal(0)
        for invoice_id in _targets(payment):
            invoice = call.table("invoices").get(invoice_id)
            if invoice is None:
                continue
            open_amount = amount(invoice.fields["price_gross"]) - received.get(invoice_id, Decimal(0))
            last = invoice_id == _targets(payment)[-1]
            part = rest if last else min(rest, max(open_amount, Decimal(0)))
            received[invoice_id] = received.get(invoice_id, Decimal(0)) + part
            rest -= part
    today = call.world.clock.today().date().isoformat()
    for invoice_id in dict.fromkeys(invoice_ids):
        invoice = call.table("invoices").get(invoice_id)
        if invoice is not None:
            fields = {**invoice.fields, "paid": decimal_text(received.get(invoice_id, Decimal(0)))}
            invoices.settle_amount(fields, today)
            invoices.store(call, invoice, fields)


def _show(call: Call, record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    result = {"id": record.id, **record.fields, "deleted": record.deleted}
    if call.param("include") == "invoices":
        found = [call.table("invoices").get(invoice_id) for invoice_id in _targets(record)]
        result["invoices"] = [documents.show_read(call, invoice) for invoice in found if invoice]
    result["created_at"] = stamp(record.created_at, millis=created)
    result["updated_at"] = stamp(record.updated_at, millis=created or updated)
    return result


def _found(call: Call) -> Record:
    record = call.table("payments").get(call.record_id, call.as_of)
    if record is None:
        raise not_found_newer()
    return record


def listed(call: Call) -> Answer:
    wanted = int_of(call.filled("invoice_id"))
    rows = [
        record
        for record in call.table("payments").live(call.as_of)
        if documents.in_period(call, date_of(record.fields["paid_date"]))
        and (wanted is None or wanted in _targets(record))
    ]
    return json_answer([_show(call, r) for r in page_of(call, in_order(call, rows))])


def read(call: Call) -> Answer:
    return json_answer(_show(call, _found(call)))


def created(call: Call) -> Answer:
    return json_answer(_show(call, create(call, wrapped(call, "banking_payment")), created=True), 201)


def updated(call: Call) -> Answer:
    record = _found(call)
    return json_answer(_show(call, update(call, record, wrapped(call, "banking_payment")), updated=True))


def deleted(call: Call) -> Answer:
    record = _found(call)
    call.table("payments").delete(record, call.now)
    _settle_invoices(call, _targets(record))
    return delete_answer(call)


# The vendor's pages print `/banking/payment/ID.json` for the single GET; it does not exist.
ROUTES: tuple[Route, ...] = (
    Route(method="GET", template="/banking/payments.json", action="list", handler=listed),
    Route(method="GET", template="/banking/payments/{id}.json", action="read", handler=read),
    Route(method="POST", template="/banking/payments.json", action="create", handler=created),
    Route(method="PATCH", template="/banking/payments/{id}.json", action="update", handler=updated),
    Route(method="DELETE", template="/banking/payments/{id}.json", action="delete", handler=deleted),
)
