"""Open gaps and the files that make them outlive the process."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from services.ingress.gaps import Gaps
from shared.clock import ManualClock
from shared.model.change import Change

CHANGE = Change(
    id="c1", what="customer", workspace="w1", system="bitfactura", account="a1", seen_at=ManualClock().now()
)


async def test_a_gap_lasts_from_the_first_refusal_to_the_last(tmp_path: Path) -> None:
    clock = ManualClock()
    gaps = Gaps(tmp_path / "gaps", clock)
    since = clock.now()
    await gaps.remember(CHANGE)
    clock.advance(timedelta(minutes=3))
    await gaps.remember(CHANGE)
    await gaps.remember(replace(CHANGE, account="a2"))
    first, second = gaps.all()
    assert (first.account, first.since, first.until) == ("a1", since, clock.now())
    assert (second.account, second.since) == ("a2", clock.now())


async def test_the_next_process_takes_a_gap_up_and_lets_it_last_until_then(tmp_path: Path) -> None:
    clock = ManualClock()
    since = clock.now()
    await Gaps(tmp_path, clock).remember(CHANGE)
    clock.advance(timedelta(hours=1))
    later = Gaps(tmp_path, clock)
    await later.load()
    (gap,) = later.all()
    assert (gap.key, gap.since, gap.until) == (("w1", "bitfactura", "a1"), since, clock.now())
    await later.close(gap)
    third = Gaps(tmp_path, clock)
    await third.load()
    assert len(later) == len(third) == 0


async def test_what_is_refused_while_a_gap_is_told_stays_open(tmp_path: Path) -> None:
    clock = ManualClock()
    gaps = Gaps(tmp_path, clock)
    await gaps.remember(CHANGE)
    (told,) = gaps.all()
    clock.advance(timedelta(seconds=5))
    await gaps.remember(CHANGE)
    await gaps.close(told)
    (left,) = gaps.all()
    assert (left.since, left.until) == (told.until, clock.now())
    await gaps.close(left)
    assert len(gaps) == 0


async def test_without_a_place_for_the_file_the_gap_is_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "gaps").write_text("a file where the folder should be")
    gaps = Gaps(tmp_path / "gaps", ManualClock())
    await gaps.remember(CHANGE)
    (gap,) = gaps.all()
    await gaps.close(gap)
    assert len(gaps) == 0


async def test_a_torn_file_does_not_stop_the_start(tmp_path: Path) -> None:
    clock = ManualClock()
    await Gaps(tmp_path, clock).remember(CHANGE)
    (tmp_path / "torn.json").write_bytes(b'{"workspace": "w')
    gaps = Gaps(tmp_path, clock)
    await gaps.load()
    assert [gap.account for gap in gaps.all()] == ["a1"]
