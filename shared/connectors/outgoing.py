"""Which addresses this installation may call: the operator's rule, never a tenant's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from shared import errors

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64: Final = ip_network("64:ff9b::/96")
# Not public, though Python's own table says so: site-local, relays of 6to4, the IETF's own, documentation.
_NOT_PUBLIC: Final = tuple(
    ip_network(each) for each in ("fec0::/10", "192.88.99.0/24", "192.0.0.0/24", "3fff::/20")
)
_WAY_OUT: Final = "Give the address as the vendor shows it, like https://name.vendor.com."


class BadAddress(errors.NeedsOperator):
    """The account's base URL is not one that leads to the vendor's API."""


class AddressRefused(BadAddress):
    """The deployment's rules forbid to call this address."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is not an address that this installation may call.",
            way_out="If it is meant, add its network to PUENTE_OUTGOING_ALLOW.",
        )


def networks_in(text: str, *, setting: str) -> tuple[Network, ...]:
    """Read `127.0.0.0/8, ::1/128`. Raises Misconfigured, naming `setting`."""
    found: list[Network] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError:
            raise errors.Misconfigured(
                f"{setting} holds {part!r}, which is no network.",
                setting=setting,
                way_out="Write networks as 10.1.0.0/16, divided by commas.",
            ) from None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class OutgoingRules:
    """Public addresses are called with https; private ones, and plain http, only inside `allowed`."""

    allowed: Sequence[Network] = ()

    def permits(self, address: Address, *, plain: bool) -> bool:
        """Whether a connection to this address may be made; `plain` is one without TLS."""
        inner = _inner(address)
        if any(each in network for each in {address, inner} for network in self.allowed):
            return True
        if plain or any(inner in network for network in _NOT_PUBLIC):
            return False
        return inner.is_global and not inner.is_multicast and not inner.is_reserved

    def checked_base(self, base_url: str) -> str:
        """The base URL without a slash at its end. Raises BadAddress for one that may not be called.

        A host that is an address is checked here; a name is checked where it is resolved.
        """
        try:
            parts = urlsplit(base_url.strip())
            _ = parts.port  # raises for a port that is no number
        except ValueError:
            raise BadAddress("The base URL cannot be read.", way_out=_WAY_OUT) from None
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise BadAddress("The base URL must begin with https://.", way_out=_WAY_OUT)
        if (
            parts.username is not None
            or parts.query
            or parts.fragment
            or any(c.isspace() for c in base_url.strip())
        ):
            raise BadAddress("The base URL must be an address and nothing else.", way_out=_WAY_OUT)
        try:
            literal = ip_address(parts.hostname)
        except ValueError:
            literal = None
        if literal is not None and not self.permits(literal, plain=parts.scheme == "http"):
            raise AddressRefused(parts.hostname)
        return base_url.strip().rstrip("/")


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 form of it leads to, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
