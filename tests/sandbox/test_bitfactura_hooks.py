"""BitFactura's webhooks: the rows, and what is delivered when."""

import pytest

from tests.sandbox.support import Control, Hooks, Json, Receiver, Vendor, keys, make_client, make_invoice

ROW = {"kind": "client:update", "url": "http://127.0.0.1:9/x", "api_token": "secret-1", "active": True}
CLIENT_KEYS = keys(
    "id name shortcut tax_no register_number street street_no post_code city country first_name last_name company "
    "kind email phone mobile_phone www fax bank bank_account bank_account_id discount payment_to_kind "
    "use_delivery_address delivery_address note deleted external_ids buyer skip_webhooks"
)


async def test_rows_are_kept(bf: Vendor) -> None:
    row = await bf.post("/webhooks.json", {"webhook": ROW})
    assert set(row) == {"id", "kind", "url", "api_token", "active", "account_id", "created_at", "updated_at"}
    assert {key: row[key] for key in ROW} == ROW
    path = f"/webhooks/{row['id']}.json"
    assert (await bf.put(path, {"webhook": {"active": False}}))["active"] is False
    assert (await bf.get(path))["active"] is False
    assert [r["id"] for r in await bf.get("/webhooks.json")] == [row["id"]]
    assert (await bf.delete(path)).text == '"ok"'
    assert (await bf.ask("GET", path)).status_code == 404


async def test_rows_are_paged(bf: Vendor) -> None:
    for _ in range(27):
        await bf.post("/webhooks.json", {"webhook": ROW})
    assert [len(await bf.get("/webhooks.json", page=n)) for n in (1, 2, 3)] == [25, 2, 0]


@pytest.mark.parametrize("bad", [{"kind": "payment:create"}, {"kind": None}, {"url": ""}])
async def test_row_that_cannot_be(bad: Json, bf: Vendor) -> None:
    answer = await bf.ask("POST", "/webhooks.json", {"webhook": {**ROW, **bad}})
    assert (answer.status_code, list(answer.json()["message"])) == (422, list(bad))


async def test_row_without_the_wrapper(bf: Vendor, control: Control) -> None:
    """In a body that carries the account's token, both tokens are one key."""
    plain = {key: value for key, value in ROW.items() if key != "api_token"}
    collided = await bf.http.post(f"{bf.base_url}/webhooks.json", json={**plain, "api_token": bf.token})
    assert (collided.status_code, collided.json()["api_token"]) == (201, bf.token)
    by_header = await bf.http.post(
        f"{bf.base_url}/webhooks.json", json=ROW, headers={"Authorization": f"Bearer {bf.token}"}
    )
    assert (by_header.status_code, by_header.json()["api_token"]) == (201, "secret-1")
    await control.turn("bitfactura", "unwrapped_hook_secret", value="none")
    assert (await bf.post("/webhooks.json", ROW))["api_token"] is None


