"""Deeds of the console as a person does them on records that are there, each checked at both systems.

A story makes its own records and can be told again; `page` is a window of the administrator.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from playwright.async_api import Page, expect

from shared.operations import steering
from tests.browser.office import PASSWORD, PATIENT, Office, client_there, log_in
from tests.support.waiting import until

SOON: Final = timedelta(seconds=60)
CUSTOMERS: Final = "acme.customer_bitfactura_sugester"
ASUNTOS: Final = "acme.asunto_bitfactura_sugester"


async def in_spanish(page: Page, office: Office) -> None:
    """Somebody else sits down, whose language is Spanish."""
    name = office.fresh("lucia")
    await office.person(name, "admin", locale="es")
    await page.context.clear_cookies()
    await log_in(page, office, name)


async def a_client(office: Office, word: str, **fields: str) -> tuple[str, str, str]:
    """A client that both sides have: its name, its ids at BitFactura and at Sugester."""
    name = office.fresh(f"Bar {word}")
    made = await office.bitfactura("POST", "clients.json", client={"name": name, **fields})
    return name, str(made["id"]), await client_there(office, "sugester", name=name)


@asynccontextmanager
async def refused(page: Page, office: Office, count: int) -> AsyncIterator[list[str]]:
    """Clients that Sugester refused, and that a person is asked about: their names. The page is Needs you.

    Nothing works until the end: a list that comes round would make them as soon as Sugester takes them.
    """
    await office.control("faults", system="sugester", fault="error_with_200", on=True, match="POST")
    names = [office.fresh("Bar Negado") for _ in range(count)]
    for name in names:
        await office.bitfactura("POST", "clients.json", client={"name": name})
    await until(lambda: office.waits("rejected", count), within=SOON, what="they are put before a person")
    async with office.at_rest():
        await office.control("faults", system="sugester", fault="error_with_200", on=False)
        await page.goto(f"{office.url}/w/acme/waiting?reason=rejected")
        await expect(page.locator(".card")).to_have_count(count)
        yield names


async def retry(page: Page, office: Office) -> None:
    """One by hand, then all of the reason."""
    async with refused(page, office, 2) as names:
        await page.locator(".card input[type=checkbox]").first.check()
        await page.get_by_role("button", name="Try the chosen again").click()
        await expect(page.locator("#message")).to_contain_text("1 are tried again")
        await page.goto(f"{office.url}/w/acme/waiting?reason=rejected")
        await page.get_by_role("button", name=re.compile(r"Try all \d+ again")).click()
        await expect(page.locator("#message")).to_contain_text("are tried again")
    for name in names:
        await client_there(office, "sugester", name=name)

    async def nobody_asks() -> bool:
        return await office.waits("rejected", 0) is not None

    await until(nobody_asks, within=SOON, what="nobody is asked any more")


async def dismiss(page: Page, office: Office) -> None:
    """One with a note, then all that are left of the reason: none is made, and the note is kept. In Spanish."""
    await in_spanish(page, office)
    note = office.fresh("ya lo lleva Ana")
    page.on("dialog", lambda dialog: dialog.accept())
    async with refused(page, office, 3) as names:
        await page.locator(".card input[type=checkbox]").first.check()
        await page.get_by_label("Nota").fill(note)
        await page.get_by_role("button", name="Descartar los elegidos").click()
        await expect(page.locator("#message")).to_contain_text("1 descartados")
        assert await office.waits("rejected", 2) is not None
        await page.goto(f"{office.url}/w/acme/waiting?reason=rejected")
        await page.get_by_role("button", name="Descartar los 2").click()
        await expect(page.locator("#message")).to_contain_text("2 descartados")
        assert await office.waits("rejected", 0) is not None
        await page.goto(f"{office.url}/w/acme/history")
        await expect(page.locator("tbody tr", has_text=note)).to_have_count(1)
        here = {row.text("name") for row in office.records("bitfactura", "clients")}
        there = {row.text("name") for row in office.records("sugester", "clients")}
        assert set(names) <= here
        assert not set(names) & there


async def forget(page: Page, office: Office) -> None:
    """From the client's story; both systems keep their record, and Puente keeps nothing. In Spanish."""
    name, ours, theirs = await a_client(
        office, "Olvido", email=f"{office.fresh('o').replace(' ', '')}@acme.example"
    )
    await in_spanish(page, office)
    story = f"{office.url}/w/acme/records/acme.bitfactura/clients/{ours}"
    await page.goto(story)
    await expect(page.locator(".attempts li")).not_to_have_count(0)
    await page.get_by_role("link", name="Olvidar a esta persona").click()
    await page.get_by_label(f"Escriba {ours} para continuar").fill(ours)
    await page.get_by_role("button", name="Olvidar para siempre").click()
    await expect(page.locator(".said")).to_contain_text("Olvidado")
    await page.goto(story)
    await expect(page.locator(".attempts li")).to_have_count(0)
    await office.bitfactura("PUT", f"clients/{ours}.json", client={"city": "Toledo"})
    last, *_ = await a_client(office, "Siguiente")
    assert last, "a later one was carried"
    assert await client_there(office, "bitfactura", name=name, city="Toledo") == ours
    assert await client_there(office, "sugester", name=name, city="") == theirs, "it is kept in step no more"


