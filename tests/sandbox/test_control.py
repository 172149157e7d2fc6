"""The control API, and the server as a program."""

import json
import sys
from datetime import timedelta

import httpx
import pytest

from services.sandbox import faults
from services.sandbox.catalog import SYSTEMS
from services.sandbox.server import Sandbox, running
from tests.sandbox.support import Control, Hooks, Receiver, Vendor, deal_client, make_client
from tests.support.processes import Processes

BF = "bitfactura"
STARTED = timedelta(seconds=30)


async def test_systems(sandbox: Sandbox, control: Control) -> None:
    assert sandbox.control == f"{sandbox.url}/control"
    assert set(sandbox.systems) == {system.name for system in SYSTEMS}
    for name, access in sandbox.systems.items():
        assert set(access) == {"base_url", "token", "account"}
        assert access["base_url"] == f"{sandbox.url}/{name}"
    assert (await control.get("systems"))["systems"] == sandbox.systems


async def test_the_same_seed_makes_the_same_world() -> None:
    async with running(seed=3) as one, running(seed=3) as two, running() as other:
        tokens = [s.systems[BF]["token"] for s in (one, two, other)]
    assert tokens[0] == tokens[1] != tokens[2]


async def test_accounts(control: Control, http: httpx.AsyncClient) -> None:
    named = await control.post("accounts", {"system": BF, "account": "acme"})
    assert set(named) == {"base_url", "token", "account"}
    assert named["token"].endswith("/acme")
    for body, status in (({"system": BF, "account": "acme"}, 409), ({"system": "x"}, 404), ({"syst": BF}, 422)):
        assert (await http.post(f"{control.url}/accounts", json=body)).status_code == status


async def test_stats_count_paths_by_template(bf: Vendor, sg: Vendor, control: Control) -> None:
    client = await make_client(bf)
    await bf.get(f"/clients/{client['id']}.json")
    await bf.ask("GET", "/clients/1.json")
    await bf.ask("GET", "/nothing")
    await deal_client(sg)
    counted = {name: counts for name, counts in (await control.get("stats")).items() if counts}
    assert counted == {
        "bitfactura": {"GET (unknown)": 1, "GET /clients/{id}.json": 2, "POST /clients.json": 1},
        "sugester": {"POST /app/clients.json": 1},
    }
    assert (await control.get("stats", account="other"))["bitfactura"] == {}


