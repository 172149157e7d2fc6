"""The people and the vendors of a story: shop owners who click, and the sandbox's control API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from tests.support.waiting import until

Json = dict[str, Any]
"""A record as the sandbox stores it."""

_PATHS = {
    ("bitfactura", "clients"): ("/clients", "client"),
    ("bitfactura", "invoices"): ("/invoices", "invoice"),
    ("sugester", "clients"): ("/app/clients", "client"),
    ("sugester", "deals"): ("/app/deals", "deal"),
    ("sugester", "statuses"): ("/app/statuses", "status"),
}


@dataclass(frozen=True, kw_only=True)
class Control:
    """The sandbox's control API: faults, counts, the vendors' clock."""

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

    async def turn(self, system: str, fault: str, **rest: object) -> None:
        """Switch a fault on, or set a switch."""
        await self.post("faults", {"system": system, "fault": fault, **rest})

    async def mend(self, system: str, fault: str) -> None:
        await self.post("faults", {"system": system, "fault": fault, "on": False})

    async def forget_calls(self) -> None:
        await self.post("reset", {"what": ["stats"]})

    async def calls(self, system: str) -> Mapping[str, int]:
        """What Puente asked of a vendor since `forget_calls`: {"PUT /clients/{id}.json": 1, ...}."""
        counts: dict[str, int] = (await self.get("stats")).get(system, {})
        return counts

    async def count(self, system: str, method: str, resource: str = "") -> int:
        """Calls of one verb, of one resource or of all."""
        path = f" {_PATHS[system, resource][0]}" if resource else " "
        return sum(many for name, many in (await self.calls(system)).items() if name.startswith(f"{method}{path}"))

    async def seed(self, system: str, resource: str, *records: Json) -> list[str]:
        """Records that stood there before: no hook tells of them."""
        body = {"system": system, "resource": resource, "records": list(records)}
        return [str(number) for number in (await self.post("seed", body))["ids"]]

    async def drained(self) -> None:
        """Until every delivery of a hook is over."""
        assert (await self.post("hooks/drain", {"seconds": 20}))["pending"] == 0


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A person at one vendor's own pages. What they do raises hooks; it is neither counted nor hit by faults."""

    control: Control
    system: str

    async def act(self, method: str, path: str, body: Json | None = None) -> Any:
        answer = await self.control.post(
            "owner", {"system": self.system, "method": method, "path": path, "body": body or {}}
        )
        assert answer["status"] in (200, 201, 204), answer
        return answer["body"]

    async def make(self, resource: str = "clients", **fields: object) -> str:
        path, wrapper = _PATHS[self.system, resource]
        made = await self.act("POST", f"{path}.json", {wrapper: fields})
        return str(made["id"])

    async def edit(self, record_id: str, resource: str = "clients", **fields: object) -> None:
        path, wrapper = _PATHS[self.system, resource]
        await self.act("PUT", f"{path}/{record_id}.json", {wrapper: fields})

    async def delete(self, record_id: str, resource: str = "clients") -> None:
        path, _ = _PATHS[self.system, resource]
        await self.act("DELETE", f"{path}/{record_id}.json")

    async def all(self, resource: str = "clients") -> list[Json]:
        """Every live record, as stored."""
        found: list[Json] = (await self.control.get("records", system=self.system, resource=resource))["records"]
        return found

    async def shows(self, record_id: str, resource: str = "clients") -> Json | None:
        """One live record, as stored; None if it is not there."""
        return next((each for each in await self.all(resource) if str(each["id"]) == record_id), None)

    async def has(self, name: str, resource: str = "clients", *, within: timedelta) -> Json:
        """The record with this name, once it is there."""

        async def found() -> Json | None:
            return next((each for each in await self.all(resource) if each["name"] == name), None)

        return await until(found, within=within, what=f"{self.system} has {name}")

    async def only(self, resource: str = "clients") -> Json:
        """The one record that there is."""
        records = await self.all(resource)
        assert len(records) == 1, records
        return records[0]

    async def named(self, name: str, resource: str = "clients") -> Json:
        """The one record with this name."""
        records = [each for each in await self.all(resource) if each["name"] == name]
        assert len(records) == 1, (name, [each["name"] for each in await self.all(resource)])
        return records[0]
