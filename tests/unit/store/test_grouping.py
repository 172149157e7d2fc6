"""Group commit: what is asked for meanwhile goes together; nobody suffers for another's failure."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store.grouping import Group, Grouped
from tests.support.waiting import until

SOON = timedelta(seconds=10)


@dataclass(frozen=True)
class Doubled:
    """A unit whose result is twice its number."""

    number: int
    reads: ClassVar[bool] = False

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence["Doubled"]) -> Sequence[int]:
        raise AssertionError("the transaction is the test's own")


@dataclass
class Transactions:
    """Does groups when it may, and keeps what each was of. A group that holds a number of `problems` raises it."""

    problems: dict[int, Exception] = field(default_factory=dict)
    begun: list[list[int]] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def do(self, units: Sequence[Grouped[int]]) -> Sequence[int]:
        numbers = [unit.number for unit in units if isinstance(unit, Doubled)]
        self.begun.append(numbers)
        await self.may_end.wait()
        for number in numbers:
            if number in self.problems:
                raise self.problems[number]
        return [2 * number for number in numbers]

    async def asked(self, numbers: Sequence[int]) -> list[asyncio.Task[int]]:
        """Ask for all of these in their order; the first is under way, and the rest wait for it."""
        group = Group[int](self.do)
        tasks = [asyncio.create_task(group.add(Doubled(number))) for number in numbers]
        await until(lambda: bool(self.begun), within=SOON, what="the first group has begun")
        return tasks


async def _outcomes(tasks: Sequence[asyncio.Task[int]]) -> list[int | BaseException]:
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_is_asked_for_meanwhile_goes_together_and_each_gets_its_own_result() -> None:
    transactions = Transactions()
    tasks = await transactions.asked(range(6))
    transactions.may_end.set()
    assert await _outcomes(tasks) == [0, 2, 4, 6, 8, 10]
    assert [number for numbers in transactions.begun for number in numbers] == [0, 1, 2, 3, 4, 5]
    assert len(transactions.begun) <= 2


async def test_a_group_has_a_ceiling() -> None:
    transactions = Transactions()
    transactions.may_end.set()
    tasks = await transactions.asked(range(200))
    assert await _outcomes(tasks) == [2 * number for number in range(200)]
    assert max(map(len, transactions.begun)) == 64


@pytest.mark.parametrize("problem", [errors.Lost("first"), ValueError("wrong")])
async def test_one_that_cannot_be_done_fails_alone(problem: Exception) -> None:
    transactions = Transactions(problems={3: problem})
    tasks = await transactions.asked(range(6))
    transactions.may_end.set()
    assert await _outcomes(tasks) == [0, 2, 4, problem, 8, 10]
    assert [3] in transactions.begun


async def test_while_the_database_is_away_all_learn_of_it_and_none_is_tried_again() -> None:
    away = errors.Retryable("away")
    transactions = Transactions(problems={5: away})
    tasks = await transactions.asked(range(6))
    transactions.may_end.set()
    together = next(numbers for numbers in transactions.begun if 5 in numbers)
    outcomes = await _outcomes(tasks)
    assert [outcomes[number] for number in together] == [away] * len(together)
    assert sum(5 in numbers for numbers in transactions.begun) == 1


async def test_one_that_is_cancelled_before_its_turn_is_not_done_and_the_others_are() -> None:
    transactions = Transactions()
    group = Group[int](transactions.do)
    first = asyncio.create_task(group.add(Doubled(1)))
    await until(lambda: bool(transactions.begun), within=SOON, what="the first group has begun")
    rest = [asyncio.create_task(group.add(Doubled(number))) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    rest[1].cancel()
    await asyncio.wait([rest[1]])
    transactions.may_end.set()
    assert await _outcomes([first, rest[0], rest[2]]) == [2, 4, 8]
    assert transactions.begun == [[1], [2, 4]]


async def test_one_that_is_cancelled_under_way_takes_nobody_along() -> None:
    transactions = Transactions()
    group = Group[int](transactions.do)
    tasks = [asyncio.create_task(group.add(Doubled(number))) for number in (1, 2, 3)]
    await until(lambda: bool(transactions.begun), within=SOON, what="the first group has begun")
    under_way = tasks[transactions.begun[0][0] - 1]
    under_way.cancel()
    await asyncio.wait([under_way])
    transactions.may_end.set()
    others = [task for task in tasks if task is not under_way]
    assert sorted(await asyncio.gather(*others)) == sorted({2, 4, 6} - {2 * transactions.begun[0][0]})


async def test_a_new_group_begins_after_one_that_failed() -> None:
    transactions = Transactions(problems={1: errors.Retryable("away")})
    transactions.may_end.set()
    group = Group[int](transactions.do)
    with pytest.raises(errors.Retryable):
        await group.add(Doubled(1))
    assert await group.add(Doubled(2)) == 4
