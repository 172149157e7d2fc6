"""What bad input gets: an answer that says what is wrong, a number in the metrics, and no place in the log."""

from __future__ import annotations

import gzip
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from services import http
from services.ingress.door import BODY_BYTES, Limits
from tests.integration.ingress import rig
from tests.integration.ingress.vendors import PASTED
from tests.integration.ingress.wire import Reply, ask, connected, post, request
from tests.support import waiting

FORGED = rig.OTHER_KEYS.token(rig.hook())
FLIPPED = rig.token()[:-1] + ("A" if rig.token()[-1] != "A" else "Q")
UNKNOWN_KIND = rig.DOOR_KEYS.token(rig.hook("planet:create"))

STRANGE = {
    "a token that was never made": ("/hooks/kiosk/abc", rig.body()),
    "no token": ("/hooks/kiosk/", rig.body()),
    "a token under a key that is not ours": (f"/hooks/kiosk/{FORGED}", rig.body()),
    "a token with one bit changed": (f"/hooks/kiosk/{FLIPPED}", rig.body()),
    "a token of bytes that are no text": ("/hooks/kiosk/%ff%fe%00", rig.body()),
    "a token longer than any": (f"/hooks/kiosk/{'A' * 5000}", rig.body()),
    "a kind that this system does not send": (f"/hooks/kiosk/{UNKNOWN_KIND}", rig.body()),
    "a wrong secret": (rig.path(), rig.body(given="wrong")),
    "the secret of another kind": (rig.path(), rig.body(kind="client:destroy")),
    "the token in place of the secret": (rig.path(), rig.body(given=rig.token())),
    "an empty secret": (rig.path(), rig.body(given="")),
    "a secret that is no text": (rig.path(), b'{"api_token": 5, "ids": [1]}'),
    "a secret of half a character": (rig.path(), b'{"api_token": "\\ud800", "ids": [1]}'),
    "no secret": (rig.path(), b'{"ids": [1]}'),
    "a wrong secret at the pasted URL": (rig.path() + PASTED, rig.body(given="wrong")),
    "a wrong token at the bare path": (PASTED, rig.body(given="wrong")),
    "the secret at the bare path": (PASTED, rig.body()),
    "a system that is not there": (rig.path(system="nobody"), rig.body()),
    "an ending that is not pasted": (rig.path() + "/app/other.json", rig.body()),
    "a token of another system": (f"/hooks/paper/{rig.token()}", b'{"ids": [1]}'),
    "a forged token where no secret is echoed": (f"/hooks/paper/{FORGED}", b'{"ids": [1]}'),
}

BAD_BODIES = {
    "no JSON": (b"client=1", ""),
    "half a JSON": (rig.body(given="wrong")[:-1], ""),
    "nothing": (b"", ""),
    "white space": (b"  \n", ""),
    "not UTF-8": (b'{"api_token": "\xff"}', ""),
    "UTF-16": (rig.body(given="wrong").decode().encode("utf-16"), ""),
    "a list": (b"[" + rig.body(given="wrong") + b"]", ""),
    "a text": (b'"text"', ""),
    "nested too deep": (b'{"x":' * 40 + b"1" + b"}" * 40, ""),
    "nested so deep that a parser would fall over": (b"[" * 200_000, ""),
    "the secret twice": (b'{"api_token": "a", "api_token": "b"}', "api_token"),
    "a number that is none": (b'{"api_token": NaN}', ""),
    "a number with too many digits": (b'{"api_token": ' + b"9" * 10_000 + b"}", ""),
}


def check_problem(reply: Reply, status: int) -> None:
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= problem.keys()
    assert str(problem["type"]).startswith("urn:puente:problem:")


