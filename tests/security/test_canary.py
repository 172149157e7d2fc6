"""A canary person and canary secrets go through a whole Puente; afterwards they stand nowhere in clear.

Real processes, at the level of logging that tells most. Everything that they left behind is searched:
every line, page, entry, column, file and spool.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer
from sqlalchemy import MetaData, Table, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store.database import Database
from tests.integration.cli import rig
from tests.integration.cli.rig import PUENTE, SOON, Json, Place
from tests.security.canary import Canaries
from tests.support import kafka as kafkas
from tests.support.collector import Collector, collecting
from tests.support.ports import free_ports
from tests.support.processes import Processes
from tests.support.waiting import until

PERSON = {
    "name": "Zuleica Quintanabrava Ñúñez",
    "tax_no": "B76123458",
    "email": "zuleica.canaria@quintanabrava.example",
    "phone": "+34 922 765 431",
    "street": "Camino del Cernícalo 77",
    "city": "Vallehermoso-Canario",
    "note": "Prefiere que la llame su hermana Eutropia",
}
EDITED = {"street": "Pasaje del Guirre Escondido 12", "note": "Llamar al taller de Eutropia"}
OTHER_EDIT = {"street": "Rambla de la Hubara 9"}
TWIN = {"name": "Zuleica Q. Ñúñez (antigua)", "email": "gemela@quintanabrava.example"}
PATIENCE = timedelta(seconds=150)
LOUD = {"PUENTE_LOG_LEVEL": "DEBUG"}


@pytest.fixture
async def topic(kafka: kafkas.Broker) -> AsyncIterator[str]:
    name = f"puente.canary.{secrets.token_hex(4)}"
    yield name
    await kafkas.delete_topics(kafka, name)


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as found:
        yield found


def look_at_spans(collector: Collector, canaries: Canaries) -> None:
    """Every byte that was sent to the collector of traces."""
    assert {"hook", "look", "call"} <= {span.name for span in collector.spans}
    for body in collector.bodies:
        canaries.look("spans", body)


async def live_through(place: Place) -> dict[str, str]:
    """Both vendors and Puente have the person, with all that can go wrong on the way. The canaries, by name."""
    await place.build_bridge()
    await place.seed("sugester", "clients", TWIN, {**TWIN, "name": "Zuleica Q. Ñúñez (nueva)"})
    await place.seed("bitfactura", "clients", TWIN)
    await place.ask("load", "acme", "--wait", code=None)
    client = await place.owner("bitfactura", "POST", "/clients.json", {"client": PERSON})
    document = {
        "kind": "vat",
        "client_id": client["id"],
        "positions": [{"name": "Revisión", "quantity": 1, "total_price_gross": "121.00", "tax": 21}],
    }
    await place.owner("bitfactura", "POST", "/invoices.json", {"invoice": document})
    await place.ask("sync", "acme", "--wait", "--full", "--timeout", "60", code=None)
    theirs = await _named(place, PERSON["name"])
    assert len(await place.records("sugester", "deals")) == 1
    # Back from the other side; then both at once, while the flow stands still.
    await place.owner("sugester", "PUT", f"/app/clients/{theirs['id']}.json", {"client": EDITED})
    await place.ask("sync", "acme", "--wait", "--full", "--timeout", "60", code=None)
    assert (await place.records("bitfactura", "clients"))[-1]["street"] == EDITED["street"]
    await place.ask("flow", "pause", "acme.customer_bitfactura_sugester")
    await place.owner("bitfactura", "PUT", f"/clients/{client['id']}.json", {"client": OTHER_EDIT})
    both = {"client": {"street": PERSON["street"]}}
    await place.owner("sugester", "PUT", f"/app/clients/{theirs['id']}.json", both)
    await place.ask("flow", "resume", "acme.customer_bitfactura_sugester")
    await place.ask("sync", "acme", "--wait", "--full", "--timeout", "60", code=None)
    # A write that the vendor refuses, and a body that nobody can read.
    await place.fault("sugester", "error_with_200", match="PUT")
    await place.owner("bitfactura", "PUT", f"/clients/{client['id']}.json", {"client": {"city": "Otra-Canaria"}})
    lines = (await place.ask("hooks", "acme.bitfactura"))["hooks"]
    for line in lines:
        if line["hook_kind"] == "client:update":
            await place.post(line["url"], {"api_token": line["secret"], "client": {**PERSON, "id": [1]}})
    found = {f"person: {name}": value for name, value in PERSON.items() if name != "city"}
    found |= {f"edited {name}": value for name, value in (EDITED | {"twin": TWIN["email"]}).items()}
    found |= {"edited at once": OTHER_EDIT["street"]}
    found |= {f"token of {name}": access["token"].partition("/")[0] for name, access in place.systems.items()}
    for line in lines:
        found[f"hook secret {line['hook_kind']}"] = line["secret"]
        found[f"hook token {line['hook_kind']}"] = line["url"].split("/hooks/bitfactura/")[1].split("/")[0]
    return found


async def look_at_what_is_said(place: Place, canaries: Canaries, *, pages: dict[str, str]) -> None:
    """Pages, what commands say to whoever only looks, and what the processes have logged."""
    async with aiohttp.ClientSession() as client:
        for name, url in pages.items():
            for page in ("metrics", "healthz", "readyz", "openapi.json", "asyncapi.json", "docs", "nowhere"):
                async with client.get(f"{url}/{page}") as answer:
                    canaries.look(f"page {name}/{page}", await answer.read())
    waits = await until(
        lambda: _all_waits(place), within=PATIENCE, what="all that can go wrong waits for a person"
    )
    canaries.look("waiting list", json.dumps(waits))
    shown = {each["reason"]: each["id"] for each in waits["waiting"]}
    looks = [("status", "acme"), ("lag",), ("flow", "list"), ("account", "list")]
    looks += [("waiting", "show", waiting_id) for waiting_id in shown.values()]
    for command in looks:
        ran = await place.puente(*command, "--json", code=None)
        canaries.look(f"puente {' '.join(command)}", ran.out + ran.err)
    for process in place.services:
        canaries.look_at_lines(f"log of {process.name}", process.output() + process.errors())


async def _all_waits(place: Place) -> Json | None:
    waits = await place.ask("waiting", "list", "acme")
    return (
        waits if {"ambiguous", "unreadable", "rejected"} <= {row["reason"] for row in waits["waiting"]} else None
    )


async def look_into_the_store(url: str, canaries: Canaries) -> None:
    """Every column of every row of every table, as the database gives it."""
    database = Database(url)

    async def dump(connection: AsyncConnection) -> None:
        metadata = MetaData()
        await connection.run_sync(metadata.reflect)
        assert "attempt" in metadata.tables
        for table in metadata.sorted_tables:
            await _look_at_table(connection, table, canaries)

    try:
        await database.read(dump)
    finally:
        await database.close()


async def _look_at_table(connection: AsyncConnection, table: Table, canaries: Canaries) -> None:
    for row in (await connection.execute(select(table))).mappings():
        for name, value in row.items():
            content = value if isinstance(value, bytes) else json.dumps(value, default=str, ensure_ascii=False)
            canaries.look(f"table {table.name}.{name}", content)


async def look_into_the_topic(broker: kafkas.Broker, topic: str, canaries: Canaries) -> int:
    """Every byte of every entry: key, value and headers."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    count = 0
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while [each for each, end in ends.items() if await consumer.position(each) < end]:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    count += 1
                    headers = [b"%s=%s" % (name.encode(), value) for name, value in record.headers]
                    canaries.look("topic", b"\n".join([record.key or b"", record.value or b"", *headers]))
    finally:
        await consumer.stop()
    return count


