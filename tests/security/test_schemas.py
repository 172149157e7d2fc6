"""Every HTTP app of ours as its own schema describes it, and against it: schemathesis, over real HTTP.

The run is the same each time. `make fuzz N=1000` runs it longer, with another seed each time.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.sandbox.catalog import SYSTEMS
from services.sandbox.system import System
from shared.connectors.registry import CONNECTORS
from shared.keys import DoorKeys, Hook, Ring, generate_ring
from tests.sandbox.test_any_body import wrappers
from tests.support.ports import free_ports
from tests.support.processes import Process, Processes, python

PUENTE = python("-m", "services.cli.main")
SCHEMATHESIS = python("-m", "schemathesis.cli", "run")
SOON = timedelta(seconds=40)
EXAMPLES = int(os.environ.get("PUENTE_FUZZ", "0"))
"""Examples per operation of a long run; 0 for the short one."""

OURS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "unsupported_method,names_its_field"
)


@dataclass(frozen=True, kw_only=True)
class App:
    """An app that answers. `schema` is a URL, or a file where the app has none of its own."""

    process: Process
    schema: str
    url: str
    headers: Sequence[str] = ()
    hooks: Mapping[str, Mapping[str, str]] | None = None


@pytest.fixture
def ran(processes: Processes, tmp_path: Path) -> _Run:
    return _Run(processes, tmp_path)


class _Run:
    """Runs schemathesis against an app; fails with its own report."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder

    async def against(self, app: App, *, checks: str, examples: int, phases: str = "coverage,fuzzing") -> str:
        tester = self._processes.start(
            *SCHEMATHESIS, app.schema,
            "--url", app.url,
            *(part for header in app.headers for part in ("-H", header)),
            "--checks", checks,
            "--phases", phases,
            "--max-examples", str(EXAMPLES or examples),
            *(("--seed", str(secrets.randbelow(2**31))) if EXAMPLES else ("--generation-deterministic",)),
            "--continue-on-failure",
            "--suppress-health-check", "all",
            "--request-timeout", "20",
            "--warnings", "off",
            "--no-color",
            name="schemathesis",
            cwd=self._folder,
            env={
                "SCHEMATHESIS_HOOKS": "tests.security.schema_hooks",
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "PUENTE_TEST_HOOKS": json.dumps(app.hooks or {}),
            },
        )  # fmt: skip
        within = timedelta(minutes=5) if not EXAMPLES else timedelta(hours=2)
        code = await tester.exits(within=within)
        report = tester.output()
        assert code == 0, f"{report}\n{tester.errors()}"
        assert app.process.running, app.process.tail()
        assert "Traceback" not in app.process.errors() + app.process.output(), app.process.tail()
        return report


def a_door(port: int, keys: DoorKeys) -> Mapping[str, Mapping[str, str]]:
    """Per path of a hook: an authentic token, and the secret that its body must carry."""
    found = {}
    for system, connector in CONNECTORS.items():
        rules = connector.hooks
        if not rules.kinds:
            continue
        kind = sorted(rules.kinds)[0]
        hook = Hook(system=system, workspace="acme", account=f"acme.{system}", hook_kind=kind, generation=1)
        known = {"token": keys.token(hook), "secret_key": rules.secret_key, "secret": keys.secret(hook)}
        for ending in ("", *(f"/{each.strip('/')}" for each in rules.extra_paths)):
            found[f"/hooks/{system}/{{token}}{ending}"] = known
    return found


def a_place(folder: Path, port: int) -> dict[str, str]:
    """Settings of a machine's own log and store, with keys that the test knows."""
    rings = {name: generate_ring() for name in ("PUENTE_DOOR_KEYS", "PUENTE_LOG_KEYS", "PUENTE_STORE_KEYS")}
    return rings | {
        "PUENTE_DATA": str(folder / "data"),
        "PUENTE_LOG_URL": f"sqlite:///{folder}/data/log",
        "PUENTE_STORE_URL": f"sqlite:///{folder}/data/store.db",
        "PUENTE_PORT": str(port),
        "PUENTE_STRANGER_BURST": "1000000",
    }


