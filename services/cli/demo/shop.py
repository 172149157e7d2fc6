"""The story of the second bridge: a shop whose invoices are in Factusol and whose salespeople are in Clientify."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.cli.demo import agreement
from services.cli.demo.owner import Record
from services.cli.demo.stage import SOON, WORKSPACE, Stage, doomed_sync
from shared.operations import administration, matching_report, steering, views
from shared.store.rows import Intent

LEFT, RIGHT = "factusol", "clientify"
_ID_FIELD = "factusol_id"


@dataclass(slots=True, kw_only=True)
class Shop(Stage):
    """Factusol and Clientify: clients and contacts both ways, leads that wait, numbers that others take."""

    customers: str = "customer_factusol_clientify"
    _crashed: Intent | None = None
    _crashed_at: float = 0.0

    async def play(self) -> list[str]:
        await self.set_up()
        await self.a_client_is_made()
        await self.an_edit_in_the_crm()
        await self.a_lead_becomes_a_client()
        await self.a_number_is_taken()
        await self.a_crash()
        await self.the_same_field()
        await self.the_recovery()
        await self.the_field_is_deleted()
        await self.a_deletion()
        return await self.the_end()

    # Before

    async def set_up(self) -> None:
        """Both programs with a past of their own; what is on both sides is joined and not doubled."""
        both = {"NOFCLI": "FERRETERIA EL CIPRES S.L.", "NIFCLI": "B76543214", "POBCLI": "JAEN", "PAICLI": "724"}
        one = {"NOFCLI": "PANADERIA GUIMAR", "EMACLI": "pan@guimar.example", "TELCLI": "922 000 111 / 600 000 222"}
        known = {"first_name": "Ferreteria El Cipres S.L.", "taxpayer_identification_number": "B-76543214"}
        lead = {"first_name": "Clinica", "last_name": "Teide", "email": "cita@teide.example"}
        ids = await self.owner.seed(LEFT, "clients", both, one)
        self.clients["ferreteria"], self.clients["panaderia"] = ids
        await self.owner.seed(RIGHT, "contacts", known, lead)
        parts = self.solo.parts
        await administration.add_workspace(parts, WORKSPACE, title="Demo")
        for system in (LEFT, RIGHT):
            await self._add_account(system)
        bridge = await administration.add_bridge(parts, await self._used(), LEFT, RIGHT)
        for made in await administration.ensure_fields(parts, await self._used(), bridge):
            self._say("field", made.says.en, ok=made.usable)
        target = await views.find(parts, bridge.id)
        for row in target.flows:
            await matching_report.approve(parts, target.used, row.id, actor="demo")
        self._say("setup", f"Workspace, two accounts and the bridge {bridge.id}; the matching report is approved.")
        began = parts.clock.monotonic()
        for row in (await self._used()).directory.flows.values():
            await self._load(row)
        await self._quiet()
        took = round((parts.clock.monotonic() - began) * 1000)
        contacts = await self.owner.records(RIGHT, "contacts")
        numbered = sum(bool(_number(each)) for each in contacts)
        ok = (len(await self.owner.records(LEFT, "clients")), len(contacts), numbered) == (2, 3, 2)
        says = "One client was on both sides: joined by tax number. One was made. Each contact has its number."
        self._say("first load", says, took, ok=ok)
        await self._tell_leads("leads", 1)

    async def _tell_leads(self, name: str, many: int) -> None:
        found = await views.resting(self.solo.parts, await self._used())
        why = ", ".join(f"{count}: {reason}" for each in found for reason, count in each.why.items())
        total = sum(count for each in found for count in each.why.values())
        self._say(name, f"Contacts that are no clients yet: {total} ({why or 'none'}).", ok=total == many)

    # A day

    async def a_client_is_made(self) -> None:
        wanted = {"NOFCLI": "TALLERES LA NORIA S.L.", "NIFCLI": "B12345674", "TELCLI": "953 000 001 ext. 12"}
        made = await self.owner.act(LEFT, "POST", "/programa/clientes", wanted)
        self.clients["noria"] = int(made["id"])
        there, took = await self._contact(
            "the new client in Clientify", taxpayer_identification_number="B12345674"
        )
        ok = _number(there) == str(made["id"]) and there["phone"] == "+34953000001 ext. 12"
        says = f"A client is made in Factusol: with the next sweep it is in Clientify, number {made['id']}."
        self._say("client made", says, took, ok=ok)

    async def an_edit_in_the_crm(self) -> None:
        await self._edit_right("noria", phone="+34953000009")
        holds = _has(CODCLI=self.clients["noria"], TELCLI="953000009")
        _, took = await self.owner.seen(LEFT, "clients", holds, within=SOON, what="the phone in Factusol")
        self._say("edited in the CRM", "Its phone is edited in Clientify: the hook brings it to Factusol.", took)
        await self._edit_right("panaderia", phone="922000333")
        holds = _has(CODCLI=self.clients["panaderia"], TELCLI="922000333 / 600 000 222")
        _, took = await self.owner.seen(LEFT, "clients", holds, within=SOON, what="the first of two numbers")
        self._say("two numbers", "Of two numbers in one field the first is changed; the second one stays.", took)

    async def a_lead_becomes_a_client(self) -> None:
        lead, _ = await self._contact("the lead", email="cita@teide.example")
        edit = {"taxpayer_identification_number": "A58818501"}
        await self.owner.act(RIGHT, "PUT", f"/panel/contacts/{lead['id']}", edit)
        holds = _has(NIFCLI="A58818501")
        made, took = await self.owner.seen(LEFT, "clients", holds, within=SOON, what="the lead in Factusol")
        self.clients["teide"] = int(made["id"])
        await self._contact("its number", id=lead["id"], number=str(made["id"]))
        says = f"The lead gets a tax number: it is a client of Factusol, number {made['id']}."
        self._say("lead", says, took)
        await self._tell_leads("no leads", 0)

    async def a_number_is_taken(self) -> None:
        await self.owner.fault(LEFT, "number_taken", times=1)
        wanted = {"first_name": "Rocio", "last_name": "Vega", "taxpayer_identification_number": "12345678Z"}
        made = await self.owner.act(RIGHT, "POST", "/panel/contacts", wanted)
        holds = _has(NIFCLI="12345678Z")
        here, took = await self.owner.seen(
            LEFT, "clients", holds, within=SOON, what="the client with another number"
        )
        self.clients["rocio"] = int(here["id"])
        await self._contact("its number", id=made["id"], number=str(here["id"]))
        count = sum(map(holds, await self.owner.records(LEFT, "clients")))
        says = (
            f"The desktop program takes the number in the same moment: the client is made once, as {here['id']}."
        )
        self._say("number taken", says, took, ok=count == 1)

    async def the_same_field(self) -> None:
        await asyncio.gather(
            self._edit_right("ferreteria", street="Calle del CRM 1"),
            self._edit("ferreteria", DOMCLI="CALLE HERRADORES 7"),
        )
        number = str(self.clients["ferreteria"])
        _, took = await self._contact("the winner", number=number, street="CALLE HERRADORES 7")
        says = "The same street edited on both sides: by the flow's rule Factusol's stands."
        self._say("same field", says, took)

    # A bad minute

    async def a_crash(self) -> None:
        """Sync is killed by the system between a create and its binding, in a process of its own."""
        await self._quiet()
        await self.solo.stop_sync()
        child = await doomed_sync(self.solo.settings.data, self.solo.settings.sweep_seconds)
        wanted = {"first_name": "Viveros Orotava", "taxpayer_identification_number": "B58378431"}
        try:
            made = await self.owner.act(RIGHT, "POST", "/panel/contacts", wanted)
            async with asyncio.timeout(SOON * 2):
                code = await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        self._crashed_at = self.solo.parts.clock.monotonic()
        rows = await self._left_open(str(made["id"]))
        self._crashed = rows[0] if rows else None
        ok = code == -signal.SIGKILL and self._crashed is not None and await self._count("B58378431") == 1
        says = "Sync is killed after Factusol took a client and before that was noted. One intent is open."
        self._say("crash", says, ok=ok)
        self.solo.start_sync()
        self._say("restart", "Sync is back, and looks at the number that it had chosen when it may. Life goes on:")

    async def the_recovery(self) -> None:
        async def recovered() -> bool:
            crashed = self._crashed
            return crashed is None or not await self._left_open(crashed.source_id)

        await self._until(recovered, what="the recovery")
        await self._quiet()
        took = round((self.solo.parts.clock.monotonic() - self._crashed_at) * 1000)
        count = await self._count("B58378431")
        says = f"After the crash it was found by its number and joined; Factusol has it {count} time(s)."
        self._say("recovery", says, took, ok=count == 1)

    async def the_field_is_deleted(self) -> None:
        (field,) = [
            each for each in await self.owner.records(RIGHT, "custom-fields") if each.get("name") == _ID_FIELD
        ]
        before = [len(await self.owner.records(LEFT, "clients")), len(await self.owner.records(RIGHT, "contacts"))]
        began = self.solo.parts.clock.monotonic()
        await self.owner.act(RIGHT, "DELETE", f"/panel/custom-fields/{field['id']}")
        await self._edit_right("noria", city="Baeza")
        await self.owner.act(LEFT, "POST", "/programa/clientes", {"NOFCLI": "NUEVA S.L.", "NIFCLI": "B65410011"})

        async def filled() -> bool:
            clients = {str(each["id"]) for each in await self.owner.records(LEFT, "clients")}
            return {_number(each) for each in await self.owner.records(RIGHT, "contacts")} == clients

        await self._until(filled, what="the numbers in the field that was made again")
        await self._quiet()
        after = [len(await self.owner.records(LEFT, "clients")), len(await self.owner.records(RIGHT, "contacts"))]
        took = round((self.solo.parts.clock.monotonic() - began) * 1000)
        says = "Somebody deletes the field in Clientify: it is made again and filled from the pairs. No doubles."
        self._say("field deleted", says, took, ok=after == [many + 1 for many in before])

    async def a_deletion(self) -> None:
        before = len(await self.owner.records(RIGHT, "contacts"))
        await self.owner.act(LEFT, "DELETE", f"/programa/clientes/{self.clients['rocio']}")
        await steering.ask_sweeps(self.solo.parts, (await self._used()).directory, full=True)

        async def gone() -> bool:
            return await self._state("rocio") == "gone-left"

        await self._until(gone, what="the deletion")
        await self._quiet()
        ok = len(await self.owner.records(RIGHT, "contacts")) == before
        self._say(
            "deletion", "A client is deleted in Factusol: the contact stays, and it is marked as gone.", ok=ok
        )

    async def the_end(self) -> list[str]:
        used = await self._used()
        await steering.ask_sweeps(self.solo.parts, used.directory, full=True)
        status = await self._quiet()
        found = await agreement.as_shown(self.solo.parts, used)
        if status.needs_person:
            found.append(f"{status.needs_person} records need a person.")
        self._say("agreement", "Both sides agree in every shared field." if not found else found[0], ok=not found)
        return found

    # The pieces

    async def _edit(self, name: str, **columns: object) -> None:
        await self.owner.act(LEFT, "PUT", f"/programa/clientes/{self.clients[name]}", columns)

    async def _edit_right(self, name: str, **fields: object) -> None:
        contact = await self._counterpart(name)
        await self.owner.act(RIGHT, "PUT", f"/panel/contacts/{contact}", fields)

    async def _contact(self, what: str, *, number: str = "", **values: object) -> tuple[Record, int]:
        has = _has(**values)

        def holds(record: Record) -> bool:
            return has(record) and (not number or _number(record) == number)

        return await self.owner.seen(RIGHT, "contacts", holds, within=SOON, what=what)

    async def _count(self, tax_no: str) -> int:
        return sum(map(_has(NIFCLI=tax_no), await self.owner.records(LEFT, "clients")))


def _has(**values: object) -> Callable[[Record], bool]:
    return lambda record: all(record.get(name) == value for name, value in values.items())


def _number(contact: Mapping[str, object]) -> str:
    """The number that a contact shows in our custom field."""
    given = contact.get("custom_fields")
    rows = given if isinstance(given, list) else []
    return next((str(each["value"]) for each in rows if each["field"] == _ID_FIELD), "")
