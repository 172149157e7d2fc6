"""A connection to PostgreSQL that breaks while it is opened, wherever it breaks: an outage, and no bug."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.engine import make_url

from shared.store.database import Database, StoreUnreachable
from tests.support.postgres import OwnPostgres

_ANSWERS = 14
"""Opening a connection and asking something takes about ten answers of the server."""
_FIELDS = b"SFATAL\0VFATAL\0C57P02\0Mterminating connection because of crash of another server process\0\0"
_CRASHED = b"E" + (4 + len(_FIELDS)).to_bytes(4, "big") + _FIELDS
"""What PostgreSQL says to every connection when one of its processes was killed (an ErrorResponse)."""


@asynccontextmanager
async def _cut_after(port: int, answers: int, last_words: bytes) -> AsyncIterator[int]:
    """A way to the server on `port` that breaks after so many answers; yields its own port."""

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        sending = asyncio.create_task(_pass_on(reader, to_server))
        try:
            for _ in range(answers):
                told = await from_server.read(65536)
                writer.write(told)
                await writer.drain()
            writer.write(last_words)
            if last_words:
                await sending  # until the other end hangs up
        finally:
            sending.cancel()
            writer.transport.abort()
            to_server.transport.abort()

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while told := await reader.read(65536):
        writer.write(told)
        await writer.drain()


@pytest.mark.parametrize("last_words", [b"", _CRASHED], ids=["cut", "told of a crash"])
async def test_a_connection_that_breaks_while_it_is_opened_is_an_outage(
    own_postgres: Callable[[], OwnPostgres], last_words: bytes
) -> None:
    url = make_url(await own_postgres().database())
    assert url.port is not None
    failed = 0
    for answers in range(_ANSWERS):
        async with _cut_after(url.port, answers, last_words) as port:
            store = Database(url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False))
            try:
                await store.ping()
            except StoreUnreachable:
                failed += 1
            finally:
                await store.close()
    assert failed > 3
