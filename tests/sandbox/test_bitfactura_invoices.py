"""BitFactura's documents: amounts, buyers, states, and what each answer shows."""

from datetime import UTC, datetime

import httpx
import pytest

from services.sandbox.catalog import SERVED
from services.sandbox.server import running
from services.sandbox.world import World
from tests.sandbox.support import Control, Json, Vendor, make_client, make_invoice

FROZEN = datetime(2026, 3, 6, 11, 5, 9, 678_000, tzinfo=UTC)
ONLY_ON_READ = {"positions", "payment_url", "sales_code", "adjust_invoice_price", "check_fiscal_print"}
ONLY_ON_PUT = {"account_id", "additional_fields", "calculating_strategy", "deleted", "origin", "search_data"}


async def read(bf: Vendor, invoice: Json) -> Json:
    found: Json = await bf.get(f"/invoices/{invoice['id']}.json")
    return found


async def change(bf: Vendor, invoice: Json, **fields: object) -> Json:
    changed: Json = await bf.put(f"/invoices/{invoice['id']}.json", {"invoice": fields})
    return changed


async def test_keys_of_create_read_and_update(bf: Vendor) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    changed = await change(bf, invoice, description="x")
    found = await read(bf, invoice)
    assert set(found) - set(invoice) == ONLY_ON_READ
    assert set(invoice) - set(found) == {"view_url"}
    assert set(changed) - set(invoice) == ONLY_ON_PUT
    assert set(invoice) - set(changed) == set()


async def test_times_number_and_dates() -> None:
    async with running(World(SERVED, seed=1, clock=lambda: FROZEN)) as sandbox, httpx.AsyncClient() as http:
        bf = Vendor(http=http, system="bitfactura", **sandbox.systems["bitfactura"])
        client = await make_client(bf)
        first, second = [await make_invoice(bf, client["id"]) for _ in range(2)]
        assert [first["number"], second["number"]] == ["1/03/2026", "2/03/2026"]
        assert first["issue_date"] == first["sell_date"] == first["transaction_date"] == "2026-03-06"
        assert (first["payment_to_kind"], first["payment_to"]) == ("7", "2026-03-13")
        assert first["created_at"] == "2026-03-06T12:05:09.678+01:00"
        found = await read(bf, first)
        assert found["created_at"] == found["updated_at"] == "2026-03-06T12:05:09.000+01:00"
        changed = await change(bf, first, description="x")
        assert changed["created_at"] == "2026-03-06T12:05:09.000+01:00"
        assert changed["updated_at"] == "2026-03-06T12:05:09.678+01:00"
        dated = await make_invoice(bf, client["id"], payment_to="2026-03-21")
        assert (dated["payment_to_kind"], dated["payment_to"]) == ("other_date", "2026-03-21")
        off = await make_invoice(bf, client["id"], payment_to_kind="off")
        assert off["payment_to"] is None


async def test_line_totals_are_computed(bf: Vendor) -> None:
    client = await make_client(bf)
    lines = [
        {"name": "a", "quantity": 2, "tax": "21", "total_price_gross": "339.99"},
        {"name": "b", "quantity": "3", "tax": 10, "price_net": "10"},
        {"name": "c", "tax": "zw", "total_price_net": "5,50"},
        {"name": "d", "quantity": 2, "tax": 0, "price_gross": 4, "discount_percent": 50},
    ]
    invoice = await make_invoice(bf, client["id"], positions=lines)
    found = (await read(bf, invoice))["positions"]
    shown = [(p["total_price_net"], p["total_price_tax"], p["total_price_gross"]) for p in found]
    assert shown == [
        ("280.98", "59.01", "339.99"),
        ("30.0", "3.0", "33.0"),
        ("5.5", "0.0", "5.5"),
        ("4.0", "0.0", "4.0"),
    ]
    assert (found[0]["quantity"], found[0]["price_gross"], found[2]["quantity"]) == ("2.0", "170.0", "1.0")
    totals = (invoice["price_net"], invoice["price_tax"], invoice["price_gross"], invoice["paid"])
    assert totals == ("320.48", "62.01", "382.49", "0.0")
    assert invoice["product_cache"] == "a, b, c, d"


