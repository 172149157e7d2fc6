"""Serving the sandbox: inside a running loop for tests, the demo and solo, or as a program of its own."""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.sandbox.app import World, create_app
from services.sandbox.catalog import SERVED
from services.sandbox.clock import rig_time
from services.sandbox.control import systems_of
from services.sandbox.endpoint import ABORT_EXTENSION

DEFAULT_PORT = 8090
STOP_WITHIN = 2
"""Seconds that open requests get when the sandbox stops."""


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    url: str
    control: str
    systems: dict[str, dict[str, str]]
    """Per system: `base_url`, `token`, `account`."""
    world: World


class _ClosableProtocol(HttpToolsProtocol):
    """Hands the application a way to close the connection without an answer, which ASGI does not know."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        application = self.app

        async def closable(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[ABORT_EXTENSION] = transport.close
            await application(scope, receive, send)

        self.app = closable


class _Server(uvicorn.Server):
    """Leaves the signals to the program that it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def running(
    world: World | None = None, host: str = "127.0.0.1", port: int = 0, seed: int | None = None
) -> AsyncIterator[Sandbox]:
    """Serve a sandbox in this loop until the block ends. Port 0 takes a free one."""
    world = world or World(SERVED, seed=seed)
    with _listening(host, port) as listener:
        world.origin = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(world),
            http=_ClosableProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=STOP_WITHIN,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await _started(server, serving)
            yield Sandbox(
                url=world.origin,
                control=f"{world.origin}/control",
                systems=systems_of(world, world.origin),
                world=world,
            )
        finally:
            world.faults.reset()  # lets go of every request that hangs
            server.should_exit = True
            await serving


def _listening(host: str, port: int) -> socket.socket:
    """asyncio sets TCP_NODELAY only where the socket names its protocol; without it an answer takes 40 ms."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


async def _started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not server.started:
        if serving.done():
            await serving
            raise RuntimeError("the sandbox stopped before it had started")
        await asyncio.sleep(0.005)


async def serve(host: str, port: int, as_json: bool, seed: int | None = None, rig_clock: str = "") -> None:
    """Serve until SIGINT or SIGTERM. With `as_json` the first line says where everything is."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    try:
        now, speed = rig_time(rig_clock)
        world = World(SERVED, seed=seed, clock=now, speed=speed)
        async with running(world, host=host, port=port) as sandbox:
            sys.stdout.write(_hello(sandbox, as_json=as_json))
            sys.stdout.flush()
            await stop.wait()
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)


def _hello(sandbox: Sandbox, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"control": sandbox.control, "systems": sandbox.systems}) + "\n"
    lines = [f"Sandbox: {sandbox.url}", f"Control: {sandbox.control}"]
    for name, access in sandbox.systems.items():
        lines.append(f"{name}: {access['base_url']}  token {access['token']}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="puente sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=None, help="the same seed makes the same tokens and ids")
    parser.add_argument("--rig-clock", default="", help="for a rig: the clock that it shares, SPEED@SINCE@START")
    parser.add_argument("--json", action="store_true", help="print where everything is as one line of JSON")
    given = parser.parse_args(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.host, given.port, given.json, given.seed, given.rig_clock))
    return 0
