"""BitFactura's sales documents (and expenses): what is stored and how it changes."""

from collections.abc import Sequence
from dataclasses import replace

from services.sandbox.bitfactura import clients, numbering, positions
from services.sandbox.fields import (
    NOT_IN_LIST,
    NOT_RIGHT,
    REQUIRED,
    Kind,
    amount,
    blank,
    objects,
    read_fields,
)
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call
from services.sandbox.wire import date_of, decimal_text, flag_of, int_of, invalid

DOCUMENT_KINDS = frozenset(
    {
        "vat", "proforma", "bill", "receipt", "advance", "final", "correction", "vat_mp", "vat_margin",
        "invoice_other", "estimate", "kp", "kw", "correction_note", "accounting_note", "client_order",
        "import_service", "import_service_eu", "import_products", "export_products", "canceled",
    }
)  # fmt: skip
MISTAKEN_KINDS = {"iva": "vat"}
"""One Spanish example of the vendor says `iva`, which is no kind."""

STATUSES = ("issued", "sent", "paid", "partial", "rejected")

_PARTY: dict[str, Kind] = {
    "name": "short",
    "tax_no": "short",
    "tax_no_kind": "short",
    "street": "short",
    "post_code": "short",
    "city": "short",
    "country": "short",
    "email": "short",
    "phone": "short",
    "first_name": "short",
    "last_name": "short",
    "company": "flag",
}

KINDS: dict[str, Kind] = {
    "number": "short",
    "kind": "short",
    "income": "flag",
    "status": "short",
    "issue_date": "date",
    "sell_date": "date",
    "transaction_date": "date",
    "payment_to": "date",
    "payment_to_kind": "short",
    "paid_date": "date",
    "currency": "short",
    "paid": "decimal",
    "exchange_rate": "decimal",
    "oid": "short",
    "department_id": "int",
    "invoice_id": "int",
    "from_invoice_id": "int",
    "category_id": "int",
    "payment_type": "short",
    "lang": "short",
    "description": "long",
    "description_footer": "long",
    "description_long": "long",
    "internal_note": "long",
    "correction_reason": "long",
    **{f"buyer_{name}": kind for name, kind in _PARTY.items()},
    **{f"seller_{name}": kind for name, kind in _PARTY.items()},
    **{f"recipient_{name}": kind for name, kind in _PARTY.items()},
}

BLANK: Fields = {
    **dict.fromkeys(KINDS),
    "kind": "vat",
    "income": True,
    "status": "issued",
    "currency": "EUR",
    "paid": "0.0",
    "exchange_rate": "1.0",
    "lang": "es",
    "cancelled": False,
    "additional_fields": {},
}

BUYER_FIELDS = ("name", "tax_no", "tax_no_kind", "street", "post_code", "city", "country", "email", "phone",
                "first_name", "last_name", "company")  # fmt: skip


def create(call: Call, given: Fields) -> Record:
    """Raises Refused(422). Without `client_id` a client is matched, or made."""
    fields = {**BLANK, **_read(call, given)}
    _check(call, fields, given)
    _check_oid(call, fields, given)
    invoice_id = call.next_id("invoices")
    fields["positions"] = positions.merge(call, invoice_id, [], given.get("positions"))
    _total(fields)
    fields["client_id"] = _client_of(call, fields, given)
    numbering.complete_dates(call, fields)
    issued = date_of(fields["issue_date"])
    if blank(fields["number"]) and issued is not None:
        fields["number"] = numbering.next_number(call, issued)
    fields["token"] = call.world.new_secret()
    _settle(call, fields, given, was="issued")
    record = call.table("invoices").insert(invoice_id, fields, call.now)
    raise_hooks(_quiet(call, given), "create", record)
    return record


def update(call: Call, record: Record, given: Fields) -> Record:
    """Raises Refused(422)."""
    if call.flag("invoices_locked"):
        raise invalid(base="el documento ya se ha enviado y no se puede modificar")
    fields = {**record.fields, **_read(call, given)}
    _check(call, fields, given)
    if not blank(given.get("client_id")) and int_of(given["client_id"]) != record.fields["client_id"]:
        fields["client_id"] = _client_of(call, fields, given)
    if "positions" in given:
        before = objects(record.fields["positions"])
        fields["positions"] = positions.merge(call, record.id, before, given["positions"])
        _total(fields)
    numbering.complete_dates(call, fields)
    _settle(call, fields, given, was=record.text("status"))
    return store(call, record, fields, given)


def store(call: Call, record: Record, fields: Fields, given: Fields | None = None) -> Record:
    """Keep the changed fields and tell the hooks; a change of nothing is none."""
    if fields == record.fields and not call.flag("unchanged_put_counts"):
        return record
    changed = call.table("invoices").change(record, fields, call.now)
    raise_hooks(_quiet(call, given or {}), "update", changed)
    return changed


def delete(call: Call, record: Record) -> None:
    raise_hooks(call, "destroy", call.table("invoices").delete(record, call.now))


def cancel(call: Call, record: Record, reason: str) -> Record:
    """The kind becomes `canceled`, which no list of kinds names."""
    additional = {"cancel_reason": reason} if reason else {}
    changes: Fields = {"kind": "canceled", "cancelled": True, "additional_fields": additional}
    return store(call, record, {**record.fields, **changes})


