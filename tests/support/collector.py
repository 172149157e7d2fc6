"""A collector of traces: what services send by OTLP over HTTP, decoded."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

Value = str | int | float | bool


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span that was sent. `parent` is "" for a root; `error` is its error.type."""

    trace: str
    id: str
    parent: str
    name: str
    service: str
    attributes: Mapping[str, Value]
    begins: int
    ends: int
    links: tuple[str, ...] = ()
    failed: bool = False

    @property
    def error(self) -> str:
        return str(self.attributes.get("error.type", ""))


@dataclass(kw_only=True)
class Collector:
    """What was received since the start. `url` is what PUENTE_TRACES_URL is set to."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def of_trace(self, trace: str) -> list[Span]:
        return [span for span in self.spans if span.trace == trace]

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        self.bodies.append(body)
        for resource in request.resource_spans:
            service = {each.key: value_of(each.value) for each in resource.resource.attributes}["service.name"]
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Span(
                            trace=span.trace_id.hex(),
                            id=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            name=span.name,
                            service=str(service),
                            attributes={each.key: value_of(each.value) for each in span.attributes},
                            begins=span.start_time_unix_nano,
                            ends=span.end_time_unix_nano,
                            links=tuple(each.trace_id.hex() for each in span.links),
                            failed=span.status.code == span.status.STATUS_CODE_ERROR,
                        )
                    )


def value_of(found: AnyValue) -> Value:
    match found.WhichOneof("value"):
        case "string_value":
            return found.string_value
        case "bool_value":
            return found.bool_value
        case "int_value":
            return found.int_value
        case "double_value":
            return found.double_value
    raise AssertionError(f"a span has an attribute that is no plain value: {found}")


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on a free port while the block runs."""
    collector = Collector()

    async def receive(request: web.Request) -> web.Response:
        assert request.content_type == "application/x-protobuf"
        body = await request.read()
        collector.take(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        done = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=done, content_type="application/x-protobuf")

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/traces", receive)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield collector
    finally:
        await runner.cleanup()
