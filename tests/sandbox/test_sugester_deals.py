"""Sugester's deals and statuses, and the path to which BitFactura's own hooks go."""

from tests.sandbox.support import Control, Json, Vendor, deal_client

DOCUMENT: Json = {
    "invoice_no": "17/03/2026",
    "currency": "EUR",
    "date": "2026-03-06",
    "paid": False,
    "status": "issued",
    "kind": "vat",
}


async def make_deal(sg: Vendor, **fields: object) -> Json:
    made: Json = await sg.post("/app/deals.json", {"deal": {"name": "Factura 17/03/2026", **fields}})
    return made


async def read(sg: Vendor, deal: Json) -> Json:
    found: Json = await sg.get(f"/app/deals/{deal['id']}.json")
    return found


async def test_deal_is_kept(sg: Vendor) -> None:
    client = await deal_client(sg)
    deal = await make_deal(sg, price=121.0, client_id=client["id"], url="https://x.example/f/1")
    assert (deal["price"], deal["client_id"], deal["url"]) == ("121.0", client["id"], "https://x.example/f/1")
    path = f"/app/deals/{deal['id']}.json"
    changed = await sg.put(path, {"deal": {"price": "59,00"}})
    assert (changed["price"], changed["name"]) == ("59.0", "Factura 17/03/2026")
    assert [row["id"] for row in await sg.get("/app/deals.json")] == [deal["id"]]
    assert (await sg.delete(path)).text == '"ok"'
    assert (await sg.ask("GET", path)).status_code == 404


async def test_deal_without_a_client(sg: Vendor) -> None:
    assert (await make_deal(sg, client_id=None))["client_id"] is None
    for bad in ({"client_id": 1}, {"status_id": 1}, {"name": ""}):
        refused = await sg.ask("POST", "/app/deals.json", {"deal": {"name": "D", **bad}})
        assert (refused.status_code, list(refused.json()["message"])) == (422, list(bad))


async def test_deals_of_a_client(sg: Vendor, control: Control) -> None:
    one, two = await deal_client(sg), await deal_client(sg)
    deal = await make_deal(sg, client_id=one["id"])
    await make_deal(sg, client_id=two["id"])
    assert [row["id"] for row in await sg.get("/app/deals.json", client_id=one["id"])] == [deal["id"]]
    await control.turn("sugester", "deals_by_client", on=False, value=False)
    assert len(await sg.get("/app/deals.json", client_id=one["id"])) == 2


async def test_document_fields_are_not_read_back(sg: Vendor, control: Control) -> None:
    deal = await make_deal(sg, **DOCUMENT)
    assert not set(DOCUMENT) & set(deal)
    assert not set(DOCUMENT) & set(await read(sg, deal))
    (stored,) = await control.records("sugester", "deals")
    assert {name: stored[name] for name in DOCUMENT} == DOCUMENT
    await control.turn("sugester", "deal_document_fields")
    found = await read(sg, deal)
    assert {name: found[name] for name in DOCUMENT} == DOCUMENT


async def test_external_ids_of_a_deal(sg: Vendor, control: Control) -> None:
    ids = {"bitfactura_sync_invoice_id": "90001234"}
    first, second = [await make_deal(sg, external_ids=ids) for _ in range(2)]
    assert first["id"] != second["id"]
    assert "external_ids" not in await read(sg, first)
    await control.turn("sugester", "external_ids_returned")
    assert (await read(sg, first))["external_ids"] == ids
    await sg.delete(f"/app/deals/{second['id']}.json")
    await control.turn("sugester", "deals_matched_by_external_ids")
    again = await make_deal(sg, external_ids=ids, price=5)
    assert (again["id"], again["price"]) == (first["id"], "5.0")


async def test_nested_client_is_linked_or_made(sg: Vendor) -> None:
    nested = {"name": "Anaga", "email": "a@x", "external_ids": {"app_client_id": "40110257"}}
    first = await make_deal(sg, client=nested)
    made = await sg.get(f"/app/clients/{first['client_id']}.json")
    assert (made["name"], made["email"]) == ("Anaga", "a@x")
    assert (await make_deal(sg, client=nested))["client_id"] == first["client_id"]
    other = await make_deal(sg, client={"name": "Anaga", "email": "a@x"})
    assert other["client_id"] != first["client_id"]
    explicit = await make_deal(sg, client=nested, client_id=other["client_id"])
    assert explicit["client_id"] == other["client_id"]


