"""The people of the first bridge: they work in BitFactura and Sugester, and issue, pay and cancel documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, Final

from tests.kill.people import Client, Invoice, People
from tests.kill.vendors import Json

LEFT: Final = "bitfactura"
RIGHT: Final = "sugester"
PATHS: Final = {LEFT: "/clients", RIGHT: "/app/clients"}


class Invoicing(People):
    """See the module. Every document carries a number of its own, by which the end is judged."""

    left: ClassVar[str] = LEFT
    right: ClassVar[str] = RIGHT
    fields: ClassVar[tuple[str, ...]] = ("city", "street", "post_code", "note", "shortcut", "name", "phone")

    async def seed(self, side: str, fields: Mapping[str, str]) -> int:
        body = {"system": side, "resource": "clients", "records": [fields]}
        return int((await self._vendors.post("seed", body))["ids"][0])

    async def create(self, side: str, fields: Mapping[str, str]) -> int:
        made: Json = await self._vendors.act(side, "POST", f"{PATHS[side]}.json", {"client": fields})
        return int(made["id"])

    async def update(self, side: str, number: int, values: Mapping[str, str]) -> None:
        await self._vendors.act(side, "PUT", f"{PATHS[side]}/{number}.json", {"client": values})

    async def remove(self, side: str, number: int) -> None:
        await self._vendors.act(side, "DELETE", f"{PATHS[side]}/{number}.json")

    async def markers(self, side: str) -> Mapping[str, int]:
        return {str(each.get("email")): each["id"] for each in await self._vendors.records(side, "clients")}

    def fields_of(self, number: int, marker: str) -> dict[str, str]:
        # The invoicing product fills an empty shortcut from the name: nobody's edit, and it would count as one.
        fields = {"name": f"Client {number:05d} SL", "shortcut": f"C{number:05d}"}
        return fields | {"email": marker, "city": self.value("city")}

    def may_delete(self, client: Client) -> bool:
        return not any(each.client == client.marker for each in self.invoices.values())

    def _habits(self) -> dict[Callable[[], Awaitable[None]], int]:
        return {**super()._habits(), self.invoice: 7, self.pay: 3, self.cancel: 1}

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
