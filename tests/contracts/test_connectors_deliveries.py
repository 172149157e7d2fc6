"""Hook bodies as the sandbox sends them, in every generation, are understood and carry the secret."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest
import pytest_asyncio

from shared.connectors.contract import Told
from shared.connectors.hooks import secret_in
from shared.connectors.registry import CONNECTORS
from tests.contracts.connector_bench import PROFILES, WRITTEN, Bench, as_fields, benches_of
from tests.contracts.connector_rawvendor import RawVendor, answer, raw_vendor
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SWITCHES = {
    "bitfactura": [
        ("hook_generation", "current"),
        ("hook_generation", "2018"),
        ("hook_app_name", "BitFactura"),
        ("hook_locale", "pl"),
        ("destroy_payload", "id_only"),
    ],
    "sugester": [("destroy_payload", "last_known"), ("destroy_payload", "id_only")],
}
TURNED = [(system, *turned) for system in SWITCHES for turned in SWITCHES[system]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def benches() -> AsyncIterator[Mapping[str, Bench]]:
    async with benches_of({name: CONNECTORS[name] for name in PROFILES}) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def bench(benches: Mapping[str, Bench], system: str) -> Bench:
    await benches[system].reset()
    if system == "sugester":
        await benches[system].fault("webhooks", value=True)
        await benches[system].fault("webhooks_api", value=True)
    return benches[system]


async def delivered(receiver: RawVendor, count: int) -> dict[str, list[bytes]]:
    """The bodies that came in so far, by the kind that ends their address."""
    await until(lambda: len(receiver.requests) >= count, within=timedelta(seconds=20), what=f"{count} deliveries")
    found: dict[str, list[bytes]] = {}
    for request in receiver.requests:
        head, body = request.split(b"\r\n\r\n", 1)
        found.setdefault(head.split()[1].decode().rsplit("/", 1)[1], []).append(body)
    return found


@pytest.mark.parametrize(("system", "name", "value"), TURNED)
async def test_what_happens_to_a_record_is_told_by_the_hooks_of_its_kind(
    bench: Bench, name: str, value: object
) -> None:
    await bench.fault(name, value=value)
    session = bench.session(hooks_api="yes")
    app = "/app" if bench.system == "sugester" else ""
    async with raw_vendor(answer('"ok"')) as receiver:
        for event in ("create", "update", "destroy"):
            kind = f"client:{event}"
            await session.register_hook(kind, f"{receiver.base_url}/hooks/{kind}", f"secret-{kind}")
        row = await session.create("clients", WRITTEN["clients"], reference="pu-1")
        await session.update("clients", row.record_id, as_fields({"note": "cambiado"}))
        await bench.owner("DELETE", f"{app}/clients/{row.record_id}.json", {})
        bodies = await delivered(receiver, 3)
    for event in ("create", "update", "destroy"):
        kind = f"client:{event}"
        (body,) = bodies[kind]
        assert secret_in(body, bench.connector.hooks.secret_key) == f"secret-{kind}"
        told = Told(resource="clients", record_id=row.record_id, deletion=event == "destroy")
        assert list(bench.connector.changes_in(kind, body)) == [told]


@pytest.mark.parametrize("system", ["clientify"])
@pytest.mark.parametrize(
    "shape",
    ["hook_and_data", "hook_and_contact", "event_and_contact", "event_and_data_contact", "created_updated"],
)
async def test_one_slot_tells_what_happens_to_a_contact_in_every_shape(bench: Bench, shape: str) -> None:
    await bench.fault("hook_shape", value=shape)
    async with raw_vendor(answer("", status="500 Error")) as receiver:
        await bench.session().register_hook("contacts", f"{receiver.base_url}/hooks/contacts", "s")
        made = await bench.owner("POST", "/panel/contacts", {"first_name": "Uno", "email": "uno@uno.example"})
        assert isinstance(made["body"], dict)
        record_id = str(made["body"]["id"])
        await bench.owner("PUT", f"/panel/contacts/{record_id}", {"remarks": "cambiado"})
        await bench.owner("DELETE", f"/panel/contacts/{record_id}", {})
        bodies = (await delivered(receiver, 3))["contacts"]
    told = [each for body in bodies for each in bench.connector.changes_in("contacts", body)]
    assert {each.record_id for each in told} == {record_id}
    assert sorted(each.deletion for each in told) == [False, False, True]  # order is not kept


@pytest.mark.parametrize("system", ["bitfactura"])
@pytest.mark.parametrize("generation", ["current", "2018"])
async def test_a_document_is_told_by_its_own_id_and_not_its_clients(bench: Bench, generation: str) -> None:
    await bench.fault("hook_generation", value=generation)
    line = {"name": "Revisión anual", "quantity": 1, "total_price_gross": "121.0", "tax": 21}
    (client,) = await bench.seed("clients", {"name": "Uno"})
    async with raw_vendor(answer("ok")) as receiver:
        kind = "invoice:create"
        await bench.session().register_hook(kind, f"{receiver.base_url}/hooks/{kind}", "s")
        invoice = {"client_id": int(client), "kind": "vat", "positions": [line]}
        done = await bench.owner("POST", "/invoices.json", {"invoice": invoice})
        (body,) = (await delivered(receiver, 1))[kind]
    made = done["body"]
    assert isinstance(made, dict)
    assert [told.record_id for told in bench.connector.changes_in(kind, body)] == [str(made["id"])]


@pytest.mark.parametrize("system", ["bitfactura"])
@pytest.mark.parametrize("shape", ["one_per_client", "one_body", "pages_of_100"])
async def test_a_sync_of_all_clients_names_every_client_in_every_shape(bench: Bench, shape: str) -> None:
    await bench.fault("client_sync_shape", value=shape)
    ids = await bench.seed("clients", *({"name": f"Cliente {n}"} for n in range(120)))
    expected = {"one_per_client": 120, "one_body": 1, "pages_of_100": 2}[shape]
    async with raw_vendor(answer("ok")) as receiver:
        kind = "client:sync"
        await bench.session().register_hook(kind, f"{receiver.base_url}/hooks/{kind}", "s")
        bodies = (await delivered(receiver, expected))[kind]
    told = [each.record_id for body in bodies for each in bench.connector.changes_in(kind, body)]
    assert sorted(told) == sorted(ids)