async def test_positions_are_changed_removed_and_appended(bf: Vendor) -> None:
    lines = [{"name": n, "tax": 0, "total_price_gross": 10} for n in ("a", "b")]
    invoice = await make_invoice(bf, (await make_client(bf))["id"], positions=lines)
    a, b = (await read(bf, invoice))["positions"]
    edits = [
        {"id": a["id"], "total_price_gross": "15"},
        {"id": b["id"], "_destroy": 1},
        {"name": "c", "tax": 0, "total_price_gross": "1"},
    ]
    changed = await change(bf, invoice, positions=edits)
    found = (await read(bf, invoice))["positions"]
    assert [(p["name"], p["total_price_gross"]) for p in found] == [("a", "15.0"), ("c", "1.0")]
    assert found[0]["id"] == a["id"]
    assert found[1]["id"] not in (a["id"], b["id"])
    assert changed["price_gross"] == "16.0"


async def test_position_takes_the_product(bf: Vendor) -> None:
    product = await bf.post("/products.json", {"product": {"name": "Bujía", "price_net": 10, "tax": "21"}})
    line = {"product_id": product["id"], "quantity": 2}
    invoice = await make_invoice(bf, (await make_client(bf))["id"], positions=[line])
    position = (await read(bf, invoice))["positions"][0]
    assert (position["name"], position["total_price_gross"]) == ("Bujía", "24.2")


async def test_link_host_differs_from_the_api(bf: Vendor, control: Control) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    dashed = invoice["number"].replace("/", "-")
    assert invoice["view_url"] == f"https://demo.fakturownia.net/f/{dashed}/{invoice['token']}"
    await control.turn("bitfactura", "link_host", value="sandbox")
    here = (await change(bf, invoice, description="x"))["view_url"]
    assert here == f"{bf.base_url}/f/{dashed}/{invoice['token']}"
    for link in (here, f"{bf.base_url}/invoice/{invoice['token']}"):
        page = await bf.http.get(link)
        assert page.status_code == 200
        assert invoice["number"] in page.text
    pdf = await bf.http.get(f"{bf.base_url}/invoice/{invoice['token']}.pdf?inline=yes")
    assert pdf.content.startswith(b"%PDF")
    assert (await bf.http.get(f"{bf.base_url}/invoice/unknown")).status_code == 404


async def test_view_url_on_read(bf: Vendor, control: Control) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    assert "view_url" not in await read(bf, invoice)
    await control.turn("bitfactura", "view_url_on_get")
    assert (await read(bf, invoice))["view_url"] == invoice["view_url"]


async def test_pdf_or_redirect(bf: Vendor, control: Control) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    answer = await bf.ask("GET", f"/invoices/{invoice['id']}.pdf")
    assert answer.content.startswith(b"%PDF")
    await control.turn("bitfactura", "pdf_redirects")
    answer = await bf.ask("GET", f"/invoices/{invoice['id']}.pdf")
    assert answer.status_code == 302
    assert (await bf.http.get(answer.headers["location"])).content.startswith(b"%PDF")


async def test_fields_narrow_the_answer(bf: Vendor) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    narrow = await bf.get(f"/invoices/{invoice['id']}.json", **{"fields[invoice]": "number,status"})
    assert narrow == {"id": invoice["id"], "number": invoice["number"], "status": "issued"}


# Buyers


async def test_card_data_are_used(bf: Vendor) -> None:
    client = await make_client(bf, tax_no="B76123458", email="a@anaga.example")
    invoice = await make_invoice(bf, client["id"], buyer_name="Someone else", buyer_tax_no="")
    assert (invoice["buyer_name"], invoice["buyer_tax_no"]) == ("Talleres Anaga S.L.", "B76123458")
    await make_invoice(bf, client["id"], buyer_override=True, buyer_email="new@anaga.example")
    assert (await bf.get(f"/clients/{client['id']}.json"))["email"] == "new@anaga.example"


