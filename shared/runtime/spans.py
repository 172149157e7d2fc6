"""Traces as OpenTelemetry spans, sent by OTLP over HTTP from a thread that nobody waits for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from shared import tracing
from shared.clock import Clock
from shared.tracing import NOTHING, Value, trace_of

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_MOST_LINKS: Final = 20
_LAST_WORDS_MS: Final = 3000
_RANDOM_BITS: Final = 62
"""How many bits at the end of a UUID of version 7 are random."""

_current: ContextVar[Context | None] = ContextVar("current_span", default=None)


@dataclass(frozen=True, slots=True)
class _Place:
    """A span somewhere in the world."""

    trace_id: int
    span_id: int
    sampled: bool

    @classmethod
    def parse(cls, traceparent: str) -> _Place | None:
        found = _TRACEPARENT.fullmatch(traceparent)
        if found is None or found[1] == "ff" or not int(found[2], 16) or not int(found[3], 16):
            return None
        return cls(int(found[2], 16), int(found[3], 16), bool(int(found[4], 16) & 1))

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"

    @property
    def remote(self) -> SpanContext:
        return SpanContext(self.trace_id, self.span_id, is_remote=True, trace_flags=TraceFlags(int(self.sampled)))


class _Ids(IdGenerator):
    """Random ids, unless the next span's are given."""

    def __init__(self, randomness: Callable[[int], bytes]) -> None:
        self._randomness = randomness
        self.given: _Place | None = None

    def generate_trace_id(self) -> int:
        return self.given.trace_id if self.given else int.from_bytes(self._randomness(16), "big") or 1

    def generate_span_id(self) -> int:
        return self.given.span_id if self.given else int.from_bytes(self._randomness(8), "big") or 1


class _Traced:
    """An open span; see `tracing.Traced`."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def tell(self, **attributes: Value) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(f"puente.{name}", value)

    def failed(self, reason: str) -> None:
        self._span.set_attribute("error.type", reason)
        self._span.set_status(Status(StatusCode.ERROR))


class OtelTraces:
    """See `tracing.Traces`. One per process; `close` sends what is left."""

    def __init__(
        self,
        exporter: SpanExporter,
        *,
        service: str,
        clock: Clock,
        share: float = 1.0,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._ids = _Ids(randomness)
        self._clock = clock
        self._threshold = int(share * (1 << _RANDOM_BITS))
        self._processor = BatchSpanProcessor(exporter)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # what is not wanted never comes so far
            resource=Resource({"service.name": service}),
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=SpanLimits(max_links=_MOST_LINKS),
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("puente")

    def close(self) -> None:
        """Send what is left, for a few seconds at most, and end the thread. It blocks meanwhile."""
        self._processor.force_flush(_LAST_WORDS_MS)
        self._provider.shutdown()

    def begun(self, told: str, change_id: str) -> str:
        own, theirs = _Place.parse(trace_of(change_id)), _Place.parse(told)
        if own is None:
            return told
        if theirs is not None:
            return str(_Place(theirs.trace_id, own.span_id, theirs.sampled))
        return str(_Place(own.trace_id, own.span_id, self._wanted(own)))

    def hook(
        self, traceparent: str, told: str, *, since: datetime, kept_since: datetime, **attributes: Value
    ) -> None:
        place = _Place.parse(traceparent)
        if place is None or not place.sampled:
            return
        self._ids.given = place
        try:
            hook = self._start("hook", _context(told), SpanKind.SERVER, attributes, since=since)
        finally:
            self._ids.given = None
        kept = self._start("keep", _context(traceparent), SpanKind.PRODUCER, {}, since=kept_since)
        now = _nanoseconds(self._clock.now())
        kept.end(now)
        hook.end(now)

    def look(self, traceparents: Sequence[str], change_ids: Sequence[str], **attributes: Value) -> tracing.Span:
        told = [each for each in traceparents if each] or [trace_of(each) for each in change_ids]
        places = [place for each in told[: _MOST_LINKS + 1] if (place := _Place.parse(each)) is not None]
        if not places or not places[0].sampled or not (traceparents or self._wanted(places[0])):
            return NOTHING
        parent = set_span_in_context(NonRecordingSpan(places[0].remote), Context())
        links = [Link(place.remote) for place in places[1:]]
        return self._entered("look", parent, SpanKind.CONSUMER, attributes, links)

    def call(self, **attributes: Value) -> tracing.Span:
        around = _current.get()
        return NOTHING if around is None else self._entered("call", around, SpanKind.CLIENT, attributes, ())

    @contextmanager
    def _entered(
        self, name: str, parent: Context, kind: SpanKind, attributes: Mapping[str, Value], links: Sequence[Link]
    ) -> Iterator[tracing.Traced]:
        span = self._start(name, parent, kind, attributes, since=self._clock.now(), links=links)
        traced = _Traced(span)
        token = _current.set(set_span_in_context(span, Context()))
        try:
            yield traced
        except BaseException as problem:
            traced.failed(type(problem).__name__)
            raise
        finally:
            _current.reset(token)
            span.end(_nanoseconds(self._clock.now()))

    def _start(
        self,
        name: str,
        parent: Context,
        kind: SpanKind,
        attributes: Mapping[str, Value],
        *,
        since: datetime,
        links: Sequence[Link] = (),
    ) -> Span:
        return self._tracer.start_span(
            name,
            context=parent,
            kind=kind,
            attributes={f"puente.{key}": value for key, value in attributes.items()},
            links=links,
            start_time=_nanoseconds(since),
            record_exception=False,  # messages may quote what a vendor said
            set_status_on_exception=False,
        )

    def _wanted(self, place: _Place) -> bool:
        """Whether a trace that began here is in the share: by its random half, so that door and sync agree."""
        return place.trace_id & ((1 << _RANDOM_BITS) - 1) < self._threshold


def over_http(endpoint: str, *, service: str, clock: Clock, share: float) -> OtelTraces:
    """Traces to a collector that speaks OTLP over HTTP."""
    return OtelTraces(OTLPSpanExporter(endpoint=endpoint), service=service, clock=clock, share=share)


def _context(traceparent: str) -> Context:
    place = _Place.parse(traceparent)
    return set_span_in_context(NonRecordingSpan(place.remote), Context()) if place else Context()


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
