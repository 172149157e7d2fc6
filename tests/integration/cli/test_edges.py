"""What the commands answer when something is wrong: exit codes, one sentence, nothing half done."""

from __future__ import annotations

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from tests.integration.cli import rig, story
from tests.integration.cli.rig import PUENTE, SOON
from tests.support.ports import free_ports
from tests.support.processes import Processes

FREE_PORTS = {"PUENTE_PORT": "0", "PUENTE_CONSOLE_PORT": "0"}
CANARY = "canary-2f6c8a/demo"


async def test_two_solos_on_one_folder_are_one_too_many(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path)
    second = await place.puente("solo", "--port", "0", code=2)
    assert "already" in second.err
    assert place.services[0].running


async def test_a_solo_stops_cleanly_on_ctrl_c_and_refuses_servers(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path, hooks=False)
    await place.services[0].line("sweeps alone", within=SOON)
    assert place.services[0].stop(by=signal.SIGINT) == 0
    place.environment["PUENTE_LOG_URL"] = "kafka://127.0.0.1:1/puente.changes"
    rings = ("PUENTE_DOOR_KEYS", "PUENTE_LOG_KEYS", "PUENTE_STORE_KEYS")
    place.environment |= dict.fromkeys(rings, "k1:" + "A" * 43)
    refused = await place.puente("solo", code=2)
    assert "puente serve" in refused.err


