"""Processes that start within a moment: forked from one that has imported everything and does nothing else.

Importing costs about 1.5 s of processor time; a rig that starts a process for each kill would do little else. What
is forked has no loop, no connection and no thread: from there on it is a process like any other, with an
environment, output files and a life of its own, and `kill -9` ends it as it ends any other.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType
from typing import Final

from tests.support.processes import STOP_WITHIN, Process, ProcessStuck, clean_environment

_PR_SET_PDEATHSIG: Final = 1
SABOTAGE: Final = "RIG_SABOTAGE"
LOOK_UPS: Final = "RIG_LOOK_UPS"
_TELL: Final = signal.SIGUSR2
_TELLING_SECONDS: Final = 3.0
_TASKS: Final = "--- tasks of a process that does not end\n"

_nursery = get_context("forkserver")
_nursery.set_forkserver_preload(["tests.kill.warm", "tests.kill.nursery"])


class Forked(Process):
    """As `Process`, for `python -m MODULE ARGUMENTS`, without the time of its imports."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        name: str,
        folder: Path,
        env: Mapping[str, str],
        cwd: Path,
        given: Path | None = None,
    ) -> None:
        super().__init__((module, *arguments), name=name, folder=folder, env=env, cwd=cwd)
        self._birth = Birth(
            module=module,
            arguments=arguments,
            env=clean_environment(env),
            cwd=cwd,
            files=(given or Path(os.devnull), self._out, self._err),
        )

    def start(self) -> None:
        if self.running:
            raise RuntimeError(f"{self.name} already runs as process {self.pid}")
        self._since = {path: path.stat().st_size if path.exists() else 0 for path in self._since}
        child = _nursery.Process(target=_live, args=(self._birth,))
        child.start()
        self._child = _Child(child)

    def stop(self, *, within: timedelta = STOP_WITHIN, by: signal.Signals = signal.SIGTERM) -> int:
        """As `Process.stop`; what a process that does not end was doing is in the message, task by task."""
        child = self._started()
        child.send_signal(by)
        try:
            return child.wait(timeout=within.total_seconds())
        except subprocess.TimeoutExpired:
            self._signal(_TELL)
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=_TELLING_SECONDS)
            told = self.errors().partition(_TASKS)[2] or self.tail()
            self.kill9()
            late = f"{self.name} did not stop within {within.total_seconds():g} s of {by.name}"
            raise ProcessStuck(f"{late}\n{told}") from None

    def kill9(self) -> None:
        self._signal(signal.SIGKILL)
        self._started().wait(timeout=10)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        if self._child is not None:
            self.kill9()

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self.pid, number)


@dataclass(frozen=True, kw_only=True)
class Birth:
    """What the new process becomes. `files` are its standard input, output and error."""

    module: str
    arguments: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    files: tuple[Path, Path, Path]


class _Child:
    """A forked process; the nursery is its parent and knows how it ended."""

    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0.0)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


def _live(birth: Birth) -> None:
    """In the new process: become what was asked for."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    ways = (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_APPEND] * 2)
    for number, (path, way) in enumerate(zip(birth.files, ways, strict=True)):
        opened = os.open(path, way, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(os.dup(0))
    sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", buffering=1) for number in (1, 2))
    os.environ.clear()
    os.environ.update(birth.env)
    os.chdir(birth.cwd)
    signal.signal(_TELL, _tell)
    look_ups = birth.env.get(LOOK_UPS, "")
    if look_ups:
        importlib.import_module("tests.kill.declared").apply(look_ups)
    sabotage = birth.env.get(SABOTAGE, "")
    if sabotage:
        importlib.import_module("tests.kill.sabotage").apply(sabotage)
    sys.argv = [birth.module, *birth.arguments]
    sys.modules.pop(birth.module, None)
    runpy.run_module(birth.module, run_name="__main__", alter_sys=True)


def _tell(_number: int, _frame: FrameType | None) -> None:
    """Write down where every task of this process is."""
    sys.stderr.write(_TASKS)
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)
        sys.stderr.write(f"  {task!r}\n")
