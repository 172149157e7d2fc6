"""BitFactura's clients."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from services.sandbox.bitfactura import tax_numbers
from services.sandbox.fields import NOT_RIGHT, REQUIRED, Kind, amount, blank, read_fields, wrapped
from services.sandbox.lists import delete_answer, newest_first, page_of, sort_key
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import Answer, decimal_text, int_of, invalid, json_answer, not_found, stamp

HOME_COUNTRY = "ES"

KINDS: dict[str, Kind] = {
    "name": "short",
    "shortcut": "short",
    "tax_no_kind": "short",
    "tax_no": "short",
    "register_number": "short",
    "accounting_id": "short",
    "post_code": "short",
    "city": "short",
    "street": "short",
    "street_no": "short",
    "country": "short",
    "use_delivery_address": "flag",
    "delivery_address": "long",
    "first_name": "short",
    "last_name": "short",
    "title": "short",
    "email": "short",
    "phone": "short",
    "mobile_phone": "short",
    "www": "short",
    "fax": "short",
    "note": "long",
    "tag_list": "texts",
    "company": "flag",
    "kind": "short",
    "category_id": "int",
    "bank": "short",
    "bank_account": "short",
    "discount": "decimal",
    "default_tax": "short",
    "price_list_id": "int",
    "payment_to_kind": "short",
    "default_payment_type": "short",
    "disable_auto_reminders": "flag",
    "person": "short",
    "buyer_id": "int",
    "use_mass_payment": "flag",
    "mass_payment_code": "short",
    "external_id": "short",
    "department_id": "int",
}

BLANK: Fields = {
    "name": None,
    "shortcut": None,
    "tax_no": None,
    "tax_no_kind": None,
    "tax_no_check": None,
    "register_number": None,
    "company": True,
    "kind": "buyer",
    "first_name": None,
    "last_name": None,
    "title": None,
    "person": None,
    "email": None,
    "phone": None,
    "mobile_phone": None,
    "www": None,
    "fax": None,
    "note": None,
    "street": None,
    "street_no": None,
    "post_code": None,
    "city": None,
    "country": None,
    "use_delivery_address": False,
    "delivery_address": None,
    "bank": None,
    "bank_account": None,
    "bank_account_id": None,
    "discount": None,
    "default_tax": None,
    "price_list_id": None,
    "payment_to_kind": None,
    "default_payment_type": None,
    "disable_auto_reminders": False,
    "category_id": None,
    "department_id": None,
    "buyer_id": None,
    "panel_user_id": None,
    "use_mass_payment": False,
    "mass_payment_code": None,
    "external_id": None,
    "accounting_id": None,
    "tag_list": [],
    "attachments_count": 0,
    "dynamic_fields": {},
    "import": None,
    "referrer": None,
    "fuid": None,
    "fname": None,
    "femail": None,
    "password_hash": None,
    "password_salt": None,
    "token": None,
}

FLAGS_WITH_DEFAULT = ("company", "use_delivery_address", "disable_auto_reminders", "use_mass_payment")

SEARCHED = ("name", "shortcut", "email", "tax_no", "first_name", "last_name")
"""Fields in which `query` looks."""

NUMBERS = frozenset({"price_net", "price_gross", "price_tax", "paid", "price"})
"""Fields that are ordered as amounts."""

Wanted = Callable[[Record], bool]


# Store


def create(call: Call, given: Fields) -> Record:
    """Raises Refused(422). Nothing keeps the same name and tax number from being stored twice."""
    fields = {**BLANK, **_read(call, given)}
    _complete(call, fields)
    _check(call, fields, None)
    fields["token"] = call.world.new_secret()
    fields["shortcut"] = _free_shortcut(call, fields)
    record = call.table("clients").insert(call.next_id("clients"), fields, call.now)
    _after_write(call, given).raise_hooks("client:create", record)
    return record


def update(call: Call, record: Record, given: Fields) -> Record:
    """Raises Refused(422)."""
    changes = _read(call, given)
    fields = {**record.fields, **changes}
    _complete(call, fields)
    _check(call, fields, record)
    if fields == record.fields and not call.flag("unchanged_put_counts"):
        return record
    changed = call.table("clients").change(record, fields, call.now)
    _after_write(call, given).raise_hooks("client:update", changed)
    return changed


def _read(call: Call, given: Fields) -> Fields:
    fields = read_fields(call, KINDS, given)
    for name in FLAGS_WITH_DEFAULT:
        if name in fields and fields[name] is None:
            del fields[name]
    if fields.get("kind") not in ("buyer", "seller", "both"):
        fields.pop("kind", None)
    return fields


def _complete(call: Call, fields: Fields) -> None:
    if blank(fields["name"]) and fields["company"] is False and not blank(fields["last_name"]):
        fields["name"] = f"{fields['first_name'] or ''} {fields['last_name']}".strip()
    country = str(fields["country"] or "").strip().upper() or HOME_COUNTRY
    fields["tax_no_check"] = None if blank(fields["tax_no"]) else f"{country}{fields['tax_no']}"


def _check(call: Call, fields: Fields, record: Record | None) -> None:
    if blank(fields["name"]):
        raise invalid(name=REQUIRED)
    if call.flag("client_tax_no_check") and not tax_number_is_fine(call, fields, "check_digit"):
        raise invalid(tax_no=NOT_RIGHT)
    external_id = fields["external_id"]
    if call.flag("unique_external_id") and not blank(external_id):
        for other in call.table("clients").live():
            if other.fields["external_id"] == external_id and (record is None or other.id != record.id):
                raise invalid(external_id="ya está en uso")


def tax_number_is_fine(call: Call, fields: Mapping[str, object], how: str, prefix: str = "") -> bool:
    """True as well where the number is not checked: none, another country, another kind of number."""
    number = str(fields.get(f"{prefix}tax_no") or "").strip()
    country = str(fields.get(f"{prefix}country") or "").strip().upper() or HOME_COUNTRY
    if not number or country != HOME_COUNTRY or not blank(fields.get(f"{prefix}tax_no_kind")):
        return True
    return tax_numbers.acceptable(number, check_digit=how == "check_digit")


def _free_shortcut(call: Call, fields: Fields) -> str:
    """The wanted shortcut, with a counter behind it when another client has had it."""
    wanted = str(fields["shortcut"] or fields["name"])
    key = f"shortcut:{wanted}"
    used = call.account.counters[key]
    call.account.counters[key] += 1
    return f"{wanted} ({used})" if used else wanted


def _after_write(call: Call, given: Fields) -> Call:
    quiet = bool(given.get("skip_webhooks")) and call.flag("honours_skip_webhooks")
    return replace(call, quiet=call.quiet or quiet)


# Show


def balances(call: Call) -> dict[int, str]:
    """What each client still owes, as the vendor writes amounts."""
    invoices = call.table("invoices")
    cached = call.account.sums.get("balances")
    if cached is not None and cached[0] == invoices.revision:
        return cached[1]
    owed: dict[int, Decimal] = {}
    for invoice in invoices.live():
        client_id = invoice.number("client_id")
        if client_id is not None and invoice.fields["income"]:
            rest = amount(invoice.fields["price_gross"]) - amount(invoice.fields["paid"])
            owed[client_id] = owed.get(client_id, Decimal(0)) + rest
    result = {client_id: decimal_text(rest) for client_id, rest in owed.items()}
    call.account.sums["balances"] = (invoices.revision, result)
    return result


def show(call: Call, record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    """A write answers with real milliseconds and without `balance`."""
    result = {"id": record.id, **record.fields, "deleted": record.deleted}
    if not created and not updated:
        result["balance"] = balances(call).get(record.id, "0.0")
        if call.param("with_tags") == "false":
            del result["tag_list"]
    result["created_at"] = stamp(record.created_at, millis=created)
    result["updated_at"] = stamp(record.updated_at, millis=created or updated)
    return result


# Requests


def listed(call: Call) -> Answer:
    wanted = _filters(call)
    rows = [r for r in call.table("clients").live(call.as_of) if all(test(r) for test in wanted)]
    return json_answer([show(call, r) for r in page_of(call, in_order(call, rows))])


def _filters(call: Call) -> list[Wanted]:
    """One test for each filter that the request fills; most requests fill none."""
    tests = [test for name in ("name", "email", "shortcut", "tax_no") if (test := _match(call, name))]
    external_id, query = call.filled("external_id"), (call.filled("query") or "").casefold()
    if external_id is not None:
        tests.append(lambda record: record.text("external_id") == external_id)
    if query:
        tests.append(lambda record: any(query in record.text(name).casefold() for name in SEARCHED))
    return tests


def _match(call: Call, name: str) -> Wanted | None:
    given, how = call.filled(name), call.choice("filters")
    if given is None or how == "ignored":
        return None
    strips = name == "tax_no" and call.flag("tax_no_filter_strips")

    def compared(text: str) -> str:
        return (re.sub(r"[^0-9A-Za-z]", "", text) if strips else text).casefold()

    wanted = compared(given)
    if how == "exact":
        return lambda record: compared(record.text(name)) == wanted
    return lambda record: wanted in compared(record.text(name))


def in_order(call: Call, rows: list[Record]) -> list[Record]:
    """By `order`, `.desc` inverts it; an order that is not known counts as none."""
    name, _, direction = (call.param("order") or "").partition(".")
    known = name in ("updated_at", "created_at") or (bool(rows) and name in rows[0].fields)
    if not name or not known:
        return newest_first(rows) if call.choice("default_order") == "newest_first" else rows
    descends = direction == "desc"
    if name == "updated_at" and not direction:
        descends = call.flag("plain_updated_at_descends")
    return sorted(rows, key=sort_key(name, NUMBERS), reverse=descends)


def found(call: Call) -> Record:
    """The client that the path names. Raises Refused(404)."""
    record = call.table("clients").get(call.record_id, call.as_of)
    if record is None:
        raise not_found()
    return record


def read(call: Call) -> Answer:
    return json_answer(show(call, found(call)))


def created(call: Call) -> Answer:
    return json_answer(show(call, create(call, wrapped(call, "client")), created=True), 201)


def updated(call: Call) -> Answer:
    return json_answer(show(call, update(call, found(call), wrapped(call, "client")), updated=True))


def deleted(call: Call) -> Answer:
    remove(call, found(call))
    return delete_answer(call)


def remove(call: Call, record: Record) -> None:
    call.raise_hooks("client:destroy", call.table("clients").delete(record, call.now))


def merged(call: Call) -> Answer:
    """Keeps the client of the path, moves the documents of the others to it and deletes them."""
    keep, clients, invoices = found(call), call.table("clients"), call.table("invoices")
    given = call.body.get("merge_ids")
    losers = {int_of(value) for value in given} - {keep.id} if isinstance(given, list) else set()
    for invoice in invoices.live():
        if invoice.number("client_id") in losers:
            invoices.change(invoice, {"client_id": keep.id}, call.now, touch=False)
    for loser in losers:
        record = clients.get(loser)
        if record is not None:
            remove(call, record)
    return json_answer(show(call, keep))


ROUTES: tuple[Route, ...] = (
    Route(method="GET", template="/clients.json", action="list", handler=listed),
    Route(method="GET", template="/clients/{id}.json", action="read", handler=read),
    Route(method="POST", template="/clients.json", action="create", handler=created),
    Route(method="PUT", template="/clients/{id}.json", action="update", handler=updated),
    Route(method="PATCH", template="/clients/{id}.json", action="update", handler=updated),
    Route(method="DELETE", template="/clients/{id}.json", action="delete", handler=deleted),
    Route(method="POST", template="/clients/{id}/merge.json", action="other", handler=merged),
)
