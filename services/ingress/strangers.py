"""Strangers: addresses that knock without a valid token and secret. Authentic hooks never come here."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.types import Scope

from shared.clock import Clock

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Strangers:
    """A token bucket per address, in a table of bounded size; the address seen longest ago is forgotten first.

    An IPv6 client owns at least a /64, so that is what shares a bucket. `X-Forwarded-For` is believed only from
    `proxies`, and read from the right: what stands further left is the client's own invention.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        burst: int,
        per_second: float,
        table_size: int = 10_000,
        proxies: Sequence[Network] = (),
    ) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._table_size = table_size
        self._proxies = tuple(proxies)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def refused(self, scope: Scope) -> timedelta | None:
        """Count one refusal. None: within the limit; else how long to wait before the next knock."""
        key = self._key(scope)
        now = self._clock.monotonic()
        bucket = self._buckets.pop(key, None) or _Bucket(float(self._burst), now)
        bucket.left = min(float(self._burst), bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        self._buckets[key] = bucket
        if len(self._buckets) > self._table_size:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            return timedelta(seconds=(1 - bucket.left) / self._per_second)
        bucket.left -= 1
        return None

    def _key(self, scope: Scope) -> str:
        client = scope.get("client")
        address = _parsed(client[0]) if client else None
        if address is not None and self._trusts(address):
            address = self._forwarded(scope) or address
        if address is None:
            return ""
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)

    def _forwarded(self, scope: Scope) -> _Address | None:
        """The last address of X-Forwarded-For that is no trusted proxy; None where there is none to be read."""
        given = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for part in reversed(given.decode("latin-1").split(",")):
            address = _parsed(part.strip())
            if address is None or not self._trusts(address):
                return address
        return None

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._proxies)


def _parsed(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
