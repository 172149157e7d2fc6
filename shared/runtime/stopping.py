"""Work that a stop cuts short: it may finish within a grace, is cancelled then, and in the end left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

CANCEL_SECONDS: Final = 2.0
"""How long what was cancelled may take to end; cancelling waits for a rollback, and that for the database."""


async def until_stopped(
    stop: asyncio.Event, work: Coroutine[Any, Any, T], *, grace: float, cancel: float = CANCEL_SECONDS
) -> T | None:
    """The result of `work`, or None when `stop` was set and it did not end within `grace` seconds of that.

    It is cancelled then, and not waited for longer than `cancel`.
    """
    task = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({task}, timeout=grace)
    finally:
        stopping.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=cancel)
            # Nobody takes what a task that is left behind may still raise.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task.result() if task.done() and not task.cancelled() else None


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    """Cancel tasks of ours and wait until they are gone, or a moment: a broker that is away may hold them up."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=CANCEL_SECONDS)


async def at_most(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Do what is well done at an end and needs the store: a database that stands still is not waited for."""
    task = asyncio.create_task(work)
    await asyncio.wait({task}, timeout=seconds)
    if task.done():
        task.result()
    else:
        task.cancel()
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
