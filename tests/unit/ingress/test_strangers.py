"""The limit for addresses that knock without a valid token and secret."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Any

import pytest

from services.ingress.strangers import Strangers
from shared.clock import ManualClock

PROXY = ipaddress.ip_network("10.0.0.0/8")


def scope(client: str | None, forwarded: str | None = None) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    return {"client": (client, 4711) if client else None, "headers": headers}


def table(clock: ManualClock, **more: Any) -> Strangers:
    return Strangers(clock, **({"burst": 2, "per_second": 0.5} | more))


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    clock = ManualClock()
    strangers = table(clock)
    assert [strangers.refused(scope("192.0.2.1")) for _ in range(3)] == [None, None, timedelta(seconds=2)]
    clock.advance(timedelta(seconds=1))
    assert strangers.refused(scope("192.0.2.1")) == timedelta(seconds=1)
    clock.advance(timedelta(seconds=1))
    assert strangers.refused(scope("192.0.2.1")) is None
    clock.advance(timedelta(days=1))
    assert [strangers.refused(scope("192.0.2.1")) is None for _ in range(3)] == [True, True, False]


def test_addresses_do_not_pay_for_each_other() -> None:
    strangers = table(ManualClock(), burst=1)
    assert strangers.refused(scope("192.0.2.1")) is None
    assert strangers.refused(scope("192.0.2.1")) is not None
    assert strangers.refused(scope("192.0.2.2")) is None


def test_the_table_forgets_who_was_seen_longest_ago() -> None:
    strangers = table(ManualClock(), burst=1, table_size=100)
    for number in range(5000):
        strangers.refused(scope(f"198.51.{number // 250}.{number % 250}"))
    assert len(strangers) == 100
    assert strangers.refused(scope("198.51.19.249")) is not None, "the last one is still known"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (scope("2001:db8::1"), scope("2001:db8::ffff"), True),
        (scope("2001:db8:0:1::1"), scope("2001:db8:0:2::1"), False),
        (scope("::ffff:192.0.2.1"), scope("192.0.2.1"), True),
        (scope(None), scope(None), True),
        # X-Forwarded-For counts from a trusted proxy only, and from the right.
        (scope("192.0.2.1", "203.0.113.1"), scope("192.0.2.1", "203.0.113.2"), True),
        (scope("10.0.0.1", "203.0.113.1"), scope("10.0.0.1", "203.0.113.2"), False),
        (scope("10.0.0.1", "1.1.1.1, 203.0.113.1"), scope("10.0.0.1", "2.2.2.2, 203.0.113.1"), True),
        (scope("10.0.0.1", "203.0.113.1, 10.9.9.9"), scope("203.0.113.1"), True),
        (scope("10.0.0.1", "203.0.113.1, nonsense"), scope("10.0.0.1"), True),
        (scope("10.0.0.1", ""), scope("10.0.0.1", "10.0.0.2"), True),
    ],
)
def test_who_counts_as_one_address(one: dict[str, Any], other: dict[str, Any], same: bool) -> None:
    strangers = table(ManualClock(), burst=1, proxies=[PROXY])
    assert strangers.refused(one) is None
    assert (strangers.refused(other) is not None) is same
