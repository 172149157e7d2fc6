"""Each command as a process of its own, against a running solo and against Kafka and PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.cli import rig, story
from tests.support import kafka as kafkas
from tests.support.processes import Processes


@pytest.fixture
async def topic(kafka: kafkas.Broker) -> AsyncIterator[str]:
    """A topic's name of this test's own: `puente topics` makes it."""
    name = f"puente.cli.{secrets.token_hex(4)}"
    yield name
    await kafkas.delete_topics(kafka, name)


@pytest.mark.timeout(900)
async def test_every_command_on_one_machine(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path)
    for part in story.STORY:
        await part(place)
    (solo,) = place.services
    assert solo.stop() == 0
    assert not any(canary in solo.output() + solo.errors() for canary in place.canaries)
    assert "Traceback" not in solo.errors()


@pytest.mark.timeout(900)
async def test_every_command_on_kafka_and_postgresql(
    processes: Processes, tmp_path: Path, kafka: kafkas.Broker, topic: str, postgres_url: str
) -> None:
    place = await rig.servers(
        processes, tmp_path, log_url=f"kafka://{kafka.bootstrap}/{topic}", store_url=postgres_url
    )
    for part in story.STORY:
        await part(place)
    for service in place.services:
        assert service.stop(within=timedelta(seconds=30)) == 0
        assert not any(canary in service.output() + service.errors() for canary in place.canaries)
        assert "Traceback" not in service.errors()


async def test_a_solo_moves_to_postgresql(processes: Processes, tmp_path: Path, postgres_url: str) -> None:
    place = await rig.one_machine(processes, tmp_path)
    await place.build_bridge()
    await place.seed("bitfactura", "clients", story.BOTH)
    await place.ask("load", "acme", "--wait")
    running = await place.puente("move", postgres_url, code=2)
    assert "Stop that process" in running.err
    assert place.services[0].stop() == 0
    moved = await place.ask("move", postgres_url)
    assert moved["tables"]["binding"] == 1
    place.environment |= {
        "PUENTE_STORE_URL": postgres_url,
        **moved["keys"],
        "PUENTE_OUTGOING_ALLOW": "127.0.0.0/8",
    }
    status = await place.ask("status", "acme")
    assert {each["state"] for each in status["flows"]} == {"live"}
    (client,) = await place.records("bitfactura", "clients")
    found = await place.ask("why", "bitfactura", "client", str(client["id"]))
    assert found["flows"][0]["now"]["says"].startswith("Both sides agree")