async def test_buyer_without_client_id_is_matched_or_made(bf: Vendor) -> None:
    client = await make_client(bf, tax_no="B76123458", email="a@anaga.example")
    same = {"buyer_name": "Talleres Anaga S.L.", "buyer_tax_no": "B76123458"}
    matched = await bf.post("/invoices.json", {"invoice": same})
    assert matched["client_id"] == client["id"]
    other = await bf.post("/invoices.json", {"invoice": {**same, "buyer_name": "Talleres Anaga SL"}})
    assert other["client_id"] != client["id"]
    made = await bf.get(f"/clients/{other['client_id']}.json")
    assert (made["name"], made["tax_no"]) == ("Talleres Anaga SL", "B76123458")
    forced = await bf.post("/invoices.json", {"invoice": {**same, "client_id": "-1"}})
    assert forced["client_id"] not in (client["id"], other["client_id"])
    person = {"buyer_first_name": "Ana", "buyer_last_name": "Rivero", "buyer_company": "0"}
    first, second = [(await bf.post("/invoices.json", {"invoice": person}))["client_id"] for _ in range(2)]
    assert first == second


async def test_invoice_needs_a_buyer(bf: Vendor) -> None:
    answer = await bf.ask("POST", "/invoices.json", {"invoice": {"kind": "vat"}})
    assert answer.status_code == 422
    assert answer.json()["message"] == {"buyer_name": ["no puede estar en blanco"]}
    unknown = await bf.ask("POST", "/invoices.json", {"invoice": {"client_id": 1}})
    assert list(unknown.json()["message"]) == ["client_id"]


@pytest.mark.parametrize(
    ("how", "refused"),
    [("form", ["nonsense"]), ("check_digit", ["nonsense", "B76123458"]), ("off", [])],
)
async def test_tax_numbers_of_invoices(how: str, refused: list[str], bf: Vendor, control: Control) -> None:
    await control.turn("bitfactura", "invoice_tax_no_check", value=how)
    for number in ("nonsense", "B76123458", "B12345674", "12345678Z", "X1234567L", "ES-B12345674"):
        invoice = {"buyer_name": "A", "buyer_tax_no": number}
        answer = await bf.ask("POST", "/invoices.json", {"invoice": invoice})
        assert answer.status_code == (422 if number in refused else 201), number
        if number in refused:
            assert answer.json()["message"] == {"buyer_tax_no": ["no es correcto"]}
    lenient = (
        {"disable_tax_no_validation": True},
        {"buyer_tax_no_kind": "other"},
        {"buyer_country": "PT"},
    )
    for more in lenient:
        await bf.post("/invoices.json", {"invoice": {"buyer_name": "A", "buyer_tax_no": "nonsense", **more}})


async def test_oid_can_be_unique(bf: Vendor) -> None:
    client = await make_client(bf)
    await make_invoice(bf, client["id"], oid="order-1")
    await make_invoice(bf, client["id"], oid="order-1")
    body = {"invoice": {"client_id": client["id"], "oid": "order-1", "oid_unique": "yes"}}
    answer = await bf.ask("POST", "/invoices.json", body)
    assert answer.status_code == 422
    assert list(answer.json()["message"]) == ["oid"]


# Kinds and states


async def test_kinds(bf: Vendor) -> None:
    client = await make_client(bf)
    for kind in ("vat", "proforma", "bill", "receipt", "advance", "final", "correction", "estimate"):
        assert (await make_invoice(bf, client["id"], kind=kind))["kind"] == kind
    assert (await make_invoice(bf, client["id"], kind="iva"))["kind"] == "vat"
    answer = await bf.ask("POST", "/invoices.json", {"invoice": {"client_id": client["id"], "kind": "zz"}})
    assert list(answer.json()["message"]) == ["kind"]


