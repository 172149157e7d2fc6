"""The people of a run: they make, edit and delete on both sides, and the rig remembers what they did.

Every client carries an e-mail that nobody else uses and nobody edits: the marker by which the end is judged. What
a person makes with one marker is at most one record on each side. What a pair of systems has beside clients, and
how its people write, is in `invoicing.py` and `shop.py`.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import ClassVar, Final

from shared.clock import Clock
from tests.kill.vendors import Refused, Vendors

DOMAIN: Final = "@rig.example"
SPEED: Final = 5.0
"""All times are of the rig's clock, which runs so many times as fast as the machine's."""

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


class People(ABC):
    """Act `rate` times a second until they are stopped. The same seed makes the same choices in the same order."""

    left: ClassVar[str]
    right: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]
    """What people edit."""

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
        self._doing = self._habits()

    # What differs from one pair of systems to the other

    @abstractmethod
    async def seed(self, side: str, fields: Mapping[str, str]) -> int:
        """A client that stood there before; its id."""

    @abstractmethod
    async def create(self, side: str, fields: Mapping[str, str]) -> int:
        """Type a client in; its id. Raises Refused."""

    @abstractmethod
    async def update(self, side: str, number: int, values: Mapping[str, str]) -> None: ...

    @abstractmethod
    async def remove(self, side: str, number: int) -> None: ...

    @abstractmethod
    async def markers(self, side: str) -> Mapping[str, int]:
        """The clients of a side that are there: the id of each by its e-mail."""

    @abstractmethod
    def fields_of(self, number: int, marker: str) -> dict[str, str]:
        """What is typed in for a new client."""

    def value(self, name: str) -> str:
        """A value that nobody wrote before."""
        self._values += 1
        return f"+3492212{self._values % 10000:04d}" if name == "phone" else f"{name} {self._values}"

    def may_delete(self, client: Client) -> bool:
        return True

    def _habits(self) -> dict[Callable[[], Awaitable[None]], int]:
        """How often they do what."""
        return {
            self.make_left: 8,
            self.make_right: 6,
            self.make_both: 2,
            self.edit: 12,
            self.edit_both: 4,
            self.delete: 1,
        }

    # The run

    async def prepare(self, many: int) -> None:
        """Clients that were there before Puente came: on the left, on the right, on both."""
        for number in range(many):
            sides = ((self.left,), (self.right,), (self.left, self.right))[number % 3]
            client, fields = self._new()
            for side in sides:
                client.ids[side] = await self.seed(side, fields)
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
        act = self._chance.choices(list(self._doing), list(self._doing.values()))[0]
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
        for side in (self.left, self.right):
            for marker, number in (await self.markers(side)).items():
                client = self.clients.get(marker)
                if client is not None:
                    client.ids.setdefault(side, number)

    # What people do

    async def make_left(self) -> None:
        await self._make(self.left)

    async def make_right(self) -> None:
        await self._make(self.right)

    async def make_both(self) -> None:
        """The same client typed in at both ends within a moment."""
        client, fields = self._new()
        await asyncio.gather(*(self._make_at(side, client, fields) for side in (self.left, self.right)))
        self.acts["client made on both sides"] += 1

    async def edit(self) -> None:
        client = self._pick()
        if client is None:
            return
        side = self._chance.choice(sorted(client.ids))
        await self._write(client, side, self._chance.choice(self.fields))
        self.acts["client edited"] += 1

    async def edit_both(self) -> None:
        """Both sides within a moment: the same field, or one each."""
        client = self._pick(both=True)
        if client is None:
            return
        one, two = self._chance.choice(self.fields), self._chance.choice(self.fields)
        two = one if self._chance.random() < 0.6 else two
        await asyncio.gather(self._write(client, self.left, one), self._write(client, self.right, two))
        self.acts["same field edited on both sides" if one == two else "both sides edited"] += 1

    async def delete(self) -> None:
        client = self._pick()
        if client is None or not self.may_delete(client):
            return
        side = self._chance.choice(sorted(client.ids))
        client.deleted_on.add(side)
        await self.remove(side, client.ids[side])
        self.acts["client deleted"] += 1

    # How

    async def _make(self, side: str) -> Client:
        client, fields = self._new()
        await self._make_at(side, client, fields)
        self.acts[f"client made in {side}"] += 1
        return client

    async def _make_at(self, side: str, client: Client, fields: Mapping[str, str]) -> None:
        client.ids[side] = await self.create(side, fields)
        client.made_on.add(side)
        client.note(side, fields, self._clock.now())

    async def _write(self, client: Client, side: str, name: str) -> None:
        values = {name: self.value(name)}
        client.edited_at.append(monotonic())
        await self.update(side, client.ids[side], values)
        client.note(side, values, self._clock.now())

    def _new(self) -> tuple[Client, dict[str, str]]:
        self._number += 1
        marker = f"c{self._number:05d}{DOMAIN}"
        client = self.clients[marker] = Client(marker=marker)
        return client, self.fields_of(self._number, marker)

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