async def spool_one(processes: Processes, place: Place, folder: Path, canaries: Canaries) -> None:
    """A door whose log is away: what it puts aside on its disk."""
    port, dead = free_ports(2)
    away = {
        "PUENTE_LOG_URL": f"kafka://127.0.0.1:{dead}/puente.changes",
        "PUENTE_DATA": str(folder),
        "PUENTE_PORT": str(port),
        "PUENTE_APPEND_SECONDS": "0.2",
    }
    door = processes.start(*PUENTE, "serve", "ingress", name="door", env=place.environment | away)
    await door.answers(f"http://127.0.0.1:{port}/healthz", within=SOON)
    lines = (await place.ask("hooks", "acme.bitfactura"))["hooks"]
    (line,) = [each for each in lines if each["hook_kind"] == "client:update"]
    url = f"http://127.0.0.1:{port}/hooks/bitfactura/{line['url'].split('/hooks/bitfactura/')[1]}"
    await place.post(url, {"api_token": line["secret"], "client": {**PERSON, "id": 7}})
    assert door.stop() == 0
    assert any(path.stat().st_size for path in (folder / "spool").iterdir())
    canaries.look_in_files(folder)
    canaries.look_at_lines("log of a door without a log", door.output() + door.errors())


async def _named(place: Place, name: str) -> Json:
    (found,) = [each for each in await place.records("sugester", "clients") if each["name"] == name]
    return found


