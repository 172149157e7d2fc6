"""BitFactura: who may ask, and how it says no."""

import asyncio
import json
import socket
from datetime import UTC, datetime

import httpx
import pytest

from services.sandbox.catalog import SERVED
from services.sandbox.server import Sandbox, running
from services.sandbox.world import World
from tests.sandbox.support import Control, Json, Vendor, make_client

FROZEN = datetime(2026, 3, 4, 9, 11, 12, tzinfo=UTC)
UNAUTHORIZED = {"code": "error", "message": "Debe iniciar sesión para acceder a esta página"}


async def test_token_in_query_body_and_header(bf: Vendor, http: httpx.AsyncClient) -> None:
    client = await make_client(bf)
    url = f"{bf.base_url}/clients/{client['id']}.json"
    in_query = await http.get(url, params={"api_token": bf.token})
    in_body = await http.request("GET", url, json={"api_token": bf.token})
    in_header = await http.get(url, headers={"Authorization": f"Bearer {bf.token}"})
    assert [in_query.status_code, in_body.status_code, in_header.status_code] == [200, 200, 200]
    body = {"api_token": bf.token, "client": {"name": "B"}}
    assert (await http.post(f"{bf.base_url}/clients.json", json=body)).status_code == 201
    assert (await http.request("DELETE", url, json={"api_token": bf.token})).text == '"ok"'


async def test_plain_and_prefixed_token(bf: Vendor, http: httpx.AsyncClient) -> None:
    secret, _, account = bf.token.partition("/")
    assert account == bf.account
    assert len(secret) == 20
    for token in (secret, bf.token):
        answer = await http.get(f"{bf.base_url}/clients.json", params={"api_token": token})
        assert answer.status_code == 200


async def test_missing_and_wrong_token_are_401(bf: Vendor, http: httpx.AsyncClient) -> None:
    url = f"{bf.base_url}/clients.json"
    missing = await http.get(url)
    wrong = await http.get(url, params={"api_token": "wrong"})
    wrong_prefixed = await http.get(url, headers={"Authorization": f"Bearer wrong/{bf.account}"})
    assert [missing.json(), wrong.json(), wrong_prefixed.json()] == [UNAUTHORIZED] * 3
    assert {missing.status_code, wrong.status_code, wrong_prefixed.status_code} == {401}


