"""The sandbox over HTTP: what its owners do, what it holds, its faults, its deliveries of hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

Json = Mapping[str, Any]


class Refused(Exception):
    """The sandbox, or a vendor in it, did not do what was asked."""


class Vendors:
    """One client of the sandbox's control API. Raises Refused."""

    def __init__(self, control: str) -> None:
        self._control = control
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # A kept connection may be closed by the sandbox just when an act goes out, and an act cannot be repeated.
        connector = aiohttp.TCPConnector(force_close=True)
        self._http = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._http is not None
        await self._http.close()

    async def get(self, path: str, **params: str) -> Any:
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: object = None) -> Any:
        return await self._call("POST", path, json=body)

    async def act(self, system: str, method: str, path: str, body: Json | None = None) -> Any:
        """What a person does in a vendor's own pages; it raises hooks, and no fault hits it."""
        asked = {"system": system, "method": method, "path": path, "body": body or {}}
        answer = await self.post("owner", asked)
        if answer["status"] >= 400:
            raise Refused(f"{system} refused {method} {path}: {answer}")
        return answer["body"]

    async def records(self, system: str, resource: str, *, deleted: bool = False) -> Sequence[Json]:
        """Live records as stored; with `deleted` those that were deleted as well."""
        params = {"system": system, "resource": resource, "deleted": "true" if deleted else "false"}
        found: Sequence[Json] = (await self.get("records", **params))["records"]
        return found

    async def turn(self, system: str, fault: str, *, on: bool = True, **more: object) -> None:
        """Switch a fault, or set a switch."""
        given = {name: value for name, value in more.items() if value is not None}
        await self.post("faults", {"system": system, "fault": fault, "on": on, **given})

    async def calm(self) -> None:
        """Every fault off."""
        await self.post("reset", {"what": ["faults"]})

    async def calls(self) -> int:
        """Requests that Puente has made so far, of both vendors."""
        stats: Mapping[str, Mapping[str, int]] = await self.get("stats")
        return sum(sum(each.values()) for each in stats.values())

    async def _call(self, method: str, path: str, **more: Any) -> Any:
        assert self._http is not None
        async with self._http.request(method, f"{self._control}/{path}", **more) as answer:
            if answer.status >= 400:
                raise Refused(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json()