@pytest.mark.timeout(600)
async def test_on_one_machine(processes: Processes, tmp_path: Path, collector: Collector) -> None:
    place = await rig.one_machine(processes, tmp_path, more=LOUD | {"PUENTE_TRACES_URL": collector.url})
    values = await live_through(place)
    rings = json.loads((tmp_path / "data" / "keys").read_text())
    values |= {f"ring {name}": ring.partition(":")[2] for name, ring in rings.items()}
    canaries = Canaries(values=values)
    await look_at_what_is_said(place, canaries, pages=place.pages)
    (solo,) = place.services
    assert solo.stop() == 0
    canaries.look_at_lines("log of solo at its end", solo.output() + solo.errors())
    await look_into_the_store(f"sqlite:///{tmp_path}/data/store.db", canaries)
    canaries.look_in_files(tmp_path / "data", leaving_out=["keys"])
    look_at_spans(collector, canaries)
    assert canaries.found == []
    assert canaries.looked["table attempt.detail"] > 1000
    assert sum(size for place, size in canaries.looked.items() if place.startswith("file log")) > 1000


@pytest.mark.timeout(600)
async def test_on_kafka_and_postgresql(
    processes: Processes,
    tmp_path: Path,
    kafka: kafkas.Broker,
    topic: str,
    postgres_url: str,
    collector: Collector,
) -> None:
    log_url = f"kafka://{kafka.bootstrap}/{topic}"
    more = LOUD | {"PUENTE_TRACES_URL": collector.url}
    place = await rig.servers(processes, tmp_path, log_url=log_url, store_url=postgres_url, more=more)
    values = await live_through(place)
    values |= {
        name: place.environment[name].partition(":")[2] for name in place.environment if name.endswith("_KEYS")
    }
    canaries = Canaries(values=values)
    await spool_one(processes, place, tmp_path / "away", canaries)
    await look_at_what_is_said(place, canaries, pages=place.pages)
    for service in place.services:
        assert service.stop() == 0
        canaries.look_at_lines(f"log of {service.name} at its end", service.output() + service.errors())
    await look_into_the_store(postgres_url, canaries)
    assert await look_into_the_topic(kafka, topic, canaries) > 5
    canaries.look_in_files(tmp_path / "data")
    look_at_spans(collector, canaries)
    assert canaries.found == []
    assert canaries.looked["table attempt.detail"] > 1000
    await _a_planted_one_is_found(postgres_url, canaries)


async def _a_planted_one_is_found(store_url: str, canaries: Canaries) -> None:
    """The search above is no use unless it finds what is there."""
    database = Database(store_url)

    async def plant(connection: AsyncConnection) -> None:
        await connection.execute(
            text("UPDATE waiting SET says = :says"), {"says": f"The vendor says: {PERSON['email'].upper()}"}
        )

    try:
        await database.run(plant)
    finally:
        await database.close()
    await look_into_the_store(store_url, canaries)
    assert {line.partition(":...")[0] for line in canaries.found} != set()
    assert all(line.startswith("person: email in table waiting.says") for line in canaries.found)


NAME, PHONE = PERSON["name"], PERSON["phone"]
PLANTED: dict[str, str | bytes] = {
    "as it is": f"... {NAME} ...",
    "in capitals": NAME.upper(),
    "without accents": "Zuleica Quintanabrava Nunez",
    "in JSON": json.dumps({"name": NAME}),
    "in a URL": f"https://a.example/?q={quote(NAME)}",
    "in base64": base64.b64encode(f"x{NAME}yz".encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(f"xy{NAME}".encode()).decode(),
    "in hex": f"00{NAME.encode().hex()}ff",
    "in UTF-16": NAME.encode("utf-16-le"),
    "a number without its spaces": "+34922765431",
    "a number without its country": "tel:922765431",
    "a plain hash": "56" + hashlib.sha256(NAME.encode()).hexdigest(),
}


@pytest.mark.parametrize("how", PLANTED)
def test_a_planted_canary_is_found_in_whatever_form(tmp_path: Path, how: str) -> None:
    canaries = Canaries(values={"name": NAME, "phone": PHONE})
    (tmp_path / "deep").mkdir()
    content = PLANTED[how]
    (tmp_path / "deep" / "file.log").write_bytes(content if isinstance(content, bytes) else content.encode())
    canaries.look_in_files(tmp_path)
    assert len(canaries.found) == 1, canaries.found
    canaries = Canaries(values={"other": "Zuleica Quintanabrava Pérez"})
    canaries.look_in_files(tmp_path)
    assert canaries.found == []
