"""BitFactura's products, payments and smaller resources."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.support import Control, Json, Vendor, make_client, make_invoice


async def make_product(bf: Vendor, **fields: object) -> Json:
    made: Json = await bf.post("/products.json", {"product": {"name": "Bujía", **fields}})
    return made


@pytest.mark.parametrize(("source", "expected"), [("net", ("10.0", "12.1")), ("gross", ("16.53", "20.0"))])
async def test_price_of_a_product(source: str, expected: tuple[str, str], bf: Vendor, control: Control) -> None:
    await control.turn("bitfactura", "product_price_from", value=source)
    product = await make_product(bf, price_net="10", price_gross="20", tax="21")
    assert (product["price_net"], product["price_gross"]) == expected


async def test_products_are_kept(bf: Vendor) -> None:
    product = await make_product(bf, code="B-1", price_net=10)
    path = f"/products/{product['id']}.json"
    assert (await bf.put(path, {"product": {"price_net": "20,5"}}))["price_gross"] == "24.81"
    assert [p["id"] for p in await bf.get("/products.json", query="b-1")] == [product["id"]]
    assert await bf.get("/products.json", query="zz") == []
    assert (await bf.ask("POST", "/products.json", {"product": {"code": "x"}})).status_code == 422
    assert (await bf.delete(path)).text == '"ok"'
    assert (await bf.ask("GET", path)).status_code == 404


async def test_products_changed_since(bf: Vendor, control: Control) -> None:
    now = datetime.now(UTC)
    old, new = await control.seed(
        "bitfactura",
        "products",
        {"name": "old", "updated_at": (now - timedelta(days=30)).isoformat()},
        {"name": "new"},
    )
    since = (now - timedelta(days=2)).date().isoformat()
    assert [p["id"] for p in await bf.get("/products.json", date_from=since)] == [new]
    assert {p["id"] for p in await bf.get("/products.json")} == {old, new}


async def test_stock_follows_warehouse_documents(bf: Vendor) -> None:
    product = await make_product(bf)
    here, there = [(await bf.post("/warehouses.json", {"warehouse": {"name": name}}))["id"] for name in ("A", "B")]
    moves: list[tuple[str, Json]] = [("pz", {}), ("wz", {"quantity": 2}), ("mm", {"quantity": 3})]
    for kind, more in moves:
        action = {"product_id": product["id"], "quantity": 10, **more}
        document = {"kind": kind, "warehouse_id": here, "warehouse2_id": there, "warehouse_actions": [action]}
        await bf.post("/warehouse_documents.json", {"warehouse_document": document})
    path = f"/products/{product['id']}.json"
    levels = [
        (await bf.get(path, **q))["stock_level"] for q in ({}, {"warehouse_id": here}, {"warehouse_id": there})
    ]
    assert levels == ["8.0", "5.0", "3.0"]
    actions = await bf.get("/warehouse_actions.json", warehouse_id=here, kind="wz")
    assert [(a["product_id"], a["quantity"]) for a in actions] == [(product["id"], "-2.0")]
    assert await bf.get("/warehouse_actions.json", date_to="2001-01-01") == []
    bad = await bf.ask("POST", "/warehouse_documents.json", {"warehouse_document": {"kind": "zz"}})
    assert bad.status_code == 422


# Payments


async def pay(bf: Vendor, price: str, **fields: object) -> Json:
    made: Json = await bf.post("/banking/payments.json", {"banking_payment": {"price": price, **fields}})
    return made


async def state(bf: Vendor, invoice: Json) -> tuple[str, str, bool]:
    found = await bf.get(f"/invoices/{invoice['id']}.json")
    return found["status"], found["paid"], found["paid_date"] is not None


async def test_payments_change_the_invoice(bf: Vendor) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    payment = await pay(bf, "20,50", invoice_id=invoice["id"])
    assert (payment["price"], payment["kind"], payment["deleted"]) == ("20.5", "api", False)
    assert await state(bf, invoice) == ("partial", "20.5", True)
    rest = await pay(bf, "100.50", invoice_id=invoice["id"])
    assert await state(bf, invoice) == ("paid", "121.0", True)
    path = f"/banking/payments/{rest['id']}.json"
    answer = await bf.ask("PATCH", path, {"banking_payment": {"price": "1"}})
    assert (answer.status_code, answer.json()["price"]) == (200, "1.0")
    assert await state(bf, invoice) == ("partial", "21.5", True)
    assert (await bf.delete(path)).text == '"ok"'
    await bf.delete(f"/banking/payments/{payment['id']}.json")
    assert await state(bf, invoice) == ("issued", "0.0", False)


async def test_one_payment_for_several_invoices_in_order(bf: Vendor) -> None:
    client = await make_client(bf)
    first, second = [await make_invoice(bf, client["id"]) for _ in range(2)]
    payment = await pay(bf, "150", invoice_ids=[second["id"], first["id"]])
    assert await state(bf, second) == ("paid", "121.0", True)
    assert await state(bf, first) == ("partial", "29.0", True)
    with_invoices = (await bf.get("/banking/payments.json", include="invoices"))[0]
    assert [i["id"] for i in with_invoices["invoices"]] == [second["id"], first["id"]]
    assert "invoices" not in await bf.get(f"/banking/payments/{payment['id']}.json")


async def test_documented_singular_path_is_wrong(bf: Vendor) -> None:
    payment = await pay(bf, "10")
    assert (await bf.ask("GET", f"/banking/payment/{payment['id']}.json")).status_code == 404
    assert (await bf.get(f"/banking/payments/{payment['id']}.json"))["id"] == payment["id"]
    assert (await bf.ask("POST", "/banking/payments.json", {"payment": {"price": 1}})).status_code == 400


async def test_old_payments_are_hidden(bf: Vendor) -> None:
    await pay(bf, "10", paid_date="2010-01-01T00:00:00.000+01:00")
    assert await bf.get("/banking/payments.json") == []
    assert len(await bf.get("/banking/payments.json", period="all")) == 1


@pytest.mark.parametrize(
    ("resource", "wrapper"),
    [
        ("departments", "department"),
        ("categories", "category"),
        ("warehouses", "warehouse"),
        ("price_lists", "price_list"),
        ("issuers", "issuer"),
        ("recurrings", "recurring"),
    ],
)
async def test_smaller_resources(resource: str, wrapper: str, bf: Vendor) -> None:
    made = await bf.post(f"/{resource}.json", {wrapper: {"name": "one"}})
    path = f"/{resource}/{made['id']}.json"
    assert (await bf.put(path, {wrapper: {"name": "two"}}))["name"] == "two"
    assert [r["name"] for r in await bf.get(f"/{resource}.json")] == ["two"]
    assert (await bf.get(path))["name"] == "two"
    assert (await bf.ask("POST", f"/{resource}.json", {wrapper: {"name": ""}})).status_code == 422
    assert (await bf.delete(path)).text == '"ok"'
    gone = await bf.ask("GET", path)
    assert gone.json() == {"code": "error", "message": "Not found"}
