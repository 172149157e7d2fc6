"""Sugester: who may ask, what a refusal looks like, how lists page."""

import httpx
import pytest

from tests.sandbox.support import Control, Vendor, deal_client


async def test_token_in_query_and_body(sg: Vendor, http: httpx.AsyncClient) -> None:
    client = await deal_client(sg)
    url = f"{sg.base_url}/app/clients/{client['id']}.json"
    assert (await http.get(url, params={"api_token": sg.token})).status_code == 200
    assert (await http.request("GET", url, json={"api_token": sg.token})).status_code == 200
    body = {"api_token": sg.token, "client": {"city": "Arona"}}
    assert (await http.put(url, json=body)).json()["city"] == "Arona"
    assert (await http.request("DELETE", url, json={"api_token": sg.token})).text == '"ok"'


async def test_token_names_the_account_behind_the_slash(
    sg: Vendor, control: Control, http: httpx.AsyncClient
) -> None:
    secret, _, prefix = sg.token.rpartition("/")
    assert prefix == sg.account
    other = await control.post("accounts", {"system": "sugester"})
    for token, status in ((secret, 200), (f"{secret}/{other['account']}", 401), (f"{secret}/nobody", 401)):
        answer = await http.get(f"{sg.base_url}/app/clients.json", params={"api_token": token})
        assert answer.status_code == status, token


async def test_bearer_is_ignored(sg: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    url, header = f"{sg.base_url}/app/clients.json", {"Authorization": f"Bearer {sg.token}"}
    assert (await http.get(url, headers=header)).status_code == 401
    await control.turn("sugester", "bearer_accepted")
    assert (await http.get(url, headers=header)).status_code == 200


async def test_bad_token(sg: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    url = f"{sg.base_url}/app/clients.json"
    refused = await http.get(url, params={"api_token": "wrong"})
    assert refused.status_code == 401
    assert (refused.json()["code"], type(refused.json()["message"])) == ("error", str)
    await control.turn("sugester", "unauthorized_answer", value="login_page")
    page = await http.get(url)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    await control.turn("sugester", "unauthorized_answer", value="redirect")
    moved = await http.get(url)
    assert moved.status_code == 302
    assert moved.headers["location"].endswith("/app/login")


async def test_errors_have_the_sister_products_shapes(sg: Vendor) -> None:
    assert (await sg.ask("GET", "/app/clients/1.json")).text == '{"status":"404","error":"Not Found"}'
    assert (await sg.ask("POST", "/app/clients.json", {"name": "x"})).status_code == 400
    refused = await sg.ask("POST", "/app/clients.json", {"client": {"name": ""}})
    assert refused.status_code == 422
    assert refused.json() == {"code": "error", "message": {"name": ["no puede estar en blanco"]}}
    assert (await sg.ask("GET", "/clients.json")).status_code == 404


@pytest.mark.parametrize(("value", "status"), [("201", 201), ("200", 200)])
async def test_status_of_a_create(value: str, status: int, sg: Vendor, control: Control) -> None:
    await control.turn("sugester", "create_status", value=value)
    bodies = {
        "/app/clients.json": {"client": {"name": "A"}},
        "/app/deals.json": {"deal": {"name": "D"}},
        "/app/statuses.json": {"status": {"name": "S", "kind": "deal"}},
        "/app/contacts.json": {"contact": {"name": "C"}},
    }
    for path, body in bodies.items():
        assert (await sg.ask("POST", path, body)).status_code == status


async def test_delete_may_answer_204(sg: Vendor, control: Control) -> None:
    client = await deal_client(sg)
    await control.turn("sugester", "delete_answer", value="204")
    assert (await sg.delete(f"/app/clients/{client['id']}.json")).status_code == 204


async def test_pages(sg: Vendor, control: Control) -> None:
    seeded = await control.seed("sugester", "clients", *({"name": f"c{n}"} for n in range(130)))
    pages = [await sg.get("/app/clients.json", page=n, per_page=100) for n in (1, 2, 3)]
    assert [len(page) for page in pages] == [100, 30, 0]
    assert [row["id"] for page in pages for row in page] == seeded[::-1]
    assert len(await sg.get("/app/clients.json", per_page=1000)) == 100
    assert len(await sg.get("/app/clients.json")) == 25
    await control.turn("sugester", "per_page_ignored")
    assert len(await sg.get("/app/clients.json", per_page=100)) == 25
    await control.turn("sugester", "page_ignored")
    assert await sg.get("/app/clients.json", page=1) == await sg.get("/app/clients.json", page=7)


async def test_order_of_lists(sg: Vendor, control: Control) -> None:
    seeded = await control.seed("sugester", "clients", {"name": "b"}, {"name": "a"})
    names = [row["name"] for row in await sg.get("/app/clients.json", order="name")]
    assert names == ["a", "b"] == [r["name"] for r in await sg.get("/app/clients.json")]
    await control.turn("sugester", "default_order", value="oldest_first")
    assert [row["id"] for row in await sg.get("/app/clients.json", order="name")] == seeded
    await control.turn("sugester", "list_order")
    assert [r["name"] for r in await sg.get("/app/clients.json", order="name")] == ["a", "b"]
    assert [r["name"] for r in await sg.get("/app/clients.json", order="name.desc")] == ["b", "a"]


async def test_partner_makes_an_account(sg: Vendor, http: httpx.AsyncClient) -> None:
    user = {"login": "ana", "email": "ana@new.example", "password": "x"}
    body = {"account": {"prefix": "new", "initial_module": "crm"}, "user": user}
    made = await sg.post("/app/account.json", body)
    assert made["prefix"] == "new"
    mine = Vendor(http=http, system="sugester", base_url=sg.base_url, token=made["api_token"], account="new")
    assert await mine.get("/app/clients.json") == []
    assert (await sg.ask("POST", "/app/account.json", body)).status_code == 422


async def test_rate_limit_of_its_own(sg: Vendor, control: Control) -> None:
    await control.turn("sugester", "requests_per_second", value=1)
    answers = [await sg.ask("GET", "/app/clients.json") for _ in range(10)]
    assert 429 in {answer.status_code for answer in answers}
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert limited.headers["retry-after"] == "1"
