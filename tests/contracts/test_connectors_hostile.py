"""What a hostile, broken or merely odd vendor answers, byte by byte, to every registered connector."""

import gzip
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from shared import errors
from shared.clock import SystemClock
from shared.connectors.contract import Access, Session
from shared.connectors.http import HttpWire, NotSent, PacedBudget, UnlimitedBudget
from shared.connectors.registry import CONNECTORS
from tests.contracts.connector_bench import LOOPBACK, PROFILES, Profile
from tests.contracts.connector_rawvendor import DROP, HANG, RawVendor, answer, raw_vendor
from tests.support.ports import free_ports

TOKEN = "S3cr3tS3cr3tS3cr3t/acme"
Act = Callable[[Session, Profile], Coroutine[Any, Any, object]]

READS: dict[str, Act] = {
    "read": lambda session, of: session.read(of.customers, "7"),
    "page": lambda session, of: session.page(of.customers),
    "look up": lambda session, of: session.by_reference(of.customers, of.references[0], {}),
}
WRITES: dict[str, Act] = {
    "create": lambda session, of: session.create(of.customers, {"name": "Uno"}, reference=of.references[0]),
    "update": lambda session, of: session.update(of.customers, "7", of.change),
}

every_system = pytest.mark.parametrize("system", sorted(PROFILES))
of_one_family = pytest.mark.parametrize("system", [name for name, each in PROFILES.items() if each.auth])
every_direct = pytest.mark.parametrize("system", [name for name, each in PROFILES.items() if each.direct])
every_act = pytest.mark.parametrize("act", [*READS, *WRITES])


@pytest.fixture
async def wire() -> AsyncIterator[HttpWire]:
    async with HttpWire(SystemClock(), UnlimitedBudget(), LOOPBACK, max_body=2 * 1024 * 1024) as found:
        yield found


def session_at(base_url: str, system: str, wire: HttpWire, **settings: str) -> Session:
    access = Access(
        account="a",
        base_url=base_url,
        credentials={"token": PROFILES[system].pasted.format(TOKEN)},
        settings={"seconds_per_call": "1", **PROFILES[system].raw, **settings},
    )
    return CONNECTORS[system].open(access, wire)


async def outcome_of(vendor: RawVendor, system: str, act: str, wire: HttpWire) -> BaseException | None:
    try:
        await {**READS, **WRITES}[act](session_at(vendor.base_url, system, wire), PROFILES[system])
    except errors.PuenteError as problem:
        return problem
    return None


def nothing(system: str) -> bytes:
    """A list without records."""
    return answer(PROFILES[system].answered([]))


HTML = answer("<!DOCTYPE html><html><body>Service</body></html>", kind="text/html")
LOGIN = answer('<html><form action="/login"><input type="password"></form></html>', kind="text/html")
DEEP = answer("[" * 100_000 + "]" * 100_000)
HUGE = answer(b"[" + b'"' + b"x" * (3 * 1024 * 1024) + b'"' + b"]")
BOMB = answer(gzip.compress(b"[" + b"0," * 3_000_000 + b"0]"), Content_Encoding="gzip")

