"""The console as its people use it: the owner sets up and looks, the operator mends, the stranger gets nowhere."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from shared.operations import steering
from tests.browser.office import (
    PASSWORD,
    PATIENT,
    Office,
    at_a_desk,
    client_there,
    log_in,
)
from tests.support.waiting import until

TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="package")]


async def test_a_clients_story(page: Page, office: Office) -> None:
    """Did my client arrive, what happened to it, and unlink and link it."""
    lago = office.fresh("Bar Lago")
    mail = f"{lago[4:].replace(' ', '')}@acme.example".lower()
    await office.bitfactura("POST", "clients.json", client={"name": lago, "email": mail})
    made = await client_there(office, "sugester", name=lago)

    await page.goto(f"{office.url}/w/acme")
    await page.click("text=Records")
    await page.fill("[name=q]", mail)
    await page.click("main button.main")
    hit = page.locator("tbody tr", has_text=lago).first
    await hit.locator("a").click()
    await expect(page.locator(".story").first).to_contain_text("Both sides agree")
    await expect(page.locator("table.sides tr", has_text="email")).to_contain_text(mail)
    await expect(page.locator(".attempts")).to_contain_text("created")
    await page.locator(".attempts summary", has_text="created").first.click()
    await expect(page.locator(".attempts details[open]")).to_contain_text(mail)

    story = page.url
    page.on("dialog", lambda dialog: dialog.accept())
    await page.click("text=Unlink")
    await expect(page.locator("#message")).to_contain_text("no longer kept in step")
    ours = await client_there(office, "bitfactura", name=lago)
    await office.bitfactura("PUT", f"clients/{ours}.json", client={"city": "Toledo"})
    await page.goto(story)
    await expect(page.locator(".story").first).to_contain_text("detached")
    await page.click("text=Sync now")
    await expect(page.locator(".attempts").first).to_contain_text("kept apart", timeout=PATIENT)
    assert await client_there(office, "sugester", name=lago, city="") == made

    await page.goto(story)
    await page.click("text=Link again")
    await expect(page.locator("#message")).to_contain_text("are joined")
    assert await client_there(office, "sugester", name=lago, city="Toledo") == made


async def test_home_moves_by_itself_and_a_paused_flow_says_so(page: Page, office: Office) -> None:
    await page.goto(f"{office.url}/w/acme")
    written = page.locator(".figures dd").first
    before = int(await written.inner_text())
    await office.bitfactura("POST", "clients.json", client={"name": "Bar Brisa"})
    await expect(written).to_have_text(str(before + 1), timeout=PATIENT)

    flow = page.locator(".flow", has_text="Clients, both ways")
    await flow.get_by_role("button", name="Pause").click()
    await expect(page.locator(".verdict.paused")).to_be_visible(timeout=PATIENT)
    await office.bitfactura("POST", "clients.json", client={"name": "Bar Mar"})
    await expect(page.locator(".figures div", has_text="Waiting for a time").locator("dd")).to_have_text(
        "1", timeout=PATIENT
    )
    assert "Bar Mar" not in [row.text("name") for row in office.records("sugester", "clients")]
    await page.locator(".flow", has_text="Clients, both ways").get_by_role("button", name="Go on").click()
    await client_there(office, "sugester", name="Bar Mar")
    await expect(page.locator(".verdict.in-step")).to_be_visible(timeout=2 * PATIENT)


async def test_a_doubt_is_decided(page: Page, office: Office) -> None:
    """Two clients that share their name alone, made on both sides at once: both wait, and a person's word joins
    them."""
    duda = office.fresh("Bar Duda")
    mail = f"{duda[4:].replace(' ', '')}@acme.example".lower()
    flow = (await office.used()).directory.flows["acme.customer_bitfactura_sugester"]
    await steering.pause(office.solo.parts, flow, reason="Two hands at once.", actor="test")
    assert (await office.used()).directory.flows[flow.id].state == "paused"  # from here on sync knows it as well
    await office.sugester(name=duda, email=mail)
    await office.bitfactura("POST", "clients.json", client={"name": duda, "city": "Toledo"})
    # Both were seen, and with them their names.
    await until(lambda: office.waits("paused", 2), within=timedelta(seconds=60), what="both wait")
    paused = (await office.used()).directory.flows[flow.id]
    await steering.resume(office.solo.parts, paused, actor="test")
    await page.goto(f"{office.url}/w/acme")
    await expect(page.locator(".verdict.needs-you")).to_be_visible(timeout=2 * PATIENT)
    await page.locator("nav a", has_text="Needs you").click()
    card = page.locator(".card").first
    await expect(card).to_contain_text("name")
    await card.get_by_role("button", name="It is the same").click()
    await page.wait_for_url("**/waiting?said=*")
    await client_there(office, "sugester", name=duda, city="Toledo")
    await client_there(office, "bitfactura", name=duda, email=mail)
    for system in ("bitfactura", "sugester"):
        assert [row.text("name") for row in office.records(system, "clients")].count(duda) == 1
    await page.goto(f"{office.url}/w/acme")
    await expect(page.locator(".verdict.in-step")).to_be_visible(timeout=2 * PATIENT)


async def test_a_replay_shows_what_it_would_write_and_then_writes_it(page: Page, office: Office) -> None:
    name = office.fresh("Bar Otra Vez")
    made = await office.bitfactura("POST", "clients.json", client={"name": name})
    await client_there(office, "sugester", name=name)
    await office.told(str(made["id"]))
    await page.goto(f"{office.url}/w/acme/replay")
    await page.click("text=Show what it would write")
    await expect(page.locator("main section h2").first).to_contain_text("changes of")
    await page.locator("button[value=run]").click()
    await expect(page.locator("#message")).to_contain_text("has begun")
    run = page.locator("#runs tbody tr").first
    await expect(run).to_contain_text("done", timeout=PATIENT)
    of = await run.locator("progress").get_attribute("max")
    assert await run.locator("progress").get_attribute("value") == of


async def test_lag_and_plots_show_numbers(page: Page, office: Office) -> None:
    await office.bitfactura("POST", "clients.json", client={"name": "Bar Cifras"})
    await client_there(office, "sugester", name="Bar Cifras")
    await page.goto(f"{office.url}/w/acme/lag")
    await expect(page.locator(".big")).to_contain_text("0 changes not looked at yet")
    await expect(page.locator(".verdict-ok")).to_have_text("ok")
    await page.goto(f"{office.url}/w/acme/plots")
    await expect(page.locator("figure", has_text="Written").locator("svg rect").first).to_be_visible()
    await page.locator("figure", has_text="Written").locator("summary").click()
    await expect(page.locator("figure", has_text="Written").locator("tbody")).to_contain_text("1")


async def test_a_viewer_sees_and_may_do_nothing(page: Page, chromium: Browser, office: Office) -> None:
    await page.goto(f"{office.url}/people")
    form = page.locator("form[action='/people']")
    await form.locator("[name=name]").fill("vera@acme.example")
    await form.locator("[name=password]").fill(PASSWORD)
    await form.locator("[name=workspace]").select_option("acme")
    await form.locator("[name=role]").select_option("viewer")
    await form.locator("button.main").click()
    await expect(page.locator("#message")).to_contain_text("may log in now")
    async with at_a_desk(chromium, office) as other:
        await log_in(other, office, "vera@acme.example")
        await expect(other.locator(".verdict")).to_be_visible()
        assert await other.locator("main button").count() == 0
        csrf = await other.locator("form.me [name=csrf]").get_attribute("value")
        for path in ("sweep", "waiting/retry", "setup/load", "replay"):
            answer = await other.request.post(
                f"{office.url}/w/acme/{path}", form={"csrf": csrf or "", "step": "run"}
            )
            assert answer.status == 403, path
        assert (await other.request.get(f"{office.url}/people")).status == 404
        assert (await other.request.get(f"{office.url}/w/another")).status == 404


async def test_the_console_in_spanish_on_a_telephone(chromium: Browser, office: Office) -> None:
    async with at_a_desk(chromium, office, locale="es-ES", width=390) as page:
        await office.person("teresa", "admin")
        await log_in(page, office, "teresa")
        await page.goto(f"{office.url}/me")
        await page.select_option("[name=language]", "es")
        await page.click("form[action='/me/language'] button")
        await expect(page.locator("h2")).to_have_text("Una contraseña nueva")
        await page.goto(f"{office.url}/w/acme")
        # A listing may be under way; the page looks again by itself.
        await expect(page.locator(".verdict h1")).to_have_text("Todo coincide", timeout=30_000)
        assert await page.locator("html").get_attribute("lang") == "es"
        for path in ("", "/records", "/waiting", "/replay", "/lag", "/plots", "/setup"):
            await page.goto(f"{office.url}/w/acme{path}")
            wide = await page.evaluate(TOO_WIDE)
            assert wide <= 1, f"{path or 'home'} is {wide} px too wide for a telephone"


async def test_forms_from_elsewhere_and_old_log_ins_change_nothing(chromium: Browser, office: Office) -> None:
    await office.person("eva", "admin")
    async with at_a_desk(chromium, office) as page:
        await log_in(page, office, "eva")
        cookies = {each["name"]: each["value"] for each in await page.context.cookies()}
        csrf = await page.locator("form.me [name=csrf]").get_attribute("value")
    async with httpx.AsyncClient(base_url=office.url, cookies=cookies) as http:
        pause = "/w/acme/flows/acme.customer_bitfactura_sugester/pause"
        assert (await http.post(pause)).status_code == 403
        assert (await http.post(pause, data={"csrf": "guess"})).status_code == 403
        elsewhere = {"origin": "https://evil.example"}
        assert (await http.post(pause, data={"csrf": csrf}, headers=elsewhere)).status_code == 403
        site = {"sec-fetch-site": "cross-site"}
        assert (await http.post(pause, data={"csrf": csrf}, headers=site)).status_code == 403
        home = await http.get("/w/acme")
        assert home.headers["content-security-policy"].startswith("default-src 'none'")
        assert home.headers["cache-control"] == "no-store"
        assert (await http.post("/logout", data={"csrf": csrf})).status_code == 303
        assert (await http.get("/w/acme")).status_code == 303
        assert (await http.get(office.first.removeprefix(office.url))).status_code == 404
        for _ in range(5):
            wrong = await http.post("/login", data={"name": "eva", "password": "wrong password"})
            assert wrong.status_code == 401
        locked = await http.post("/login", data={"name": "eva", "password": PASSWORD})
        assert locked.status_code == 401
    assert (await office.used()).directory.flows["acme.customer_bitfactura_sugester"].state == "live"
