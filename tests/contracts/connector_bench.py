"""A running sandbox, one wire, and the sessions of every registered connector on it."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import ip_network
from typing import Final

import httpx

from services.sandbox.server import Sandbox, running
from shared.connectors.contract import Access, Connector, Page, Resource, Row, Session
from shared.connectors.http import HttpWire, OutgoingRules, UnlimitedBudget
from shared.model.record import Fields
from tests.support.clocks import LeapingClock

LOOPBACK: Final = OutgoingRules((ip_network("127.0.0.0/8"),))

# A record of each resource that can be written, as a flow would write it.
WRITTEN: Final[Mapping[str, Fields]] = {
    "clients": {
        "name": "Talleres Anaga S.L.",
        "company": True,
        "tax_no": "B76123454",
        "email": "taller@anaga.example",
        "street": "Calle del Drago 4",
        "post_code": "38001",
        "city": "Santa Cruz de Tenerife",
        "country": "ES",
        "note": "Línea una\nLínea dos",
    },
    "contacts": {
        "name": "Talleres Anaga S.L.",
        "tax_no": "B76123454",
        "email": "taller@anaga.example",
        "phone": "+34922000001",
        "mobile_phone": "+34600000001",
        "phone_note": "+34922000009",
        "street": "Calle del Drago 4",
        "post_code": "38001",
        "city": "Santa Cruz de Tenerife",
        "province": "Tenerife",
        "country": "ES",
        "note": "Línea una\nLínea dos",
        "other_id": "1044",
    },
    "deals": {
        "name": "Revisión anual",
        "description": "Factura 17/03/2026",
        "price": Decimal("121.00"),
        "link": "https://acme.vendor.example/f/17-03-2026/Q1w2E3r4T5y6U7i8O9p0",
        "status": "Emitida",
    },
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What the suites must know of one system to ask it the same questions as the others.

    `customers` is the resource of its customers. A row that the sandbox seeds is {`seed_name`: ...}. `change` is
    an update that needs no read before it, written with `verb`, and `shown` the same in a vendor's answer.
    `refused` is the status of a create that is refused for its content. `auth` tells whether the token's place is
    a setting. `raw` are the settings of an account at a vendor that answers a test's own bytes, and `hello` its
    answer to the first call of a check. The stories of the sandbox's switches are told with each of `variants`.

    `references` are three that we may leave in records. `proves_empty` is True where a list that is suddenly empty
    is refused and not believed. `direct` is False where a login and other questions stand before the first call:
    `greeting` is what answers those, by "read" and "write"; every call is a POST there, and those that write have
    `writes_by` in their path.
    """

    customers: str = "clients"
    seed_name: str = "name"
    change: Fields = field(default_factory=lambda: {"name": "Uno"})
    shown: Mapping[str, object] = field(default_factory=lambda: {"name": "Uno"})
    verb: str = "PUT"
    refused: str = "422"
    auth: bool = True
    wrong_setting: tuple[str, str] = ("auth", "cookie")
    path: str = "/{resource}/{id}.json"
    create_path: str = "/{resource}.json"
    raw: Mapping[str, str] = field(default_factory=dict)
    hello: str = "[]"
    variants: Sequence[Mapping[str, str]] = ({},)
    envelope: bool = False
    references: tuple[str, str, str] = ("pu-0198c0de-7d2a", "pu-second", "pu-nobody")
    seeded: Mapping[str, str] = field(default_factory=dict)
    proves_empty: bool = False
    direct: bool = True
    pasted: str = "{}"
    greeting: Mapping[str, Sequence[object]] = field(default_factory=dict)
    writes_by: str = ""

    def is_write(self, request: bytes) -> bool:
        head = request.split(b"\r\n")[0]
        return self.writes_by.encode() in head if self.writes_by else not head.startswith(b"GET ")

    def answered(self, rows: Sequence[object]) -> bytes:
        """The JSON of a list, all of it on one page."""
        whole = {"count": len(rows), "next": None, "previous": None, "results": list(rows)}
        return json.dumps(whole if self.envelope else list(rows)).encode()


def _rows(*rows: Mapping[str, object]) -> object:
    """Factusol's answer to a question: rows of columns."""
    listed = [[{"columna": name, "dato": value} for name, value in row.items()] for row in rows]
    return {"resultado": listed or None, "respuesta": "OK"}


_LOGGED_IN: Final = {"resultado": "e30.e30.e30", "respuesta": "OK"}
_COLUMNS: Final = ("CODCLI", "NOFCLI", "NIFCLI", "POBCLI", "PAICLI", "FALCLI", "FUMCLI")
_KNOWN: Final = _rows(*({"NAME": name, "LENGTH": None} for name in _COLUMNS))

