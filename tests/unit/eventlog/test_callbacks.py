"""Callbacks of a subscriber run within their limits, and their failures are not lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared import errors
from shared.eventlog.callbacks import Callbacks

SHARDS = frozenset({1, 2})
SOON = timedelta(milliseconds=50)


async def test_a_callback_that_takes_too_long_is_cut_off_and_told() -> None:
    ended: list[str] = []

    async def hang(_shards: frozenset[int]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cut off")

    callbacks = Callbacks(hang, hang, assign_limit=SOON, revoke_limit=SOON)
    await callbacks.revoked(SHARDS)
    with pytest.raises(errors.Retryable, match=r"on_revoked took longer than 0\.05 s"):
        callbacks.raise_failure()
    await asyncio.sleep(0)
    assert ended == ["cut off"]
    callbacks.raise_failure()


async def test_the_first_failure_is_told_once() -> None:
    async def first(_shards: frozenset[int]) -> None:
        raise KeyError("first")

    async def second(_shards: frozenset[int]) -> None:
        raise KeyError("second")

    callbacks = Callbacks(first, second)
    await callbacks.assigned(SHARDS)
    await callbacks.revoked(SHARDS)
    with pytest.raises(KeyError, match="first"):
        callbacks.raise_failure()
    callbacks.raise_failure()


async def test_a_callback_gets_the_shards() -> None:
    got: list[frozenset[int]] = []

    async def note(shards: frozenset[int]) -> None:
        got.append(shards)

    callbacks = Callbacks(note, None)
    await callbacks.assigned(SHARDS)
    await callbacks.revoked(SHARDS)
    assert got == [SHARDS]
