"""Faults: each by raw HTTP, at both vendors where that differs."""

import asyncio
import time

import httpx
import pytest
import pytest_asyncio

from tests.sandbox.support import SOON, Control, Hooks, Json, Receiver, Vendor, deal_client, make_client
from tests.support.waiting import until


@pytest.fixture(params=["bitfactura", "sugester"])
def vendor(request: pytest.FixtureRequest, bf: Vendor, sg: Vendor) -> Vendor:
    return bf if request.param == "bitfactura" else sg


def clients(vendor: Vendor, record: Json | None = None) -> str:
    base = "/clients" if vendor.system == "bitfactura" else "/app/clients"
    return f"{base}.json" if record is None else f"{base}/{record['id']}.json"


async def create(vendor: Vendor, **fields: object) -> Json:
    return await (
        make_client(vendor, **fields) if vendor.system == "bitfactura" else deal_client(vendor, **fields)
    )


async def test_slow(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "slow", seconds=0.3, times=1)
    started = time.monotonic()
    await vendor.get(clients(vendor))
    assert time.monotonic() - started >= 0.3
    await control.turn(vendor.system, "slow", seconds=3600)
    asking = asyncio.create_task(vendor.get(clients(vendor)))
    stats = lambda: control.get("stats")  # noqa: E731 - asked again and again below
    await until(lambda: _counted(stats, vendor, 2), within=SOON, what="the slow request came in")
    await control.advance(3600)
    assert await asking == []


async def _counted(stats: object, vendor: Vendor, count: int) -> bool:
    assert callable(stats)
    counts: Json = (await stats())[vendor.system]
    return sum(counts.values()) >= count


