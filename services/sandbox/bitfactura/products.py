"""BitFactura's products, with the stock that warehouse documents make."""

from dataclasses import replace

from services.sandbox.bitfactura.clients import in_order
from services.sandbox.bitfactura.positions import rate
from services.sandbox.fields import REQUIRED, Kind, amount, blank, money, read_fields, wrapped
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
    not_found,
    stamp,
)

KINDS: dict[str, Kind] = {
    "name": "short",
    "code": "short",
    "ean_code": "short",
    "description": "long",
    "price_net": "decimal",
    "tax": "short",
    "price_gross": "decimal",
    "currency": "short",
    "category_id": "int",
    "tag_list": "texts",
    "service": "flag",
    "electronic_service": "flag",
    "limited": "flag",
    "stock_level": "decimal",
    "purchase_price_net": "decimal",
    "purchase_tax": "short",
    "purchase_price_gross": "decimal",
    "package": "flag",
    "quantity_unit": "short",
    "quantity": "decimal",
    "additional_info": "long",
    "supplier_code": "short",
    "accounting_id": "short",
    "disabled": "flag",
    "use_moss": "flag",
    "size": "short",
    "size_width": "decimal",
    "size_height": "decimal",
    "weight": "decimal",
    "weight_unit": "short",
}

BLANK: Fields = {
    **dict.fromkeys(KINDS),
    "price_net": "0.0",
    "price_gross": "0.0",
    "tax": "21",
    "currency": "EUR",
    "tag_list": [],
    "service": False,
    "electronic_service": False,
    "limited": False,
    "stock_level": "0.0",
    "package": False,
    "quantity": "1.0",
    "disabled": False,
    "use_moss": False,
}


def create(call: Call, given: Fields) -> Record:
    fields = {**BLANK, **_read(call, given)}
    _check(fields)
    _price(call, fields, given)
    record = call.table("products").insert(call.next_id("products"), fields, call.now)
    _quiet(call, given).raise_hooks("product:create", record)
    return record


def update(call: Call, record: Record, given: Fields) -> Record:
    fields = {**record.fields, **_read(call, given)}
    _check(fields)
    _price(call, fields, given)
    if fields == record.fields and not call.flag("unchanged_put_counts"):
        return record
    changed = call.table("products").change(record, fields, call.now)
    _quiet(call, given).raise_hooks("product:update", changed)
    return changed


def _read(call: Call, given: Fields) -> Fields:
    fields = read_fields(call, KINDS, given)
    for name, value in BLANK.items():
        if value is not None and name in fields and fields[name] is None:
            del fields[name]
    return fields


def _check(fields: Fields) -> None:
    if blank(fields["name"]):
        raise invalid(name=REQUIRED)


def _price(call: Call, fields: Fields, given: Fields) -> None:
    """One price is the given one, the other follows; a page in one language says net, another gross."""
    factor = 1 + rate(fields["tax"])
    source = call.choice("product_price_from")
    other = "gross" if source == "net" else "net"
    if given.get(f"price_{source}") is None and given.get(f"price_{other}") is not None:
        source = other
    value = amount(fields[f"price_{source}"])
    if source == "net":
        fields["price_gross"] = decimal_text(money(value * factor))
    else:
        fields["price_net"] = decimal_text(money(value / factor))


def _quiet(call: Call, given: Fields) -> Call:
    quiet = bool(given.get("skip_webhooks")) and call.flag("honours_skip_webhooks")
    return replace(call, quiet=call.quiet or quiet)


def _show(call: Call, record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    result = {"id": record.id, **record.fields}
    warehouse_id = int_of(call.param("warehouse_id"))
    if warehouse_id is not None:
        result["stock_level"] = stock(call, record.id, warehouse_id)
    result["created_at"] = stamp(record.created_at, millis=created)
    result["updated_at"] = stamp(record.updated_at, millis=created or updated)
    return result


def stock(call: Call, product_id: int, warehouse_id: int) -> str:
    moved = [
        amount(action.fields["quantity"])
        for action in call.table("warehouse_actions").live()
        if action.fields["product_id"] == product_id and action.fields["warehouse_id"] == warehouse_id
    ]
    return decimal_text(sum(moved, amount(None)))


def _found(call: Call) -> Record:
    record = call.table("products").get(call.record_id, call.as_of)
    if record is None:
        raise not_found()
    return record


def listed(call: Call) -> Answer:
    """`date_from`: products that were added or changed since that day."""
    since, query = date_of(call.param("date_from")), (call.filled("query") or "").casefold()
    rows = [
        record
        for record in call.table("products").live(call.as_of)
        if (since is None or record.updated_at.date() >= since)
        and any(query in record.text(name).casefold() for name in ("name", "code", "ean_code"))
    ]
    return json_answer([_show(call, r) for r in page_of(call, in_order(call, rows))])


def read(call: Call) -> Answer:
    return json_answer(_show(call, _found(call)))


def created(call: Call) -> Answer:
    return json_answer(_show(call, create(call, wrapped(call, "product")), created=True), 201)


def updated(call: Call) -> Answer:
    return json_answer(_show(call, update(call, _found(call), wrapped(call, "product")), updated=True))


def deleted(call: Call) -> Answer:
    call.raise_hooks("product:destroy", call.table("products").delete(_found(call), call.now))
    return delete_answer(call)


ROUTES: tuple[Route, ...] = (
    Route(method="GET", template="/products.json", action="list", handler=listed),
    Route(method="GET", template="/products/{id}.json", action="read", handler=read),
    Route(method="POST", template="/products.json", action="create", handler=created),
    Route(method="PUT", template="/products/{id}.json", action="update", handler=updated),
    Route(method="PATCH", template="/products/{id}.json", action="update", handler=updated),
    Route(method="DELETE", template="/products/{id}.json", action="delete", handler=deleted),
)