@pytest.mark.parametrize("service", ["ingress", "sync", "solo"])
async def test_an_app_keeps_to_its_schema(ran: _Run, processes: Processes, tmp_path: Path, service: str) -> None:
    (port,) = free_ports(1)
    settings = a_place(tmp_path, port)
    if service == "solo":
        del settings["PUENTE_LOG_URL"], settings["PUENTE_STORE_URL"]
    if service == "sync":
        migrated = processes.start(*PUENTE, "migrate", name="migrate", env=settings)
        assert await migrated.exits(within=SOON) == 0, migrated.tail()
    command = ("solo",) if service == "solo" else ("serve", service)
    process = processes.start(*PUENTE, *command, name=service, env=settings)
    url = f"http://127.0.0.1:{port}"
    await process.answers(f"{url}/readyz", within=SOON)
    keys = DoorKeys(Ring.parse(settings["PUENTE_DOOR_KEYS"], setting="TEST"))
    app = App(process=process, schema=f"{url}/openapi.json", url=url, hooks=a_door(port, keys))
    report = await ran.against(app, checks=OURS, examples=12)
    assert "Tested: 0" not in report
    assert process.stop() == 0


async def a_sandbox(processes: Processes) -> tuple[Process, Mapping[str, Any]]:
    process = processes.start(*PUENTE, "sandbox", "--port", "0", "--seed", "5", "--json", name="sandbox")
    await process.line(r"^\{", within=SOON)
    return process, json.loads(process.output().splitlines()[0])


async def test_the_sandboxs_control_keeps_to_its_schema(ran: _Run, processes: Processes) -> None:
    process, hello = await a_sandbox(processes)
    url = str(hello["control"]).removesuffix("/control")
    app = App(process=process, schema=f"{url}/openapi.json", url=url)
    assert "Tested: 0" not in await ran.against(app, checks=OURS, examples=5)
    assert process.stop() == 0


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
async def test_a_vendor_of_the_sandbox_stays_below_500(
    ran: _Run, processes: Processes, tmp_path: Path, system: System
) -> None:
    """Each by its routes, signed in. What it answers is the vendor's affair: all that is asked is that it does."""
    process, hello = await a_sandbox(processes)
    access = hello["systems"][system.name]
    schema = tmp_path / f"{system.name}.json"
    schema.write_text(json.dumps(_schema_of(system)))
    app = App(
        process=process,
        schema=str(schema),
        url=access["base_url"],
        headers=[f"Authorization: {await _authorization(system.name, access)}"],
    )
    report = await ran.against(app, checks="not_a_server_error", examples=3, phases="fuzzing")
    assert "Tested: 0" not in report
    assert process.stop() == 0


def _schema_of(system: System) -> Mapping[str, Any]:
    """A vendor has no schema of its own here: its routes, with any body and a query of known and other names."""
    anything: Mapping[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for route in system.routes:
        words = re.findall(r"\{(\w+)\}", route.template)
        text = {"type": "string", "minLength": 1}
        given = [{"name": word, "in": "path", "required": True, "schema": text} for word in words]
        query = {"type": "object", "properties": dict.fromkeys(("page", "per_page", "period"), anything)}
        given.append({"name": "query", "in": "query", "style": "form", "explode": True, "schema": query})
        operation: dict[str, Any] = {"parameters": given, "responses": {"200": {"description": "Any."}}}
        if route.method != "GET":
            body = {"type": "object", "properties": {word: {"type": "object"} for word in wrappers(route)}}
            operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
        paths.setdefault(route.template, {})[route.method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": system.title, "version": "1"}, "paths": paths}


async def _authorization(system: str, access: Mapping[str, str]) -> str:
    if system == "clientify":
        return f"Token {access['token']}"
    if system != "factusol":
        return f"Bearer {access['token']}"
    maker, client, database, password = access["token"].split(":", 3)
    login = {
        "codigoFabricante": maker,
        "codigoCliente": client,
        "baseDatosCliente": database,
        "password": base64.b64encode(password.encode()).decode(),
    }
    async with httpx.AsyncClient() as http:
        answer = (await http.post(f"{access['base_url']}/login/Autenticar", json=login)).json()
    assert answer["respuesta"] == "OK", answer
    return f"Bearer {answer['resultado']}"
