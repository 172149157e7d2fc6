"""Lines of a BitFactura document: what is given, what is computed."""

from collections.abc import Sequence
from decimal import Decimal

from services.sandbox.fields import NOT_IN_LIST, Kind, amount, blank, money, objects, read_fields
from services.sandbox.storage import Fields
from services.sandbox.system import Call
from services.sandbox.wire import decimal_of, decimal_text, flag_of, int_of, invalid, stamp

KINDS: dict[str, Kind] = {
    "product_id": "int",
    "name": "short",
    "description": "long",
    "code": "short",
    "quantity": "decimal",
    "quantity_unit": "short",
    "tax": "short",
    "price_net": "decimal",
    "price_gross": "decimal",
    "total_price_net": "decimal",
    "total_price_gross": "decimal",
    "discount": "decimal",
    "discount_percent": "decimal",
    "kind": "short",
    "correction_before_attributes": "object",
    "correction_after_attributes": "object",
}

BLANK: Fields = {
    "product_id": None,
    "name": None,
    "description": None,
    "code": None,
    "quantity": "1.0",
    "quantity_unit": None,
    "tax": None,
    "price_net": None,
    "price_tax": None,
    "price_gross": None,
    "total_price_net": None,
    "total_price_tax": None,
    "total_price_gross": None,
    "discount": None,
    "discount_percent": None,
    "kind": None,
    "deleted": False,
}

PRICES = ("total_price_gross", "price_gross", "total_price_net", "price_net")


def merge(call: Call, invoice_id: int, present: Sequence[Fields], given: object) -> list[Fields]:
    """A position with an id changes that one, with `_destroy` it goes, without an id it is appended."""
    result = [dict(position) for position in present]
    for item in objects(given):
        position_id = int_of(item.get("id"))
        old = next((p for p in result if p["id"] == position_id), None) if position_id else None
        if old is not None and flag_of(item.get("_destroy")):
            result.remove(old)
        elif old is not None:
            old.update(_computed(call, old, item))
            old["updated_at"] = stamp(call.now)
        elif not flag_of(item.get("_destroy")):
            result.append(_new(call, invoice_id, item))
    return result


def _new(call: Call, invoice_id: int, item: Fields) -> Fields:
    base: Fields = {"id": call.next_id("positions"), "invoice_id": invoice_id, **BLANK}
    product = call.table("products").get(int_of(item.get("product_id")))
    if product is not None:
        names = ("name", "code", "tax", "price_gross", "quantity_unit")
        item = {**{name: product.fields[name] for name in names}, **item}
    made = stamp(call.now)
    return {**base, **_computed(call, base, item), "created_at": made, "updated_at": made}


def _computed(call: Call, old: Fields, item: Fields) -> Fields:
    """The given fields and the amounts that follow from the first price that was given."""
    given = read_fields(call, KINDS, item)
    merged = {**old, **given}
    if merged.get("correction_after_attributes"):
        return {**given, **_correction(merged)}
    source = next((name for name in PRICES if not blank(given.get(name))), None)
    if source is None:
        source = next((name for name in PRICES if not blank(merged.get(name))), None)
    quantity = amount(merged["quantity"]) or Decimal(1)
    if source is None:
        return {**given, **_amounts(Decimal(0), Decimal(0), quantity)}
    value, factor = amount(merged[source]), 1 + rate(merged["tax"])
    total = value if source.startswith("total") else value * quantity
    total *= 1 - amount(merged["discount_percent"]) / 100
    if source.endswith("gross"):
        return {**given, **_amounts(money(total / factor), money(total), quantity)}
    return {**given, **_amounts(money(total), money(total * factor), quantity)}


def _amounts(net: Decimal, gross: Decimal, quantity: Decimal) -> Fields:
    unit_net, unit_gross = money(net / quantity), money(gross / quantity)
    return {
        "price_net": decimal_text(unit_net),
        "price_tax": decimal_text(unit_gross - unit_net),
        "price_gross": decimal_text(unit_gross),
        "total_price_net": decimal_text(net),
        "total_price_tax": decimal_text(gross - net),
        "total_price_gross": decimal_text(gross),
    }


def _correction(merged: Fields) -> Fields:
    """A line of a correction is worth what it became, less what it was."""
    before, after = (_attributes(merged.get(f"correction_{when}_attributes")) for when in ("before", "after"))
    gross = amount(after.get("total_price_gross")) - amount(before.get("total_price_gross"))
    tax = merged.get("tax") or after.get("tax")
    net = money(gross / (1 + rate(tax)))
    return {**_amounts(net, gross, Decimal(1)), "tax": tax, "name": merged.get("name") or after.get("name")}


def _attributes(value: object) -> Fields:
    return value if isinstance(value, dict) else {}


def rate(tax: object) -> Decimal:
    """`"21"` is 21 %; a word (exempt, not subject) is no tax. Raises Refused(422) below 0 and above 100."""
    percent = decimal_of(tax)
    if percent is not None and not 0 <= percent <= 100:
        raise invalid(tax=NOT_IN_LIST)
    return Decimal(0) if percent is None else percent / 100


def total(positions: Sequence[Fields], name: str) -> str:
    return decimal_text(sum((amount(position[name]) for position in positions), Decimal(0)))
