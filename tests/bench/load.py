"""The load: keep-alive connections that post without anything between them and the socket.

A client library would need more of its core than the server under test needs of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_END = b"\r\n\r\n"


@dataclass(slots=True, kw_only=True)
class Answers:
    """What came back. Times are in seconds; `at` is the monotonic time of each answer."""

    statuses: dict[int, int] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    dropped: int = 0

    @property
    def accepted(self) -> int:
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)

    @property
    def refused(self) -> int:
        return sum(self.statuses.values()) - self.accepted

    def per_second(self, since: float, until: float) -> float:
        """Answers between two moments."""
        return sum(1 for moment in self.at if since <= moment < until) / (until - since)

    def took_between(self, since: float, until: float) -> list[float]:
        return [took for moment, took in zip(self.at, self.took, strict=True) if since <= moment < until]


class _Connection(asyncio.Protocol):
    """One keep-alive connection: sends the next request when the answer to the last one is whole."""

    def __init__(self, answers: Answers, requests: Iterator[bytes], ended: Callable[[], None]) -> None:
        self._answers = answers
        self._requests = requests
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_END)
        if not end or len(body) < _length(head):
            return
        now = time.monotonic()
        status = int(head[9:12])
        self._answers.statuses[status] = self._answers.statuses.get(status, 0) + 1
        self._answers.took.append(now - self._sent_at)
        self._answers.at.append(now)
        self._received = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._answers.dropped += 1
        self._ended()

    def _send(self) -> None:
        request = next(self._requests, None)
        assert self._transport is not None
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.monotonic()
        self._transport.write(request)


def _length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    return int(lowered[at + 15 :].split(b"\r", 1)[0]) if at >= 0 else 0


def post(path: str, body: bytes) -> bytes:
    """A whole request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def closed_loop(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float | None = None,
    answers: Answers | None = None,
) -> Answers:
    """Each connection sends its next request when it has its answer, until `seconds` are over or none is left."""
    loop = asyncio.get_running_loop()
    found = answers if answers is not None else Answers()
    deadline = None if seconds is None else time.monotonic() + seconds
    wanted = itertools.takewhile(lambda _: deadline is None or time.monotonic() < deadline, requests)
    left = connections
    done = loop.create_future()

    def ended() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            done.set_result(None)

    for _ in range(connections):
        await loop.create_connection(lambda: _Connection(found, wanted, ended), "127.0.0.1", port)
    await done
    return found


async def at_rate(
    rate: float, count: int, send: Callable[[int], asyncio.Task[None]], *, stop: asyncio.Event | None = None
) -> None:
    """Start `send(n)` `rate` times a second whatever becomes of the earlier ones; returns when all have ended."""
    began = time.monotonic()
    tasks: list[asyncio.Task[None]] = []
    for number in range(count):
        pause = began + number / rate - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        if stop is not None and stop.is_set():
            break
        tasks.append(send(number))
    await asyncio.gather(*tasks)