async def options(page: Page, office: Office) -> None:
    """The other side wins a field: both change it at once, and the new winner's value stands on both sides."""
    name, ours, theirs = await a_client(office, "Regla", city="Lugo")
    await client_there(office, "sugester", name=name, city="Lugo")
    await page.goto(f"{office.url}/w/acme/flows/{CUSTOMERS}")
    winner = page.locator("[name='option.winner.city']")
    side = "right" if await winner.input_value() == "left" else "left"
    await winner.select_option(side)
    await page.get_by_role("button", name="Save the options").click()
    await expect(page.locator("#message")).to_contain_text("The options are saved")
    flow = (await office.used()).directory.flows[CUSTOMERS]
    await steering.pause(office.solo.parts, flow, reason="Two hands at once.", actor="test")
    await office.used()
    await office.bitfactura("PUT", f"clients/{ours}.json", client={"city": "Vigo"})
    await office.sugester_edit(theirs, city="Jaca")
    await until(lambda: office.waits("paused", 2), within=SOON, what="both wait")
    await steering.resume(office.solo.parts, (await office.used()).directory.flows[CUSTOMERS], actor="test")
    stands = "Jaca" if side == "right" else "Vigo"
    for system in ("bitfactura", "sugester"):
        await client_there(office, system, name=name, city=stands)


async def repair(page: Page, office: Office) -> None:
    """Asuntos are to be in another language: those from before follow by a repair of all pairs."""
    name, ours, _theirs = await a_client(office, "Factura")
    line = {"name": "Mesa", "quantity": 1, "total_price_gross": "121.00", "tax": 21}
    await office.bitfactura(
        "POST", "invoices.json", invoice={"kind": "vat", "client_id": ours, "positions": [line]}
    )

    def asuntos() -> list[str] | None:
        texts = [row.text("name") for row in office.records("sugester", "deals")]
        return texts if len(texts) == len(office.records("bitfactura", "invoices")) else None

    before = await until(asuntos, within=SOON, what=f"the Asunto of {name}")
    invoices = [row.text("number") for row in office.records("bitfactura", "invoices")]
    async with office.at_rest():
        await page.goto(f"{office.url}/w/acme/flows/{ASUNTOS}")
        locale = page.locator("[name='option.locale']")
        word, other = ("Invoice", "en") if await locale.input_value() == "es" else ("Factura", "es")
        assert not any(text.startswith(word) for text in before)
        await locale.fill(other)
        await page.get_by_role("button", name="Save the options").click()
        await page.get_by_role("link", name="Repair all pairs of a flow").click()
        form = page.locator("form[action$='/replay/pairs']")
        await expect(form.locator("[name=flow]")).to_have_value(ASUNTOS)
        await form.get_by_role("button", name="Show what it would write").click()
        await expect(page.locator("#pairs")).to_contain_text(f"{word} ")
        assert asuntos() == before, "a dry run writes nothing"
        await page.get_by_role("button", name=f"Repair {len(before)} pairs").click()
        await expect(page.locator("#message")).to_contain_text("has begun")
    await expect(page.locator("#runs tbody tr").first).to_contain_text("done", timeout=PATIENT)

    def rewritten() -> bool:
        return all(text.startswith(f"{word} ") for text in asuntos() or [""])

    await until(rewritten, within=SOON, what=f"every Asunto is named {word}")
    assert [row.text("number") for row in office.records("bitfactura", "invoices")] == invoices


