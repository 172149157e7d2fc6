"""Real child processes for tests: started in a group of their own, watched, signalled, and always cleaned up."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

import aiohttp

from tests.support import waiting

T = TypeVar("T")

POLL_SECONDS = 0.02
TAIL_LINES = 40
STOP_WITHIN = timedelta(seconds=20)


class ProcessDied(AssertionError):
    """A process ended while something was awaited from it; the message carries the end of its output."""


class ProcessStuck(AssertionError):
    """A process did not do in time what was awaited; the message carries the end of its output."""


class Child(Protocol):
    """What is asked of a process that was started, as `subprocess.Popen` answers it."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Account:
    """The user and group of the machine under which a process runs."""

    user: int
    group: int


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without the settings of Puente (a developer's own must not leak in), plus `extra`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PUENTE_")}
    return inherited | {"PYTHONUNBUFFERED": "1"} | dict(extra or {})


class Process:
    """One command that can be started, killed, frozen and started again.

    Standard output and error are appended to `NAME.out` and `NAME.err` in `folder`; waiting for a line looks
    only at what came since the last start. `command` is run as it is, without a shell.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        folder: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        account: Account | None = None,
    ) -> None:
        self.command = tuple(command)
        self.name = name
        self._out = folder / f"{name}.out"
        self._err = folder / f"{name}.err"
        self._env = clean_environment(env)
        self._cwd = cwd
        self._account = account
        self._child: Child | None = None
        self._since = {self._out: 0, self._err: 0}

    # Starting and signalling

    def start(self) -> None:
        """Start the command and return at once. Raises `RuntimeError` when it still runs."""
        if self.running:
            raise RuntimeError(f"{self.name} already runs as process {self.pid}")
        self._since = {path: path.stat().st_size if path.exists() else 0 for path in self._since}
        account = self._account
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._child = subprocess.Popen(
                (*_die_with_parent(), *self.command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
                user=account.user if account else None,
                group=account.group if account else None,
                extra_groups=[] if account else None,
            )

    def term(self) -> None:
        """Ask the process to end (SIGTERM, to the process alone, as a supervisor does)."""
        self._started().send_signal(signal.SIGTERM)

    def kill9(self) -> None:
        """Kill the whole group and wait until the process is gone."""
        child = self._started()
        _signal_group(child.pid, signal.SIGKILL)
        child.wait(timeout=10)

    def freeze(self) -> None:
        """Stop the whole group from running (SIGSTOP); its sockets stay open."""
        _signal_group(self._started().pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen group run on (SIGCONT)."""
        _signal_group(self._started().pid, signal.SIGCONT)

    def stop(self, *, within: timedelta = STOP_WITHIN, by: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and wait; the exit code (negative for a signal). Raises `ProcessStuck`, after killing it."""
        child = self._started()
        if child.poll() is None:
            child.send_signal(by)
        try:
            return child.wait(timeout=within.total_seconds())
        except subprocess.TimeoutExpired:
            tail = self.tail()
            self.kill9()
            raise ProcessStuck(f"{self.name} did not stop {_in(within)} of {by.name}\n{tail}") from None

    def close(self) -> None:
        """Make sure that nothing of the group is left, frozen or not. May be called more than once."""
        if self._child is None:
            return
        _signal_group(self._child.pid, signal.SIGKILL)
        self._child.wait(timeout=10)

    # Looking

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._started().poll()

    def output(self) -> str:
        """Standard output since the last start."""
        return self._read(self._out)

    def errors(self) -> str:
        """Standard error since the last start."""
        return self._read(self._err)

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of both streams, for a message."""
        parts = []
        for title, text in (("output", self.output()), ("errors", self.errors())):
            last = text.splitlines()[-lines:]
            if last:
                parts.append("\n".join([f"--- {self.name}: last lines of its {title}", *last]))
        return "\n".join(parts) or f"--- {self.name} wrote nothing"

    # Waiting

    def block_until(self, condition: Callable[[], bool], *, within: timedelta, what: str) -> None:
        """Block until `condition` holds. Raises `ProcessDied` or `ProcessStuck`. For use outside an event loop."""
        child = self._started()
        deadline = time.monotonic() + within.total_seconds()
        while not condition():
            try:
                child.wait(timeout=POLL_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    late = f"not {_in(within)}: {self.name} {what}"
                    raise ProcessStuck(f"{late}\n{self.tail()}") from None
            else:
                raise self._died(what)

    async def reaches(self, condition: Callable[[], bool], *, within: timedelta, what: str) -> None:
        """As `block_until`, inside an event loop."""

        async def holds() -> bool:
            return condition()

        await self._while_alive(holds, within=within, what=what)

    async def line(self, pattern: str, *, within: timedelta) -> re.Match[str]:
        """The first match of `pattern` (multi-line) in what either stream wrote since the last start.

        Raises `ProcessDied` when it ends without one, `ProcessStuck` at the deadline.
        """
        compiled = re.compile(pattern, re.MULTILINE)

        async def found() -> re.Match[str] | None:
            return compiled.search(self.output()) or compiled.search(self.errors())

        return await self._while_alive(found, within=within, what=f"writes a line like {pattern!r}")

    async def answers(self, url: str, *, within: timedelta, status: int = 200) -> str:
        """The body of the first answer with `status` to GET `url`. Raises as `line` does."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client:

            async def body() -> tuple[str] | None:
                try:
                    async with client.get(url) as answer:
                        return (await answer.text(),) if answer.status == status else None
                except (aiohttp.ClientError, TimeoutError):
                    return None

            (text,) = await self._while_alive(body, within=within, what=f"answers {status} at {url}")
            return text

    async def exits(self, *, within: timedelta) -> int:
        """The exit code, once the process has ended (negative for a signal). Raises `ProcessStuck`."""
        child = self._started()

        async def code() -> tuple[int] | None:
            ended = child.poll()
            return None if ended is None else (ended,)

        return (await self._await(code, within=within, what="ends"))[0]

    async def _while_alive(
        self, condition: Callable[[], Awaitable[T | None]], *, within: timedelta, what: str
    ) -> T:
        child = self._started()

        async def found() -> T | None:
            ended = child.poll() is not None  # asked first: what was written before the end still counts
            value = await condition()
            if ended and not value:
                raise self._died(what)
            return value

        return await self._await(found, within=within, what=what)

    async def _await(self, condition: Callable[[], Awaitable[T | None]], *, within: timedelta, what: str) -> T:
        try:
            return await waiting.until(condition, within=within, what=f"{self.name} {what}")
        except waiting.NotInTime as late:
            raise ProcessStuck(f"{late}\n{self.tail()}") from None

    def _started(self) -> Child:
        if self._child is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._child

    def _died(self, what: str) -> ProcessDied:
        return ProcessDied(f"{self.name} ended with {self.exit_code} before it {what}\n{self.tail()}")

    def _read(self, path: Path) -> str:
        if not path.exists():
            return ""
        with path.open("rb") as stream:
            stream.seek(self._since[path])
            return stream.read().decode("utf-8", errors="replace")


class Processes:
    """The processes of one test; `close` ends them all, the last started first, and shows how they ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Process] = []

    def start(
        self, *command: str, name: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Process:
        """Start `command`. `name` appears in messages and in the names of the output files."""
        process = self.add(*command, name=name, env=env, cwd=cwd)
        process.start()
        return process

    def add(
        self, *command: str, name: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Process:
        """As `start`, without starting it."""
        same = sum(1 for process in self._all if process.name.split(".")[0] == name)
        unique = f"{name}.{same + 1}" if same else name
        process = Process(command, name=unique, folder=self._folder, env=env, cwd=cwd)
        self._all.append(process)
        return process

    def close(self) -> None:
        for process in reversed(self._all):
            process.close()

    def tails(self) -> str:
        """The ends of all outputs, for a test that failed."""
        return "\n".join(process.tail() for process in self._all)


def python(*arguments: str) -> tuple[str, ...]:
    """The command that runs `python ARGUMENTS` with the interpreter of the tests."""
    return (sys.executable, *arguments)


def _signal_group(leader: int, number: signal.Signals) -> None:
    # Gone already, or a zombie that nobody but us can reap: both are what the caller wants.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _die_with_parent() -> tuple[str, ...]:
    """A prefix that has the kernel kill the child when the tests die without cleaning up (Linux).

    The kernel means the starting *thread*: a child of a short-lived thread would be killed too early.
    """
    tool = shutil.which("setpriv")
    if tool is None or threading.current_thread() is not threading.main_thread():
        return ()
    return (tool, "--pdeathsig", "KILL")


def _in(within: timedelta) -> str:
    return f"within {within.total_seconds():g} s"
