"""A small HTTP/1.1 client over a bare socket, so that a test decides about every byte and every pause."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import cast

import msgspec

Headers = Sequence[tuple[str, str]]
PATIENCE_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer as it came. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        return cast("dict[str, object]", msgspec.json.decode(self.body))

    @property
    def bytes_but_date(self) -> tuple[int, Mapping[str, str], bytes]:
        """What a client can tell two answers apart by."""
        return self.status, {name: value for name, value in self.headers.items() if name != "date"}, self.body


@dataclass(frozen=True)
class Line:
    """An open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def reply(self) -> Reply:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if head.startswith("HTTP/1.1 100"):
                return await self.reply()
            first, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
            return Reply(status=int(first.split()[1]), headers=headers, body=body)

    async def closed(self) -> bytes:
        """What still comes until the other side closes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionError):
                return await self.reader.read()
            return b""


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def request(method: str, path: str, body: bytes = b"", headers: Headers = ()) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: door.test"]
    if body and not any(name.lower() in {"content-length", "transfer-encoding"} for name, _ in headers):
        lines.append(f"content-length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


async def ask(port: int, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:
    """One request on a connection of its own."""
    async with connected(port) as line:
        await line.send(request(method, path, body, headers))
        return await line.reply()


async def post(port: int, path: str, body: bytes = b"", headers: Headers = ()) -> Reply:
    return await ask(port, "POST", path, body, headers)
