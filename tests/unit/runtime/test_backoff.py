"""How long a change waits that failed: soon at first, then less and less often, never never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.store.waiting import next_try

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_the_waits_double_from_two_seconds_to_ten_minutes() -> None:
    waits = [(next_try(tries, NOW, jitter=0) - NOW).total_seconds() for tries in range(12)]
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]


@given(tries=st.integers(0, 10_000), jitter=st.floats(0, 1))
def test_jitter_adds_a_quarter_at_most(tries: int, jitter: float) -> None:
    plain, spread = next_try(tries, NOW, jitter=0), next_try(tries, NOW, jitter=jitter)
    assert plain <= spread <= NOW + (plain - NOW) * 1.25 + timedelta(microseconds=1)
