"""BitFactura's smaller resources: all alike, but for what a warehouse document moves."""

from collections.abc import Callable
from dataclasses import dataclass

from services.sandbox.bitfactura.clients import in_order
from services.sandbox.bitfactura.documents import in_period
from services.sandbox.fields import Kind, amount, blank, objects, read_fields, wrapped
from services.sandbox.lists import delete_answer, page_of
from services.sandbox.storage import Fields, Record
from services.sandbox.system import Call, Route
from services.sandbox.wire import (
    Answer,
    date_of,
    decimal_text,
    error,
    int_of,
    json_answer,
    not_found_newer,
    stamp,
)


@dataclass(frozen=True, kw_only=True)
class Smaller:
    resource: str
    wrapper: str
    kinds: dict[str, Kind]
    required: str = "name"


DEPARTMENT: dict[str, Kind] = {
    "name": "short", "shortcut": "short", "tax_no": "short", "street": "short", "post_code": "short",
    "city": "short", "country": "short", "email": "short", "phone": "short", "www": "short", "fax": "short",
    "bank": "short", "bank_account": "short", "main": "flag",
}  # fmt: skip

RESOURCES: tuple[Smaller, ...] = (
    Smaller(resource="departments", wrapper="department", kinds=DEPARTMENT),
    Smaller(resource="categories", wrapper="category", kinds={"name": "short", "description": "long"}),
    Smaller(
        resource="warehouses",
        wrapper="warehouse",
        kinds={"name": "short", "kind": "short", "description": "long"},
    ),
    Smaller(
        resource="warehouse_documents",
        wrapper="warehouse_document",
        kinds={
            "kind": "short",
            "number": "short",
            "issue_date": "date",
            "warehouse_id": "int",
            "warehouse2_id": "int",
            "department_id": "int",
            "client_id": "int",
            "client_name": "short",
            "description": "long",
        },
        required="kind",
    ),
    Smaller(
        resource="price_lists",
        wrapper="price_list",
        kinds={"name": "short", "description": "long", "currency": "short"},
    ),
    Smaller(
        resource="issuers",
        wrapper="issuer",
        kinds={"name": "short", "first_name": "short", "last_name": "short", "email": "short"},
    ),
    Smaller(
        resource="recurrings",
        wrapper="recurring",
        kinds={
            "name": "short",
            "invoice_id": "int",
            "start_date": "date",
            "end_date": "date",
            "every": "short",
            "issue_working_day_only": "flag",
            "send_email": "flag",
            "buyer_email": "short",
            "next_invoice_date": "date",
        },
    ),
)


def create(call: Call, resource: Smaller, given: Fields) -> Record:
    fields = {**dict.fromkeys(resource.kinds), **read_fields(call, resource.kinds, given)}
    if blank(fields[resource.required]):
        raise error(422, {resource.required: ["no puede estar en blanco"]})
    if resource.resource == "warehouse_documents":
        _check_document(fields)
        fields["issue_date"] = fields["issue_date"] or call.world.clock.today().date().isoformat()
    record = call.table(resource.resource).insert(call.next_id(resource.resource), fields, call.now)
    if resource.resource == "warehouse_documents":
        _move(call, record, objects(given.get("warehouse_actions")))
    return record


def _check_document(fields: Fields) -> None:
    if fields["kind"] not in ("pz", "wz", "mm"):
        raise error(422, {"kind": ["no está incluido en la lista"]})


def _move(call: Call, document: Record, actions: list[Fields]) -> None:
    """`pz` brings goods in, `wz` takes them out, `mm` does both, in two warehouses."""
    for given in actions:
        quantity = amount(given.get("quantity")) or amount("1")
        warehouse, other = document.number("warehouse_id"), document.number("warehouse2_id")
        moves = [(warehouse, quantity if document.fields["kind"] == "pz" else -quantity)]
        if document.fields["kind"] == "mm":
            moves.append((other, quantity))
        for warehouse_id, moved in moves:
            _act(call, document, int_of(given.get("product_id")), warehouse_id, decimal_text(moved))


def _act(call: Call, document: Record, product_id: int | None, warehouse_id: int | None, moved: str) -> None:
    fields: Fields = {
        "warehouse_document_id": document.id,
        "kind": document.fields["kind"],
        "product_id": product_id,
        "warehouse_id": warehouse_id,
        "quantity": moved,
        "issue_date": document.fields["issue_date"],
    }
    call.table("warehouse_actions").insert(call.next_id("warehouse_actions"), fields, call.now)
    product = call.table("products").get(product_id)
    if product is not None:
        level = decimal_text(amount(product.fields["stock_level"]) + amount(moved))
        call.table("products").change(product, {"stock_level": level}, call.now)


def _show(record: Record, *, created: bool = False, updated: bool = False) -> Fields:
    return {
        "id": record.id,
        **record.fields,
        "created_at": stamp(record.created_at, millis=created),
        "updated_at": stamp(record.updated_at, millis=created or updated),
    }


def _found(call: Call, resource: Smaller) -> Record:
    record = call.table(resource.resource).get(call.record_id, call.as_of)
    if record is None:
        raise not_found_newer()
    return record


def _routes(resource: Smaller) -> tuple[Route, ...]:
    name = resource.resource

    def listed(call: Call) -> Answer:
        rows = call.table(name).live(call.as_of)
        if name == "warehouse_documents":
            rows = [r for r in rows if in_period(call, date_of(r.fields["issue_date"]))]
        return json_answer([_show(r) for r in page_of(call, in_order(call, rows))])

    def created(call: Call) -> Answer:
        return json_answer(_show(create(call, resource, wrapped(call, resource.wrapper)), created=True), 201)

    def updated(call: Call) -> Answer:
        record = _found(call, resource)
        changes = read_fields(call, resource.kinds, wrapped(call, resource.wrapper))
        return json_answer(_show(call.table(name).change(record, changes, call.now), updated=True))

    def deleted(call: Call) -> Answer:
        call.table(name).delete(_found(call, resource), call.now)
        return delete_answer(call)

    one, many = f"/{name}/{{id}}.json", f"/{name}.json"
    return (
        Route(method="GET", template=many, action="list", handler=listed),
        Route(
            method="GET",
            template=one,
            action="read",
            handler=lambda call: json_answer(_show(_found(call, resource))),
        ),
        Route(method="POST", template=many, action="create", handler=created),
        Route(method="PUT", template=one, action="update", handler=updated),
        Route(method="DELETE", template=one, action="delete", handler=deleted),
    )


ACTION_FILTERS = ("warehouse_id", "kind", "product_id", "warehouse_document_id")


def actions_listed(call: Call) -> Answer:
    first, last = (date_of(call.param(name)) for name in ("date_from", "date_to"))
    rows = []
    for record in call.table("warehouse_actions").live(call.as_of):
        when = date_of(record.fields["issue_date"])
        wanted = all(call.filled(n) in (None, record.text(n)) for n in ACTION_FILTERS)
        if wanted and when is not None and (first or when) <= when <= (last or when):
            rows.append(record)
    return json_answer([_show(r) for r in page_of(call, in_order(call, rows))])


def _seeder(resource: Smaller) -> Callable[[Call, Fields], Record]:
    return lambda call, given: create(call, resource, given)


SEEDERS = {resource.resource: _seeder(resource) for resource in RESOURCES}

ROUTES: tuple[Route, ...] = (
    *(route for resource in RESOURCES for route in _routes(resource)),
    Route(method="GET", template="/warehouse_actions.json", action="list", handler=actions_listed),
)
