"""Unit tests cannot reach out: the guard that `conftest.py` puts around this suite."""

import asyncio
import socket

import pytest

from tests.support.network import NetworkClosed


def test_no_socket_can_be_opened() -> None:
    with pytest.raises(NetworkClosed):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    with pytest.raises(NetworkClosed):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def test_no_name_is_resolved() -> None:
    with pytest.raises(NetworkClosed, match="example"):
        socket.getaddrinfo("example.org", 443)


async def test_the_event_loop_and_its_threads_still_work() -> None:
    assert await asyncio.to_thread(lambda: 7) == 7
    with pytest.raises(NetworkClosed):
        await asyncio.open_connection("127.0.0.1", 9)
