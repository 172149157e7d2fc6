"""Waiting for a condition with a deadline: the tests' only way to wait."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar, cast, overload

T = TypeVar("T")

POLL = timedelta(milliseconds=20)


class NotInTime(AssertionError):
    """A condition did not come true before its deadline; the message tells which, and what was last seen."""


@overload
async def until(
    condition: Callable[[], Awaitable[T | None]],
    *,
    within: timedelta,
    what: str,
    every: timedelta = ...,
    ignoring: tuple[type[Exception], ...] = ...,
) -> T: ...


@overload
async def until(
    condition: Callable[[], T | None],
    *,
    within: timedelta,
    what: str,
    every: timedelta = ...,
    ignoring: tuple[type[Exception], ...] = ...,
) -> T: ...


async def until(
    condition: Callable[[], Awaitable[T | None]] | Callable[[], T | None],
    *,
    within: timedelta,
    what: str,
    every: timedelta = POLL,
    ignoring: tuple[type[Exception], ...] = (),
) -> T:
    """The first true value of `condition`, which is a plain or an async function without arguments.

    It is asked at once and then `every` so often. An exception named in `ignoring` counts as "not yet" (a
    refused connection, say); any other passes through. An async condition that hangs is cancelled at the deadline.

    Raises `NotInTime` with `what` and the last value or exception.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within.total_seconds()
    last: object = "nothing: the condition never answered"
    while True:
        try:
            async with asyncio.timeout_at(deadline) as limit:
                answer = condition()
                value = cast(T | None, await answer if inspect.isawaitable(answer) else answer)
            if value:
                return value
            last = value
        except ignoring as error:
            last = error
        except TimeoutError:
            if not limit.expired():
                raise
        if loop.time() >= deadline:
            raise NotInTime(f"not within {within.total_seconds():g} s: {what}; last seen: {last!r}")
        await asyncio.sleep(min(every.total_seconds(), max(0.0, deadline - loop.time())))