async def test_whatever_is_wrong_with_token_or_secret_the_answer_is_the_same(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        answers = {name: await post(door.port, where, body) for name, (where, body) in STRANGE.items()}
        entries = await door.entries()
        counted = sum(door.counted("unknown", system) for system in ("kiosk", "paper", "unknown"))
    first = answers["a wrong secret"]
    check_problem(first, 404)
    assert {name: reply.bytes_but_date for name, reply in answers.items()} == dict.fromkeys(
        STRANGE, first.bytes_but_date
    )
    assert entries == []
    assert counted == len(STRANGE)


async def test_a_body_that_cannot_carry_the_secret_is_told_what_is_wrong(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        for name, (body, field) in BAD_BODIES.items():
            known = await post(door.port, rig.path(), body)
            unknown = await post(door.port, f"/hooks/kiosk/{FORGED}", body)
            check_problem(known, 400)
            assert known.json["field"] == (field or "body"), name
            assert known.bytes_but_date == unknown.bytes_but_date, f"{name}: the answer tells that a token is good"
        entries = await door.entries()
        counted = door.counted("bad_body")
    assert entries == []
    assert counted == 2 * len(BAD_BODIES)


@pytest.mark.parametrize("where", [rig.path(), rig.path() + PASTED, PASTED, f"/hooks/kiosk/{FORGED}"])
async def test_any_method_but_post_is_told_which_one_is_allowed(tmp_path: Path, where: str) -> None:
    async with rig.door(tmp_path) as door:
        for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
            reply = await ask(door.port, method, where, rig.body() if method in {"PUT", "PATCH"} else b"")
            check_problem(reply, 405)
            assert reply.headers["allow"] == "POST"
        async with connected(door.port) as line:
            await line.send(request("HEAD", where))
            head = (await line.closed()).decode()
        entries = await door.entries()
        counted = door.counted("wrong_method")
    assert head.startswith("HTTP/1.1 405")
    assert "allow: POST" in head
    assert entries == []
    assert counted == 6


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
async def test_an_encoded_body_is_refused_unopened(tmp_path: Path, encoding: str) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    async with rig.door(tmp_path) as door:
        reply = await post(door.port, rig.path(), bomb, [("content-encoding", encoding)])
        entries = await door.entries()
        counted = door.counted("encoded")
    check_problem(reply, 415)
    assert reply.json["field"] == "Content-Encoding"
    assert entries == []
    assert counted == 1


async def test_a_gzip_body_without_the_header_is_no_json(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        check_problem(await post(door.port, rig.path(), gzip.compress(rig.body())), 400)


async def test_one_byte_too_many_is_too_large(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        reply = await post(door.port, rig.path(), b"x" * (BODY_BYTES + 1))
        entries = await door.entries()
        counted = door.counted("too_large")
    check_problem(reply, 413)
    assert entries == []
    assert counted == 1


async def test_a_declared_size_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door, connected(door.port) as line:
        await line.send(
            request("POST", rig.path(), headers=[("content-length", "99999999999"), ("expect", "100-continue")])
        )
        check_problem(await line.reply(), 413)


async def test_chunks_without_end_are_not_read_to_the_end(tmp_path: Path) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = 0
    async with rig.door(tmp_path) as door, connected(door.port) as line:
        await line.send(request("POST", rig.path(), headers=[("transfer-encoding", "chunked")]))
        with suppress(ConnectionError):
            while sent < 2**28:
                await line.send(chunk)
                sent += len(chunk)
        entries = await door.entries()
        counted = door.counted("too_large")
    assert sent < 2**28
    assert entries == []
    assert counted == 1


async def test_chunks_that_are_too_large_together_are_answered(tmp_path: Path) -> None:
    chunks = b"".join(b"10000\r\n" + b"x" * 0x10000 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
    async with rig.door(tmp_path) as door, connected(door.port) as line:
        await line.send(request("POST", rig.path(), headers=[("transfer-encoding", "chunked")]) + chunks)
        check_problem(await line.reply(), 413)


async def test_a_body_that_dawdles_is_given_up(tmp_path: Path) -> None:
    limits = Limits(body_time=timedelta(milliseconds=200))
    async with rig.door(tmp_path, limits=limits) as door, connected(door.port) as line:
        await line.send(request("POST", rig.path(), headers=[("content-length", "1000")]) + b"{")
        check_problem(await line.reply(), 408)
        rest = await line.closed()
        entries = await door.entries()
        counted = door.counted("too_slow")
    assert (rest, entries, counted) == (b"", [], 1)


class Impatient(http.GuardedProtocol):
    head_seconds = 0.2


async def test_a_head_that_dawdles_is_given_up(tmp_path: Path) -> None:
    async with rig.door(tmp_path, protocol=Impatient) as door:
        async with connected(door.port) as line:
            await line.send(b"POST /hooks/kiosk/abc HTTP/1.1\r\nhost: a\r\n")
            check_problem(await line.reply(), 408)
            assert await line.closed() == b""
        async with connected(door.port) as silent:
            assert await silent.closed() == b""
        async with connected(door.port) as second:
            await second.send(request("POST", rig.path(), rig.body()))
            assert (await second.reply()).status == 200
            await second.send(b"POST ")
            check_problem(await second.reply(), 408)


async def test_a_head_without_end_is_cut(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door, connected(door.port) as line:
        await line.send(b"POST / HTTP/1.1\r\n")
        for number in range(100):
            await line.send(f"x-{number}: ".encode() + b"y" * 1000 + b"\r\n")
        check_problem(await line.reply(), 431)


async def test_a_client_that_hangs_up_leaves_nothing(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        async with connected(door.port) as line:
            await line.send(request("POST", rig.path(), headers=[("content-length", "1000")]) + rig.body())
        await waiting.until(
            lambda: door.counted("disconnected") == 1, within=timedelta(seconds=10), what="it is counted"
        )
        entries = await door.entries()
    assert entries == []


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"POST\r\n\r\n",
        b"POST /hooks/kiosk/\xff HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST * HTTP/1.1\r\nhost: a\r\n\r\n",
        b"POST /hooks/kiosk/a HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        b"POST /hooks/kiosk/a HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /hooks/kiosk/a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /hooks/kiosk/a HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_no_server_error(tmp_path: Path, raw: bytes) -> None:
    async with rig.door(tmp_path) as door:
        async with connected(door.port) as line:
            await line.send(raw)
            if line.writer.can_write_eof():
                line.writer.write_eof()
            answer = await line.closed()
        assert not answer or answer.split()[1].startswith(b"4"), answer
        assert (await door.hook(1)).status == 200


async def test_strangers_are_limited_and_authentic_hooks_never(tmp_path: Path) -> None:
    async with rig.door(tmp_path, burst=3, per_second=0.01) as door:
        refused = [await post(door.port, rig.path(), rig.body(given="wrong")) for _ in range(5)]
        refused.append(await post(door.port, rig.path(), b"no json"))
        authentic = [await door.hook(1) for _ in range(5)]
        counted = door.counted("limited")
    assert [reply.status for reply in refused] == [404, 404, 404, 429, 429, 429]
    check_problem(refused[-1], 429)
    assert 1 <= int(refused[-1].headers["retry-after"]) <= 100
    assert [reply.status for reply in authentic] == [200] * 5
    assert counted == 3


async def test_other_paths_are_problems_too(tmp_path: Path) -> None:
    async with rig.door(tmp_path) as door:
        check_problem(await ask(door.port, "GET", "/nowhere"), 404)
        check_problem(await ask(door.port, "POST", "/healthz"), 405)
        check_problem(await ask(door.port, "GET", "/hooks"), 404)
