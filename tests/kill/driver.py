"""The people of a run: they make, edit, pay, cancel and delete on both sides, and the rig remembers what they did.

Every client carries an e-mail and every document a number that nobody else uses and nobody edits: the marker by
which the end is judged. What a person makes with one marker is at most one record on each side.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Final

from shared.clock import Clock
from tests.kill.place import SPEED
from tests.kill.vendors import Json, Refused, Vendors

LEFT: Final = "bitfactura"
RIGHT: Final = "sugester"
PATHS: Final = {LEFT: "/clients", RIGHT: "/app/clients"}
DOMAIN: Final = "@rig.example"

_FIELDS: Final = ("city", "street", "post_code", "note", "shortcut", "name", "phone")
# Puente stops a pair that is written six times in ten minutes and asks a person; people are not that busy.
_EDITS_IN_WINDOW: Final = 3
_WINDOW: Final = 600.0 / SPEED


@dataclass
class Client:
    """What people did to one client. `wrote` has the last value and its time by field and side."""

    marker: str
    ids: dict[str, int] = field(default_factory=dict)
    wrote: dict[str, dict[str, tuple[str, datetime]]] = field(default_factory=dict)
    made_on: set[str] = field(default_factory=set)
    deleted_on: set[str] = field(default_factory=set)
    edited_at: deque[float] = field(default_factory=lambda: deque(maxlen=20))

    def note(self, side: str, values: Mapping[str, str], now: datetime) -> None:
        for name, value in values.items():
            self.wrote.setdefault(name, {})[side] = (value, now)

    @property
    def rested(self) -> bool:
        since = monotonic() - _WINDOW
        return sum(at > since for at in self.edited_at) < _EDITS_IN_WINDOW


@dataclass
class Invoice:
    """A document that people issued."""

    number: str
    id: int
    client: str
    gross: str
    paid: bool = False
    cancelled: bool = False


class Driver:
    """Acts `rate` times a second until it is stopped. The same seed makes the same choices in the same order."""

    def __init__(self, vendors: Vendors, clock: Clock, seed: int, *, rate: float) -> None:
        self.clients: dict[str, Client] = {}
        self.invoices: dict[str, Invoice] = {}
        self.acts: Counter[str] = Counter()
        self._vendors = vendors
        self._clock = clock
        self._chance = random.Random(f"{seed}/driver")  # noqa: S311 - people, no secret
        self._rate = rate
        self._number = 0
        self._values = 0
        self._acts: dict[Callable[[], Awaitable[None]], int] = {
            self.make_left: 8,
            self.make_right: 6,
            self.make_both: 2,
            self.edit: 12,
            self.edit_both: 4,
            self.invoice: 7,
            self.pay: 3,
            self.cancel: 1,
            self.delete: 1,
        }

    async def prepare(self, many: int) -> None:
        """Clients that were there before Puente came: on the left, on the right, on both."""
        for number in range(many):
            sides = ((LEFT,), (RIGHT,), (LEFT, RIGHT))[number % 3]
            client, fields = self._new()
            for side in sides:
                body = {"system": side, "resource": "clients", "records": [fields]}
                client.ids[side] = (await self._vendors.post("seed", body))["ids"][0]
                client.made_on.add(side)
                client.note(side, fields, self._clock.now())

    async def run(self, stop: asyncio.Event) -> None:
        looking = asyncio.create_task(self._keep_looking(stop))
        try:
            while not stop.is_set():
                await self._act()
                pause = self._chance.expovariate(self._rate)
                try:
                    await asyncio.wait_for(stop.wait(), pause)
                except TimeoutError:
                    continue
        finally:
            await looking

    async def _act(self) -> None:
        act = self._chance.choices(list(self._acts), list(self._acts.values()))[0]
        try:
            await act()
        except Refused:
            self.acts["refused"] += 1

    async def _keep_looking(self, stop: asyncio.Event) -> None:
        """People see what appears in their own pages: the ids of clients that Puente made."""
        while not stop.is_set():
            await self.look()
            try:
                await asyncio.wait_for(stop.wait(), 3)
            except TimeoutError:
                continue

    async def look(self) -> None:
        for side in (LEFT, RIGHT):
            for record in await self._vendors.records(side, "clients"):
                client = self.clients.get(str(record.get("email")))
                if client is not None:
                    client.ids.setdefault(side, record["id"])

    # What people do

    async def make_left(self) -> None:
        await self._make(LEFT)

    async def make_right(self) -> None:
        await self._make(RIGHT)

    async def make_both(self) -> None:
        """The same client typed in at both ends within a moment."""
        client, fields = self._new()
        await asyncio.gather(*(self._make_at(side, client, fields) for side in (LEFT, RIGHT)))
        self.acts["client made on both sides"] += 1

    async def edit(self) -> None:
        client = self._pick()
        if client is None:
            return
        side = self._chance.choice(sorted(client.ids))
        await self._write(client, side, self._chance.choice(_FIELDS))
        self.acts["client edited"] += 1

    async def edit_both(self) -> None:
        """Both sides within a moment: the same field, or one each."""
        client = self._pick(both=True)
        if client is None:
            return
        one, two = self._chance.choice(_FIELDS), self._chance.choice(_FIELDS)
        two = one if self._chance.random() < 0.6 else two
        await asyncio.gather(self._write(client, LEFT, one), self._write(client, RIGHT, two))
        self.acts["same field edited on both sides" if one == two else "both sides edited"] += 1

    async def invoice(self) -> None:
        """A document for some client, at times for one that was made this very moment."""
        if self._chance.random() < 0.3:
            client = await self._make(LEFT)
        else:
            known = [each for each in self.clients.values() if LEFT in each.ids and not each.deleted_on]
            if not known:
                return
            client = self._chance.choice(known)
        number = f"R/{len(self.invoices) + 1:05d}"
        gross = f"{self._chance.randint(100, 99999) / 100:.2f}"
        body = {
            "kind": "vat",
            "number": number,
            "client_id": client.ids[LEFT],
            "positions": [{"name": "Work", "quantity": 1, "total_price_gross": gross, "tax": 21}],
        }
        made = await self._vendors.act(LEFT, "POST", "/invoices.json", {"invoice": body})
        self.invoices[number] = Invoice(number=number, id=made["id"], client=client.marker, gross=gross)
        self.acts["invoice"] += 1

    async def pay(self) -> None:
        open_ones = [each for each in self.invoices.values() if not each.paid and not each.cancelled]
        if not open_ones:
            return
        chosen = self._chance.choice(open_ones)
        await self._vendors.act(LEFT, "PUT", f"/invoices/{chosen.id}.json", {"invoice": {"status": "paid"}})
        chosen.paid = True
        self.acts["invoice paid"] += 1

    async def cancel(self) -> None:
        open_ones = [each for each in self.invoices.values() if not each.paid and not each.cancelled]
        if not open_ones:
            return
        chosen = self._chance.choice(open_ones)
        await self._vendors.act(LEFT, "POST", "/invoices/cancel.json", {"cancel_invoice_id": chosen.id})
        chosen.cancelled = True
        self.acts["invoice cancelled"] += 1

    async def delete(self) -> None:
        client = self._pick()
        if client is None or any(each.client == client.marker for each in self.invoices.values()):
            return
        side = self._chance.choice(sorted(client.ids))
        client.deleted_on.add(side)
        await self._vendors.act(side, "DELETE", f"{PATHS[side]}/{client.ids[side]}.json")
        self.acts["client deleted"] += 1

    # How

    async def _make(self, side: str) -> Client:
        client, fields = self._new()
        await self._make_at(side, client, fields)
        self.acts[f"client made in {side}"] += 1
        return client

    async def _make_at(self, side: str, client: Client, fields: Mapping[str, str]) -> None:
        made: Json = await self._vendors.act(side, "POST", f"{PATHS[side]}.json", {"client": fields})
        client.ids[side] = made["id"]
        client.made_on.add(side)
        client.note(side, fields, self._clock.now())

    async def _write(self, client: Client, side: str, name: str) -> None:
        value = self._value(name)
        client.edited_at.append(monotonic())
        body = {"client": {name: value}}
        await self._vendors.act(side, "PUT", f"{PATHS[side]}/{client.ids[side]}.json", body)
        client.note(side, {name: value}, self._clock.now())

    def _new(self) -> tuple[Client, dict[str, str]]:
        self._number += 1
        marker = f"c{self._number:05d}{DOMAIN}"
        client = self.clients[marker] = Client(marker=marker)
        # The invoicing product fills an empty shortcut from the name: nobody's edit, and it would count as one.
        fields = {"name": f"Client {self._number:05d} SL", "shortcut": f"C{self._number:05d}"}
        return client, fields | {"email": marker, "city": self._value("city")}

    def _pick(self, *, both: bool = False) -> Client | None:
        """Somebody who is not deleted and was not edited much lately; often one who is there since a moment."""
        fit = [
            each
            for each in self.clients.values()
            if each.ids and not each.deleted_on and each.rested and (len(each.ids) == 2 or not both)
        ]
        if not fit:
            return None
        return self._chance.choice(fit[-20:] if self._chance.random() < 0.4 else fit)

    def _value(self, name: str) -> str:
        self._values += 1
        return f"+3492212{self._values % 10000:04d}" if name == "phone" else f"{name} {self._values}"