# What came back; what it means for a read; what it means for a write.
UNUSABLE: dict[str, tuple[bytes, type[errors.PuenteError], type[errors.PuenteError]]] = {
    "page": (HTML, errors.Retryable, errors.InDoubt),
    "login page": (LOGIN, errors.NeedsOperator, errors.NeedsOperator),
    "login page, no type": (LOGIN.replace(b"text/html", b"text/json"), errors.NeedsOperator, errors.NeedsOperator),
    "empty": (answer(""), errors.Retryable, errors.InDoubt),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n[{", errors.Retryable, errors.InDoubt),
    "no HTTP": (b"220 smtp.example ESMTP\r\n\r\n", errors.Retryable, errors.InDoubt),
    "bad header": (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", errors.Retryable, errors.InDoubt),
    "not gzip": (answer("[]", Content_Encoding="gzip"), errors.Retryable, errors.InDoubt),
    "gzip bomb": (BOMB, errors.Retryable, errors.InDoubt),
    "too large": (HUGE, errors.Retryable, errors.InDoubt),
    "too deep": (DEEP, errors.Retryable, errors.InDoubt),
    "not UTF-8": (answer(b'[{"id":7,"name":"\xff"}]'), errors.Retryable, errors.InDoubt),
    "NaN": (answer('[{"id":NaN}]'), errors.Retryable, errors.InDoubt),
    "lone surrogate": (answer('{"id":7,"name":"\\ud800"}'), errors.Retryable, errors.InDoubt),
    "number": (answer("42"), errors.Retryable, errors.InDoubt),
    "null": (answer("null"), errors.Retryable, errors.InDoubt),
    "redirect to login": (
        answer("", status="302 Found", Location="/login?return_to=%2F"),
        errors.NeedsOperator,
        errors.NeedsOperator,
    ),
    "redirect elsewhere": (
        answer("", status="301 Moved", Location=f"http://127.0.0.1:1/?api_token={TOKEN}"),
        errors.NeedsOperator,
        errors.NeedsOperator,
    ),
    "redirect nowhere": (
        answer("", status="302 Found", Location="http://["),
        errors.NeedsOperator,
        errors.NeedsOperator,
    ),
    "dropped": (DROP, errors.Retryable, errors.InDoubt),
    "hanging": (HANG, errors.Retryable, errors.InDoubt),
    "500 page": (answer("<h1>Oops</h1>", status="500 Error", kind="text/html"), errors.Retryable, errors.InDoubt),
    "502 empty": (answer("", status="502 Bad Gateway"), errors.Retryable, errors.InDoubt),
    "404 page": (answer("<h1>nginx</h1>", status="404 Not Found"), errors.PuenteError, errors.PuenteError),
    "401 echo": (
        answer(json.dumps({"code": "error", "message": f"GET /x?api_token={TOKEN}"}), status="401 No"),
        errors.NeedsOperator,
        errors.NeedsOperator,
    ),
    "403 page": (answer("<h1>WAF</h1>", status="403 Forbidden"), errors.NeedsOperator, errors.NeedsOperator),
    "418": (answer("{}", status="418 Teapot"), errors.Rejected, errors.Rejected),
    "429": (answer("", status="429 Slow"), errors.Throttled, errors.Throttled),
}


@every_system
@every_act
@pytest.mark.parametrize("name", UNUSABLE)
async def test_an_unusable_answer_becomes_the_error_that_loses_nothing(
    wire: HttpWire, system: str, act: str, name: str
) -> None:
    raw, for_read, for_write = UNUSABLE[name]
    before = PROFILES[system].greeting.get("write" if act in WRITES else "read", ())
    async with raw_vendor(*(answer(json.dumps(each)) for each in before), raw) as vendor:
        problem = await outcome_of(vendor, system, act, wire)
        expected = for_write if act in WRITES else for_read
        assert isinstance(problem, expected), repr(problem)
        assert isinstance(problem, errors.InDoubt) == (expected is errors.InDoubt)
        if act in WRITES:
            sent = sum(PROFILES[system].is_write(each) for each in vendor.requests)
            assert sent == 1, "a write was sent again"
    shown: BaseException | None = problem
    while shown is not None:
        assert "S3cr3t" not in f"{shown} {shown!r}"
        shown = shown.__cause__ or shown.__context__


@of_one_family
async def test_a_record_of_wrong_types_stands_beside_the_good_ones_with_its_field(
    wire: HttpWire, system: str
) -> None:
    listed: list[object] = [
        {"id": 1, "name": "Buena"},
        {"id": 2, "name": ["no"]},
        {"id": 3, "company": "quizás"},
        {"id": True, "name": "x"},
        {"id": {"a": 1}},
        {"name": "sin id"},
        "texto",
        None,
        7,
        {"id": 4, "updated_at": "ayer"},
        {"id": 5, "updated_at": "2026-03-04T10:11:12"},
        {"id": 1, "name": "Buena otra vez"},
        {"id": "6", "name": None, "email": ""},
    ]
    async with raw_vendor(answer(json.dumps(listed)), answer("[]")) as vendor:
        page = await session_at(vendor.base_url, system, wire).page(PROFILES[system].customers)
    assert [row.record_id for row in page.rows] == ["1", "6"]
    assert page.rows[1].fields == {"name": None, "email": None}
    named = [(each.record_id, each.problem.field) for each in page.unreadable]
    assert named[:3] == [("2", "name"), ("3", "company"), ("", "id")]
    assert named[-2:] == [("4", "updated_at"), ("5", "updated_at")]
    assert len(named) == 10


@every_direct
async def test_absent_keys_are_fields_that_are_not_shown(wire: HttpWire, system: str) -> None:
    async with raw_vendor(answer('{"id":7,"brand_new":{"a":[1.5]}}')) as vendor:
        row = await session_at(vendor.base_url, system, wire).read(PROFILES[system].customers, "7")
    assert row is not None
    assert row.fields == {}


@every_direct
async def test_another_record_than_the_one_asked_for_is_not_believed(wire: HttpWire, system: str) -> None:
    async with raw_vendor(answer('{"id":8,"name":"Otro"}')) as vendor:
        session = session_at(vendor.base_url, system, wire)
        with pytest.raises(errors.Retryable):
            await session.read(PROFILES[system].customers, "7")
        with pytest.raises(errors.InDoubt):
            await session.update(PROFILES[system].customers, "7", PROFILES[system].change)


@every_direct
async def test_a_create_that_answers_an_odd_record_still_gives_its_id(wire: HttpWire, system: str) -> None:
    odd = json.dumps({"id": 9, PROFILES[system].seed_name: ["odd"]})
    async with raw_vendor(answer(odd, status="201 Created")) as vendor:
        row = await session_at(vendor.base_url, system, wire).create(
            PROFILES[system].customers, {"name": "x"}, reference="pu-1"
        )
    assert (row.record_id, row.fields) == ("9", {})


@every_direct
async def test_an_update_that_answers_a_mere_ok_is_read_back(wire: HttpWire, system: str) -> None:
    of = PROFILES[system]
    for said in ('"ok"', ""):
        async with raw_vendor(answer(said), answer(json.dumps({"id": 7, **of.shown}))) as vendor:
            row = await session_at(vendor.base_url, system, wire).update(of.customers, "7", of.change)
            assert row is not None
            assert {name: row.fields[name] for name in of.change} == of.change
            verbs = [request.split()[0].decode() for request in vendor.requests]
            assert (verbs[0], set(verbs[1:])) == (of.verb, {"GET"})


@every_direct
@pytest.mark.parametrize("act", WRITES)
async def test_a_write_on_a_kept_connection_that_the_server_closes_is_sent_once(
    wire: HttpWire, system: str, act: str
) -> None:
    async with raw_vendor(nothing(system), DROP) as vendor:
        session = session_at(vendor.base_url, system, wire)
        await session.page(PROFILES[system].customers)
        with pytest.raises(errors.InDoubt):
            await WRITES[act](session, PROFILES[system])
        assert len(vendor.requests) == 2
        assert vendor.connections == 1


@every_direct
async def test_a_read_on_a_kept_connection_that_the_server_closes_is_asked_again(
    wire: HttpWire, system: str
) -> None:
    async with raw_vendor(nothing(system), DROP, answer('{"id":7}')) as vendor:
        session = session_at(vendor.base_url, system, wire)
        await session.page(PROFILES[system].customers)
        assert await session.read(PROFILES[system].customers, "7") is not None
        assert len(vendor.requests) == 3


@every_system
@every_act
async def test_a_closed_port_is_a_request_that_was_not_sent(wire: HttpWire, system: str, act: str) -> None:
    session = session_at(f"http://127.0.0.1:{free_ports(1)[0]}", system, wire)
    with pytest.raises(NotSent) as refused:
        await {**READS, **WRITES}[act](session, PROFILES[system])
    assert refused.value.reason == "connection"
    assert not isinstance(refused.value, errors.InDoubt)


@every_system
@every_act
async def test_a_vendor_without_tls_is_a_request_that_was_not_sent(wire: HttpWire, system: str, act: str) -> None:
    async with raw_vendor(nothing(system)) as vendor:
        session = session_at(vendor.base_url.replace("http:", "https:"), system, wire)
        with pytest.raises(NotSent):
            await {**READS, **WRITES}[act](session, PROFILES[system])


@every_system
@pytest.mark.parametrize(
    "base_url",
    [
        "http://10.0.0.1",
        "https://10.0.0.1",
        "https://169.254.169.254",
        "https://[::ffff:10.0.0.1]",
        "http://8.8.8.8",
        "ftp://127.0.0.1",
        "https://user:pass@127.0.0.1",
        "https://127.0.0.1/?a=b",
        "https://127.0.0.1:port",
        "nonsense",
        "",
    ],
)
async def test_an_address_that_may_not_be_called_needs_an_operator(
    wire: HttpWire, system: str, base_url: str
) -> None:
    with pytest.raises(errors.NeedsOperator) as refused:
        await session_at(base_url, system, wire).page(PROFILES[system].customers)
    assert refused.value.way_out


@every_system
async def test_a_name_is_checked_by_the_addresses_it_leads_to(system: str) -> None:
    async with HttpWire(SystemClock(), UnlimitedBudget()) as strict, raw_vendor(nothing(system)) as vendor:
        port = vendor.base_url.rsplit(":", 1)[1]
        for host in ("localhost", "127.1", "0x7f.1"):
            for scheme in ("http", "https"):
                with pytest.raises(errors.NeedsOperator):
                    await session_at(f"{scheme}://{host}:{port}", system, strict).page(PROFILES[system].customers)
        assert vendor.connections == 0


@every_direct
async def test_a_pause_that_the_vendor_asks_for_holds_for_every_call_of_the_account(system: str) -> None:
    clock = SystemClock()
    throttled = answer("", status="429 Slow", Retry_After="1")
    async with (
        HttpWire(clock, PacedBudget(clock), LOOPBACK) as wire,
        raw_vendor(throttled, nothing(system)) as vendor,
    ):
        session = session_at(vendor.base_url, system, wire)
        with pytest.raises(errors.Throttled) as asked:
            await session.page(PROFILES[system].customers)
        assert asked.value.retry_after == timedelta(seconds=1)
        started = clock.monotonic()
        await session.page(PROFILES[system].customers)
        assert clock.monotonic() - started >= 0.9


@of_one_family
@pytest.mark.parametrize(
    ("auth", "where"), [("header", b"Authorization: Bearer S3cr3t"), ("query", b"api_token=S3cr3t"), ("body", b"")]
)
async def test_the_token_goes_where_the_setting_says_and_its_slash_is_encoded(
    wire: HttpWire, system: str, auth: str, where: bytes
) -> None:
    async with raw_vendor(answer('{"id":7}')) as vendor:
        await session_at(vendor.base_url, system, wire, auth=auth).update(
            PROFILES[system].customers, "7", {"name": "x"}
        )
        head, body = vendor.requests[0].split(b"\r\n\r\n")
        assert where in head
        assert (json.loads(body).get("api_token") == TOKEN) == (auth == "body")
        target = head.split(b"\r\n")[0]
        assert (b"S3cr3tS3cr3tS3cr3t%2Facme" in target) == (auth == "query")


@every_system
async def test_a_wrong_setting_or_token_needs_an_operator(wire: HttpWire, system: str) -> None:
    wrong = dict([PROFILES[system].wrong_setting])
    late = {"visible_after_seconds": "a while"}
    for settings in (wrong, {"calls_per_minute": "many"}, {"seconds_per_call": "0"}, late):
        with pytest.raises(errors.NeedsOperator):
            await session_at("http://127.0.0.1:1", system, wire, **settings).page(PROFILES[system].customers)
    for token in ("", "   ", "a\nb", "a b", "ñ"):
        access = Access(account="a", base_url="http://127.0.0.1:1", credentials={"token": token})
        with pytest.raises(errors.NeedsOperator):
            await CONNECTORS[system].open(access, wire).page(PROFILES[system].customers)
