"""Silence of hooks against their own history: a shop's nights and weekends are no news, a lost hook is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.operations.hookwatch import is_silent, usual_silence
from shared.store.series import Heard

MONDAY = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def shop(days: int = 14, per_day: int = 12, *, weekends: bool = False) -> list[datetime]:
    """A shop that works from nine to seven, with its deliveries spread over the day."""
    return [
        MONDAY + day * 24 * HOUR + 9 * HOUR + number * (10 * HOUR / per_day)
        for day in range(days)
        if weekends or day % 7 < 5
        for number in range(per_day)
    ]


def heard(times: list[datetime], missed: int = 0) -> Heard:
    return Heard(resource="clients", times=sorted(times, reverse=True), missed=missed)


def test_too_little_history_tells_nothing() -> None:
    assert usual_silence([]) is None
    assert usual_silence(shop(days=1)) is None
    assert usual_silence([MONDAY + number * HOUR for number in range(30)]) is None
    assert not is_silent(heard(shop(days=1)), MONDAY + 300 * HOUR)


@pytest.mark.parametrize("per_day", [4, 12, 400])
def test_a_night_and_a_weekend_are_usual(per_day: int) -> None:
    times = shop(per_day=per_day)
    for hours in (1, 14, 40, 62):  # friday evening to monday morning
        assert not is_silent(heard(times), max(times) + hours * HOUR), hours


@pytest.mark.parametrize("per_day", [4, 12, 400])
def test_a_shop_that_opened_and_is_not_heard_is_silent(per_day: int) -> None:
    times = shop(per_day=per_day)
    assert is_silent(heard(times), max(times) + 110 * HOUR)


def test_a_system_that_is_heard_day_and_night_is_missed_within_hours() -> None:
    times = [MONDAY + number * timedelta(minutes=10) for number in range(6 * 24 * 7)]
    assert not is_silent(heard(times), max(times) + 5 * HOUR)
    assert is_silent(heard(times), max(times) + 7 * HOUR)


def test_a_burst_of_thousands_does_not_make_a_night_unusual() -> None:
    burst = [MONDAY + 30 * HOUR + timedelta(seconds=number) for number in range(4_000)]
    times = shop(weekends=True) + burst
    assert not is_silent(heard(times), max(times) + 14 * HOUR)
    usual = usual_silence(times)
    assert usual is not None
    assert usual > 12 * HOUR


def test_changes_that_only_listings_find_tell_it_sooner() -> None:
    times = shop()
    assert is_silent(heard(times, missed=5), max(times) + 2 * HOUR)
    assert not is_silent(heard(times, missed=4), max(times) + 2 * HOUR)
    assert not is_silent(heard(times, missed=50), max(times) + HOUR / 2)
