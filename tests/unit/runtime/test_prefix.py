"""The settled prefix: what is committed has nothing unsettled before it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.eventlog.port import Position
from shared.runtime.consumer import Prefix


def at(offset: int, partition: int = 0) -> Position:
    return Position(partition=partition, offset=offset)


def test_a_hole_holds_back_what_is_behind_it() -> None:
    prefix = Prefix()
    for offset in (3, 4, 5):
        prefix.add(at(offset))
    prefix.settle(at(4))
    prefix.settle(at(5))
    assert prefix.take() == []
    prefix.settle(at(3))
    assert prefix.take() == [at(5)]
    assert prefix.take() == []


def test_partitions_do_not_hold_each_other_back() -> None:
    prefix = Prefix()
    prefix.add(at(1, 0))
    prefix.add(at(7, 1))
    prefix.settle(at(7, 1))
    assert prefix.take() == [at(7, 1)]
    prefix.forget([0])
    prefix.settle(at(1, 0))
    assert prefix.take() == []
    assert prefix.unsettled == 0


@given(st.permutations(range(12)), st.integers(0, 12))
def test_in_whatever_order_entries_settle(order: list[int], many: int) -> None:
    prefix = Prefix()
    for offset in range(12):
        prefix.add(at(offset))
    committed = -1
    for settled, offset in enumerate(order[:many], start=1):
        prefix.settle(at(offset))
        for position in prefix.take():
            assert position.offset > committed
            committed = position.offset
        done = set(order[:settled])
        assert set(range(committed + 1)) <= done
        assert committed + 1 not in done
