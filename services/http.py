"""Serving an ASGI app: uvicorn with uvloop's speed, without an access log, stopped by an event.

uvicorn sets no limit to the time or the size of a request's head; a client that sends one byte a minute would hold
its connection for ever. The protocol below sets both. Bodies are limited by whoever reads them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator
from typing import Any, Final

import uvicorn
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from services import problems
from shared import errors

HEAD_SECONDS: Final = 10.0
HEAD_BYTES: Final = 64 * 1024
KEEP_ALIVE_SECONDS: Final = 75
GRACE_SECONDS: Final = 15

NO_TELEMETRY: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI's own spans tell paths and queries, in which tokens and names stand: no setting shall switch them on."""

Ready = Callable[[str, int], None]
"""Called with the address that is really listened on, once it is."""


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit to the time and the size of a request's head."""

    head_seconds = HEAD_SECONDS
    head_bytes = HEAD_BYTES

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_head = False
        self._head_size = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_size += len(data)
            if self._head_timer is None:
                # Most heads come whole and need none.
                self._arm()
            if self._head_size > self.head_bytes:
                self._refuse(431, "head-too-large", f"The head of a request may have {self.head_bytes} bytes.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._head_size = 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._disarm()
        super().on_headers_complete()

    def _arm(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(408, "too-slow", f"The head of the request did not arrive in {self.head_seconds:g} s.")
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: int, name: str, detail: str) -> None:
        """Answer on the bare connection and close it, unless an answer to an earlier request is under way."""
        if self.transport.is_closing():
            return
        under_way: RequestResponseCycle | None = self.cycle
        if under_way is None or under_way.response_complete:
            content = problems.body(status, name, detail)
            phrase = "Request Timeout" if status == 408 else "Request Header Fields Too Large"
            head = (
                f"HTTP/1.1 {status} {phrase}\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
                f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + content)
        self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: who starts a service decides what stops it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    stop: asyncio.Event,
    on_ready: Ready | None = None,
    protocol: type[GuardedProtocol] = GuardedProtocol,
    grace_seconds: int = GRACE_SECONDS,
) -> None:
    """Serve until `stop` is set, then finish the requests in flight (for `grace_seconds` at most).

    Port 0 takes a free one. Raises Misconfigured when the address cannot be listened on.
    """
    listener = _listen(host, port)
    options: dict[str, Any] = {
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "proxy_headers": False,
        "ws": "none",
        "lifespan": "off",
        "loop": "none",
        "http": protocol,
        "backlog": 2048,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": grace_seconds,
    }
    server = _Server(uvicorn.Config(app, **options))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name=f"serve {host}:{port}")
    listening = asyncio.create_task(server.listening.wait())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        if listening.done() and on_ready is not None:
            on_ready(*listener.getsockname()[:2])
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        stopping.cancel()
        server.should_exit = True
        await serving


def _listen(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on connections of a socket that names its protocol; without it an answer that
    # is written in two pieces may wait for the client's delayed acknowledgement.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as problem:
        listener.close()
        raise errors.Misconfigured(
            f"Nothing can listen on {host}:{port}: {problem.strerror or problem}.",
            setting="PUENTE_PORT",
            way_out="Set PUENTE_HOST and PUENTE_PORT to a free address of this machine.",
        ) from problem
    return listener