async def test_seed_raises_no_hooks_and_counts_nothing(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await hooks.register(BF, "client:create", "invoice:create")
    when = "2020-01-02T03:04:05.678+01:00"
    (client,) = await control.seed(BF, "clients", {"name": "Old", "created_at": when, "updated_at": when})
    line = {"name": "a", "total_price_gross": 5}
    await control.seed(BF, "invoices", {"client_id": client, "positions": [line]})
    await control.seed(BF, "clients", {"name": "Deleted", "deleted": True})
    await control.settle()
    assert receiver.received == []
    assert (await control.get("stats"))[BF] == {}
    (stored,) = await control.records(BF, "clients")
    assert (stored["created_at"], stored["updated_at"]) == (when, when)
    assert len(await control.records(BF, "clients", deleted="true")) == 2
    assert (await bf.get(f"/clients/{client}.json"))["balance"] == "5.0"


async def test_seed_that_cannot_be(control: Control, http: httpx.AsyncClient) -> None:
    for body, status in (
        ({"resource": "clients", "records": [{"name": "A"}, {}]}, 422),
        ({"resource": "nothing", "records": []}, 422),
        ({"resource": "clients", "records": [], "account": "nobody"}, 404),
        ({"resource": "clients", "records": [{"name": "A", "updated_at": "yesterday"}]}, 422),
        ({"system": "factusol", "resource": "clients", "records": [{"NADA": 1}]}, 422),
        ({"system": "factusol", "resource": "clients", "records": [{"CODCLI": 1}, {"CODCLI": 1}]}, 422),
        ({"system": "factusol", "resource": "clients", "records": [{}], "year": "1999"}, 422),
    ):
        answer = await http.post(f"{control.url}/seed", json={"system": BF, **body})
        assert answer.status_code == status, answer.text


async def test_last_records_only(control: Control) -> None:
    ids = await control.seed(BF, "clients", *({"name": str(n)} for n in range(5)))
    found = await control.get("records", system=BF, resource="clients", limit="2")
    assert ([record["id"] for record in found["records"]], found["total"]) == (ids[-2:], 5)
    years = await control.post("seed", {"system": "factusol", "resource": "clients", "records": [{"NOFCLI": "A"}]})
    assert years == {"ids": [1]}
    (stored,) = await control.records("factusol", "F_CLI")
    assert (stored["id"], stored["NOFCLI"]) == (1, "A")
    assert await control.records("factusol", "clients", deleted="only") == []


async def test_records_of_what_is_not_there(control: Control, http: httpx.AsyncClient) -> None:
    for resource, account, status in (("nothing", "demo", 422), ("clients", "nobody", 404)):
        query = {"system": BF, "resource": resource, "account": account}
        assert (await http.get(f"{control.url}/records", params=query)).status_code == status


async def test_every_fault_and_switch_is_listed(control: Control) -> None:
    listed = await control.get("faults")
    for system in SYSTEMS:
        names = [entry["fault"] for entry in listed["faults"] if entry["system"] == system.name]
        assert names == [fault.name for fault in faults.FAULTS]
        switches = [entry for entry in listed["switches"] if entry["system"] == system.name]
        assert [entry["switch"] for entry in switches] == [switch.name for switch in system.switches]
        for entry in switches:
            assert entry["value"] == entry["default"]
            assert entry["meaning"].endswith(".")


async def test_contracts_fault_names_are_there() -> None:
    wanted = (
        "slow hang rate_limit rate_limit_silent server_error error_with_200 login_page create_then_drop "
        "create_late stale_read stale_search list_empty list_endless hooks_lost hooks_doubled hooks_reordered "
        "hooks_delayed hooks_off"
    )
    assert set(wanted.split()) <= set(faults.BY_NAME)


async def test_switches_are_turned_and_turned_back(control: Control) -> None:
    assert (await control.turn(BF, "filters"))["value"] == "exact"
    assert (await control.turn(BF, "filters", value="ignored"))["value"] == "ignored"
    assert (await control.turn(BF, "filters", on=False))["value"] == "partial"
    assert (await control.turn(BF, "view_url_on_get"))["value"] is True
    assert (await control.turn(BF, "view_url_on_get", on=False))["value"] is False
    assert (await control.turn("sugester", "deals_by_client"))["value"] is False


async def test_switch_of_one_account(bf: Vendor, control: Control, http: httpx.AsyncClient) -> None:
    other = Vendor(http=http, system=BF, **await control.post("accounts", {"system": BF}))
    await control.turn(BF, "delete_answer", value="204", account=other.account)
    answers = [await v.delete(f"/clients/{(await make_client(v))['id']}.json") for v in (bf, other)]
    assert [answer.status_code for answer in answers] == [200, 204]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"system": "x", "fault": "slow"}, 404),
        ({"system": BF, "fault": "nonsense"}, 422),
        ({"system": BF, "fault": "slow", "account": "nobody"}, 404),
        ({"system": BF, "fault": "slow", "times": 0}, 422),
        ({"system": BF, "fault": "slow", "value": 1}, 422),
        ({"system": BF, "fault": "filters", "value": "x"}, 422),
        ({"system": BF, "fault": "hook_delay", "value": -1}, 422),
        ({"system": BF, "fault": "hook_delay"}, 422),
        ({"system": BF, "fault": "view_url_on_get", "value": "yes"}, 422),
    ],
)
async def test_fault_that_cannot_be(
    body: dict[str, object], status: int, control: Control, http: httpx.AsyncClient
) -> None:
    assert (await http.post(f"{control.url}/faults", json=body)).status_code == status