async def test_settings_come_from_a_file(processes: Processes, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    file = tmp_path / "puente.env"
    lines = (
        f"PUENTE_DATA={tmp_path / 'mine'}",
        f"PUENTE_PORT={port}",
        "PUENTE_CONSOLE_PORT=0",
        "PUENTE_SWEEP_SECONDS=7",
    )
    file.write_text("\n".join(lines) + "\n")
    solo = processes.start(*PUENTE, "solo", "--env-file", str(file), name="solo")
    await solo.answers(f"http://127.0.0.1:{port}/readyz", within=SOON)
    await solo.line(r"PUENTE_SWEEP_SECONDS = 7\.0", within=SOON)
    assert (tmp_path / "mine" / "keys").stat().st_mode & 0o777 == 0o600
    assert solo.stop() == 0


async def test_a_wrong_account_is_refused_with_the_reason(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path, hooks=False)
    place.canaries = [*place.canaries, CANARY]
    await place.puente("workspace", "add", "acme")
    base_url = place.systems["bitfactura"]["base_url"]
    (dead,) = free_ports(1)
    add = ("account", "add", "acme", "bitfactura", "--base-url")
    refused, away, empty, unknown, hooks = await asyncio.gather(
        place.ask(*add, base_url, stdin=CANARY, code=4),
        place.puente(*add, f"http://127.0.0.1:{dead}/bitfactura", stdin=CANARY, code=5),
        place.puente(*add, base_url, stdin="\n", code=2),
        place.puente("account", "add", "acme", "nobody", base_url, stdin=CANARY, code=2),
        place.puente("hooks", "acme", code=2),
    )
    assert refused["saved"] is False
    assert {each["name"]: each["state"] for each in refused["checks"]}["token"] == "failed"
    assert "not saved" in away.out
    assert "token" in empty.err
    assert "nobody" in unknown.err
    assert "PUENTE_PUBLIC_URL" in hooks.err
    assert (await place.ask("account", "list"))["accounts"] == []


async def test_a_forced_account_is_mended_later(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path, hooks=False)
    place.canaries = [*place.canaries, CANARY]
    await place.puente("workspace", "add", "acme")
    base_url = place.systems["bitfactura"]["base_url"]
    forced = await place.ask(
        "account", "add", "acme", "bitfactura", base_url, "--force", stdin=f"token={CANARY}\n"
    )
    assert forced["saved"] is True
    failing = await place.ask("account", "check", "acme.bitfactura", code=4)
    assert failing["accounts"][0]["credentials"] == {"token": "configured"}
    secrets_file = tmp_path / "secret"
    secrets_file.write_text(place.systems["bitfactura"]["token"])
    mended = await place.ask("account", "set", "acme.bitfactura", "--secrets-file", str(secrets_file))
    assert {each["name"]: each["state"] for each in mended["checks"]}["token"] == "ok"


async def test_nothing_goes_live_beside_the_vendors_own_link(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path)
    await place.build_bridge()
    await place.add_hook_row(
        "bitfactura", "client:create", "https://acme.sugester.es/app/clients/external_update.json"
    )
    refused = await place.puente("load", "acme", code=4)
    assert "--insist" in refused.err
    assert {each["state"] for each in (await place.ask("flow", "list"))["flows"]} == {"review"}
    await place.ask("load", "acme", "--insist", "--wait")
    assert {each["state"] for each in (await place.ask("flow", "list"))["flows"]} == {"live"}


async def test_waiting_ends_when_nobody_works(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path, hooks=False)
    await place.build_bridge(approve=False)
    assert place.services[0].stop() == 0
    late = await place.puente("sync", "acme", "--wait", "--timeout", "1", "--json", code=3)
    assert late.json["quiet"] is False
    assert "puente solo" in late.err


async def test_a_store_out_of_reach_is_5_and_an_old_one_is_2(
    processes: Processes, tmp_path: Path, postgres_url: str
) -> None:
    place = await rig.one_machine(processes, tmp_path, hooks=False)
    keys = (await place.ask("keys", "new"))["keys"]
    (dead,) = free_ports(1)
    away = {"PUENTE_STORE_URL": f"postgresql://puente:{CANARY[:12]}@127.0.0.1:{dead}/puente"}
    place.canaries = [*place.canaries, CANARY[:12]]
    place.environment |= keys | away
    unreachable = await place.puente("status", code=5)
    assert "PUENTE_STORE_URL" in unreachable.err
    place.environment["PUENTE_STORE_URL"] = postgres_url
    old = await place.puente("status", code=2)
    assert "puente migrate" in old.err
    await place.puente("migrate")
    assert (await place.ask("status"))["workspaces"] == []


async def test_sweeps_alone_carry_it_without_a_public_address(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path, hooks=False)
    await place.build_bridge()
    await place.ask("load", "acme", "--wait")
    await place.seed("bitfactura", "clients", story.BOTH)
    await place.ask("sync", "acme", "--wait")
    assert [each["name"] for each in await place.records("sugester", "clients")] == [story.BOTH["name"]]
    lag = await place.ask("lag", "acme")
    assert lag["systems"] == []


async def test_a_hook_that_could_not_be_read_is_read_again(processes: Processes, tmp_path: Path) -> None:
    """The body has no id of a client: it waits for a person, and says so again when it is tried again."""
    place = await rig.one_machine(processes, tmp_path)
    await place.build_bridge()
    await place.ask("load", "acme", "--wait")
    hooks = (await place.ask("hooks", "acme.bitfactura"))["hooks"]
    (line,) = [each for each in hooks if each["hook_kind"] == "client:update"]
    await place.post(line["url"], {"api_token": line["secret"], "client": {"name": "no id"}})
    await place.ask("sync", "acme", "--wait", code=3)
    (row,) = (await place.ask("waiting", "list", "acme"))["waiting"]
    assert row["reason"] == "unreadable"
    again = await place.ask("waiting", "retry", row["id"], code=1)
    assert again["unreadable"] == 1
    assert (await place.ask("waiting", "dismiss", "--in", "acme", "--reason", "unreadable"))["dismissed"] == 1
    assert (await place.ask("waiting", "list", "acme"))["waiting"] == []


@pytest.mark.parametrize("bridge", ["bitfactura-sugester", "factusol-clientify"])
async def test_the_demo_tells_its_story_and_ends_well(processes: Processes, tmp_path: Path, bridge: str) -> None:
    demo = processes.start(*PUENTE, "demo", bridge, "--once", "--port", "0", name="demo", env=FREE_PORTS)
    assert await demo.exits(within=timedelta(seconds=100)) == 0, demo.tail()
    told = demo.output()
    assert "Sync is killed" in told
    assert "Both sides agree." in told
    assert "Traceback" not in demo.errors()


async def test_a_demo_stops_on_ctrl_c(processes: Processes, tmp_path: Path) -> None:
    demo = processes.start(
        *PUENTE,
        "demo",
        "--port",
        "0",
        "--data",
        str(tmp_path / "demo"),
        name="demo",
        env=FREE_PORTS,
    )
    await demo.line("is in Sugester", within=SOON)
    assert demo.stop(by=signal.SIGINT) == 130
    assert "Traceback" not in demo.errors()
