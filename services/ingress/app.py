"""One FastAPI app per system, and several mounted as one.

FastAPI serves the documents and the health; a hook goes past it: its router and its middleware would cost more
than everything that the door does with a hook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from services import http, problems
from services.ingress import answers, asyncapi, openapi, reading
from services.ingress.answers import Answer, Outcome, Refused
from services.ingress.door import Door, Parts
from shared.connectors.contract import Connector

_PREFIX = "/hooks/"
_NO_SYSTEM = "unknown"


class IngressApp(FastAPI):
    """FastAPI with the doors of one or several systems in front of its router."""

    def __init__(self, doors: Sequence[Door], parts: Parts) -> None:
        names = ", ".join(door.connector.title for door in doors)
        super().__init__(
            title="Puente ingress",
            summary=f"Takes hooks of {names}.",
            version="1",
            redoc_url=None,
            telemetry=http.NO_TELEMETRY,
            servers=[{"url": parts.public_url}] if parts.public_url else None,
        )
        self.doors = tuple(doors)
        self.parts = parts
        self._by_system = {door.system: door for door in doors}
        self._bare = _bare_paths(doors)
        parts.counts.expect(self._by_system)
        problems.install(self)
        _add_pages(self, parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(_PREFIX) or path in self._bare:
                await self._hook(scope, receive, send, path)
                return
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"] = {"schemas": dict(openapi.SCHEMAS)}
            for door in self.doors:
                document["paths"] |= openapi.paths(door)
            self.openapi_schema = document
        return self.openapi_schema

    async def _hook(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        began = self.parts.clock.monotonic()
        door, token = self._find(path)
        outcome: Outcome
        try:
            if door is None:
                raise Refused(answers.UNKNOWN, "unknown")
            answer, outcome = await door.take(scope, receive, token)
        except Refused as refused:
            answer, outcome = self._limited(scope, refused)
        except reading.Gone:
            self._count(door, "disconnected", began)
            return
        self._count(door, outcome, began)
        if answer.lingers:
            await _send_and_linger(answer, receive, send)
        else:
            await answer.send(send)

    def _find(self, path: str) -> tuple[Door | None, str | None]:
        """The door of a path, with the token where it stands in the path."""
        if path in self._bare:
            return self._bare[path], None
        system, _, rest = path[len(_PREFIX) :].partition("/")
        token, _, ending = rest.partition("/")
        door = self._by_system.get(system)
        if door is None or (ending and ending not in door.endings):
            return None, token
        return door, token

    def _limited(self, scope: Scope, refused: Refused) -> tuple[Answer, Outcome]:
        wait = self.parts.strangers.refused(scope)
        return (refused.answer, refused.outcome) if wait is None else (answers.limited(wait), "limited")

    def _count(self, door: Door | None, outcome: Outcome, began: float) -> None:
        took = timedelta(seconds=self.parts.clock.monotonic() - began)
        self.parts.counts.request(door.system if door else _NO_SYSTEM, outcome, took)


def create_app(connector: Connector, parts: Parts) -> IngressApp:
    """The app of one system."""
    return IngressApp([Door(connector, parts)], parts)


def combined(apps: Sequence[IngressApp]) -> IngressApp:
    """One app with the doors of several. They share the parts of the first."""
    return IngressApp([door for app in apps for door in app.doors], apps[0].parts)


def _bare_paths(doors: Sequence[Door]) -> Mapping[str, Door]:
    """Paths without a token, by door. Raises ValueError if two systems share one: nothing tells them apart."""
    found: dict[str, Door] = {}
    for door in doors:
        for ending in door.endings:
            if f"/{ending}" in found:
                raise ValueError(f"two systems declare the path /{ending}")
            found[f"/{ending}"] = door
    return found


async def _send_and_linger(answer: Answer, receive: Receive, send: Send) -> None:
    await send(answer.start)
    await send({**answer.body, "more_body": True})
    await reading.linger(receive)
    await send({"type": "http.response.body", "body": b""})


def _add_pages(app: IngressApp, parts: Parts) -> None:
    @app.get("/healthz", summary="Whether the process answers", tags=["health"])
    async def healthz() -> Mapping[str, bool]:
        return {"ok": True}

    not_ready: dict[int | str, dict[str, Any]] = {503: {"description": "It would not: a hook is refused."}}

    @app.get(
        "/readyz",
        summary="Whether the next change would find a place",
        tags=["health"],
        responses=not_ready,
    )
    async def readyz() -> Response:
        keeper = parts.keeper
        state = {
            "ready": keeper.ready,
            "log": "up" if keeper.log_up else "down",
            "spooled": keeper.spooled,
            "gaps": keeper.open_gaps,
        }
        return JSONResponse(state, 200 if keeper.ready else 503)

    @app.get("/metrics", summary="Numbers for Prometheus", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(parts.counts.page(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/asyncapi.json", summary="The topic that the changes go to, as AsyncAPI", tags=["documents"])
    async def asyncapi_document() -> Mapping[str, Any]:
        return asyncapi.document()
