"""Lanes: work on one record runs one at a time, work on different records side by side.

A lane protects nothing against another process; it keeps this one from racing itself. Whoever holds lanes never
asks for more from inside: the keys are taken together, sorted, or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager


class Lanes:
    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    def busy(self, keys: Iterable[str]) -> bool:
        """Whether one of these lanes is held now, so that whoever takes it will have waited."""
        return any(key in self._locks for key in keys)

    @asynccontextmanager
    async def hold(self, keys: Iterable[str]) -> AsyncIterator[None]:
        """Hold all these lanes at once."""
        taken: list[str] = []
        wanted = sorted(set(keys))
        for key in wanted:
            lock, users = self._locks.get(key, (asyncio.Lock(), 0))
            self._locks[key] = (lock, users + 1)
        try:
            for key in wanted:
                await self._locks[key][0].acquire()
                taken.append(key)
            yield
        finally:
            for key in taken:
                self._locks[key][0].release()
            for key in wanted:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)
