"""P4: vendor calls per change, as the sandbox counts them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import aiohttp
from sqlalchemy import func, select

from shared.operations import administration, hooking
from shared.store import tables
from tests.bench.changes import start_sync
from tests.bench.door import hook_body, start_ingress
from tests.bench.figures import Findings, Goal, Row
from tests.bench.installation import HookKeys, Installation, add_workspace, installed, postpone_sweeps
from tests.bench.servers import SOON, Servers, Started, free_port
from tests.bench.settings import Effort
from tests.support.waiting import until

SHOP = "shop"
"""The workspace, and the sandbox's accounts."""

_RECORDS = 10
_EDITS = 10
_CITY = "Teguise"
_WITHIN = timedelta(seconds=60)


@dataclass(kw_only=True)
class Shop:
    """A workspace on the sandbox, its hooks registered, its services running."""

    control: str
    door: str
    http: aiohttp.ClientSession
    started: Started
    here: Installation

    async def owner(self, system: str, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """What the shop owner does in the vendor's own pages: hooks are raised, nothing is counted."""
        act = {"system": system, "account": SHOP, "method": method, "path": path, "body": dict(body)}
        async with self.http.post(f"{self.control}/owner", json=act) as answer:
            said = await answer.json()
        if said.get("status") not in {200, 201}:
            raise AssertionError(f"the sandbox refused {method} {path}: {said}")
        return said["body"]

    async def records(self, system: str, resource: str = "clients") -> list[dict[str, Any]]:
        query = {"system": system, "account": SHOP, "resource": resource}
        async with self.http.get(f"{self.control}/records", params=query) as answer:
            found: list[dict[str, Any]] = (await answer.json())["records"]
            return found

    async def calls(self) -> dict[str, int]:
        """Calls so far, as `system METHOD`; where a path names what is done, as `system NAME`."""
        async with self.http.get(f"{self.control}/stats", params={"account": SHOP}) as answer:
            stats = await answer.json()
        counted: dict[str, int] = {}
        for system, calls in stats.items():
            for name, count in calls.items():
                done = name.rpartition("/admin/")[2] if "/admin/" in name else name.split(" ")[0]
                key = f"{system} {done}"
                counted[key] = counted.get(key, 0) + count
        return counted

    async def attempts(self) -> dict[str, int]:
        attempt = tables.attempt
        statement = select(attempt.c.outcome, func.count()).group_by(attempt.c.outcome)
        rows = await self.here.parts.database.read(lambda connection: connection.execute(statement))
        return {row[0]: row[1] for row in rows}

    async def until_attempts(self, outcome: str, count: int) -> None:
        async def reached() -> bool:
            return (await self.attempts()).get(outcome, 0) >= count

        await until(reached, within=_WITHIN, what=f"{count} attempts end as {outcome!r}")


async def calls_per_change(servers: Servers, effort: Effort, findings: Findings) -> None:
    async with opened_shop(servers, Shop, ("bitfactura", "sugester"), hooked="bitfactura") as shop:
        sync = start_sync(shop.started, shop.here, PUENTE_SWEEP_SECONDS="3600")
        await sync.line(r"shards\.assigned", within=SOON)
        for number in range(_RECORDS):
            await shop.owner("bitfactura", "POST", "/clients.json", {"client": _client(number)})
        await shop.until_attempts("created", _RECORDS)
        left = [int(record["id"]) for record in await shop.records("bitfactura")]
        one_way = await _edits(shop, left, _CITY)
        findings.add(_row("one-way change: read and write", one_way, 2))
        findings.add(_row("a hook of a record that shows nothing new", await _echo(shop, left), 1))
        sync.stop()
        for number in range(_EDITS):
            await shop.owner(
                "bitfactura", "PUT", f"/clients/{left[0]}.json", {"client": {"city": f"Tías {number}"}}
            )
        before, applied = await shop.calls(), (await shop.attempts()).get("applied", 0)
        again = start_sync(shop.started, shop.here, "sync-again", PUENTE_SWEEP_SECONDS="3600")
        await shop.until_attempts("applied", applied + 1)
        await settled(shop)
        writes = spent(before, await shop.calls()).get("sugester PUT", 0)
        again.stop()
        findings.add(_row(f"writes for {_EDITS} edits before the first hook is handled", float(writes), 1))


async def _edits(shop: Shop, ids: list[int], city: str) -> float:
    """Edit each record once; calls for each."""
    before, applied = await shop.calls(), (await shop.attempts()).get("applied", 0)
    for number in ids:
        await shop.owner("bitfactura", "PUT", f"/clients/{number}.json", {"client": {"city": city}})
    await shop.until_attempts("applied", applied + len(ids))
    await settled(shop)
    return sum(spent(before, await shop.calls()).values()) / len(ids)


async def _echo(shop: Shop, ids: list[int]) -> float:
    """A hook of each record, as it comes back for what we wrote ourselves: the record shows nothing new."""
    before, looked = await shop.calls(), sum((await shop.attempts()).values())
    keys = HookKeys()
    for number in ids:
        hook = hook_body(keys.secret(SHOP), number)
        async with shop.http.post(f"{shop.door}/hooks/bitfactura/{keys.token(SHOP)}", data=hook) as answer:
            if answer.status != 200:
                raise AssertionError(f"the door answered {answer.status}")

    async def all_looked() -> bool:
        return sum((await shop.attempts()).values()) >= looked + len(ids)

    await until(all_looked, within=_WITHIN, what="each hook is looked at")
    await settled(shop)
    return sum(spent(before, await shop.calls()).values()) / len(ids)


async def settled(shop: Shop) -> None:
    """Wait until no more calls come: two looks a moment apart that count the same."""

    async def same() -> bool:
        first = await shop.calls()
        await asyncio.sleep(0.5)
        return first == await shop.calls()

    await until(same, within=_WITHIN, what="the calls come to an end")


def spent(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if count > before.get(name, 0)}


def _row(what: str, calls: float, most: float) -> Row:
    return Row(figure="P4", what=what, unit="calls", values=[calls], goal=Goal(most=most))


def _client(number: int) -> dict[str, Any]:
    return {
        "name": f"Talleres Anaga {number} S.L.",
        "tax_no": f"B{number:08d}",
        "email": f"taller{number}@anaga.example",
        "city": "La Laguna",
    }


S = TypeVar("S", bound=Shop)


@asynccontextmanager
async def opened_shop(servers: Servers, kind: type[S], systems: Sequence[str], *, hooked: str) -> AsyncIterator[S]:
    """A shop with an account at each of these systems; the hooks of `hooked` are registered with its door."""
    async with AsyncExitStack() as stack:
        started = stack.enter_context(servers.processes())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        store = await stack.enter_async_context(servers.database())
        sandbox = started.beside("-m", "services.sandbox", "--port", "0", "--json", name="sandbox")
        control = json.loads((await sandbox.line(r"^\{.*\}$", within=SOON))[0])["control"]
        log_url = await servers.topic()
        here = await stack.enter_async_context(
            installed(started.folder, log_url=log_url, store_url=store, workspaces=[], vendor_url="")
        )
        accounts = {}
        for system in systems:
            async with http.post(f"{control}/accounts", json={"system": system, "account": SHOP}) as answer:
                made = await answer.json()
            accounts[system] = (made["base_url"], made["token"])
        await add_workspace(here.parts, SHOP, accounts)
        used = await administration.used_of(here.parts, SHOP)
        for bridge in used.directory.bridges.values():
            await administration.ensure_fields(here.parts, used, bridge)
        await postpone_sweeps(here.parts)
        port = free_port()
        door = f"http://127.0.0.1:{port}"
        await start_ingress(started, HookKeys(), log_url, port, system=hooked)
        used = await administration.used_of(here.parts, SHOP)
        for line in await hooking.register(here.parts, used, used.directory.accounts[f"{SHOP}.{hooked}"], door):
            if line.state != "registered":
                raise AssertionError(f"the webhook of {line.hook_kind} is {line.state}")
        yield kind(control=control, door=door, http=http, started=started, here=here)
