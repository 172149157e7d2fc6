"""The real process: started, killed, started again, stopped."""

from __future__ import annotations

import asyncio
import random
import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from shared.clock import SystemClock
from shared.eventlog.port import Entry
from shared.eventlog.sqlite import SqliteLog
from shared.keys import DoorKeys, Hook, Ring, generate_ring
from tests.integration.ingress.wire import Reply, ask, post
from tests.support.ports import free_ports
from tests.support.processes import Process, Processes, python

SOON = timedelta(seconds=30)
DOOR_RING = generate_ring()
LOG_RING = generate_ring()
KEYS = DoorKeys(Ring.parse(DOOR_RING, setting="TEST"))
HOOK = Hook(system="bitfactura", workspace="taller", account="a1", hook_kind="client:update", generation=2)
WHERE = f"/hooks/bitfactura/{KEYS.token(HOOK)}"
INGRESS = python("-m", "services.ingress.main")


def body(client: int) -> bytes:
    """A client as BitFactura tells it, cut to what matters."""
    return msgspec.json.encode(
        {
            "client_id": client,
            "client": {"id": client, "name": "Talleres Anaga S.L.", "external_ids": {"fakturownia": client}},
            "app_name": "fakturownia",
            "api_token": KEYS.secret(HOOK),
            "locale": "es",
        }
    )


def environment(folder: Path, port: int, log_url: str) -> dict[str, str]:
    return {
        "PUENTE_LOG_URL": log_url,
        "PUENTE_DATA": str(folder / "data"),
        "PUENTE_DOOR_KEYS": DOOR_RING,
        "PUENTE_LOG_KEYS": LOG_RING,
        "PUENTE_PORT": str(port),
        "PUENTE_APPEND_SECONDS": "0.5",
        "PUENTE_PROBE_SECONDS": "0.1",
    }


async def started(processes: Processes, name: str, env: dict[str, str]) -> Process:
    process = processes.start(*INGRESS, name=name, env=env)
    await process.answers(f"http://127.0.0.1:{env['PUENTE_PORT']}/healthz", within=SOON)
    return process


async def entries_in(folder: Path) -> list[Entry]:
    log = SqliteLog(folder, clock=SystemClock())
    await log.start()
    try:
        return [entry async for entry in log.read()]
    finally:
        await log.close()


