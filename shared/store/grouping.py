"""Group commit: units of one type that are asked for while a transaction is under way share the next one.

Nobody waits on purpose: the first unit begins at once, and what is asked for meanwhile goes together afterwards.
Under load the groups grow by themselves, and a handful of statements does the work of many lanes.

What a unit may rely on (`deploy/decisions/0012-group-commit.md` says why):

1. `add` returns when the unit's own transaction is committed, never before.
2. A unit that cannot be done fails alone: a group that fails is undone whole, and each of its members is then done
   in a transaction of its own.
3. While the database is away every member learns of it, and none is tried again here.
4. A unit whose caller is cancelled before its turn is not done. One that is under way is finished, as a commit is
   that was sent: its outcome reaches nobody, and whoever comes next finds it in the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_MOST = 64


class Grouped(Protocol[T_co]):
    """A unit of work that can be done together with others of its type, with the results in their order.

    All or nothing: when one of them cannot be done, `together` raises and nothing of any is saved.
    """

    reads: ClassVar[bool]

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence[Any]) -> Sequence[T_co]: ...


@dataclass(frozen=True, slots=True)
class _Member(Generic[T]):
    unit: Grouped[T]
    done: asyncio.Future[T]


class Group(Generic[T]):
    """The units of one type. One group is under way at a time; `together` does it in one transaction."""

    def __init__(self, together: Callable[[Sequence[Grouped[T]]], Awaitable[Sequence[T]]]) -> None:
        self._together = together
        self._waiting: list[_Member[T]] = []
        self._working: asyncio.Task[None] | None = None

    async def add(self, unit: Grouped[T]) -> T:
        """Return once the unit is done. Raises what it would raise if it were done alone."""
        member: _Member[T] = _Member(unit, asyncio.get_running_loop().create_future())
        self._waiting.append(member)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await member.done

    async def _work(self) -> None:
        members: list[_Member[T]] = []
        try:
            while self._waiting:
                members, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._do([each for each in members if not each.done.done()])
        finally:
            # Cancelled, when the loop ends: whoever still waits ends with it.
            self._working = None
            for each in (*members, *self._waiting):
                each.done.cancel()
            self._waiting = []

    async def _do(self, members: Sequence[_Member[T]]) -> None:
        if not members:
            return
        [outcome] = await asyncio.gather(self._results(members), return_exceptions=True)
        if not isinstance(outcome, BaseException):
            for each, result in zip(members, outcome, strict=True):
                if not each.done.done():
                    each.done.set_result(result)
        elif len(members) == 1 or isinstance(outcome, errors.Retryable):
            for each in members:
                if not each.done.done():
                    each.done.set_exception(outcome)
        else:
            await asyncio.gather(*(self._do([each]) for each in members))

    async def _results(self, members: Sequence[_Member[T]]) -> Sequence[T]:
        return await self._together([each.unit for each in members])
