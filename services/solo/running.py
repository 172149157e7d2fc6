"""Door and sync side by side on one data folder, with the vendors' sandbox beside them where it is wanted."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from services.console import main as console
from services.console.settings import ConsoleSettings
from services.ingress import main as ingress
from services.ingress import settings as door_settings
from services.sandbox import server as sandbox
from services.solo.folder import folder_held
from services.sync.gauges import Gauges
from shared import errors
from shared.eventlog.port import EventLog
from shared.operations import housekeeping
from shared.operations.alerts.beside import alerting
from shared.runtime import parts as wiring
from shared.runtime.parts import Parts
from shared.runtime.settings import Settings
from shared.runtime.stopping import cancelled
from shared.runtime.sync import Rhythm, Sync

_GAUGES_EVERY: Final = timedelta(seconds=5)


class PortTaken(errors.Misconfigured):
    """Another program listens where the sandbox should."""


class Solo:
    """What runs. `door` is the address that hooks are sent to; `over` is done when a part ended by itself."""

    def __init__(self, parts: Parts, log: EventLog, *, rhythm: Rhythm | None = None) -> None:
        self.parts = parts
        self.log = log
        self.door = ""
        self.console = ""
        self.sandbox: sandbox.Sandbox | None = None
        self.gauges = Gauges(parts.meters.registry)
        self._rhythm = rhythm
        self._stop_door = asyncio.Event()
        self._stop_console = asyncio.Event()
        self._stop_sync = asyncio.Event()
        self._door_task: asyncio.Task[None] | None = None
        self._console_task: asyncio.Task[None] | None = None
        self._sync_task: asyncio.Task[None] | None = None
        self._gauges_task: asyncio.Task[None] | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def settings(self) -> Settings:
        return self.parts.settings

    async def open_door(self) -> None:
        """Raises Misconfigured when the address is taken."""
        settings = door_settings.load(
            log_url=self.settings.effective_log_url,
            data=self.settings.data,
            door_keys=self.settings.door_keys,
            log_keys=self.settings.log_keys,
            keys_file=self.settings.key_file,
            host=self.settings.host,
            port=self.settings.port,
        )
        listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = ingress.serve(
            settings,
            log=self.log,
            machine=self.parts.clock,
            stop=self._stop_door,
            on_ready=lambda host, port: listening.set_result(f"http://{_in_url(host)}:{port}"),
            registry=self.gauges.registry,
            traces=self.parts.traces,
        )
        self._door_task = asyncio.create_task(serving)
        self._door_task.add_done_callback(self._ended)
        either: set[asyncio.Future[Any]] = {self._door_task, listening}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._door_task.done():
            await self._door_task
        self.door = await listening

    async def open_console(self, settings: ConsoleSettings) -> None:
        """Serve the pages. While nobody can log in, `console` is the link that makes the first user.

        Raises Misconfigured when the address is taken.
        """
        listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        first: list[str] = []
        serving = console.serve(
            self.parts,
            self.log,
            settings,
            stop=self._stop_console,
            on_ready=lambda host, port: listening.set_result(f"http://{_in_url(host)}:{port}"),
            first_link=first.append,
        )
        self._console_task = asyncio.create_task(serving)
        either: set[asyncio.Future[Any]] = {self._console_task, listening}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._console_task.done():
            await self._console_task
        self._console_task.add_done_callback(self._ended)
        self.console = await listening + (first[0] if first else "/")

    def start_sync(self) -> Sync:
        """Start consuming. Only one process of a machine may, also beside this one."""
        self._stop_sync = asyncio.Event()
        sync = housekeeping.whole_sync(self.parts, self.log, rhythm=self._rhythm)
        self._sync_task = asyncio.create_task(sync.run(self._stop_sync))
        self._sync_task.add_done_callback(self._ended)
        self._gauges_task = asyncio.create_task(
            self.gauges.keep_up(self.parts, self.log, sync, every=_GAUGES_EVERY)
        )
        return sync

    async def stop_sync(self) -> None:
        """Let what runs end, commit it, and let go of the log."""
        task, self._sync_task = self._sync_task, None
        if self._gauges_task is not None:
            await cancelled(self._gauges_task)
        if task is not None:
            task.remove_done_callback(self._ended)
            self._stop_sync.set()
            await task

    async def close(self) -> None:
        self._stop_door.set()
        self._stop_console.set()
        await self.stop_sync()
        if self._console_task is not None:
            await self._console_task
        if self._door_task is not None:
            await self._door_task
        if not self.over.done():
            self.over.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self.over.done():
            return
        problem = None if task.cancelled() else task.exception()
        if problem is not None:
            self.over.set_exception(problem)
        else:
            self.over.set_result(None)


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    sandbox_port: int | None = None,
    rhythm: Rhythm | None = None,
    pages: ConsoleSettings | None = None,
) -> AsyncIterator[Solo]:
    """Run door and sync until the block ends, with the console where `pages` has its settings; `sandbox_port` adds
    the vendors' sandbox (0 takes a free port).

    Raises Misconfigured for a folder in use, a port that is taken, or settings that name servers.
    """
    if not settings.embedded:
        raise errors.Misconfigured(
            "Solo works on files of this machine; PUENTE_LOG_URL or PUENTE_STORE_URL names a server.",
            setting="PUENTE_LOG_URL",
            way_out="Unset both, or start the services with `puente serve ingress` and `puente serve sync`.",
        )
    async with AsyncExitStack() as stack:
        stack.enter_context(folder_held(settings.data))
        parts = await stack.enter_async_context(wiring.opened(settings, traced_as="puente-solo"))
        log = await stack.enter_async_context(wiring.opened_log(parts))
        solo = Solo(parts, log, rhythm=rhythm)
        if sandbox_port is not None:
            solo.sandbox = await _enter_sandbox(stack, sandbox_port)
        stack.push_async_callback(solo.close)
        await stack.enter_async_context(alerting(parts, log))
        await solo.open_door()
        solo.start_sync()
        if pages is not None:
            await solo.open_console(pages)
        yield solo


async def _enter_sandbox(stack: AsyncExitStack, port: int) -> sandbox.Sandbox:
    try:
        return await stack.enter_async_context(sandbox.running(port=port))
    except OSError as problem:
        if problem.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise PortTaken(
            f"The sandbox cannot listen on 127.0.0.1:{port}: {problem.strerror}.",
            way_out="Give another port; 0 takes a free one.",
        ) from problem


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
