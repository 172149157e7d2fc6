"""Whatever a client sends, the door answers: never a 5xx, never a hang, and nothing unproven in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.integration.ingress import rig
from tests.integration.ingress.vendors import PASTED
from tests.integration.ingress.wire import ask, connected, post, request

QUIET = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
path_text = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=80)
header_value = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


class Standing:
    """A door that stays open from one example to the next."""

    def __init__(self, runner: asyncio.Runner, door: rig.Opened) -> None:
        self.runner = runner
        self.door = door


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Standing]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        door = runner.run(stack.enter_async_context(rig.door(tmp_path, burst=10**6)))
        yield Standing(runner, door)
        runner.run(stack.aclose())


@QUIET
@given(body=st.binary(max_size=300))
@example(body=b"\xef\xbb\xbf{}")
@example(body=b'{"api_token": "\\u0000"}')
def test_any_bytes_to_a_good_url(standing: Standing, body: bytes) -> None:
    reply = standing.runner.run(post(standing.door.port, rig.path(), body))
    assert reply.status in {400, 404}


@QUIET
@given(value=json_values)
def test_any_json_behind_a_good_secret_is_kept(standing: Standing, value: object) -> None:
    try:
        content = msgspec.json.encode({"api_token": rig.secret(), "ids": value})
    except UnicodeEncodeError:
        return
    reply = standing.runner.run(post(standing.door.port, rig.path(), content))
    assert reply.status == 200


@QUIET
@given(body=st.binary(max_size=300))
def test_any_bytes_behind_a_token_that_is_enough_are_kept(standing: Standing, body: bytes) -> None:
    reply = standing.runner.run(post(standing.door.port, rig.path(system="paper"), body))
    assert reply.status == 200


@QUIET
@given(
    where=path_text,
    method=st.sampled_from(["POST", "GET", "PUT", "OPTIONS", "TRACE"]),
    prefix=st.sampled_from(["/", "/hooks/", "/hooks/kiosk/", "/hooks/kiosk/%", PASTED]),
)
def test_any_path(standing: Standing, where: str, method: str, prefix: str) -> None:
    reply = standing.runner.run(ask(standing.door.port, method, prefix + where, rig.body()))
    assert reply.status < 500
    assert reply.status in {400, 404, 405} or method == "GET"


@QUIET
@given(
    name=st.sampled_from(
        [
            "content-type",
            "content-encoding",
            "traceparent",
            "x-forwarded-for",
            "expect",
            "authorization",
            "upgrade",
        ]
    ),
    value=header_value,
)
def test_any_header(standing: Standing, name: str, value: str) -> None:
    async def sent() -> bytes:
        async with connected(standing.door.port) as line:
            await line.send(request("POST", rig.path(), rig.body(), [(name, value), ("connection", "close")]))
            return await line.closed()

    answer = standing.runner.run(sent())
    assert answer.split()[1] in {b"200", b"100", b"400", b"415"}, answer


@QUIET
@given(raw=st.binary(min_size=1, max_size=200))
def test_any_bytes_on_the_wire(standing: Standing, raw: bytes) -> None:
    async def sent() -> bytes:
        async with connected(standing.door.port) as line:
            await line.send(raw + b"\r\n\r\n")
            line.writer.write_eof()
            return await line.closed()

    answer = standing.runner.run(sent())
    assert not answer or answer.split()[1].startswith(b"4"), answer
    assert standing.runner.run(standing.door.hook(1)).status == 200