PROFILES: Final[Mapping[str, Profile]] = {
    "bitfactura": Profile(),
    "sugester": Profile(path="/app/{resource}/{id}.json"),
    "clientify": Profile(
        customers="contacts",
        seed_name="first_name",
        change={"tax_no": "B76123454"},
        shown={"taxpayer_identification_number": "B76123454"},
        verb="PATCH",
        refused="400",
        auth=False,
        wrong_setting=("api", "v9"),
        path="/v1/{resource}/{id}/",
        create_path="/{resource}/",
        raw={"api": "v2"},
        hello='{"id":7}',
        variants=({}, {"api": "v1"}, {"force_insert": "no"}),
        envelope=True,
    ),
    "factusol": Profile(
        seed_name="NOFCLI",
        seeded={"FUMCLI": "2020-01-02"},
        change={"city": "Uno"},
        refused="",
        auth=False,
        wrong_setting=("year", "next"),
        path="/programa/clientes/{id}",
        create_path="/admin/EscribirRegistro",
        references=("1044", "1045", "1999"),
        proves_empty=True,
        direct=False,
        pasted="990:31007:FS001:{}",
        raw={"year": "2026"},
        greeting={
            "read": (_LOGGED_IN, _rows({"HOWMANY": 3}), _KNOWN),
            "write": (_LOGGED_IN, _rows({"HOWMANY": 3}), _KNOWN, _rows()),
        },
        writes_by="Registro",
    ),
}


def written_to(resource: Resource) -> Fields:
    """`WRITTEN` as far as this resource takes it."""
    columns = resource.columns
    return {
        name: value for name, value in WRITTEN[resource.name].items() if name in columns and columns[name].writable
    }


@dataclass(kw_only=True)
class Bench:
    """One connector on the sandbox."""

    connector: Connector
    sandbox: Sandbox
    wire: HttpWire
    http: httpx.AsyncClient
    settings: dict[str, str] = field(default_factory=lambda: {"seconds_per_call": "5"})

    @property
    def system(self) -> str:
        return self.connector.name

    @property
    def profile(self) -> Profile:
        return PROFILES[self.system]

    @property
    def customers(self) -> str:
        """The resource of the customers."""
        return self.profile.customers

    @property
    def token(self) -> str:
        return self.sandbox.systems[self.system]["token"]

    def access(self, *, token: str | None = None, base_url: str | None = None, **settings: str) -> Access:
        return Access(
            account=f"account-{self.system}",
            base_url=base_url or self.sandbox.systems[self.system]["base_url"],
            credentials={"token": self.token if token is None else self.profile.pasted.format(token)},
            settings={**self.settings, **settings},
        )

    def session(self, *, token: str | None = None, base_url: str | None = None, **settings: str) -> Session:
        return self.connector.open(self.access(token=token, base_url=base_url, **settings), self.wire)

    async def reset(self) -> None:
        assert (await self.http.post("/reset", json={})).status_code == 200
        for resource in self.connector.resources.values():
            if resource.own_field:  # as the check of activation leaves an account
                assert (await self.session().ensure_field(resource.name, resource.own_field)).usable

    async def fault(self, fault: str, **more: object) -> None:
        """Switch a fault on, or a switch to `value`."""
        answer = await self.http.post("/faults", json={"system": self.system, "fault": fault, "on": True, **more})
        assert answer.status_code == 200, answer.text

    async def seed(self, resource: str, *records: Mapping[str, object]) -> list[str]:
        answer = await self.http.post(
            "/seed", json={"system": self.system, "resource": resource, "records": list(records)}
        )
        assert answer.status_code == 201, answer.text
        return [str(each) for each in answer.json()["ids"]]

    async def records(self, resource: str) -> list[dict[str, object]]:
        """What the vendor holds, seen past its API."""
        answer = await self.http.get("/records", params={"system": self.system, "resource": resource})
        found: list[dict[str, object]] = answer.json()["records"]
        return found

    async def delete(self, resource: str, record_id: str) -> None:
        """The owner deletes a record."""
        await self.owner("DELETE", self.profile.path.format(resource=resource, id=record_id), {})

    async def owner(self, method: str, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """What the account's owner does in the vendor's own program."""
        answer = await self.http.post(
            "/owner", json={"system": self.system, "method": method, "path": path, "body": dict(body)}
        )
        done: dict[str, object] = answer.json()
        assert answer.status_code == 200, done
        return done

    async def calls(self) -> int:
        """How many calls this vendor has had."""
        stats = (await self.http.get("/stats")).json()
        return sum(stats.get(self.system, {}).values())


@asynccontextmanager
async def benches_of(connectors: Mapping[str, Connector]) -> AsyncIterator[Mapping[str, Bench]]:
    """One sandbox and one wire for all of them."""
    async with (
        running(seed=7) as sandbox,
        HttpWire(LeapingClock(), UnlimitedBudget(), LOOPBACK) as wire,
        httpx.AsyncClient(base_url=sandbox.control) as http,
    ):
        yield {
            name: Bench(connector=connector, sandbox=sandbox, wire=wire, http=http)
            for name, connector in connectors.items()
        }


def as_fields(given: Mapping[str, object]) -> Fields:
    found: Fields = given  # type: ignore[assignment]
    return found


async def everything(session: Session, resource: str, *, newest_change_first: bool = False) -> list[Page]:
    pages = [await session.page(resource, newest_change_first=newest_change_first)]
    while (following := pages[-1].next) is not None:
        assert len(pages) < 50, "the list does not end"
        pages.append(await session.page(resource, following, newest_change_first=newest_change_first))
    return pages


def rows_of(pages: Sequence[Page]) -> list[Row]:
    return [row for page in pages for row in page.rows]
