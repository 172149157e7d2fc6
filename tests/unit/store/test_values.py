"""What the store computes without a database."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from shared.store import bindings, retention, sweeps, waiting
from shared.store.budgets import Shares
from shared.store.database import database_url
from shared.store.rows import Attempt, PairBase, SideBase, Sweep
from shared.store.tables import Moment

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

_TIMES = st.datetimes(timezones=st.timezones())
_UTC_TIMES = st.datetimes(timezones=st.just(UTC))
_HASHES = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)
_SIDES = st.builds(
    SideBase,
    shown=_HASHES,
    previous=_HASHES,
    written_at=st.none() | _UTC_TIMES,
    ours=st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=3), min_size=1, max_size=3),
    ours_until=_UTC_TIMES,
)
_BASES = st.builds(
    PairBase,
    left=_SIDES,
    right=_SIDES | st.just(SideBase()),
    normaliser=st.integers(0, 99),
    map_version=st.integers(0, 99),
    writes=st.lists(_UTC_TIMES, max_size=5).map(tuple),
)


@given(base=_BASES)
@settings(max_examples=50)
def test_a_base_survives_its_stored_form(base: PairBase) -> None:
    stored = json.loads(json.dumps(bindings.dump_base(base)))
    assert bindings.load_base(stored) == base


def test_a_base_of_before_a_field_was_added_can_be_read() -> None:
    assert bindings.load_base({}) == PairBase(normaliser=0, map_version=0)


@given(first=_TIMES, second=_TIMES)
@settings(max_examples=50)
def test_stored_times_sort_as_text_as_they_do_in_time(first: datetime, second: datetime) -> None:
    # Times of before the year 1 or after 9999 in UTC exist in no column.
    if any(not 1 < moment.year < 9999 for moment in (first, second)):
        return
    module: Any = sqlite
    dialect, moment = module.dialect(), Moment()
    texts = [moment.process_bind_param(each, dialect) for each in (first, second)]
    assert all(isinstance(text, str) and len(text) == 27 for text in texts)
    assert (str(texts[0]) < str(texts[1])) == (first.astimezone(UTC) < second.astimezone(UTC))
    assert [moment.process_result_value(text, dialect) for text in texts] == [
        first.astimezone(UTC),
        second.astimezone(UTC),
    ]


@pytest.mark.parametrize("module", [sqlite, postgresql])
def test_a_naive_time_is_never_stored(module: Any) -> None:
    dialect: Dialect = module.dialect()
    with pytest.raises(ValueError, match="time zone"):
        Moment().process_bind_param(NOW.replace(tzinfo=None), dialect)
    assert Moment().process_bind_param(None, dialect) is None
    assert Moment().process_result_value(None, dialect) is None


def test_tries_come_at_doubling_distances_up_to_ten_minutes() -> None:
    delays = [(waiting.next_try(tries, NOW, jitter=0) - NOW).total_seconds() for tries in range(12)]
    assert delays == [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]
    assert waiting.next_try(2, NOW, jitter=1) - NOW == timedelta(seconds=10)
    assert waiting.next_try(10**9, NOW, jitter=0) - NOW == timedelta(minutes=10)


def _sweep(**changes: Any) -> Sweep:
    values: dict[str, Any] = {
        "account_id": "a",
        "resource": "clients",
        "workspace_id": "shop",
        "next_at": NOW,
        "full_at": NOW,
        "seen_until": NOW,
        "complete_at": NOW,
        "gap_at": None,
        "cursor": None,
        "listing": None,
        "started_at": None,
        "full": False,
        "counts": {},
        "problem": None,
        "version": 1,
    }
    return Sweep(**(values | changes))


@pytest.mark.parametrize(
    ("sweep", "complete"),
    [
        (None, False),
        (_sweep(), True),
        (_sweep(complete_at=None), False),
        (_sweep(seen_until=None), False),
        (_sweep(seen_until=NOW - timedelta(seconds=60)), True),
        (_sweep(seen_until=NOW - timedelta(seconds=61)), False),
        (_sweep(gap_at=NOW), True),
        (_sweep(gap_at=NOW + timedelta(microseconds=1)), False),
    ],
)
def test_an_index_is_complete_since_the_last_gap_and_young_enough(sweep: Sweep | None, complete: bool) -> None:
    assert sweeps.is_complete(sweep, now=NOW, max_age_seconds=60) is complete


def test_the_day_of_an_attempt_is_that_of_utc() -> None:
    at = datetime(2026, 3, 2, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    row = Attempt(
        id="a",
        workspace_id="shop",
        flow_id="f",
        account_id="a",
        resource="clients",
        record_id="1",
        other_id="",
        at=at,
        took_ms=0,
        origin="change",
        outcome="echo",
        says="",
    )
    assert retention.partition_name(row.day) == "attempt_20260301"


@given(quota=st.integers(1, 100_000))
def test_every_purpose_may_make_a_call_and_none_more_than_the_quota(quota: int) -> None:
    shares = Shares()
    assert shares.cap("live", quota) == quota
    assert 1 <= shares.cap("unbound", quota) <= shares.cap("bulk", quota) <= quota


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("sqlite:///data/store.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////var/lib/store.db", "sqlite+aiosqlite"),
        ("postgresql://puente:s@db/puente", "postgresql+asyncpg"),
        ("postgresql+asyncpg://db/puente", "postgresql+asyncpg"),
    ],
)
def test_the_store_s_url_may_name_the_driver_or_not(text: str, driver: str) -> None:
    url = database_url(text)
    assert url.drivername == driver
    assert "s@" not in repr(url)
