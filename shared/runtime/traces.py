"""Traces by the settings: none without a URL, and then OpenTelemetry's SDK is not loaded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from shared import errors
from shared.clock import Clock
from shared.tracing import Traces

_LAST_WORDS: Final = timedelta(seconds=4)


@asynccontextmanager
async def traces_to(url: str, *, service: str, clock: Clock, share: float = 1.0) -> AsyncIterator[Traces | None]:
    """Traces to the collector at this URL while the block runs; None for an empty one. Raises Misconfigured."""
    if not url:
        yield None
        return
    endpoint = endpoint_of(url)
    from shared.runtime import spans  # noqa: PLC0415 - half a second and several MB, only where they are wanted

    found = spans.over_http(endpoint, service=service, clock=clock, share=share)
    try:
        yield found
    finally:
        # A collector that hangs must not hold up the stop: the thread then ends with the process.
        closing = threading.Thread(target=found.close, name="last traces", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _LAST_WORDS.total_seconds())


def endpoint_of(url: str) -> str:
    """Where spans are posted: a URL without a path gets OTLP's own, `/v1/traces`. Raises Misconfigured."""
    try:
        parts = urlsplit(url)
        named = "@" in parts.netloc  # a login would stand in the start-up summary
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and not named
    except ValueError:
        good = False
    if not good:
        raise errors.Misconfigured(
            "PUENTE_TRACES_URL is no http or https URL, or holds a login.",
            setting="PUENTE_TRACES_URL",
            way_out="Set it to the collector's address, http://collector:4318; a login belongs into "
            "OTEL_EXPORTER_OTLP_HEADERS.",
        )
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1/traces"
