"""The sandbox's page in a real browser: a person works as the shop owner and sees both sides."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from services.sandbox.server import Sandbox, running


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(seed=7) as served:
        yield served


@pytest.fixture
async def page(browser: Browser, sandbox: Sandbox) -> AsyncIterator[Page]:
    """The page, opened; at the end nothing may have gone wrong in it, nor left this machine."""
    opened = await browser.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    # The page asks again every moment: what it was asking when it was left is cut off by the browser, no failure.
    opened.on(
        "requestfailed",
        lambda request: problems.append(request.url) if request.failure != "net::ERR_ABORTED" else None,
    )
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    await opened.goto(sandbox.url)
    await opened.wait_for_selector("body[data-ready]")
    yield opened
    await opened.goto("about:blank")
    assert problems == []
    assert {url for url in asked if not url.startswith((sandbox.url, "data:", "about:"))} == set()


def panel(page: Page, system: str, resource: str) -> Locator:
    return page.locator(f'.system[data-system="{system}"] .panel[data-resource="{resource}"]')


def rows(page: Page, system: str, resource: str) -> Locator:
    return panel(page, system, resource).locator("tbody tr")


async def fill_in(page: Page, **fields: str) -> None:
    editor = page.locator("#editor")
    for name, value in fields.items():
        await editor.locator(f'[name="{name}"]').fill(value)
    await editor.get_by_role("button", name="Save").click()


@pytest.mark.browser
async def test_shop_owner_makes_edits_and_deletes_a_client(page: Page, sandbox: Sandbox) -> None:
    await panel(page, "bitfactura", "clients").get_by_role("button", name="New").click()
    await fill_in(page, name="<b>Talleres</b> Anaga", email="taller@anaga.example")
    client = rows(page, "bitfactura", "clients")
    await expect(client).to_have_count(1)
    await expect(client).to_contain_text("<b>Talleres</b> Anaga")
    await client.get_by_role("button", name="Edit").click()
    await fill_in(page, city="Tegueste")
    await expect(client).to_contain_text("Tegueste")
    stored = sandbox.world.account("bitfactura").tables["clients"].live()
    assert [(r.text("city"), r.text("email")) for r in stored] == [("Tegueste", "taller@anaga.example")]
    await client.get_by_role("button", name="Delete").click()
    await expect(client).to_have_count(0)


@pytest.mark.browser
async def test_refusal_is_shown_in_the_editor(page: Page) -> None:
    await panel(page, "sugester", "clients").get_by_role("button", name="New").click()
    await fill_in(page, city="Arona")
    await expect(page.locator("#editor .problem")).to_have_text("name no puede estar en blanco")
    await page.locator("#editor").get_by_role("button", name="Close").click()
    await expect(rows(page, "sugester", "clients")).to_have_count(0)


@pytest.mark.browser
async def test_invoice_is_issued_paid_and_cancelled_and_hooks_are_seen(page: Page, sandbox: Sandbox) -> None:
    crm = sandbox.systems["sugester"]
    await page.evaluate(
        """async ([base, token]) => {
            for (const [kind, path] of [["invoice:create", "deals"], ["invoice:update", "deals"]]) {
                const url = `${base}/app/${path}/external_update.json`;
                await fetch("/control/webhooks", {method: "POST", headers: {"Content-Type": "application/json"},
                    body: JSON.stringify({system: "bitfactura", kind, url, api_token: token})});
            }
        }""",
        [crm["base_url"], crm["token"]],
    )
    await panel(page, "bitfactura", "clients").get_by_role("button", name="New").click()
    await fill_in(page, name="Talleres Anaga")
    await rows(page, "bitfactura", "clients").get_by_role("button", name="Issue invoice").click()
    invoice = rows(page, "bitfactura", "invoices")
    await expect(invoice).to_contain_text("121.0")
    await expect(invoice).to_contain_text("issued")
    deal = rows(page, "sugester", "deals")
    await expect(deal).to_contain_text("121.0")
    await invoice.get_by_role("button", name="Mark paid").click()
    await expect(invoice).to_contain_text("paid")
    await expect(deal).to_contain_text("true")
    await invoice.get_by_role("button", name="Cancel").click()
    await expect(invoice).to_contain_text("canceled")
    delivered = page.locator("#hooks tbody tr", has_text="delivered")
    await expect(delivered).to_have_count(3)
    await expect(delivered.last).to_contain_text("invoice:create")


@pytest.mark.browser
async def test_faults_and_switches_are_set(page: Page, sandbox: Sandbox) -> None:
    box = page.locator('#faults fieldset[data-system="bitfactura"] input[data-name="server_error"]')
    await box.check()
    await page.locator("#switches summary").click()
    choice = page.locator('#switches fieldset[data-system="bitfactura"] select[data-name="filters"]')
    await choice.select_option("exact")
    switches = sandbox.world.switches
    await page.wait_for_function("async () => (await (await fetch('/control/faults')).json()).switches.some("
                                 "s => s.switch === 'filters' && s.value === 'exact')")  # fmt: skip
    assert switches.value("bitfactura", "filters") == "exact"
    assert sandbox.world.faults.find("bitfactura", "server_error", None, "GET /clients.json") is not None
    await box.uncheck()
    await page.wait_for_function(
        "async () => !(await (await fetch('/control/faults')).json()).faults.some(f => f.on)"
    )


@pytest.mark.browser
async def test_another_account_is_chosen(page: Page, sandbox: Sandbox) -> None:
    sandbox.world.add_account("bitfactura", "acme")
    select = page.locator('.system[data-system="bitfactura"] select.account')
    await expect(select.locator("option")).to_have_count(2)
    await select.select_option("acme")
    token = page.locator('.system[data-system="bitfactura"] .token')
    await expect(token).to_have_text(sandbox.world.account("bitfactura", "acme").prefixed_token)
    await panel(page, "bitfactura", "clients").get_by_role("button", name="New").click()
    await fill_in(page, name="Of acme")
    await expect(rows(page, "bitfactura", "clients")).to_have_count(1)
    await select.select_option("demo")
    await expect(rows(page, "bitfactura", "clients")).to_have_count(0)