# Statuses


async def test_statuses(sg: Vendor, control: Control) -> None:
    given = {"code": "paid", "name": "Pagada", "kind": "deal"}
    status = await sg.post("/app/statuses.json", {"status": given})
    assert status == {"id": status["id"], **given}
    await sg.post("/app/statuses.json", {"status": {"name": "Nuevo", "kind": "client"}})
    assert len(await sg.get("/app/statuses.json")) == 2
    in_body = await sg.ask("GET", "/app/statuses.json", {"kind": "deal"})
    assert in_body.json() == [status]
    assert await sg.get("/app/statuses.json", kind="deal") == [status]
    path = f"/app/statuses/{status['id']}.json"
    assert await sg.get(path) == status
    assert (await sg.put(path, {"status": {"code": "p"}}))["code"] == "p"
    assert (await sg.ask("PUT", path, {"status": {"name": "Nuevo"}})).status_code == 422
    assert (await make_deal(sg, status_id=status["id"]))["status_id"] == status["id"]
    assert (await sg.delete(path)).text == '"ok"'


async def test_status_names_are_unique(sg: Vendor, control: Control) -> None:
    body = {"status": {"name": "Pagada", "kind": "deal", "code": "paid"}}
    first = await sg.post("/app/statuses.json", body)
    again = await sg.post("/app/statuses.json", {"status": {**body["status"], "code": "other"}})
    assert again == first
    await control.turn("sugester", "status_repeat", value="refused")
    refused = await sg.ask("POST", "/app/statuses.json", body)
    assert (refused.status_code, list(refused.json()["message"])) == (422, ["name"])
    assert len(await sg.get("/app/statuses.json")) == 1


# external_update


def hook_body(sg: Vendor, **client: object) -> Json:
    return {"client_id": 40110257, "client": client, "app_name": "fakturownia", "api_token": sg.token}


async def push(sg: Vendor, body: Json, resource: str = "clients") -> object:
    url = f"{sg.base_url}/app/{resource}/external_update.json"
    answer = await sg.http.post(url, json=body)
    assert answer.status_code == 200, answer.text
    shown: object = answer.json()
    return shown


async def test_external_update_of_clients(sg: Vendor, control: Control) -> None:
    present = await deal_client(sg, tax_no="B76123458", email="a@x")
    body = hook_body(sg, name="Anaga", tax_no="B76123458", external_ids={"fakturownia": 40110257})
    shown = await push(sg, body)
    assert isinstance(shown, dict)
    assert (shown["id"], shown["name"]) == (present["id"], "Anaga")
    await push(sg, hook_body(sg, name="By id", tax_no="B2", external_ids={"fakturownia": 40110257}))
    await push(sg, {**hook_body(sg, name="By top id"), "client_id": 40110257})
    (stored,) = await control.records("sugester", "clients")
    assert (stored["name"], stored["external_ids"]) == ("By top id", {"fakturownia": "40110257"})
    await push(sg, {**hook_body(sg, name="By e-mail", email="a@x"), "client_id": 5})
    assert len(await control.records("sugester", "clients")) == 1
    await push(sg, {**hook_body(sg, name="New", email="", tax_no=""), "client_id": 6})
    assert len(await control.records("sugester", "clients")) == 2
    await control.turn("sugester", "external_update_answer", value="ok")
    assert await push(sg, body) == "ok"
    unsigned = await sg.http.post(
        f"{sg.base_url}/app/clients/external_update.json", json={**body, "api_token": "wrong"}
    )
    assert unsigned.status_code == 401


async def test_external_update_of_deals(sg: Vendor, control: Control) -> None:
    nested = {"name": "Anaga", "tax_no": "B76123458", "external_ids": {"fakturownia": 40110257}}
    deal = {"name": "Revisión", "price": "121.0", "external_ids": {"fakturownia": 9}, "client": nested, **DOCUMENT}
    body = {"id": 9, "deal": deal, "app_name": "fakturownia", "api_token": sg.token, "locale": "es"}
    await push(sg, body, "deals")
    await push(sg, {**body, "deal": {**deal, "paid": True}}, "deals")
    (stored,) = await control.records("sugester", "deals")
    (client,) = await control.records("sugester", "clients")
    assert (stored["paid"], stored["client_id"], client["name"]) == (True, client["id"], "Anaga")
