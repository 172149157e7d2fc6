"""The door's documents and health pages, and that what OpenAPI says is what the routes do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import msgspec

from shared.connectors.contract import Connector
from tests.integration.ingress import rig
from tests.integration.ingress.vendors import KIOSK, PAPER, PASTED
from tests.integration.ingress.wire import Reply, ask, post


async def served(port: int, where: str) -> dict[str, Any]:
    reply = await ask(port, "GET", where)
    assert reply.status == 200
    return cast("dict[str, Any]", msgspec.json.decode(reply.body))


async def test_openapi_lists_exactly_the_hook_routes_that_answer(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        document = await served(door.port, "/openapi.json")
        hooks = {path for path, item in document["paths"].items() if "post" in item}
        assert hooks == {
            "/hooks/kiosk/{token}",
            "/hooks/kiosk/{token}" + PASTED,
            PASTED,
            "/hooks/paper/{token}",
        }
        for path in hooks:
            token = rig.token(system="paper" if "paper" in path else "kiosk")
            given = rig.secret() if "{token}" in path else token
            reply = await post(door.port, path.replace("{token}", token), rig.body(1, given=given))
            assert reply.status == 200, path
            assert list(document["paths"][path]) == ["post"]
            refused = await ask(door.port, "PUT", path.replace("{token}", rig.token()), b"{}")
            assert refused.headers["allow"] == "POST"


async def test_every_answer_that_a_client_can_provoke_is_in_openapi(tmp_path: Path) -> None:
    async with rig.door(tmp_path, burst=6, per_second=0.001) as door:
        document = await served(door.port, "/openapi.json")
        operation = document["paths"]["/hooks/kiosk/{token}"]["post"]
        replies: list[Reply] = [
            await door.hook(1),
            await post(door.port, rig.path(), b"no json"),
            await post(door.port, rig.path(), rig.body(given="wrong")),
            await ask(door.port, "GET", rig.path()),
            await post(door.port, rig.path(), b"x" * 1_000_000),
            await post(door.port, rig.path(), b"x", [("content-encoding", "gzip")]),
            await post(door.port, rig.path(), rig.body(given="wrong")),
            await post(door.port, rig.path(), rig.body(given="wrong")),
        ]
    assert {str(reply.status) for reply in replies} | {"408", "503"} == operation["responses"].keys()
    for reply in replies:
        content = operation["responses"][str(reply.status)]["content"]
        assert reply.headers["content-type"] in content
        (schema,) = content.values()
        name = schema["schema"]["$ref"].rpartition("/")[2]
        required = document["components"]["schemas"][name]["required"]
        assert set(required) <= reply.json.keys()


async def test_one_system_alone_has_an_app_of_its_own(tmp_path: Path) -> None:
    alone: tuple[Connector, ...] = (PAPER,)
    async with rig.door(tmp_path, connectors=alone) as door:
        document = await served(door.port, "/openapi.json")
        other = await door.hook(1)
    assert [path for path, item in document["paths"].items() if "post" in item] == ["/hooks/paper/{token}"]
    assert other.status == 404


async def test_health_and_documents_answer(tmp_path: Path) -> None:
    async with rig.door(tmp_path, connectors=(KIOSK,)) as door:
        assert await served(door.port, "/healthz") == {"ok": True}
        assert await served(door.port, "/readyz") == {"ready": True, "log": "up", "spooled": 0, "gaps": 0}
        asyncapi = await served(door.port, "/asyncapi.json")
        docs = await ask(door.port, "GET", "/docs")
    assert asyncapi["asyncapi"] == "3.0.0"
    assert asyncapi["channels"]["changes"]["address"] == "puente.changes"
    assert docs.status == 200


async def test_metrics_count_by_system_and_outcome_and_hold_nothing_personal(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        await door.hook(4711, 4712)
        await asyncio.gather(*(post(door.port, f"/hooks/{name}/x", b"{}") for name in ("kiosk", "a", "b", "c")))
        page = (await ask(door.port, "GET", "/metrics")).body.decode()
    assert 'puente_door_requests_total{outcome="accepted",system="kiosk"} 1.0' in page
    assert 'puente_door_requests_total{outcome="unknown",system="unknown"} 3.0' in page
    assert 'puente_door_changes_total{system="kiosk"} 2.0' in page
    assert 'puente_door_seconds_bucket{le="0.001",system="kiosk"}' in page
    assert "puente_door_log_up 1.0" in page
    for private in ("4711", "k1", "w1", "127.0.0.1", rig.token()):
        assert private not in page