async def replay(page: Page, office: Office) -> None:
    """Paused it stands, resumed it ends, and another one is cancelled where it is."""
    name, ours, theirs = await a_client(office, "Pausa")
    await office.told(ours)
    row = page.locator("#runs tbody tr").first
    async with office.at_rest():
        await begin(page, office, ours)
        await row.get_by_role("button", name="Pause").click()
        await expect(row).to_contain_text("paused")
    # Whoever works again carries what was asked after the pause, and not what stands.
    await a_client(office, "Entretanto")
    await page.goto(f"{office.url}/w/acme/replay")
    await expect(row).to_contain_text("paused")
    await row.get_by_role("button", name="Go on").click()
    await expect(row).to_contain_text("done", timeout=PATIENT)
    await expect(row).to_contain_text("1 of 1")
    async with office.at_rest():
        await begin(page, office, ours)
        await row.get_by_role("button", name="Cancel").click()
        await expect(row).to_contain_text("cancelled")
    await a_client(office, "Despues")
    await page.goto(f"{office.url}/w/acme/replay")
    await expect(row).to_contain_text("cancelled")
    for system, held in (("bitfactura", ours), ("sugester", theirs)):
        ids = [str(each.id) for each in office.records(system, "clients") if each.text("name") == name]
        assert ids == [held]


async def begin(page: Page, office: Office, record: str) -> None:
    """A replay of one record's changes, dry first, as the page wants it."""
    await page.goto(f"{office.url}/w/acme/replay?record={record}&account=acme.bitfactura")
    await page.get_by_role("button", name="Show what it would write").first.click()
    await page.get_by_role("button", name="Replay 1 changes").click()
    await expect(page.locator("#message")).to_contain_text("has begun")
    await expect(page.locator("#runs tbody tr").first).to_contain_text("running")


async def sweep(page: Page, office: Office) -> None:
    await page.goto(f"{office.url}/w/acme")
    await page.get_by_role("button", name="Ask both systems now").click()
    await expect(page.locator("#message")).to_contain_text("lists are asked for")


async def try_alerts(page: Page, office: Office) -> None:
    before = len(office.chat.at("/chat"))
    await page.goto(f"{office.url}/alerts")
    await page.get_by_role("button", name="Send a test").click()
    await expect(page.locator("#message")).to_contain_text("The message was taken: chat.", timeout=PATIENT)
    assert len(office.chat.at("/chat")) > before


async def users(page: Page, office: Office) -> None:
    """Somebody is added, gets another role, and is removed."""
    name = office.fresh("marta")
    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{office.url}/people")
    form = page.locator("form[action='/people']")
    await form.locator("[name=name]").fill(name)
    await form.locator("[name=password]").fill(PASSWORD)
    await form.locator("button.main").click()
    row = page.locator("tbody tr", has_text=name)
    await expect(row).to_have_count(1)
    await row.locator("[name=workspace]").select_option("acme")
    await row.locator("[name=role]").select_option("operator")
    await row.get_by_role("button", name="Set").click()
    await expect(row.locator("td").nth(1)).to_contain_text("acme operator")
    await row.get_by_role("button", name="Remove").click()
    await expect(page.locator("#message")).to_contain_text("cannot log in any more")
    await expect(row).to_have_count(0)


async def own_account(page: Page, office: Office) -> None:
    """Somebody logs in, takes another language and another password, leaves, and comes back with it."""
    name = office.fresh("nora")
    await office.person(name, "viewer")
    await page.context.clear_cookies()
    await log_in(page, office, name)
    await page.goto(f"{office.url}/me")
    await page.select_option("[name=language]", "es")
    await page.click("form[action='/me/language'] button")
    await expect(page.locator("h2")).to_have_text("Una contraseña nueva")
    await page.fill("[name=password]", "otras tres palabras")
    await page.click("form[action$='/password'] button")
    await page.wait_for_url("**/login?*")
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", "otras tres palabras")
    await page.click("button.main")
    await page.goto(f"{office.url}/w/acme")
    await page.get_by_role("button", name="Salir").click()
    await page.goto(f"{office.url}/w/acme")
    await expect(page.locator("form[action='/login']")).to_be_visible()
    await page.get_by_role("button", name="Español").click()
    await expect(page.locator("html")).to_have_attribute("lang", "es")