def set_status(call: Call, record: Record, status: str) -> Record:
    fields = {**record.fields, "status": status}
    _settle(call, fields, {"status": status}, was=record.text("status"))
    return store(call, record, fields)


def raise_hooks(call: Call, event: str, record: Record) -> None:
    """Expenses raise none."""
    if record.fields["income"]:
        call.raise_hooks(f"invoice:{event}", record)


# Rules


def _read(call: Call, given: Fields) -> Fields:
    fields = read_fields(call, KINDS, given)
    kind = fields.get("kind")
    if kind is not None:
        fields["kind"] = MISTAKEN_KINDS.get(str(kind), kind)
    for name, value in BLANK.items():
        if value is not None and name in fields and blank(fields[name]):
            del fields[name]
    return fields


def _check(call: Call, fields: Fields, given: Fields) -> None:
    if fields["kind"] not in DOCUMENT_KINDS:
        raise invalid(kind=NOT_IN_LIST)
    if fields["status"] not in STATUSES:
        raise invalid(status=NOT_IN_LIST)
    how = call.choice("invoice_tax_no_check")
    if how == "off" or flag_of(given.get("disable_tax_no_validation")):
        return
    for party in ("buyer_", "seller_"):
        # With a card its own data are used, whatever the request says of the buyer.
        if party == "buyer_" and _names_a_card(given):
            continue
        changed = f"{party}tax_no" in given
        if changed and not clients.tax_number_is_fine(call, fields, how, party):
            raise invalid(**{f"{party}tax_no": NOT_RIGHT})


def _names_a_card(given: Fields) -> bool:
    return (int_of(given.get("client_id")) or -1) > 0


def _check_oid(call: Call, fields: Fields, given: Fields) -> None:
    if blank(fields["oid"]) or not flag_of(given.get("oid_unique")):
        return
    if any(other.fields["oid"] == fields["oid"] for other in call.table("invoices").live()):
        raise invalid(oid="ya está en uso")


def _client_of(call: Call, fields: Fields, given: Fields) -> int:
    """The id of the buyer's card; the buyer's fields of the document are filled from it."""
    wanted = int_of(given.get("client_id"))
    if (wanted is None or wanted < 0) and not _has_buyer(fields):
        raise invalid(buyer_name=REQUIRED)
    if wanted is not None and wanted >= 0:
        card = call.table("clients").get(wanted)
        if card is None:
            raise invalid(client_id=NOT_RIGHT)
        if flag_of(given.get("buyer_override")):
            card = clients.update(call, card, _as_client(given))
        fields.update({f"buyer_{name}": card.fields.get(name) for name in BUYER_FIELDS})
        return card.id
    card = None if wanted is not None else _matching_client(call, fields)
    return (card or clients.create(call, _as_client(fields))).id


def _has_buyer(fields: Fields) -> bool:
    return not blank(fields["buyer_name"]) or not blank(fields["buyer_last_name"])


def _as_client(fields: Fields) -> Fields:
    given = {name: fields[f"buyer_{name}"] for name in BUYER_FIELDS if fields.get(f"buyer_{name}") is not None}
    if blank(given.get("name")) and not blank(given.get("last_name")):
        given["company"] = False
    return given


def _matching_client(call: Call, fields: Fields) -> Record | None:
    """A card that agrees in everything that the document says of name, tax number and e-mail."""
    names = ("first_name", "last_name") if blank(fields["buyer_name"]) else ("name",)
    wanted = {
        name: str(fields[f"buyer_{name}"]).strip().casefold()
        for name in (*names, "tax_no", "email")
        if not blank(fields[f"buyer_{name}"])
    }
    for card in call.table("clients").live():
        if all(card.text(name).strip().casefold() == value for name, value in wanted.items()):
            return card
    return None


def _total(fields: Fields) -> None:
    lines: Sequence[Fields] = objects(fields["positions"])
    for name in ("price_net", "price_tax", "price_gross"):
        fields[name] = positions.total(lines, f"total_{name}")
    fields["product_cache"] = ", ".join(str(line["name"] or "") for line in lines)[:255]


def _settle(call: Call, fields: Fields, given: Fields, *, was: str) -> None:
    """Status, paid amount and date of payment follow from whichever of them was given."""
    today = call.world.clock.today().date().isoformat()
    gross = amount(fields["price_gross"])
    if fields["status"] == "paid" and (was != "paid" or "positions" in given):
        fields["paid"] = decimal_text(gross)
        fields["paid_date"] = fields["paid_date"] or today
    elif "paid" in given and "status" not in given:
        settle_amount(fields, today)
    elif fields["status"] == "issued" and was == "paid":
        fields["paid"], fields["paid_date"] = "0.0", None


def settle_amount(fields: Fields, today: str) -> None:
    """The status that follows from the amount paid."""
    paid, gross = amount(fields["paid"]), amount(fields["price_gross"])
    if paid and paid >= gross:
        fields["status"], fields["paid_date"] = "paid", today
    elif paid:
        fields["status"], fields["paid_date"] = "partial", today
    else:
        fields["status"], fields["paid_date"] = "issued", None


def _quiet(call: Call, given: Fields) -> Call:
    quiet = bool(given.get("skip_webhooks")) and call.flag("honours_skip_webhooks")
    return replace(call, quiet=call.quiet or quiet)
