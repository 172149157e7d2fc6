"""Posting JSON to an address that is no vendor's: a channel of alerts, or our own door. By the same rules for
addresses as every call, and without a word of vendors in what is said when it fails."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from shared import errors
from shared.connectors.contract import Access, Limits, Request
from shared.connectors.http import HttpWire

_LIMITS: Final = Limits(per_minute=600, timeout=timedelta(seconds=10))


async def post(wire: HttpWire, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Post once; any 2xx is well. Raises Retryable and NeedsOperator, which tell the host and nothing else of the
    address: it may be a secret."""
    parts = urlsplit(url)
    host = parts.hostname or "it"
    access = Access(account="-", base_url=f"{parts.scheme}://{parts.netloc}", credentials={"url": url})
    request = Request(
        method="POST",
        path=parts.path or "/",
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={"Content-Type": "application/json", **(headers or {})},
        body=body,
        writes=True,
        fates=dict.fromkeys(range(300, 600), "answer"),
    )
    try:
        answer = await wire.send(access, _LIMITS, request)
    except errors.InDoubt:
        raise errors.Retryable(f"{host} did not answer in time, or broke the connection.") from None
    if not 200 <= answer.status < 300:
        raise errors.Retryable(f"{host} answers {answer.status}.")
