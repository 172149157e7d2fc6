"""An installation to type commands at: a solo, or services on Kafka and PostgreSQL, with a sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from shared.keys import generate_ring
from tests.support.ports import free_ports
from tests.support.processes import Process, Processes, clean_environment, python
from tests.support.waiting import until

SOON = timedelta(seconds=40)
FIRST_BRIDGE = ("bitfactura", "sugester")
PUENTE = python("-m", "services.cli.main")

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """The one object on standard output."""
        found = json.loads(self.out)
        assert isinstance(found, dict), self.out
        return found


@dataclass(kw_only=True)
class Place:
    """Where commands are run. `canaries` must never be seen in any output of any command."""

    environment: dict[str, str]
    control: str
    systems: Mapping[str, Mapping[str, str]]
    canaries: Sequence[str]
    services: list[Process] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    """The address of each service."""

    async def puente(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Ran:
        """Run a command to its end; `code` is the exit code that it must have, None for any."""
        child = await asyncio.create_subprocess_exec(
            *PUENTE,
            *arguments,
            env=clean_environment(self.environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(120):
            out, err = await child.communicate(stdin.encode())
        ran = Ran(code=child.returncode or 0, out=out.decode(), err=err.decode())
        assert code is None or ran.code == code, f"{arguments} ended with {ran.code}: {ran.out} {ran.err}"
        assert "Traceback" not in ran.err, ran.err
        for canary in self.canaries:
            assert canary not in ran.out + ran.err, f"a secret is in the output of {arguments}"
        return ran

    async def ask(self, *arguments: str, stdin: str = "", code: int | None = 0) -> Json:
        """Run a command with `--json`; its object."""
        return (await self.puente(*arguments, "--json", stdin=stdin, code=code)).json

    async def records(self, system: str, resource: str) -> list[Json]:
        query = urlencode({"system": system, "resource": resource})
        return list((await self._control("GET", f"records?{query}"))["records"])

    async def seed(self, system: str, resource: str, *records: Json) -> list[int]:
        asked = {"system": system, "resource": resource, "records": list(records)}
        return list((await self._control("POST", "seed", asked))["ids"])

    async def owner(self, system: str, method: str, path: str, body: Json | None = None) -> Json:
        """What the owner of a system does there."""
        asked = {"system": system, "method": method, "path": path, "body": body or {}}
        answer = await self._control("POST", "owner", asked)
        assert answer["status"] < 300, answer
        return answer["body"] if isinstance(answer["body"], dict) else {}

    async def fault(self, system: str, fault: str, *, on: bool = True, **more: object) -> None:
        await self._control("POST", "faults", {"system": system, "fault": fault, "on": on, **more})

    async def add_hook_row(self, system: str, kind: str, url: str) -> int:
        return int((await self._control("POST", "webhooks", {"system": system, "kind": kind, "url": url}))["id"])

    async def hook_rows(self, system: str) -> list[Json]:
        return list((await self._control("GET", f"webhooks?{urlencode({'system': system})}"))["webhooks"])

    async def post(self, url: str, body: Json) -> None:
        """A hook as a vendor would deliver it."""
        async with aiohttp.ClientSession() as client, client.post(url, json=body) as answer:
            assert answer.status < 300, await answer.text()

    async def _control(self, method: str, path: str, body: object = None) -> Json:
        timeout = aiohttp.ClientTimeout(total=20)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.request(method, f"{self.control}/{path}", json=body) as answer,
        ):
            assert answer.status < 300, f"{method} {path}: {answer.status} {await answer.text()}"
            return dict(await answer.json())

    async def build_bridge(self, *, approve: bool = True) -> None:
        """What a script does to join both systems, up to the load."""
        await self.puente("workspace", "add", "acme", "--title", "Acme")
        for system, access in self.systems.items():
            await self.puente(
                "account", "add", "acme", system, "--base-url", access["base_url"],
                "--setting", "calls_per_minute=60000", stdin=access["token"] + "\n",
            )  # fmt: skip
        await self.puente("bridge", "add", "acme", *self.systems)
        if approve:
            await self.puente("match", "approve", "acme")


async def _sandbox(
    processes: Processes, bridge: tuple[str, str] = FIRST_BRIDGE
) -> tuple[str, Mapping[str, Mapping[str, str]]]:
    process = processes.start(*PUENTE, "sandbox", "--port", "0", "--json", name="sandbox")
    await process.line(r"^\{", within=SOON)
    hello = json.loads(process.output().splitlines()[0])
    return hello["control"], {name: hello["systems"][name] for name in bridge}


def _secrets_of(systems: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [access["token"].partition("/")[0] for access in systems.values()]


async def one_machine(
    processes: Processes,
    folder: Path,
    *,
    hooks: bool = True,
    sweep: float = 2,
    bridge: tuple[str, str] = FIRST_BRIDGE,
    more: Mapping[str, str] | None = None,
) -> Place:
    """A running solo with its data in `folder`; `bridge` names the systems that the place is about, `more` are
    settings of it alone."""
    control, systems = await _sandbox(processes, bridge)
    (port,) = free_ports(1)
    environment = {
        "PUENTE_DATA": str(folder / "data"),
        "PUENTE_PORT": str(port),
        "PUENTE_CONSOLE_PORT": "0",
        "PUENTE_SWEEP_SECONDS": f"{sweep:g}",
        "PUENTE_ATTEMPT_SECONDS": "10",
    }
    if hooks:
        environment["PUENTE_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    solo = processes.start(*PUENTE, "solo", name="solo", env=environment | dict(more or {}))
    await solo.answers(f"http://127.0.0.1:{port}/readyz", within=SOON)
    return Place(
        environment=environment,
        control=control,
        systems=systems,
        canaries=_secrets_of(systems),
        services=[solo],
        pages={"solo": f"http://127.0.0.1:{port}"},
    )


async def servers(
    processes: Processes, folder: Path, *, log_url: str, store_url: str, more: Mapping[str, str] | None = None
) -> Place:
    """An ingress and a sync of their own; the topic and the tables are made by the commands for that.

    `more` are settings of the services alone.
    """
    control, systems = await _sandbox(processes)
    door, pages = free_ports(2)
    environment = {
        "PUENTE_LOG_URL": log_url,
        "PUENTE_STORE_URL": store_url,
        "PUENTE_PUBLIC_URL": f"http://127.0.0.1:{door}",
        "PUENTE_DOOR_KEYS": generate_ring(),
        "PUENTE_LOG_KEYS": generate_ring(),
        "PUENTE_STORE_KEYS": generate_ring(),
        "PUENTE_OUTGOING_ALLOW": "127.0.0.0/8",
        "PUENTE_SWEEP_SECONDS": "2",
        "PUENTE_ATTEMPT_SECONDS": "10",
        "PUENTE_DATA": str(folder / "data"),
    }
    canaries = [
        *_secrets_of(systems),
        *(environment[name].partition(":")[2] for name in environment if "KEYS" in name),
    ]
    place = Place(environment=environment, control=control, systems=systems, canaries=canaries)
    (topic,) = (await place.ask("topics"))["topics"]
    assert (topic["created"], topic["partitions"], topic["differences"]) == (True, 64, [])
    assert (await place.ask("migrate"))["migrations"]
    for name, port in (("ingress", door), ("sync", pages)):
        given = environment | {"PUENTE_PORT": str(port)} | dict(more or {})
        service = processes.start(*PUENTE, "serve", name, name=name, env=given)
        place.pages[name] = f"http://127.0.0.1:{port}"
        await service.answers(f"http://127.0.0.1:{port}/readyz", within=SOON)
        place.services.append(service)
    return place


async def settled(holds: Callable[[], Awaitable[bool]], *, what: str) -> None:
    """Wait until a condition about the vendors' records holds."""
    await until(holds, within=SOON, what=what, every=timedelta(milliseconds=100))