async def test_reset(bf: Vendor, control: Control, hooks: Hooks) -> None:
    await hooks.register(BF, "client:update")
    await make_client(bf)
    await control.turn(BF, "server_error", match="nothing")
    await control.turn(BF, "delete_answer", value="204")
    await control.post("reset", {"what": ["data"]})
    assert await control.records(BF, "clients", deleted="true") == []
    assert len(await bf.get("/webhooks.json")) == 1
    await control.post("reset")
    assert await control.get("stats") == {system.name: {} for system in SYSTEMS}
    listed = await control.get("faults")
    assert not any(entry["on"] for entry in listed["faults"])
    assert all(entry["value"] == entry["default"] for entry in listed["switches"])
    assert await bf.get("/webhooks.json") == []


async def test_clock(bf: Vendor, control: Control) -> None:
    before = await make_client(bf)
    await control.advance(3600)
    after = await make_client(bf)
    assert after["created_at"][:13] > before["created_at"][:13]
    assert (await control.get("clock"))["now"] > after["created_at"]


async def test_owner_acts_without_faults_and_counts(
    bf: Vendor, hooks: Hooks, receiver: Receiver, control: Control
) -> None:
    await hooks.register(BF, "client:update")
    client = await make_client(bf)
    await control.post("reset", {"what": ["stats"]})
    await control.turn(BF, "server_error")
    act = {"system": BF, "method": "PUT", "path": f"/clients/{client['id']}.json"}
    done = await control.post("owner", {**act, "body": {"client": {"city": "Arona"}}})
    assert (done["status"], done["body"]["city"]) == (200, "Arona")
    await receiver.until(1)
    assert (await control.get("stats"))[BF] == {}
    refused = await control.post("owner", {**act, "body": {"client": {"name": ""}}})
    assert refused["status"] == 422
    unknown = await control.post("owner", {**act, "path": "/nothing"})
    assert unknown["status"] == 404


async def test_rows_of_hooks(control: Control, http: httpx.AsyncClient) -> None:
    row = {"system": "sugester", "kind": "deal:create", "url": "http://127.0.0.1:9/"}
    made = await control.post("webhooks", row)
    listed = (await control.get("webhooks", system="sugester"))["webhooks"]
    assert [entry["id"] for entry in listed] == [made["id"]]
    assert (await http.post(f"{control.url}/webhooks", json={**row, "kind": "x"})).status_code == 422
    gone = await http.delete(f"{control.url}/webhooks/{made['id']}", params={"system": "sugester"})
    assert gone.json() == {"deleted": True}
    again = await http.delete(f"{control.url}/webhooks/{made['id']}", params={"system": "sugester"})
    assert again.status_code == 404


async def test_thousands_of_records(bf: Vendor, control: Control) -> None:
    rows = [{"name": f"Cliente {n}", "email": f"c{n}@x.example"} for n in range(5000)]
    assert len(set(await control.seed(BF, "clients", *rows))) == 5000
    pages = [await bf.get("/clients.json", per_page=100, page=n) for n in range(1, 52)]
    assert len({row["id"] for page in pages for row in page}) == 5000
    assert pages[50] == []


async def test_runs_as_a_program(processes: Processes) -> None:
    process = processes.start(sys.executable, "-m", "services.sandbox", "--port", "0", "--json", name="sandbox")
    said = json.loads((await process.line(r"^\{.*control.*\}$", within=STARTED)).group())
    assert set(said) == {"control", "systems"}
    access = said["systems"]["bitfactura"]
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"{access['base_url']}/clients.json", params={"api_token": access["token"]})
        assert answer.json() == []
        assert (await http.get(f"{said['control']}/stats")).status_code == 200
    process.term()
    assert await process.exits(within=STARTED) == 0