async def test_a_process_that_is_killed_after_its_answer_has_kept_the_change(
    processes: Processes, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    env = environment(tmp_path, port, f"sqlite:///{tmp_path}/log")
    process = await started(processes, "ingress", env)
    acknowledged: list[Reply] = []

    async def sender(start: int) -> None:
        for client in range(start, start + 10_000):
            try:
                acknowledged.append(await post(port, WHERE, body(client)))
            except (OSError, asyncio.IncompleteReadError):
                return

    senders = [asyncio.create_task(sender(1 + 10_000 * number)) for number in range(8)]
    enough = random.Random(4).randint(100, 300)  # noqa: S311 - where to stop, no secret
    while len(acknowledged) < enough:
        await asyncio.wait(senders, timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
    process.kill9()
    await asyncio.gather(*senders)
    assert {reply.status for reply in acknowledged} == {200}
    found = {entry.change.id for entry in await entries_in(tmp_path / "log")}
    assert {str(reply.json["id"]) for reply in acknowledged} <= found


async def test_what_a_killed_process_spooled_is_forwarded_by_the_next(
    processes: Processes, tmp_path: Path
) -> None:
    port, dead = free_ports(2)
    env = environment(tmp_path, port, f"kafka://127.0.0.1:{dead}/puente.changes")
    process = await started(processes, "without-broker", env)
    replies = [await post(port, WHERE, body(client)) for client in range(1, 21)]
    process.kill9()
    assert {reply.status for reply in replies} == {200}
    again = await started(processes, "with-log", env | {"PUENTE_LOG_URL": f"sqlite:///{tmp_path}/log"})
    while msgspec.json.decode(await again.answers(f"http://127.0.0.1:{port}/readyz", within=SOON))["spooled"]:
        await post(port, "/hooks/", b"")
    assert again.stop() == 0
    found = {entry.change.id: entry.change for entry in await entries_in(tmp_path / "log")}
    assert found.keys() == {str(reply.json["id"]) for reply in replies}
    assert {change.record_id for change in found.values()} == {str(client) for client in range(1, 21)}
    assert {(change.system, change.account, change.generation) for change in found.values()} == {
        ("bitfactura", "a1", 2)
    }


async def test_the_start_says_everything_but_secrets_and_the_stop_is_clean(
    processes: Processes, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    env = environment(tmp_path, port, f"sqlite:///{tmp_path}/log") | {
        "PUENTE_SYSTEMS": "bitfactura",
        "PUENTE_HOOK_SECRETS": '{"a9/client:update": "issued-by-the-vendor"}',
    }
    process = await started(processes, "ingress", env)
    await post(port, WHERE, body(1))
    await post(port, WHERE, b"no json")
    await post(port, f"/hooks/sugester/{KEYS.token(HOOK)}", body(1))
    await ask(port, "GET", f"/metrics?token={KEYS.secret(HOOK)}")
    assert process.stop() == 0
    lines = [msgspec.json.decode(line) for line in process.errors().splitlines()]
    (summary,) = [line for line in lines if line["event"] == "ingress.starting"]
    assert summary["PUENTE_DOOR_KEYS"] == summary["PUENTE_LOG_KEYS"] == "configured"
    assert summary["PUENTE_PORT"] == port
    assert summary["PUENTE_SYSTEMS"] == ["bitfactura"]
    assert lines[-1]["event"] == "ingress.stopped"
    secrets = (KEYS.token(HOOK), KEYS.secret(HOOK), "issued-by-the-vendor", DOOR_RING.partition(":")[2])
    for secret in (*secrets, LOG_RING.partition(":")[2]):
        assert secret not in process.errors()
    assert process.output() == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"PUENTE_DOOR_KEYS": ""}, r"PUENTE_DOOR_KEYS is not set\. Set it to the key that .+"),
        (
            {"PUENTE_LOG_KEYS": "k1:short"},
            r"PUENTE_LOG_KEYS holds a key that cannot be read\. .+puente keys new.+",
        ),
        ({"PUENTE_LOG_URL": "redis://x"}, r"PUENTE_LOG_URL starts with neither .+ Set it to .+"),
        ({"PUENTE_PORT": "web"}, r"PUENTE_PORT is wrong: .+"),
        ({"PUENTE_SYSTEMS": "bitfactura,nobody"}, r"PUENTE_SYSTEMS names nobody, .+ Choose from bitfactura, .+"),
        ({"PUENTE_TRUSTED_PROXIES": "everyone"}, r"PUENTE_TRUSTED_PROXIES is wrong: .+"),
        ({"PUENTE_HOOK_SECRETS": '{"a1": ""}'}, r"PUENTE_HOOK_SECRETS is wrong: .+empty secret.+"),
        ({"PUENTE_HOOK_SECRETS": "{"}, r"PUENTE_HOOK_SECRETS .+"),
        ({"PUENTE_HOST": "256.0.0.1"}, r"Nothing can listen on 256\.0\.0\.1:\d+: .+ Set PUENTE_HOST and .+"),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_a_sentence(
    processes: Processes, tmp_path: Path, change: dict[str, str], sentence: str
) -> None:
    (port,) = free_ports(1)
    env = environment(tmp_path, port, f"sqlite:///{tmp_path}/log") | change
    process = processes.start(*INGRESS, name="ingress", env=env)
    assert await process.exits(within=SOON) == 2
    last = process.errors().splitlines()[-1]
    assert re.fullmatch(sentence, last), last
    assert "Traceback" not in process.errors()
    for value in change.values():
        assert not value.startswith("k1:") or value not in process.errors()


async def test_a_missing_key_is_named(processes: Processes, tmp_path: Path) -> None:
    env = environment(tmp_path, 0, f"sqlite:///{tmp_path}/log")
    del env["PUENTE_DOOR_KEYS"]
    process = processes.start(*INGRESS, name="ingress", env=env)
    assert await process.exits(within=SOON) == 2
    assert process.errors().startswith("PUENTE_DOOR_KEYS is not set. Set it to ")
    assert len(process.errors().splitlines()) == 1
