"""A real Prometheus scrapes door and sync while changes flow, a collector follows one of them through both; when
sync stops, the alert fires."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from aiokafka import AIOKafkaConsumer
from prometheus_client.parser import text_string_to_metric_families as families

from tests.docs import pages
from tests.integration.cli import rig
from tests.integration.cli.rig import Place
from tests.integration.watching import following, queries
from tests.support import kafka as kafkas
from tests.support import prometheus, requirements
from tests.support.collector import Span, collecting
from tests.support.processes import Processes, python
from tests.support.prometheus import Prometheus
from tests.support.requirements import Unavailable
from tests.support.waiting import until

SOON = timedelta(seconds=40)
CLIENTS = 6
FLOW = "customer_bitfactura_sugester"


async def scraped(place: Place) -> Mapping[str, list[Mapping[str, str]]]:
    """What door and sync export: the label sets by the name of the series."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for service in place.services:
        page = await service.answers(f"{place.pages[service.name]}/metrics", within=SOON)
        for family in families(page):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.labels)
    return found


def hurried(folder: Path) -> list[Path]:
    """The rules as they are, but an alert waits for seconds where it waits for minutes."""
    written = []
    for name in (queries.RECORDING, queries.ALERTS):
        path = folder / Path(name).name
        path.write_text(re.sub(r"for: (\d+)[mh]", r"for: \1s", pages.page(name)), encoding="utf-8")
        assert yaml.safe_load(path.read_text(encoding="utf-8"))
        written.append(path)
    return written


async def watched(place: Place, processes: Processes, folder: Path) -> Prometheus:
    targets = {
        f"puente-{job}": [place.pages[name].removeprefix("http://")]
        for name, job in (("ingress", "door"), ("sync", "sync"))
    }
    try:
        return await prometheus.started(processes, folder, targets=targets, rules=hurried(folder))
    except Unavailable as problem:
        requirements.missing("prometheus", str(problem))


def check_names(found: Mapping[str, list[Mapping[str, str]]]) -> None:
    """Every series of every expression exists, with every label and every value that is asked for."""
    recorded = queries.recorded()
    for each in queries.asked():
        if not each.is_ours or each.name in recorded:
            continue
        series = found.get(each.name)
        assert series, f"{each.place} asks for {each.name}, which nobody exports"
        for label, values in each.labels.items():
            there = {labels[label] for labels in series if label in labels}
            assert there, f"{each.place}: {each.name} has no label {label}"
            assert set(values) <= there, f"{each.place}: {each.name} has no {label} {set(values) - there}"


def check_labels(found: Mapping[str, list[Mapping[str, str]]], secret: str) -> None:
    """Labels are few and closed: nothing of an account or a record is in one."""
    for name, series in found.items():
        if name.startswith("puente_"):
            assert len(series) < 300, f"{name} has {len(series)} series"
            for labels in series:
                assert set(labels) <= {"system", "outcome", "writes", "flow", "reason", "person", "state", "le"}
                assert not any("acme" in value or secret in value for value in labels.values()), (name, labels)


async def check_expressions(server: Prometheus) -> None:
    """Prometheus itself accepts every expression of a rule and a panel."""
    for place, expression in queries.expressions():
        answered: list[Mapping[str, Any]] = await server.query(expression)
        assert isinstance(answered, list), place


async def add_clients(place: Place) -> list[str]:
    """The owner makes clients in the one system; their ids."""
    made = []
    for number in range(CLIENTS):
        client = {"name": f"Persona {number}", "email": f"persona{number}@empresa.example"}
        found = await place.owner("bitfactura", "POST", "/clients.json", {"client": client})
        made.append(str(found["id"]))
    return made


@pytest.mark.timeout(200)
async def test_prometheus_and_a_collector_see_changes_flow_and_sync_stop(
    processes: Processes, tmp_path: Path, kafka: kafkas.Broker, postgres_url: str
) -> None:
    log_url = f"kafka://{kafka.bootstrap}/{kafkas.topic_name('watched')}"
    async with collecting() as collector:
        more = {"PUENTE_TRACES_URL": collector.url}
        place = await rig.servers(processes, tmp_path, log_url=log_url, store_url=postgres_url, more=more)
        server = await watched(place, processes, tmp_path)
        await place.build_bridge()
        await place.ask("load", "acme", "--wait")

        async def carried() -> bool:
            done = await server.value(f'sum(puente_way_seconds_count{{flow="{FLOW}"}})')
            return done is not None and done >= CLIENTS

        made = await add_clients(place)
        await rig.settled(carried, what=f"Prometheus has seen {CLIENTS} changes settled")
        assert len(await place.records("sugester", "clients")) == CLIENTS
        hook = await following.check_trace(place, collector, made[0])
        following.check_lines(place.services[1], hook)
        following.check_nothing_personal(collector, "empresa.example", "Persona", *place.canaries)
        await check_series(place, server)
        await check_topic(place, kafka, log_url.rpartition("/")[2], hook)
        await until(lambda: is_quiet(server), within=SOON, what="no alert fires")

        place.services[1].stop()
        told = await until(server.firing, within=SOON, what="an alert fires")
        assert "PuenteNoSync" in told


async def check_topic(place: Place, kafka: kafkas.Broker, topic: str, hook: Span) -> None:
    """The example of the docs reads the topic with a plain client; each entry is as `puente schema` describes."""
    schema = (await place.puente("schema")).json
    described = schema["components"]["messages"]["change"]["headers"]
    read = await asyncio.create_subprocess_exec(
        *python(str(pages.ROOT / "docs" / "examples" / "read_topic.py")),
        *("--bootstrap", kafka.bootstrap, "--topic", topic, "--group", "a-report", "--to-the-end"),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, _ = await read.communicate()
    assert read.returncode == 0
    told = [json.loads(line) for line in out.decode().splitlines()]
    entries = await entries_of(kafka, topic)
    assert {each["id"] for each in told} == {headers["ce_id"] for headers in entries}
    assert len(told) == len(entries) >= CLIENTS
    for headers in entries:
        jsonschema.validate(headers, described)
    (mine,) = [each for each in told if each["id"] == hook.attributes["puente.change"]]
    assert (mine["system"], mine["resource"], mine["deleted"]) == ("bitfactura", "clients", False)
    assert mine["record"] == hook.attributes["puente.record"]
    assert mine["trace"] == f"00-{hook.trace}-{hook.id}-01"


async def entries_of(kafka: kafkas.Broker, topic: str) -> list[dict[str, str]]:
    """The headers of every entry, as text."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    found: list[dict[str, str]] = []
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while [each for each, end in ends.items() if await consumer.position(each) < end]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [{name: value.decode() for name, value in record.headers} for record in records]
    finally:
        await consumer.stop()
    return found


async def check_series(place: Place, server: Prometheus) -> None:
    """What is exported is what happened, and what rules and panels ask for."""
    found = await scraped(place)
    check_names(found)
    check_labels(found, "empresa.example")
    assert await server.value("sum(puente_door_changes_total)") == CLIENTS
    assert await server.value('sum(puente_vendor_calls_total{system="sugester", writes="yes"})') == CLIENTS

    async def holds_all() -> bool:
        return await server.value("sum(puente_sync_shards)") == 64

    await rig.settled(holds_all, what="Prometheus has seen who holds the shards")
    await check_expressions(server)


async def is_quiet(server: Prometheus) -> bool:
    return not await server.firing() and await server.value("puente:lag_changes") == 0
