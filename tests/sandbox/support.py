"""Raw HTTP against the sandbox: a vendor's API, the control API, and a receiver of hooks."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from aiohttp import web

from tests.support.waiting import until

SECRET = "the-secret"
SOON = timedelta(seconds=10)
Json = dict[str, Any]
"""One object as a vendor sends it."""


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """Asks one vendor's API as a client of one account would, with the token in the query."""

    http: httpx.AsyncClient
    system: str
    base_url: str
    token: str
    account: str

    async def ask(self, method: str, path: str, body: object = None, **params: object) -> httpx.Response:
        query = {"api_token": self.token, **{k: str(v) for k, v in params.items()}}
        return await self.http.request(method, self.base_url + path, params=query, json=body)

    async def get(self, path: str, **params: object) -> Any:
        """The JSON of a GET that must answer 200."""
        answer = await self.ask("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object, status: int = 201) -> Any:
        answer = await self.ask("POST", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def put(self, path: str, body: object, status: int = 200) -> Any:
        answer = await self.ask("PUT", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def delete(self, path: str) -> httpx.Response:
        return await self.ask("DELETE", path)


@dataclass(frozen=True, kw_only=True)
class Control:
    http: httpx.AsyncClient
    url: str

    async def get(self, path: str, **params: str) -> Any:
        answer = await self.http.get(f"{self.url}/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None) -> Any:
        answer = await self.http.post(f"{self.url}/{path}", json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def turn(self, system: str, fault: str, **rest: object) -> Any:
        """Switch a fault on, or set a switch."""
        return await self.post("faults", {"system": system, "fault": fault, **rest})

    async def records(self, system: str, resource: str, **params: str) -> list[Json]:
        found: list[Json] = (await self.get("records", system=system, resource=resource, **params))["records"]
        return found

    async def seed(self, system: str, resource: str, *records: Json) -> list[int]:
        body = {"system": system, "resource": resource, "records": list(records)}
        ids: list[int] = (await self.post("seed", body))["ids"]
        return ids

    async def advance(self, seconds: float) -> None:
        await self.post("clock", {"advance": seconds})

    async def settle(self) -> None:
        """Until every delivery of a hook is over."""
        assert (await self.post("hooks/drain", {"seconds": SOON.total_seconds()}))["pending"] == 0


@dataclass(frozen=True, kw_only=True)
class Received:
    path: str
    content_type: str | None
    body: Json
    headers: dict[str, str]


@dataclass(kw_only=True)
class Receiver:
    """A server that hooks are sent to. `status` and `seconds` say how it answers."""

    url: str = ""
    status: int = 200
    seconds: float = 0.0
    received: list[Received] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.received.append(
                Received(
                    path=request.path,
                    content_type=request.headers.get("Content-Type"),
                    body=json.loads(await request.read()),
                    headers={name.lower(): value for name, value in request.headers.items()},
                )
            )
            if self.seconds:
                await asyncio.sleep(self.seconds)
            return web.Response(status=self.status)
        finally:
            self.at_once -= 1

    @property
    def bodies(self) -> list[Json]:
        return [one.body for one in self.received]

    async def until(self, count: int) -> list[Json]:
        """The bodies, once there are at least `count`."""
        await until(lambda: len(self.received) >= count, within=SOON, what=f"{count} hooks received")
        return self.bodies


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """Registers webhook rows at a vendor that point at the receiver."""

    control: Control
    receiver: Receiver

    async def register(
        self, system: str, *kinds: str, secret: str = SECRET, account: str | None = None
    ) -> list[int]:
        rows = []
        for kind in kinds:
            url = f"{self.receiver.url}/{kind.replace(':', '-')}"
            row = {"system": system, "kind": kind, "url": url, "api_token": secret, "account": account}
            rows.append(int((await self.control.post("webhooks", row))["id"]))
        return rows


async def make_client(bf: Vendor, **fields: object) -> Json:
    made: Json = await bf.post("/clients.json", {"client": {"name": "Talleres Anaga S.L.", **fields}})
    return made


async def make_invoice(bf: Vendor, client_id: int, gross: str = "121", **fields: object) -> Json:
    line = {"name": "Revisión anual", "quantity": 1, "tax": "21", "total_price_gross": gross}
    body = {"invoice": {"client_id": client_id, "positions": [line], **fields}}
    made: Json = await bf.post("/invoices.json", body)
    return made


async def deal_client(sg: Vendor, **fields: object) -> Json:
    made: Json = await sg.post("/app/clients.json", {"client": {"name": "Talleres Anaga S.L.", **fields}})
    return made


def keys(names: str) -> set[str]:
    """The names in a text, however they are spaced."""
    return set(names.split())
