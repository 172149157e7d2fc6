"""Reading a request's head and body from a hostile network: bounded in bytes and in time."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass

from starlette.types import Receive, Scope

from services.ingress import answers
from services.ingress.answers import Refused
from shared.timelimit import TimeLimit

_LINGER_BYTES = 4 * 1024 * 1024
_LINGER_SECONDS = 2.0
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Gone(Exception):
    """The client hung up before its request was complete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the door wants to know of a request's headers."""

    declared: int | None
    encoded: bool
    traceparent: str


def head_of(scope: Scope) -> Head:
    declared: int | None = None
    encoded = False
    traceparent = ""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            declared = int(value) if len(value) < 18 else 10**18
        elif name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            encoded = True
        elif name == b"traceparent":
            text = value.decode("latin-1")
            traceparent = text if _TRACEPARENT.fullmatch(text) else ""
    return Head(declared=declared, encoded=encoded, traceparent=traceparent)


async def body_of(receive: Receive, *, declared: int | None, limit: int, within: TimeLimit) -> bytes:
    """The whole body. Raises Refused (too large, too slow) or Gone; what was read until then is dropped."""
    if declared is not None and declared > limit:
        raise Refused(answers.too_large(limit), "too_large")
    pieces: list[bytes] = []
    size = 0
    try:
        with within.begun():
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Gone
                piece: bytes = message.get("body", b"")
                size += len(piece)
                if size > limit:
                    raise Refused(answers.too_large(limit), "too_large")
                pieces.append(piece)
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Refused(answers.too_slow(within.seconds), "too_slow") from None
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def linger(receive: Receive) -> None:
    """Drop a little more of a body that nobody wants.

    A connection that is closed on unread bytes is reset, and the reset may overtake the answer: the client would
    see a broken pipe instead of 413.
    """
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while size <= _LINGER_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
