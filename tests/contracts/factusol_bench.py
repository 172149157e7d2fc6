"""Factusol on the sandbox, with a clock that a test moves: tokens run out, pauses pass at once, years change."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from services.sandbox.server import Sandbox, running
from shared.connectors import factusol
from shared.connectors.contract import Access
from shared.connectors.factusol.session import FactusolSession
from shared.connectors.http import HttpWire, UnlimitedBudget
from tests.contracts.connector_bench import LOOPBACK
from tests.support.clocks import LeapingClock

MADRID = ZoneInfo("Europe/Madrid")
Values = dict[str, Any]


@dataclass(kw_only=True)
class Vendor:
    """The sandbox's Factusol, and sessions on it."""

    sandbox: Sandbox
    wire: HttpWire
    clock: LeapingClock
    http: httpx.AsyncClient

    @property
    def token(self) -> str:
        return self.sandbox.systems["factusol"]["token"]

    def access(self, credentials: Mapping[str, str] | None = None, **settings: str) -> Access:
        return Access(
            account="acme.factusol",
            base_url=self.sandbox.systems["factusol"]["base_url"],
            credentials=credentials or {"token": self.token},
            settings={"seconds_per_call": "5", **settings},
        )

    def session(self, credentials: Mapping[str, str] | None = None, **settings: str) -> FactusolSession:
        found = factusol.CONNECTOR.open(self.access(credentials, **settings), self.wire)
        assert isinstance(found, FactusolSession)
        return found

    async def turn(self, name: str, value: object = True, **more: object) -> None:
        """A fault on, or a switch to a value."""
        asked = {"system": "factusol", "fault": name, "on": True, "value": value, **more}
        if value is True:
            asked.pop("value")
        answer = await self.http.post("/faults", json=asked)
        assert answer.status_code == 200, answer.text

    async def off(self, name: str) -> None:
        answer = await self.http.post("/faults", json={"system": "factusol", "fault": name, "on": False})
        assert answer.status_code == 200, answer.text

    async def seed(self, *clients: Values, year: str = "") -> list[str]:
        asked = {"system": "factusol", "resource": "clients", "records": list(clients)}
        answer = await self.http.post("/seed", json=asked | ({"year": year} if year else {}))
        assert answer.status_code == 201, answer.text
        return [str(each) for each in answer.json()["ids"]]

    async def rows(self, year: str = "") -> dict[str, Values]:
        """What the vendor holds, by number."""
        asked: dict[str, str | int] = {"system": "factusol", "resource": "clients", "limit": 1000}
        if year:
            asked["year"] = year
        found = (await self.http.get("/records", params=asked)).json()
        return {str(each["id"]): each for each in found["records"]}

    async def program(self, method: str, path: str, **body: object) -> Values:
        """What a person does in the desktop program."""
        asked = {"system": "factusol", "method": method, "path": f"/programa{path}", "body": body}
        answer = await self.http.post("/owner", json=asked)
        done: Values = answer.json()
        assert answer.status_code == 200, done
        return done

    async def calls(self) -> dict[str, int]:
        """Calls so far by the last part of their path."""
        stats = (await self.http.get("/stats")).json().get("factusol", {})
        return {path.rsplit("/", 1)[1]: count for path, count in stats.items()}

    async def advance(self, duration: timedelta) -> None:
        """Both clocks go on: the vendor's and ours."""
        self.clock.advance(duration)
        answer = await self.http.post("/clock", json={"advance": duration.total_seconds()})
        assert answer.status_code == 200, answer.text

    async def go_to(self, month: int, day: int, *, years: int = 0) -> None:
        """Noon of that day in Madrid, of the year that the vendor is in, or so many later."""
        now = self.clock.now().astimezone(MADRID)
        await self.advance(datetime(now.year + years, month, day, 12, tzinfo=MADRID).astimezone(UTC) - now)

    @property
    def year(self) -> int:
        return self.clock.now().astimezone(MADRID).year


@asynccontextmanager
async def vendor_opened() -> AsyncIterator[Vendor]:
    """A sandbox of its own, since its clock does not go back; it stands in the middle of a year."""
    clock = LeapingClock()
    async with (
        running(seed=7) as sandbox,
        HttpWire(clock, UnlimitedBudget(), LOOPBACK) as wire,
        httpx.AsyncClient(base_url=sandbox.control) as http,
    ):
        vendor = Vendor(sandbox=sandbox, wire=wire, clock=clock, http=http)
        await vendor.go_to(6, 15, years=1)
        yield vendor