async def test_client_hooks(bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await hooks.register("bitfactura", "client:create", "client:update", "client:destroy")
    client = await make_client(bf, external_id="crm-1", tax_no="B76123458", city="Arona")
    await receiver.until(1)
    await bf.put(f"/clients/{client['id']}.json", {"client": {"city": "Adeje"}})
    await receiver.until(2)
    await bf.delete(f"/clients/{client['id']}.json")
    await receiver.until(3)
    assert [r.path for r in receiver.received] == ["/client-create", "/client-update", "/client-destroy"]
    body = receiver.bodies[0]
    assert list(body) == ["client_id", "client", "app_name", "api_token", "locale"]
    assert body["client_id"] == body["client"]["id"] == client["id"]
    assert (body["app_name"], body["api_token"], body["locale"]) == ("fakturownia", "the-secret", "es")
    assert set(body["client"]) == CLIENT_KEYS
    assert body["client"]["external_ids"] == {"fakturownia": client["id"]}
    assert body["client"]["skip_webhooks"] is True
    assert [b["client"]["city"] for b in receiver.bodies] == ["Arona", "Adeje", "Adeje"]
    assert [b["client"]["deleted"] for b in receiver.bodies] == [False, False, True]


async def test_body_names_no_event_no_time_no_signature(bf: Vendor, hooks: Hooks, receiver: Receiver) -> None:
    await hooks.register("bitfactura", "client:create", "client:update")
    client = await make_client(bf)
    await receiver.until(1)
    await bf.put(f"/clients/{client['id']}.json", {"client": {"city": "Adeje"}})
    created, updated = await receiver.until(2)
    assert set(created) == set(updated)
    assert set(created["client"]) == set(updated["client"])
    assert not {"updated_at", "created_at", "event", "kind_of_event"} & (set(created) | set(created["client"]))
    usual = {"host", "accept", "accept-encoding", "user-agent", "content-length", "content-type"}
    assert set(receiver.received[0].headers) == usual
    assert receiver.received[0].content_type == "application/json"


async def test_client_body_lacks_external_id(bf: Vendor, hooks: Hooks, receiver: Receiver) -> None:
    await hooks.register("bitfactura", "client:create")
    await make_client(bf, external_id="crm-1")
    (body,) = await receiver.until(1)
    lacking = {"external_id", "tax_no_kind", "person", "tag_list", "category_id", "token", "balance"}
    assert not lacking & set(body["client"])


async def test_invoice_hook_is_a_deal(bf: Vendor, hooks: Hooks, receiver: Receiver) -> None:
    await hooks.register("bitfactura", "invoice:create")
    client = await make_client(bf, tax_no="B76123458")
    invoice = await make_invoice(bf, client["id"], description="text")
    (body,) = await receiver.until(1)
    assert list(body) == ["id", "deal", "app_name", "api_token", "locale"]
    assert body["id"] == invoice["id"]
    assert body["deal"] == {
        "name": "Revisión anual",
        "description": "text",
        "price": "121.0",
        "currency": "EUR",
        "paid": False,
        "status": "issued",
        "url": invoice["view_url"],
        "date": invoice["issue_date"],
        "invoice_no": invoice["number"],
        "kind": "vat",
        "external_ids": {"fakturownia": invoice["id"]},
        "client": {
            "name": "Talleres Anaga S.L.",
            "tax_no": "B76123458",
            "first_name": None,
            "last_name": None,
            "bank_account": None,
            "bank_account_id": None,
            "register_number": None,
            "external_ids": {"fakturownia": client["id"]},
            "skip_webhooks": True,
        },
        "skip_webhooks": True,
    }


async def test_what_raises_invoice_hooks(bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await hooks.register("bitfactura", "invoice:create", "invoice:update", "invoice:destroy")
    client = await make_client(bf)
    invoice = await make_invoice(bf, client["id"], kind="proforma")
    steps: list[tuple[str, str, Json]] = [
        ("POST", "/banking/payments.json", {"banking_payment": {"price": 21, "invoice_id": invoice["id"]}}),
        ("PUT", f"/invoices/{invoice['id']}.json", {"invoice": {"status": "paid"}}),
        ("POST", "/invoices/cancel.json", {"cancel_invoice_id": invoice["id"]}),
        ("DELETE", f"/invoices/{invoice['id']}.json", {}),
    ]
    await receiver.until(1)
    for count, (method, path, body) in enumerate(steps, start=2):
        assert (await bf.ask(method, path, body)).status_code < 300
        await receiver.until(count)
    kinds = ["/invoice-create", "/invoice-update", "/invoice-update", "/invoice-update", "/invoice-destroy"]
    assert [r.path for r in receiver.received] == kinds
    deals = [body["deal"] for body in receiver.bodies]
    assert [(d["status"], d["paid"], d["kind"]) for d in deals] == [
        ("issued", False, "proforma"),
        ("partial", False, "proforma"),
        ("paid", True, "proforma"),
        ("paid", True, "canceled"),
        ("paid", True, "canceled"),
    ]


async def test_expenses_raise_no_hooks(bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await hooks.register("bitfactura", "invoice:create", "invoice:update", "invoice:destroy")
    expense = await make_invoice(bf, (await make_client(bf))["id"], income="0")
    await bf.put(f"/invoices/{expense['id']}.json", {"invoice": {"status": "paid"}})
    await bf.delete(f"/invoices/{expense['id']}.json")
    await control.settle()
    assert receiver.received == []


async def test_invoice_that_makes_a_client_raises_both(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await hooks.register("bitfactura", "invoice:create", "client:create")
    await bf.post("/invoices.json", {"invoice": {"buyer_name": "New"}})
    await receiver.until(2)
    await control.settle()
    assert sorted(r.path for r in receiver.received) == ["/client-create", "/invoice-create"]


async def test_product_hooks(bf: Vendor, hooks: Hooks, receiver: Receiver) -> None:
    await hooks.register("bitfactura", "product:create", "product:update", "product:destroy")
    product = await bf.post("/products.json", {"product": {"name": "Bujía"}})
    await receiver.until(1)
    await bf.put(f"/products/{product['id']}.json", {"product": {"code": "x"}})
    await receiver.until(2)
    await bf.delete(f"/products/{product['id']}.json")
    bodies = await receiver.until(3)
    assert [body["id"] for body in bodies] == [product["id"]] * 3
    assert bodies[1]["product"]["code"] == "x"


async def test_refused_writes_raise_nothing(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await hooks.register("bitfactura", "client:create", "client:update")
    await bf.ask("POST", "/clients.json", {"client": {"name": ""}})
    client = await make_client(bf)
    await bf.put(f"/clients/{client['id']}.json", {"client": {"name": client["name"]}})
    await control.settle()
    assert [r.path for r in receiver.received] == ["/client-create"]


async def test_inactive_rows_and_other_accounts_get_nothing(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    other = await control.post("accounts", {"system": "bitfactura", "account": "other"})
    await hooks.register("bitfactura", "client:create", account=other["account"])
    (row,) = await hooks.register("bitfactura", "client:create")
    await bf.put(f"/webhooks/{row}.json", {"webhook": {"active": False}})
    await make_client(bf)
    await control.settle()
    assert receiver.received == []


async def test_one_delivery_per_row(bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await hooks.register("bitfactura", "client:create", "client:create")
    await make_client(bf)
    await control.settle()
    assert len(receiver.received) == 2


async def test_generation_of_2018(bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await control.turn("bitfactura", "hook_generation", value="2018")
    await hooks.register("bitfactura", "client:create", "invoice:create")
    client = await make_client(bf)
    (body,) = await receiver.until(1)
    assert set(body) == {"client", "app_name", "api_token", "locale"}
    await make_invoice(bf, client["id"])
    deal = (await receiver.until(2))[1]
    assert set(deal) == {"deal", "app_name", "api_token", "locale"}
    assert not {"status", "currency"} & set(deal["deal"])


async def test_destroy_with_the_id_only(bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await control.turn("bitfactura", "destroy_payload", value="id_only")
    await hooks.register("bitfactura", "client:destroy", "invoice:destroy")
    client = await make_client(bf)
    invoice = await make_invoice(bf, client["id"])
    await bf.delete(f"/invoices/{invoice['id']}.json")
    await receiver.until(1)
    await bf.delete(f"/clients/{client['id']}.json")
    deal, person = await receiver.until(2)
    tail = {"app_name": "fakturownia", "api_token": "the-secret", "locale": "es"}
    assert deal == {"id": invoice["id"], **tail}
    assert person == {"client_id": client["id"], **tail}


async def test_names_of_the_application_and_locale(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await control.turn("bitfactura", "hook_app_name", value="BitFactura")
    await control.turn("bitfactura", "hook_locale", value="pl")
    await hooks.register("bitfactura", "client:create")
    client = await make_client(bf)
    (body,) = await receiver.until(1)
    assert (body["app_name"], body["locale"]) == ("BitFactura", "pl")
    assert body["client"]["external_ids"] == {"bitfactura": client["id"]}


@pytest.mark.parametrize(
    ("value", "declared"),
    [("text/plain; charset=utf-8",) * 2, ("application/x-www-form-urlencoded",) * 2, ("none", None)],
)
async def test_content_type(
    value: str, declared: str | None, bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await control.turn("bitfactura", "hook_content_type", value=value)
    await hooks.register("bitfactura", "client:create")
    await make_client(bf)
    await receiver.until(1)
    assert receiver.received[0].content_type == declared


async def test_skip_webhooks_in_a_write(bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control) -> None:
    await hooks.register("bitfactura", "client:create", "client:update", "invoice:create")
    client = await make_client(bf, skip_webhooks=True)
    await receiver.until(1)
    await control.turn("bitfactura", "honours_skip_webhooks")
    path = f"/clients/{client['id']}.json"
    await bf.put(path, {"client": {"city": "Adeje", "skip_webhooks": True}})
    await make_invoice(bf, client["id"], skip_webhooks=True)
    await bf.put(path, {"client": {"city": "Arona"}})
    bodies = await receiver.until(2)
    await control.settle()
    assert [b["client"]["city"] for b in bodies] == [None, "Arona"]


# Failing and late deliveries


async def is_active(bf: Vendor, row: int) -> bool:
    return bool((await bf.get(f"/webhooks/{row}.json"))["active"])


async def test_row_is_switched_off_after_failures(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    (row,) = await hooks.register("bitfactura", "client:create")
    receiver.status = 500
    for count in range(1, 5):
        await make_client(bf)
        await control.settle()
        assert len(receiver.received) == count
    receiver.status = 204
    await make_client(bf)
    await control.settle()
    receiver.status = 410
    for _ in range(5):
        assert await is_active(bf, row)
        await make_client(bf)
        await control.settle()
    assert not await is_active(bf, row)
    receiver.status = 200
    await make_client(bf)
    await control.settle()
    assert len(receiver.received) == 10
    await bf.put(f"/webhooks/{row}.json", {"webhook": {"active": True}})
    await make_client(bf)
    await receiver.until(11)
    assert await is_active(bf, row)


@pytest.mark.parametrize(("limit", "still_on"), [(1, False), (0, True)])
async def test_failures_before_off(
    limit: int, still_on: bool, bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await control.turn("bitfactura", "hook_failures_before_off", value=limit)
    (row,) = await hooks.register("bitfactura", "client:create")
    receiver.status = 302
    await make_client(bf)
    await control.settle()
    assert await is_active(bf, row) is still_on


async def test_failed_deliveries_are_lost_or_sent_again(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await hooks.register("bitfactura", "client:create")
    receiver.status = 500
    await make_client(bf)
    await control.settle()
    assert len(receiver.received) == 1
    await control.turn("bitfactura", "hook_retries", value=2)
    await make_client(bf)
    await receiver.until(2)
    receiver.status = 200
    await control.advance(1)
    await receiver.until(3)
    await control.settle()
    states = [(h["state"], h["attempts"]) for h in (await control.get("hooks"))["hooks"]]
    assert states == [("delivered", 2), ("failed", 1)]


async def test_receiver_that_is_too_slow_or_away(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await control.turn("bitfactura", "hook_timeout", value=0.05)
    await hooks.register("bitfactura", "client:create")
    gone = {"system": "bitfactura", "kind": "client:create", "url": "http://127.0.0.1:1/", "api_token": "x"}
    await control.post("webhooks", gone)
    await control.post("webhooks", {**gone, "url": "no url"})
    receiver.seconds = 1.0
    await make_client(bf)
    await control.settle()
    assert [h["state"] for h in (await control.get("hooks"))["hooks"]] == ["failed"] * 3


async def test_delay_is_measured_on_the_vendors_clock(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await control.turn("bitfactura", "hook_delay", value=3600)
    await hooks.register("bitfactura", "client:create")
    await make_client(bf)
    assert (await control.post("hooks/drain", {"seconds": 0.05})) == {"pending": 1}
    assert receiver.received == []
    await control.advance(3600)
    await receiver.until(1)


async def test_large_burst_is_bounded_and_whole(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await control.turn("bitfactura", "hook_concurrency", value=4)
    await control.seed("bitfactura", "clients", *({"name": f"c{n}"} for n in range(300)))
    receiver.seconds = 0.001
    await hooks.register("bitfactura", "client:sync")
    bodies = await receiver.until(300)
    await control.settle()
    assert len(bodies) == 300
    assert receiver.most_at_once <= 4


# All clients at once


async def test_client_sync_sends_every_client_in_order(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    seeded = await control.seed("bitfactura", "clients", *({"name": f"c{n}"} for n in range(30)))
    await control.turn("bitfactura", "hook_concurrency", value=1)
    (row,) = await hooks.register("bitfactura", "client:sync")
    bodies = await receiver.until(30)
    assert [body["client_id"] for body in bodies] == seeded
    assert bodies[0]["api_token"] == "the-secret"
    await make_client(bf)
    await control.settle()
    assert len(receiver.received) == 30
    await bf.put(f"/webhooks/{row}.json", {"webhook": {"active": False}})
    await control.settle()
    assert len(receiver.received) == 30
    await bf.put(f"/webhooks/{row}.json", {"webhook": {"active": True}})
    await receiver.until(61)
    await control.settle()
    assert len(receiver.received) == 61


@pytest.mark.parametrize(("shape", "sizes"), [("one_body", [120]), ("pages_of_100", [100, 20])])
async def test_client_sync_in_other_shapes(
    shape: str, sizes: list[int], hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await control.turn("bitfactura", "client_sync_shape", value=shape)
    await control.turn("bitfactura", "hook_concurrency", value=1)
    seeded = await control.seed("bitfactura", "clients", *({"name": f"c{n}"} for n in range(120)))
    await hooks.register("bitfactura", "client:sync")
    bodies = await receiver.until(len(sizes))
    assert [len(body["clients"]) for body in bodies] == sizes
    assert [client["id"] for body in bodies for client in body["clients"]] == seeded


async def test_shipped_link_reaches_the_crm(bf: Vendor, sg: Vendor, control: Control) -> None:
    """Rows that point at Sugester, with its token as their secret: the vendor's own link."""
    for kind, path in (("client:create", "clients"), ("invoice:create", "deals"), ("invoice:update", "deals")):
        url = f"{sg.base_url}/app/{path}/external_update.json"
        await bf.post("/webhooks.json", {"webhook": {"kind": kind, "url": url, "api_token": sg.token}})
    client = await make_client(bf, tax_no="B76123458")
    await control.settle()
    invoice = await make_invoice(bf, client["id"])
    await control.settle()
    await bf.put(f"/invoices/{invoice['id']}.json", {"invoice": {"status": "paid"}})
    await control.settle()
    (person,) = await sg.get("/app/clients.json")
    (deal,) = await sg.get("/app/deals.json")
    assert (person["name"], person["tax_no"]) == ("Talleres Anaga S.L.", "B76123458")
    assert (deal["client_id"], deal["url"], deal["price"]) == (person["id"], invoice["view_url"], "121.0")
    (stored,) = await control.records("sugester", "deals")
    assert (stored["paid"], stored["invoice_no"]) == (True, invoice["number"])