async def test_hang(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "hang")
    with pytest.raises(httpx.ReadTimeout):
        await vendor.http.get(vendor.base_url + clients(vendor), params={"api_token": vendor.token}, timeout=0.2)
    asking = asyncio.create_task(vendor.ask("GET", clients(vendor)))
    await until(lambda: _counted(lambda: control.get("stats"), vendor, 2), within=SOON, what="the request came in")
    assert not asking.done()
    await control.turn(vendor.system, "hang", on=False)
    with pytest.raises(httpx.RemoteProtocolError):
        await asking
    await control.turn(vendor.system, "hang", seconds=0.1, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await vendor.ask("GET", clients(vendor))
    assert await vendor.get(clients(vendor)) == []


async def test_rate_limit(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "rate_limit", seconds=7)
    answer = await vendor.ask("GET", clients(vendor))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["code"] == "error"


async def test_rate_limit_silent(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "rate_limit_silent")
    answer = await vendor.ask("GET", clients(vendor))
    assert (answer.status_code, answer.content) == (429, b"")
    assert "retry-after" not in answer.headers


async def test_server_error(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "server_error")
    answer = await vendor.ask("POST", clients(vendor), {"client": {"name": "A"}})
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    assert await control.records(vendor.system, "clients") == []


async def test_unavailable(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "unavailable", times=1)
    answer = await vendor.ask("GET", clients(vendor))
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert await vendor.get(clients(vendor)) == []


async def test_truncated(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "truncated", times=1)
    answer = await vendor.ask("POST", clients(vendor), {"client": {"name": "A"}})
    assert answer.status_code == 201
    with pytest.raises(ValueError):
        answer.json()
    assert [r["name"] for r in await control.records(vendor.system, "clients")] == ["A"]


async def test_wrong_types(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "wrong_types", times=1)
    answer = await vendor.ask("POST", clients(vendor), {"client": {"name": "A"}})
    assert (answer.status_code, answer.json()["name"]) == (201, ["A"])
    (stored,) = await control.records(vendor.system, "clients")
    assert (stored["name"], stored["id"]) == ("A", answer.json()["id"])
    assert (await vendor.get(clients(vendor, stored)))["name"] == "A"


async def test_token_expired(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "token_expired", times=1)
    statuses = [(await vendor.ask("GET", clients(vendor))).status_code for _ in range(2)]
    assert statuses == [401, 200]


async def test_number_taken_means_nothing_where_the_vendor_numbers(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "number_taken")
    await create(vendor)
    assert len(await vendor.get(clients(vendor))) == 1


async def test_error_with_200(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "error_with_200")
    answer = await vendor.ask("POST", clients(vendor), {"client": {"name": "A"}})
    assert (answer.status_code, answer.json()["code"]) == (200, "error")
    assert await control.records(vendor.system, "clients") == []


async def test_login_page(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "login_page")
    answer = await vendor.ask("GET", clients(vendor))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert b"<form" in answer.content


async def test_token_revoked_and_restored(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "token_revoked")
    assert (await vendor.ask("GET", clients(vendor))).status_code == 401
    await control.turn(vendor.system, "token_revoked", on=False)
    assert (await vendor.ask("GET", clients(vendor))).status_code == 200


async def test_token_read_only(vendor: Vendor, control: Control) -> None:
    client = await create(vendor)
    await control.turn(vendor.system, "token_read_only")
    assert (await vendor.ask("GET", clients(vendor))).status_code == 200
    refused = [
        await vendor.ask("POST", clients(vendor), {"client": {"name": "A"}}),
        await vendor.ask("PUT", clients(vendor, client), {"client": {"name": "A"}}),
        await vendor.ask("DELETE", clients(vendor, client)),
    ]
    assert [answer.status_code for answer in refused] == [403] * 3


async def test_create_then_drop(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "create_then_drop", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await vendor.ask("POST", clients(vendor), {"client": {"name": "A"}})
    assert [r["name"] for r in await control.records(vendor.system, "clients")] == ["A"]
    refused = await vendor.ask("POST", clients(vendor), {"client": {"name": ""}})
    assert refused.status_code == 422
    assert len(await vendor.get(clients(vendor))) == 1


async def test_dropped_connection_sends_no_byte(bf: Vendor, control: Control) -> None:
    await control.turn("bitfactura", "create_then_drop")
    host, port = bf.base_url.removeprefix("http://").removesuffix("/bitfactura").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = b'{"client":{"name":"A"}}'
    path = f"/bitfactura/clients.json?api_token={bf.token.replace('/', '%2F')}"
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    assert await asyncio.wait_for(reader.read(), timeout=5) == b""
    writer.close()
    await writer.wait_closed()


async def test_create_late(vendor: Vendor, control: Control) -> None:
    await control.turn(vendor.system, "create_late", seconds=60, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await vendor.ask("POST", clients(vendor), {"client": {"name": "A"}})
    assert await control.records(vendor.system, "clients") == []
    await control.advance(60)
    appeared = await until(
        lambda: control.records(vendor.system, "clients"), within=SOON, what="the late record appears"
    )
    assert [record["name"] for record in appeared] == ["A"]


async def test_stale_read(vendor: Vendor, control: Control) -> None:
    client = await create(vendor, city="Arona")
    await control.turn(vendor.system, "stale_read", seconds=60)
    await vendor.put(clients(vendor, client), {"client": {"city": "Adeje"}})
    later = await create(vendor, name="Later")
    assert (await vendor.get(clients(vendor, client)))["city"] == "Arona"
    assert (await vendor.ask("GET", clients(vendor, later))).status_code == 404
    listed = {row["id"]: row["city"] for row in await vendor.get(clients(vendor))}
    assert listed == {client["id"]: "Adeje", later["id"]: None}
    await control.advance(61)
    assert (await vendor.get(clients(vendor, client)))["city"] == "Adeje"
    assert (await vendor.ask("GET", clients(vendor, later))).status_code == 200


async def test_stale_search(vendor: Vendor, control: Control) -> None:
    gone, kept = await create(vendor, name="Gone"), await create(vendor, name="Kept")
    await control.turn(vendor.system, "stale_search", seconds=60)
    await vendor.put(clients(vendor, kept), {"client": {"name": "Changed"}})
    await vendor.delete(clients(vendor, gone))
    await create(vendor, name="New")
    assert {row["name"] for row in await vendor.get(clients(vendor))} == {"Gone", "Kept"}
    assert (await vendor.get(clients(vendor, kept)))["name"] == "Changed"
    await control.advance(61)
    assert {row["name"] for row in await vendor.get(clients(vendor))} == {"Changed", "New"}


async def test_list_empty(vendor: Vendor, control: Control) -> None:
    client = await create(vendor)
    await control.turn(vendor.system, "list_empty")
    assert await vendor.get(clients(vendor)) == []
    assert (await vendor.get(clients(vendor, client)))["id"] == client["id"]


async def test_list_endless(vendor: Vendor, control: Control) -> None:
    for _ in range(3):
        await create(vendor)
    await control.turn(vendor.system, "list_endless")
    pages = [await vendor.get(clients(vendor), page=n, per_page=50) for n in (1, 2, 99)]
    assert [len(page) for page in pages] == [50, 50, 50]
    assert pages[0] == pages[2]


# How faults are aimed


async def test_match_and_times(bf: Vendor, control: Control) -> None:
    await control.turn("bitfactura", "server_error", match="POST /clients", times=2)
    assert await bf.get("/clients.json") == []
    statuses = [(await bf.ask("POST", "/clients.json", {"client": {"name": "A"}})).status_code for _ in range(3)]
    assert statuses == [500, 500, 201]
    await control.turn("bitfactura", "server_error", match=r"^GET /clients/\d+\.json$")
    assert (await bf.ask("GET", "/clients/1.json")).status_code == 500
    assert await bf.get("/invoices.json") == []


async def test_fault_of_one_account(bf: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    other = Vendor(http=http, system="bitfactura", **await control.post("accounts", {"system": "bitfactura"}))
    await control.turn("bitfactura", "rate_limit", account=other.account)
    assert (await other.ask("GET", "/clients.json")).status_code == 429
    assert (await bf.ask("GET", "/clients.json")).status_code == 200


# Hooks


async def edit_three(bf: Vendor, client: Json) -> None:
    for city in ("one", "two", "three"):
        await bf.put(f"/clients/{client['id']}.json", {"client": {"city": city}})


@pytest_asyncio.fixture(loop_scope="session")
async def followed(bf: Vendor, hooks: Hooks, control: Control) -> Json:
    """A client whose updates are sent to the receiver, without any delay."""
    await control.turn("bitfactura", "hook_delay", value=0)
    client = await make_client(bf)
    await hooks.register("bitfactura", "client:update")
    return client


def cities(receiver: Receiver) -> list[str]:
    return [body["client"]["city"] for body in receiver.bodies]


async def test_hooks_lost(bf: Vendor, followed: Json, receiver: Receiver, control: Control) -> None:
    await control.turn("bitfactura", "hooks_lost", times=2, match="client:update")
    await edit_three(bf, followed)
    await control.settle()
    assert cities(receiver) == ["three"]
    states = [hook["state"] for hook in (await control.get("hooks"))["hooks"]]
    assert states == ["delivered", "lost", "lost"]


async def test_hooks_doubled(bf: Vendor, followed: Json, receiver: Receiver, control: Control) -> None:
    await control.turn("bitfactura", "hooks_doubled")
    await edit_three(bf, followed)
    await control.settle()
    assert sorted(cities(receiver)) == sorted(["one", "two", "three"] * 2)


async def test_hooks_reordered(bf: Vendor, followed: Json, receiver: Receiver, control: Control) -> None:
    await control.turn("bitfactura", "hooks_reordered", times=2, seconds=3600)
    await edit_three(bf, followed)
    await receiver.until(3)
    await control.settle()
    assert cities(receiver).index("two") < cities(receiver).index("one")
    await control.turn("bitfactura", "hooks_reordered", times=1, seconds=60)
    await bf.put(f"/clients/{followed['id']}.json", {"client": {"city": "alone"}})
    assert (await control.post("hooks/drain", {"seconds": 0.05})) == {"pending": 1}
    await control.advance(60)
    assert [body["client"]["city"] for body in await receiver.until(4)][3] == "alone"


async def test_hooks_delayed(bf: Vendor, followed: Json, receiver: Receiver, control: Control) -> None:
    await control.turn("bitfactura", "hooks_delayed", seconds=3600, times=1)
    await edit_three(bf, followed)
    await receiver.until(2)
    assert (await control.post("hooks/drain", {"seconds": 0.05})) == {"pending": 1}
    await control.advance(3600)
    await receiver.until(3)
    assert cities(receiver)[2] == "one"


async def test_hooks_off(bf: Vendor, followed: Json, receiver: Receiver, control: Control) -> None:
    await control.turn("bitfactura", "hooks_off", match="client:update")
    (row,) = await bf.get("/webhooks.json")
    assert row["active"] is False
    await edit_three(bf, followed)
    await bf.put(f"/webhooks/{row['id']}.json", {"webhook": {"active": True}})
    await bf.put(f"/clients/{followed['id']}.json", {"client": {"city": "four"}})
    await receiver.until(1)
    await control.settle()
    assert cities(receiver) == ["four"]
