"""A closed network for unit tests: a socket that reaches beyond this process is an error."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


class NetworkClosed(AssertionError):
    """A unit test opened a socket; such a test belongs in another suite."""


@contextmanager
def closed() -> Iterator[None]:
    """While it lasts only unix sockets can be made: event loops wake themselves through a pair of those."""
    make = socket.socket.__init__

    def guarded(
        self: socket.socket,
        family: int = -1,
        type: int = -1,  # noqa: A002 - the name of the parameter that is replaced
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:
        if family != socket.AF_UNIX:
            raise NetworkClosed("unit tests open no sockets: put a test that needs one into tests/integration")
        make(self, family, type, proto, fileno)

    def unresolved(host: object, *rest: object, **named: object) -> None:
        raise NetworkClosed(f"unit tests resolve no host names, not even {host!r}")

    with (
        mock.patch.object(socket.socket, "__init__", guarded),
        mock.patch.object(socket, "getaddrinfo", unresolved),
    ):
        yield