async def test_401_text_may_hold_the_token(bf: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    url = f"{bf.base_url}/clients.json?api_token=wrong"
    assert "wrong" not in (await http.get(url)).text
    await control.turn("bitfactura", "echo_url_in_401")
    answer = await http.get(url)
    assert answer.status_code == 401
    assert answer.json()["message"].endswith(url)


@pytest.mark.parametrize("status", [422, 401])
async def test_unknown_prefix(status: int, bf: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    await control.turn("bitfactura", "unknown_prefix", value=str(status))
    answer = await http.get(f"{bf.base_url}/clients.json", params={"api_token": "secret/nobody"})
    assert answer.status_code == status
    assert answer.json()["code"] == "error"


async def test_slash_of_a_token_in_the_query(bf: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    raw, encoded = (f"{bf.base_url}/clients.json?api_token={t}" for t in (bf.token, bf.token.replace("/", "%2F")))
    assert [(await http.get(url)).status_code for url in (raw, encoded)] == [200, 200]
    await control.turn("bitfactura", "raw_slash_refused")
    assert [(await http.get(url)).status_code for url in (raw, encoded)] == [401, 200]


async def test_login_gives_the_token(bf: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    accounts = (await control.get("accounts"))["accounts"]
    mine = next(a for a in accounts if a["system"] == "bitfactura")
    body = {"login": mine["login"], "password": mine["password"], "integration_token": ""}
    answer = await http.post(f"{bf.base_url}/login.json", json=body)
    assert answer.status_code == 200
    assert set(answer.json()) == {"login", "email", "prefix", "url", "first_name", "last_name", "api_token"}
    assert answer.json()["api_token"] == bf.token
    refused = await http.post(f"{bf.base_url}/login.json", json={**body, "password": "x"})
    assert refused.status_code == 401


async def test_account_is_read_and_changed(bf: Vendor) -> None:
    assert (await bf.get("/account.json"))["prefix"] == bf.account
    changed = await bf.put("/account.json", {"account": {"use_receipt": True}})
    assert changed["use_receipt"] is True
    assert (await bf.get("/account.json"))["use_receipt"] is True


async def test_404_has_its_own_shape(bf: Vendor) -> None:
    for path in ("/clients/1.json", "/invoices/1.json", "/products/1.json"):
        answer = await bf.ask("GET", path)
        assert answer.status_code == 404
        assert answer.text == '{"status":"404","error":"Not Found"}'
    newer = await bf.ask("GET", "/departments/1.json")
    assert newer.status_code == 404
    assert newer.text == '{"code":"error","message":"Not found"}'


async def test_unknown_paths_and_xml_are_404(bf: Vendor) -> None:
    for path in ("/nothing.json", "/clients.xml", "/clients/abc.json"):
        assert (await bf.ask("GET", path)).status_code == 404


async def test_body_without_the_wrapper_is_400(bf: Vendor) -> None:
    bodies: tuple[Json, ...] = ({"name": "A"}, {"client": {}}, {"client": "text"}, {})
    for body in bodies:
        answer = await bf.ask("POST", "/clients.json", body)
        assert answer.status_code == 400
        assert answer.json()["code"] == "error"
        assert isinstance(answer.json()["message"], str)


@pytest.mark.parametrize(
    "junk", [b"{", b"[1]", b'"text"', b"\xff\xfe", b'{"a": NaN}', b"[" * 50_000, b'{"a": "\\ud800"}']
)
async def test_junk_json_is_400(junk: bytes, bf: Vendor, http: httpx.AsyncClient) -> None:
    url = f"{bf.base_url}/clients.json"
    answer = await http.post(url, params={"api_token": bf.token}, content=junk)
    assert answer.status_code == 400
    assert answer.json()["code"] == "error"


async def test_body_over_the_limit_is_413(bf: Vendor, http: httpx.AsyncClient) -> None:
    large = json.dumps({"client": {"name": "A", "note": "x" * (5 * 1024 * 1024)}})
    answer = await http.post(f"{bf.base_url}/clients.json", params={"api_token": bf.token}, content=large)
    assert answer.status_code == 413


async def test_422_is_an_object_of_lists(bf: Vendor) -> None:
    answer = await bf.ask("POST", "/clients.json", {"client": {"email": "a@b.example"}})
    assert answer.status_code == 422
    assert answer.json() == {"code": "error", "message": {"name": ["no puede estar en blanco"]}}


async def test_nothing_usable_is_422(bf: Vendor) -> None:
    answer = await bf.ask("POST", "/clients.json", {"client": {"id": None}})
    assert answer.status_code == 422


async def test_reason_phrase_is_sent(sandbox: Sandbox) -> None:
    host, _, port = sandbox.url.removeprefix("http://").partition(":")
    token = sandbox.systems["bitfactura"]["token"].replace("/", "%2F")

    def first_line() -> bytes:
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            path = f"/bitfactura/clients/1.json?api_token={token}"
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return raw.makefile("rb").readline()

    assert await asyncio.to_thread(first_line) == b"HTTP/1.1 404 Not Found\r\n"


async def test_an_account_sees_only_its_own(bf: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    client = await make_client(bf)
    other = Vendor(http=http, system="bitfactura", **await control.post("accounts", {"system": "bitfactura"}))
    assert other.base_url == bf.base_url
    assert await other.get("/clients.json") == []
    assert (await other.ask("GET", f"/clients/{client['id']}.json")).status_code == 404


@pytest.mark.parametrize(("limit", "statuses"), [(0, [200] * 4), (2, [200, 200, 429, 429])])
async def test_rate_limit_of_its_own(limit: int, statuses: list[int]) -> None:
    async with running(World(SERVED, seed=1, clock=lambda: FROZEN)) as sandbox, httpx.AsyncClient() as http:
        bf = Vendor(http=http, system="bitfactura", **sandbox.systems["bitfactura"])
        await Control(http=http, url=sandbox.control).turn("bitfactura", "requests_per_second", value=limit)
        assert [(await bf.ask("GET", "/clients.json")).status_code for _ in range(4)] == statuses
