"""The parts of the one HTTP client that need no network: redaction, words, addresses, budgets."""

import asyncio
import json
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest

from shared import errors
from shared.clock import ManualClock
from shared.connectors import answers
from shared.connectors.contract import Access, Limits, Response
from shared.connectors.http import OutgoingRules, PacedBudget, networks_in, redact

SECRET = "a1B2c3D4e5/acme"
LIMITS = Limits(per_minute=60)
ACCESS = Access(account="a", base_url="https://x.example", credentials={"token": SECRET})


@pytest.mark.parametrize(
    "text",
    [
        f"you must log in: /clients.json?api_token={SECRET}&page=1",
        "GET https://x.example/?api_token=a1B2c3D4e5%2Facme",
        "GET https://x.example/?api_token=a1B2c3D4e5%2facme",
        'said {"token":"a1B2c3D4e5\\/acme"}',
        "half of it: a1B2c3D4e5",
        "A1B2C3D4E5/ACME",
    ],
)
def test_a_secret_is_taken_out_in_every_form(text: str) -> None:
    assert "a1b2c3d4e5" not in redact(text, [SECRET]).lower()


def test_what_looks_like_a_token_in_a_url_is_taken_out_also_when_it_is_not_ours() -> None:
    assert redact("see ?api_token=Other123&page=2", []) == "see ?api_token=***&page=2"
    assert redact("a plain sentence", ["", "abc"]) == "a plain sentence"


@pytest.mark.parametrize(
    ("body", "words", "field"),
    [
        ({"code": "error", "message": "no puede"}, "no puede", ""),
        ({"message": {"buyer_name": ["a", "b"], "c": "d"}}, "buyer_name: a, b; c: d", "buyer_name"),
        ({"status": "404", "error": "Not Found"}, "Not Found", ""),
        ({"errors": ["x", {"y": "z"}]}, "x, y: z", ""),
        ({"message": None, "error": ""}, "", ""),
        ([1, "two"], "1, two", ""),
        ("x" * 1000, "x" * 300, ""),
        ({"message": f"token {SECRET}"}, "token ***", ""),
    ],
)
def test_the_vendors_words_are_found_cut_and_redacted(body: object, words: str, field: str) -> None:
    response = Response(status=422, headers={}, body=json.dumps(body).encode())
    assert answers.words_of(response, [SECRET]) == (words, field)


def test_words_that_are_no_json_are_taken_as_they_are() -> None:
    assert answers.words_of(Response(status=500, headers={}, body=b"\xffbroken"), [])[0].endswith("broken")
    assert "page" in answers.words_of(Response(status=500, headers={}, body=b" <html>secret"), [])[0]


async def test_a_large_body_is_parsed_as_a_small_one_is() -> None:
    body = json.dumps([{"price": 1.10, "text": "x" * 2_000_000}]).encode()
    found = await answers.json_of(Response(status=200, headers={}, body=body))
    assert isinstance(found, list)
    assert isinstance(found[0], dict)
    assert str(found[0]["price"]) == "1.1"


@pytest.mark.parametrize(
    ("address", "plain", "allowed", "permitted"),
    [
        ("93.184.216.34", False, "", True),
        ("93.184.216.34", True, "", False),
        ("10.0.0.1", False, "", False),
        ("10.0.0.1", False, "10.0.0.0/8", True),
        ("10.0.0.1", True, "10.0.0.0/8", True),
        ("127.0.0.1", False, "10.0.0.0/8", False),
        ("169.254.169.254", False, "", False),
        ("0.0.0.1", False, "", False),
        ("100.64.0.1", False, "", False),
        ("224.0.0.1", False, "", False),
        ("255.255.255.255", False, "", False),
        ("::1", False, "", False),
        ("::1", True, "::1/128", True),
        ("fe80::1", False, "", False),
        ("fd00::1", False, "", False),
        ("fec0::1", False, "", False),
        ("192.88.99.1", False, "", False),
        ("192.0.0.8", False, "", False),
        ("3fff::1", False, "", False),
        ("::7f00:1", False, "", False),
        ("2606:2800:220:1::1", False, "", True),
        ("::ffff:10.0.0.1", False, "", False),
        ("::ffff:10.0.0.1", False, "10.0.0.0/8", True),
        ("64:ff9b::a00:1", False, "", False),
        ("2002:a00:1::", False, "", False),
    ],
)
def test_only_public_addresses_are_called_unless_the_deployment_says_so(
    address: str, plain: bool, allowed: str, permitted: bool
) -> None:
    rules = OutgoingRules(networks_in(allowed, setting="PUENTE_OUTGOING_ALLOW"))
    assert rules.permits(ip_address(address), plain=plain) is permitted


def test_networks_are_read_or_the_setting_is_named() -> None:
    found = networks_in("10.0.0.0/8, ::1/128,", setting="NETWORKS")
    assert found == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    with pytest.raises(errors.Misconfigured) as wrong:
        networks_in("10.0.0.1/8", setting="NETWORKS")
    assert wrong.value.setting == "NETWORKS"


async def taken(budget: PacedBudget, clock: ManualClock, seconds: float, *, bulk: bool) -> int:
    """How many calls may be made in that time by a caller that makes one after the other."""
    count = 0

    async def keep_calling() -> None:
        nonlocal count
        while True:
            await budget.take(ACCESS, LIMITS, bulk=bulk)
            count += 1

    calling = asyncio.create_task(keep_calling())
    for _ in range(round(seconds * 10)):
        await settle()
        clock.advance(timedelta(milliseconds=100))
    await settle()
    calling.cancel()
    return count


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_budget_lets_the_calls_of_a_minute_through() -> None:
    clock = ManualClock()
    count = await taken(PacedBudget(clock), clock, 60, bulk=False)
    assert 60 <= count <= 66


async def test_bulk_calls_leave_room_for_live_ones() -> None:
    clock = ManualClock()
    budget = PacedBudget(clock)
    assert await taken(budget, clock, 30, bulk=True) >= 28
    async with asyncio.timeout(1):
        await budget.take(ACCESS, LIMITS, bulk=False)


async def test_nobody_calls_before_a_pause_is_over() -> None:
    clock = ManualClock()
    budget = PacedBudget(clock)
    await budget.punish(ACCESS, LIMITS, timedelta(seconds=20))
    assert await taken(budget, clock, 19, bulk=False) == 0
    assert 1 <= await taken(budget, clock, 2, bulk=False) <= 3


async def test_accounts_do_not_share_a_budget() -> None:
    clock = ManualClock()
    budget = PacedBudget(clock)
    await budget.punish(ACCESS, LIMITS, timedelta(hours=1))
    other = Access(account="b", base_url=ACCESS.base_url, credentials={})
    async with asyncio.timeout(1):
        await budget.take(other, LIMITS, bulk=False)
