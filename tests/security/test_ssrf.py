"""Where Puente may be sent to call: by the base URL of an account, by its name's addresses, by a redirect.

The rules are the deployment's (`PUENTE_OUTGOING_ALLOW`); an account's settings never widen them. Names are
resolved by a resolver of the test's own in place of the machine's; connections are real.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared import errors
from shared.clock import SystemClock
from shared.connectors.contract import Access, Limits, Request
from shared.connectors.http import AddressRefused, BadAddress, HttpWire, OutgoingRules, UnlimitedBudget
from shared.connectors.registry import CONNECTORS
from shared.keys import generate_ring
from shared.runtime.settings import Settings
from tests.contracts.connector_rawvendor import answer, raw_vendor
from tests.support.ports import free_ports

GET = Request(method="GET", path="/clients.json")
PUT = Request(method="PUT", path="/clients/1.json", body=b'{"client":{"name":"x"}}', writes=True)
LIMITS = Limits(per_minute=600)
ONE = OutgoingRules((ip_network("127.0.0.1/32"),))

HERE_WRITTEN_OTHERWISE = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
    "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "0", "[::]",
    "①②⑦.⓪.⓪.①", "127。0。0。1", "127.0.0.1%00.vendor.com", "127.0.0.1%2f.vendor.com",
]  # fmt: skip
INSIDE = [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "2852039166", "0xa9fea9fe",
    "[fe80::1]", "[fe80::1%25eth0]", "[fd00::1]", "[fec0::1]", "[::ffff:169.254.169.254]", "[ff02::1]",
    "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
]  # fmt: skip
NO_PLAIN_ADDRESS = [
    "https://vendor.example@127.0.0.1", "https://user:pass@vendor.example", "https://127.0.0.1#vendor.example",
    "https://127.0.0.1?x=.vendor.example", "https://vendor.example\\@127.0.0.1", "https://vendor.example:80:443",
    "https:///etc/passwd", "file:///etc/passwd", "gopher://127.0.0.1/x", "ftp://vendor.example", "//127.0.0.1",
    "https://", "https://vendor.example:99999", "https://[::1", "https://vendor example",
    "https://vendor.example\r\nX: y",
    "javascript:alert(1)", "unix:///var/run/docker.sock", "dict://127.0.0.1:11211",
]  # fmt: skip


def access_at(base_url: str, **settings: str) -> Access:
    return Access(account="a", base_url=base_url, credentials={"token": "Tok3nTok3n"}, settings=settings)


@asynccontextmanager
async def wire(rules: OutgoingRules | None = None) -> AsyncIterator[HttpWire]:
    async with HttpWire(SystemClock(), UnlimitedBudget(), rules) as found:
        yield found


class TestByTheBaseUrl:
    @pytest.mark.parametrize("host", HERE_WRITTEN_OTHERWISE + INSIDE)
    @pytest.mark.parametrize("scheme", ["http", "https"])
    async def test_an_inner_address_is_never_called_however_it_is_written(self, scheme: str, host: str) -> None:
        async with raw_vendor(answer("[]")) as vendor, wire() as strict:
            port = vendor.base_url.rsplit(":", 1)[1]
            with pytest.raises(errors.PuenteError) as refused:
                await strict.send(access_at(f"{scheme}://{host}:{port}"), LIMITS, GET)
            assert vendor.connections == 0
        # A name that only looks like an address may also just not exist.
        assert isinstance(refused.value, BadAddress) or getattr(refused.value, "reason", "") == "name"

    @pytest.mark.parametrize("base_url", NO_PLAIN_ADDRESS)
    async def test_what_is_no_plain_address_is_refused_before_anything_is_resolved(
        self, base_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = resolving(monkeypatch, ["93.184.216.34"])
        async with wire() as strict:
            with pytest.raises(BadAddress):
                await strict.send(access_at(base_url), LIMITS, GET)
        assert asked == []


class TestByDns:
    @pytest.mark.parametrize(
        "addresses",
        [
            ["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["::ffff:127.0.0.1"],
            ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "93.184.216.34"], ["2606:2800:220:1::1", "fe80::1"],
        ],
    )  # fmt: skip
    async def test_a_name_with_any_inner_address_is_not_called(
        self, addresses: Sequence[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with raw_vendor(answer("[]")) as vendor, wire() as strict:
            port = vendor.base_url.rsplit(":", 1)[1]
            asked = resolving(monkeypatch, addresses)
            with pytest.raises(AddressRefused):
                await strict.send(access_at(f"https://vendor.test:{port}"), LIMITS, GET)
            assert (vendor.connections, asked) == (0, ["vendor.test"])

    async def test_a_name_that_changes_after_the_check_is_not_asked_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is resolved once, checked, and that very address is connected to: no second answer is believed."""
        (port,) = free_ports(1)
        inner = _Listener()
        server = await asyncio.start_server(inner.met, "127.0.0.2", port)
        async with _at(port) as vendor, wire(ONE) as strict:
            asked = resolving(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
            access = access_at(f"http://vendor.test:{port}")
            assert (await strict.send(access, LIMITS, GET)).status == 200
            assert (vendor.connections, inner.connections, asked) == (1, 0, ["vendor.test"])
        async with wire(ONE) as later:
            # A later connection is a check of its own: now the name leads elsewhere, and is refused.
            with pytest.raises(AddressRefused):
                await later.send(access, LIMITS, GET)
        server.close()
        await server.wait_closed()
        assert inner.connections == 0

    async def test_a_base_url_that_is_a_name_with_no_address_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        resolving(monkeypatch, [])
        async with wire() as strict:
            with pytest.raises(errors.Retryable, match="cannot be resolved"):
                await strict.send(access_at("https://nobody.test"), LIMITS, GET)


class TestByRedirect:
    @pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
    @pytest.mark.parametrize("request_", [GET, PUT], ids=["read", "write"])
    async def test_a_redirect_is_never_followed(self, status: str, request_: Request) -> None:
        async with raw_vendor(answer("[]")) as elsewhere, wire(ONE) as allowed:
            for target in (f"{elsewhere.base_url}/x", "//127.0.0.1/x", "/clients.json", "file:///etc/passwd"):
                moved = answer("", status=f"{status} Moved", Location=target)
                async with raw_vendor(moved) as vendor:
                    with pytest.raises(errors.PuenteError) as refused:
                        await allowed.send(access_at(vendor.base_url), LIMITS, request_)
                    assert len(vendor.requests) == 1
                assert "Tok3n" not in f"{refused.value}"
            assert elsewhere.connections == 0

    async def test_no_header_or_page_leads_anywhere_either(self) -> None:
        async with raw_vendor(answer("[]")) as elsewhere, wire(ONE) as allowed:
            leading = {
                "Refresh": f"0; url={elsewhere.base_url}",
                "Link": f'<{elsewhere.base_url}>; rel="next"',
                "Content_Location": elsewhere.base_url,
                "Alt_Svc": f'h2="{elsewhere.base_url.removeprefix("http://")}"',
            }
            for name, value in leading.items():
                async with raw_vendor(answer("[]", **{name: value})) as vendor:
                    assert (await allowed.send(access_at(vendor.base_url), LIMITS, GET)).status == 200
            assert elsewhere.connections == 0

    @pytest.mark.parametrize("system", sorted(CONNECTORS))
    async def test_a_link_to_the_next_page_is_not_called(self, system: str) -> None:
        """Paging goes by numbers of our own: a `next` in a body only says that there is more."""
        async with raw_vendor(answer("[]")) as elsewhere, wire(ONE) as allowed:
            body = f'{{"count": 9, "next": "{elsewhere.base_url}/contacts/?page=2", "results": []}}'
            async with raw_vendor(answer(body)) as vendor:
                token = "990:1:FS001:Tok3nTok3n" if system == "factusol" else "Tok3nTok3n"
                credentials = {each.name: token for each in CONNECTORS[system].credentials if each.name == "token"}
                access = Access(account="a", base_url=vendor.base_url, credentials=credentials)
                session = CONNECTORS[system].open(access, allowed)
                for resource in CONNECTORS[system].resources:
                    # Some can make nothing of this shape; what counts is whom they called.
                    with suppress(errors.PuenteError):
                        await session.page(resource)
                await session.close()
                assert vendor.connections >= 1
            assert elsewhere.connections == 0


class TestByAccountSettings:
    @pytest.mark.parametrize("name", ["outgoing_allow", "allow", "verify", "ca_file", "proxy", "resolve"])
    async def test_no_setting_of_an_account_widens_the_rules(self, name: str) -> None:
        async with raw_vendor(answer("[]")) as vendor, wire() as strict:
            access = access_at(vendor.base_url, **{name: "127.0.0.0/8"})
            with pytest.raises(BadAddress):
                await strict.send(access, LIMITS, GET)
            assert vendor.connections == 0

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
    async def test_a_proxy_of_the_environment_is_not_asked(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Behind a proxy the checked address would not be the one that is called."""
        async with raw_vendor(answer("[]")) as proxy, raw_vendor(answer("[]")) as vendor, wire(ONE) as allowed:
            monkeypatch.setenv(name, proxy.base_url)
            assert (await allowed.send(access_at(vendor.base_url), LIMITS, GET)).status == 200
            assert (proxy.connections, vendor.connections) == (0, 1)

    def test_with_servers_nothing_private_may_be_called_unless_the_operator_says_so(self, tmp_path: Path) -> None:
        ring = SecretStr(generate_ring())
        grown = Settings(
            data=tmp_path,
            log_url="kafka://127.0.0.1:9092/puente.changes",
            store_url="postgresql://p@127.0.0.1/p",
            door_keys=ring,
            log_keys=ring,
            store_keys=ring,
        )
        assert grown.outgoing().allowed == ()
        alone = Settings(data=tmp_path)
        assert {str(each) for each in alone.outgoing().allowed} == {"127.0.0.0/8", "::1/128"}


class _Listener:
    """Counts who knocks at an address that may not be called."""

    def __init__(self) -> None:
        self.connections = 0

    async def met(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@asynccontextmanager
async def _at(port: int) -> AsyncIterator[_Listener]:
    """A vendor on 127.0.0.1 at this port that answers one empty list and closes."""
    met = _Listener()

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer("[]", Connection="close"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", port)
    try:
        yield met
    finally:
        server.close()
        await server.wait_closed()


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: Sequence[str]) -> list[str]:
    """Put these answers in place of the machine's resolver, the last one for good. Gives the names asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int | str | None, *_: object, **__: object) -> list[object]:
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (each, int(port or 0), 0, 0) if ":" in each else (each, int(port or 0)),
            )
            for each in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked
