"""The story itself: what happens in a small business in a day, and in a bad minute."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass

from services.cli.demo import agreement
from services.cli.demo.owner import Record
from services.cli.demo.stage import SOON, WORKSPACE, Stage, doomed_sync
from shared.operations import administration, matching_report, steering, views
from shared.store.rows import Intent

LEFT, RIGHT = "bitfactura", "sugester"

_QUICK_EDITS = 10


@dataclass(slots=True, kw_only=True)
class Story(Stage):
    """BitFactura and Sugester: clients both ways, invoices as Asuntos."""

    customers: str = "customer_bitfactura_sugester"
    _crashed: Intent | None = None
    _crashed_at: float = 0.0

    async def play(self) -> list[str]:
        """The whole story; what the systems do not agree in at its end."""
        await self.set_up()
        await self.a_client_is_made()
        await self.an_invoice()
        await self.a_crash()
        await self.an_edit_in_the_crm()
        await self.both_sides_edited()
        await self.the_same_field()
        await self.ten_quick_edits()
        await self.the_recovery()
        await self.a_deletion()
        return await self.the_end()

    # Before

    async def set_up(self) -> None:
        """A workspace, two accounts, a bridge; what is on both sides already is joined and not doubled."""
        both = {"name": "Ferretería La Laguna S.L.", "tax_no": "B76543214", "email": "hola@ferreteria.example"}
        one = {"name": "Panadería Güímar", "email": "pan@guimar.example", "city": "Güímar"}
        other = {"name": "Clínica Teide", "email": "cita@teide.example", "phone": "+34 922 000 111"}
        ids = await self.owner.seed(LEFT, "clients", both, one)
        self.clients["ferreteria"], self.clients["panaderia"] = ids
        await self.owner.seed(RIGHT, "clients", both | {"note": "Paga los viernes."}, other)
        parts = self.solo.parts
        await administration.add_workspace(parts, WORKSPACE, title="Demo")
        for system in (LEFT, RIGHT):
            await self._add_account(system)
        used = await self._used()
        bridge = await administration.add_bridge(parts, used, LEFT, RIGHT)
        target = await views.find(parts, bridge.id)
        await steering.check_shipped_link(parts, target.used, list(target.home.accounts.values()), target.flows)
        for row in target.flows:
            await matching_report.approve(parts, target.used, row.id, actor="demo")
        self._say("setup", f"Workspace, two accounts and the bridge {bridge.id}; the matching report is approved.")
        began = parts.clock.monotonic()
        for row in (await self._used()).directory.flows.values():
            await self._load(row)
        await self._quiet()
        count = len(await self.owner.records(RIGHT, "clients"))
        took = round((parts.clock.monotonic() - began) * 1000)
        says = "Two clients each, one of them on both sides: joined by tax number, the others made. No doubles."
        self._say("first load", says, took, ok=count == 3 == len(await self.owner.records(LEFT, "clients")))

    # A day

    async def a_client_is_made(self) -> None:
        wanted = {"name": "Talleres Anaga S.L.", "tax_no": "B76123458", "email": "taller@anaga.example"}
        made = await self.owner.act(LEFT, "POST", "/clients.json", {"client": wanted})
        self.clients["anaga"] = int(made["id"])
        _, took = await self._there("the new client in Sugester", email=wanted["email"])
        self._say("client made", "A client is made in BitFactura: it is in Sugester.", took)
        await self._edit(LEFT, "anaga", phone="+34 922 123 456")
        _, took = await self._there("the edit in Sugester", email=wanted["email"], phone="+34 922 123 456")
        self._say("client edited", "Its phone is typed in: Sugester has it.", took)

    async def an_invoice(self) -> None:
        invoice = {
            "kind": "vat",
            "client_id": self.clients["anaga"],
            "positions": [{"name": "Revisión", "quantity": 1, "total_price_gross": "121.00", "tax": 21}],
        }
        made = await self.owner.act(LEFT, "POST", "/invoices.json", {"invoice": invoice})
        self.clients["invoice"] = int(made["id"])
        deal, took = await self._deal("the Asunto", lambda each: str(made["number"]) in str(each["name"]))
        says = f"Invoice {made['number']}: its Asunto {deal['name']!r} with amount and link."
        self._say("invoice", says, took)
        path = f"/invoices/{made['id']}.json"
        await self.owner.act(LEFT, "PUT", path, {"invoice": {"status": "paid"}})
        _, took = await self._deal("the payment", lambda each: each["status_id"] != deal["status_id"])
        count = len(await self.owner.records(RIGHT, "deals"))
        self._say("paid", f"It is paid: the same Asunto says so. Asuntos in all: {count}.", took, ok=count == 1)

    async def an_edit_in_the_crm(self) -> None:
        await self._edit_right("anaga", note="Llamar por la tarde.")
        holds = _has(id=self.clients["anaga"], note="Llamar por la tarde.")
        what = "the note in BitFactura"
        _, took = await self.owner.seen(LEFT, "clients", holds, within=SOON, what=what)
        self._say("edited in the CRM", "A note typed into Sugester is in BitFactura with the next sweep.", took)

    async def both_sides_edited(self) -> None:
        await self._edit_right("ferreteria", mobile_phone="+34 600 111 222")
        await self._edit(LEFT, "ferreteria", city="La Laguna")
        both = {"city": "La Laguna", "mobile_phone": "+34 600 111 222"}
        tax_no = "B76543214"
        _, one = await self._there("the city in Sugester", tax_no=tax_no, **both)
        holds = _has(tax_no=tax_no, **both)
        _, two = await self.owner.seen(LEFT, "clients", holds, within=SOON, what="the phone in BitFactura")
        self._say("both sides edited", "City here, mobile phone there: both sides have both.", one + two)

    async def the_same_field(self) -> None:
        await self._edit_right("ferreteria", street="Calle del CRM 1")
        await self._edit(LEFT, "ferreteria", street="Calle Herradores 7")
        _, took = await self._there("the winner", tax_no="B76543214", street="Calle Herradores 7")
        says = "The same street edited on both sides: by the flow's rule BitFactura's stands."
        self._say("same field", says, took)

    async def ten_quick_edits(self) -> None:
        before = await self.owner.writes(RIGHT)
        await asyncio.gather(
            *(self._edit(LEFT, "panaderia", post_code=f"385{number:02d}") for number in range(_QUICK_EDITS - 1))
        )
        await self._edit(LEFT, "panaderia", post_code="38500")
        _, took = await self._there("the last of ten edits", email="pan@guimar.example", post_code="38500")
        count = await self.owner.writes(RIGHT) - before
        writes = "1 write" if count == 1 else f"{count} writes"
        says = f"Ten edits of one client within a moment: {writes} in Sugester, and its echo none."
        self._say("ten quick edits", says, took, ok=count < _QUICK_EDITS)

    # A bad minute

    async def a_crash(self) -> None:
        """Sync is killed by the system between a create and its binding, in a process of its own."""
        await self._quiet()
        await self.solo.stop_sync()
        child = await doomed_sync(self.solo.settings.data, self.solo.settings.sweep_seconds)
        wanted = {"name": "Viveros Orotava", "email": "hola@orotava.example"}
        try:
            made = await self.owner.act(LEFT, "POST", "/clients.json", {"client": wanted})
            self.clients["orotava"] = int(made["id"])
            async with asyncio.timeout(SOON * 2):
                code = await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        self._crashed_at = self.solo.parts.clock.monotonic()
        rows = await self._left_open(str(self.clients["orotava"]))
        self._crashed = rows[0] if rows else None
        there = await self._count(email="hola@orotava.example")
        ok = code == -signal.SIGKILL and self._crashed is not None and there == 1
        says = "Sync is killed after Sugester made a client and before that was noted. One intent is open."
        self._say("crash", says, ok=ok)
        self.solo.start_sync()
        wait = (
            round((self._crashed.deadline - self.solo.parts.clock.now()).total_seconds()) if self._crashed else 0
        )
        says = f"Sync is back and leaves it alone for {max(0, wait)} s and the time that Sugester may hide it."
        self._say("restart", f"{says} Life goes on:")

    async def the_recovery(self) -> None:
        async def recovered() -> bool:
            return not await self._left_open(str(self.clients["orotava"])) and await self._is_bound("orotava")

        await self._until(recovered, what="the recovery")
        count = await self._count(email="hola@orotava.example")
        took = round((self.solo.parts.clock.monotonic() - self._crashed_at) * 1000)
        says = f"After the crash it was found by our reference and joined; Sugester has it {count} time(s)."
        self._say("recovery", says, took, ok=count == 1)

    async def a_deletion(self) -> None:
        before = len(await self.owner.records(RIGHT, "clients"))
        await self.owner.act(LEFT, "DELETE", f"/clients/{self.clients['panaderia']}.json")
        began = self.solo.parts.clock.monotonic()

        async def gone() -> bool:
            return await self._state("panaderia") == "gone-left"

        await self._until(gone, what="the deletion")
        await self._quiet()
        took = round((self.solo.parts.clock.monotonic() - began) * 1000)
        ok = len(await self.owner.records(RIGHT, "clients")) == before
        self._say(
            "deletion", "A client is deleted in BitFactura: it stays in Sugester, marked as gone.", took, ok=ok
        )

    async def the_end(self) -> list[str]:
        used = await self._used()
        await steering.ask_sweeps(self.solo.parts, used.directory, full=True)
        status = await self._quiet()
        found = await agreement.differences(self.solo.parts, used, self.owner)
        if status.needs_person:
            found.append(f"{status.needs_person} records need a person.")
        self._say("agreement", "Both sides agree in every shared field." if not found else found[0], ok=not found)
        return found

    # The pieces

    async def _edit(self, system: str, name: str, **fields: object) -> None:
        await self.owner.act(system, "PUT", f"/clients/{self.clients[name]}.json", {"client": fields})

    async def _edit_right(self, name: str, **fields: object) -> None:
        record_id = await self._counterpart(name)
        await self.owner.act(RIGHT, "PUT", f"/app/clients/{record_id}.json", {"client": fields})

    async def _there(self, what: str, **values: object) -> tuple[Record, int]:
        return await self.owner.seen(RIGHT, "clients", _has(**values), within=SOON, what=what)

    async def _deal(self, what: str, holds: Callable[[Record], bool]) -> tuple[Record, int]:
        return await self.owner.seen(RIGHT, "deals", holds, within=SOON, what=what)

    async def _count(self, **values: object) -> int:
        return sum(map(_has(**values), await self.owner.records(RIGHT, "clients")))


def _has(**values: object) -> Callable[[Record], bool]:
    """Whether a record shows these values."""
    return lambda record: all(record.get(name) == value for name, value in values.items())
