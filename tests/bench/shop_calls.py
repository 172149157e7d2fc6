"""P4b: vendor calls per change on the second bridge, as the sandbox counts them.

Its own bound: what is listed at Factusol needs no read, what is written there is read back, since the vendor says
only that it was taken; a contact's e-mails, phones and addresses are parts, each with a call of its own between a
look at what stands there and a look at what stands there now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from shared.store import sweeps
from tests.bench.calls import SHOP, Shop, opened_shop, settled, spent
from tests.bench.changes import start_sync
from tests.bench.figures import Findings, Goal, Row
from tests.bench.servers import SOON, Servers
from tests.bench.settings import Effort
from tests.support.waiting import until

Act = tuple[str, str, Mapping[str, Any]]

_RECORDS: Final = 10
_EDITS: Final = 10
_WITHIN: Final = timedelta(seconds=60)
_LISTED_LATER: Final = 6.0
_HOURLY: Final = {"PUENTE_SWEEP_SECONDS": "3600"}
_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


@dataclass(kw_only=True)
class Both(Shop):
    """The shop with both programs; `listing` is what a sweep of Factusol costs in which nothing is new."""

    listing: int = 0

    async def swept(self) -> dict[str, int]:
        """Sweep Factusol; the calls until nothing more is asked."""
        before, asked = await self.calls(), self.here.parts.clock.now()
        run = self.here.parts.database.run
        await run(lambda connection: sweeps.request(connection, f"{SHOP}.factusol", None, now=asked))

        async def ended() -> bool:
            row = await self.here.parts.database.read(
                lambda connection: sweeps.find(connection, f"{SHOP}.factusol", "clients")
            )
            return row is not None and row.seen_until is not None and row.seen_until >= asked

        await until(ended, within=_WITHIN, what="Factusol is swept")
        await settled(self)
        return spent(before, await self.calls())

    async def in_a_sweep(self, what: str, records: int, most: float) -> Row:
        """Calls for each record of a sweep that finds so many new or edited, beside the listing."""
        # What was settled moments before its listing is read again, since it may have been listed as it was.
        await asyncio.sleep(_LISTED_LATER)
        return _row(what, await self.swept(), records, most, beside=self.listing)

    async def by_hooks(self, what: str, acts: Sequence[Act], most: float) -> Row:
        """Calls for each of these acts at Clientify, which tells of them by its hooks."""
        before, looked = await self.calls(), sum((await self.attempts()).values())
        for act in acts:
            await self.owner("clientify", *act)

        async def all_looked() -> bool:
            return sum((await self.attempts()).values()) >= looked + len(acts)

        await until(all_looked, within=_WITHIN, what="each hook is looked at")
        await settled(self)
        return _row(what, spent(before, await self.calls()), len(acts), most)


async def calls_of_the_shop(servers: Servers, effort: Effort, findings: Findings) -> None:
    async with opened_shop(servers, Both, ("factusol", "clientify"), hooked="clientify") as shop:
        sync = start_sync(shop.started, shop.here, **_HOURLY)
        await sync.line(r"shards\.assigned", within=SOON)
        lefts = [str((await shop.owner("factusol", "POST", "/programa/clientes", _NEW))["id"])]
        await shop.swept()  # a session's first questions are asked: its login, its years, the columns, our field
        shop.listing = sum((await shop.swept()).values())
        for number in range(1, _RECORDS + 1):
            made = await shop.owner("factusol", "POST", "/programa/clientes", _client(number))
            lefts.append(str(made["id"]))
        findings.add(await shop.in_a_sweep("a client made at Factusol: three searches, write", _RECORDS, 4))
        findings.add(await shop.in_a_sweep("a sweep that shows what we wrote", _RECORDS, 0))
        for what, column, most in (
            ("a note edited at Factusol, where Clientify wins: look, write", {"OBSCLI": "VIERNES"}, 2),
            ("a city edited at Factusol: look, read parts, write one, look", {"POBCLI": "TEGUISE"}, 4),
        ):
            for each in lefts:
                await shop.owner("factusol", "PUT", f"/programa/clientes/{each}", column)
            findings.add(await shop.in_a_sweep(what, len(lefts), most))
        contacts = [("POST", "/panel/contacts", _contact(_RECORDS + each)) for each in range(1, _RECORDS + 1)]
        findings.add(
            await shop.by_hooks("a contact made at Clientify: read, searches, number, row", contacts, 9.5)
        )
        rights = [str(each["id"]) for each in await shop.records("clientify", "contacts")]
        for what, form, most in (
            ("a city edited at Clientify: read, write, read back", {"city": "Teguise"}, 3),
            ("a phone edited at Clientify: read, look, write, read back", {"phone": "+34928000001"}, 4),
            ("a contact saved as it was: read", {"city": "Teguise"}, 1),
        ):
            acts = [("PUT", f"/panel/contacts/{each}", form) for each in rights]
            findings.add(await shop.by_hooks(what, acts, most))
        sync.stop()
        await _bursts(shop, findings, lefts[0], rights[-1])


async def _bursts(shop: Both, findings: Findings, left: str, right: str) -> None:
    """Many edits of one record on each side while nobody looks."""
    for number in range(_EDITS):
        await shop.owner("clientify", "PUT", f"/panel/contacts/{right}", {"remarks": f"Visita {number}"})
        await shop.owner("factusol", "PUT", f"/programa/clientes/{left}", {"OBSCLI": f"LLAMAR {number}"})
    before = await shop.calls()
    again = start_sync(shop.started, shop.here, "sync-again", **_HOURLY)
    await again.line(r"shards\.assigned", within=SOON)
    await shop.swept()
    await settled(shop)
    used = spent(before, await shop.calls())
    again.stop()
    findings.add(
        _row(f"writes at Factusol for {_EDITS} edits of a contact", _only(used, "factusol Actualizar"), 1, 1),
        _row(f"writes at Clientify for {_EDITS} edits of a client", _only(used, "clientify P"), 1, 1),
    )


def _row(what: str, calls: Mapping[str, int], records: int, most: float, *, beside: int = 0) -> Row:
    """`calls` for so many records, without those that list them."""
    each = (sum(calls.values()) - beside) / records
    note = ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
    return Row(figure="P4b", what=what, unit="calls", values=[each], goal=Goal(most=most), note=note)


def _only(calls: Mapping[str, int], prefix: str) -> Mapping[str, int]:
    return {name: count for name, count in calls.items() if name.startswith(prefix)}


def _client(number: int) -> dict[str, Any]:
    digits = 10_000_000 + number
    return {
        "NOFCLI": f"CLIENTE {number}",
        "NIFCLI": f"{digits}{_LETTERS[digits % 23]}",
        "EMACLI": f"c{number}@anaga.example",
        "TELCLI": "922 000 001 / 600 000 001",
        "POBCLI": "LA LAGUNA",
        "PAICLI": "724",
    }


_NEW: Final = _client(0)


def _contact(number: int) -> dict[str, Any]:
    made = _client(number)
    return {
        "first_name": f"Cliente {number}",
        "taxpayer_identification_number": made["NIFCLI"],
        "email": made["EMACLI"],
        "phone": "+34922000001",
        "city": "La Laguna",
    }
