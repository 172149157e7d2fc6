"""A vendor down to the bytes: answers what a test says and counts what it was sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from tests.support.waiting import until

DROP: Final = b"\0drop"
"""Close the connection without an answer."""
HANG: Final = b"\0hang"
"""Never answer."""


def answer(body: bytes | str, *, status: str = "200 OK", kind: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP answer; keywords are further headers, with `_` for `-`."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + raw


@dataclass
class RawVendor:
    """`answers` are given in turn, the last one again and again. `requests` holds what came in, head and body."""

    answers: Sequence[bytes]
    base_url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.writers.discard(writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        self.requests.append(head + await reader.readexactly(length))
        given = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if given == HANG:
            await self.closed.wait()
        if given in {DROP, HANG}:
            return False
        writer.write(given)
        await writer.drain()
        # A body that is shorter than announced ends with the connection.
        return b"\r\nContent-Length: 999" not in given


@asynccontextmanager
async def raw_vendor(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawVendor]:
    vendor = RawVendor(answers)
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0, ssl=tls)
    vendor.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        vendor.closed.set()
        server.close()
        for writer in tuple(vendor.writers):
            writer.close()
        await until(lambda: not vendor.writers, within=timedelta(seconds=5), what="every connection is closed")
        await server.wait_closed()