async def test_put_paid_sets_amount_and_date(bf: Vendor) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    paid = await change(bf, invoice, status="paid")
    assert (paid["status"], paid["paid"]) == ("paid", "121.0")
    assert paid["paid_date"] == paid["updated_at"][:10]
    back = await change(bf, invoice, status="issued")
    assert (back["paid"], back["paid_date"]) == ("0.0", None)
    partly = await change(bf, invoice, paid="20,50")
    assert (partly["status"], partly["paid"]) == ("partial", "20.5")


async def test_cancel_makes_the_kind_canceled(bf: Vendor) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    body = {"cancel_invoice_id": invoice["id"], "cancel_reason": "typing error"}
    answer = await bf.ask("POST", "/invoices/cancel.json", body)
    assert (answer.status_code, answer.json()["code"]) == (200, "success")
    found = await read(bf, invoice)
    assert (found["kind"], found["cancelled"]) == ("canceled", True)
    assert found["additional_fields"] == {"cancel_reason": "typing error"}
    again = await bf.ask("POST", "/invoices/cancel.json", body)
    assert (again.status_code, again.json()["code"]) == (200, "error")
    assert (await bf.ask("POST", "/invoices/cancel.json", {"cancel_invoice_id": 1})).status_code == 404


async def test_change_status_errs_with_200(bf: Vendor) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    path = f"/invoices/{invoice['id']}/change_status.json"
    good = await bf.ask("POST", path, status="paid")
    assert (good.status_code, good.json()["code"]) == (200, "success")
    assert (await read(bf, invoice))["paid"] == "121.0"
    bad = await bf.ask("POST", path, status="nonsense")
    assert (bad.status_code, bad.json()["code"]) == (200, "error")


async def test_send_by_email_has_its_own_answer(bf: Vendor) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    path = f"/invoices/{invoice['id']}/send_by_email.json"
    without = await bf.ask("POST", path)
    assert (without.status_code, without.json()["status"]) == (200, "error")
    assert (await bf.ask("POST", path, email_to="a@b.example")).json() == {"status": "ok"}


async def test_corrections_are_documents_of_their_own(bf: Vendor) -> None:
    client = await make_client(bf)
    original = await make_invoice(bf, client["id"])
    line = {
        "name": "Revisión",
        "tax": "21",
        "kind": "correction",
        "correction_before_attributes": {"total_price_gross": "121", "tax": "21"},
        "correction_after_attributes": {"total_price_gross": "60.50", "tax": "21"},
    }
    linked = {"kind": "correction", "invoice_id": original["id"], "from_invoice_id": original["id"]}
    made = await make_invoice(bf, client["id"], positions=[line], **linked)
    assert (made["price_gross"], made["price_net"], made["invoice_id"]) == ("-60.5", "-50.0", original["id"])
    path = f"/invoices/{made['id']}.json"
    assert "correction_before_attributes" not in (await bf.get(path))["positions"][0]
    full = (await bf.get(path, correction_positions="full"))["positions"][0]
    assert full["correction_after_attributes"]["total_price_gross"] == "60.50"


async def test_locked_invoices_cannot_be_edited(bf: Vendor, control: Control) -> None:
    invoice = await make_invoice(bf, (await make_client(bf))["id"])
    await control.turn("bitfactura", "invoices_locked")
    answer = await bf.ask("PUT", f"/invoices/{invoice['id']}.json", {"invoice": {"description": "x"}})
    assert (answer.status_code, list(answer.json()["message"])) == (422, ["base"])


async def test_amounts_that_are_none(bf: Vendor) -> None:
    client = await make_client(bf)
    line = {"name": "a", "total_price_gross": "1e400"}
    body = {"invoice": {"client_id": client["id"], "positions": [line]}}
    assert (await bf.ask("POST", "/invoices.json", body)).status_code == 422
