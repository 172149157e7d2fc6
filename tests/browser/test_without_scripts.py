"""The console in a browser whose scripts are switched off, or not there yet: a business is set up all the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.office import Office, at_a_desk, connect
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="package")]

SOON: Final = timedelta(seconds=60)


async def appears(page: Page, what: Locator) -> None:
    """Look again, as the page offers while it works, until this is there."""

    async def look() -> bool:
        if await what.count():
            return True
        await page.get_by_role("link", name="Look again").first.click()
        return False

    await until(look, within=SOON, what=f"{what} on {page.url}")


async def test_a_business_is_set_up(chromium: Browser, office: Office) -> None:
    """From its name to the load of both flows. A wrong token is named, and stands in no address."""
    access = {each: await office.account(each, "calma") for each in ("bitfactura", "sugester")}
    theirs = {"api_token": access["sugester"]["token"], "client": {"name": "Bar Calma"}}
    made = await office.http.post(f"{access['sugester']['base_url']}/app/clients.json", json=theirs)
    assert made.status_code == 201, made.text
    async with at_a_desk(chromium, office, as_admin=True, scripts=False) as page:
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url))
        await page.goto(f"{office.url}/new")
        await page.fill("[name=title]", "Calma")
        await page.fill("[name=name]", "calma")
        await page.click("button.main")
        await page.wait_for_url("**/w/calma/setup")
        form = page.locator("form#bitfactura-bitfactura")
        await page.locator("details.pair:has(form#bitfactura-sugester) > summary").click()
        await form.locator("[name=base_url]").fill(access["bitfactura"]["base_url"])
        await form.locator("[name='credential.token']").fill("guess/calma")
        await form.locator("button[value=save]").click()
        await expect(form.locator(".checks .failed").first).to_be_visible()
        await expect(form.locator("[name='credential.token']")).to_have_value("")
        for system, its in access.items():
            await connect(page, office, system, its)
        for number in range(2):
            step = page.locator("#flows section.step").nth(number)
            await step.get_by_role("button", name="Make the report").click()
            await appears(page, step.locator("table"))
        await page.get_by_role("button", name="Approve and load").click()
        await page.wait_for_url("**/setup?said=*")
        await page.goto(f"{office.url}/w/calma")
        await appears(page, page.locator(".verdict.in-step"))
        await page.locator(".flow", has_text="Clients, both ways").get_by_role("button", name="Pause").click()
        await expect(page.locator(".verdict.paused")).to_be_visible()
        await page.get_by_role("button", name="Go on").click()
        await expect(page.locator(".flow.paused")).to_have_count(0)
    names = [row.text("name") for row in office.records("bitfactura", "clients", "calma")]
    assert names == ["Bar Calma"]
    told = [each for each in seen if "guess" in each or any(one["token"] in each for one in access.values())]
    assert not told, "a token in an address"
