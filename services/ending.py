"""The end of a process: SIGTERM and SIGINT ask for it, and it comes within a bound, whatever hangs.

A stop lets what runs end and commits it. Every step of that has a limit of its own, but a step may stand on a
library that swallows its cancellation, a server that neither answers nor closes, a disk that does not return. So
from the first signal on a thread of its own waits for `STOP_LIMIT`, and then ends the process as `kill -9` would:
nothing that was promised depends on a stop that ends well.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

STOP_LIMIT: Final = timedelta(seconds=30)
CUT_OFF: Final = 1
"""The exit code of a process that did not end by itself."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_TELLING_SECONDS: Final = 2.0
_MOST_TOLD: Final = 20

log = structlog.get_logger("puente.ending")


@contextmanager
def stopped_by_signals(*, within: timedelta = STOP_LIMIT) -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set while the block runs; `within` after the first one the process ends.

    The bound holds for all that follows, also behind the block: the end of the loop and of its threads.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    limit = threading.Timer(within.total_seconds(), _cut_off, (loop, within))
    limit.daemon = True

    def asked() -> None:
        if not stop.is_set():
            stop.set()
            limit.start()

    for number in _SIGNALS:
        loop.add_signal_handler(number, asked)
    try:
        yield stop
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _cut_off(loop: asyncio.AbstractEventLoop, within: timedelta) -> None:
    """Say what had not ended, and end. Saying it may hang as well: on a full pipe, or a lock of the log."""
    telling = threading.Thread(target=_tell, args=(loop, within), daemon=True)
    telling.start()
    telling.join(_TELLING_SECONDS)
    os._exit(CUT_OFF)


def _tell(loop: asyncio.AbstractEventLoop, within: timedelta) -> None:
    tasks = [_place_of(task) for task in asyncio.all_tasks(loop)]
    log.warning("stop.cut_off", after_s=within.total_seconds(), tasks=sorted(tasks)[:_MOST_TOLD])


def _place_of(task: asyncio.Task[object]) -> str:
    """Where a task is: the name of what it runs, and the line that waits."""
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", "?")
    frames = task.get_stack(limit=1)
    if not frames:
        return name
    return f"{name} in {Path(frames[0].f_code.co_filename).name}, line {frames[0].f_lineno}"
