"""Alerts in the console: what is open is seen with its way out, a test goes out, and what is mended is gone."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from shared.store import waiting
from tests.browser.office import PATIENT, Office, at_a_desk, log_in
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="package")]


def texts(office: Office) -> list[str]:
    return [json.loads(post.body)["text"] for post in office.chat.at("/chat")]


async def test_an_alert_is_seen_with_its_way_out_and_gone_when_it_is_mended(page: Page, office: Office) -> None:
    await office.control("faults", system="sugester", fault="error_with_200", on=True, match="POST")
    await office.bitfactura("POST", "clients.json", client={"name": "Bar Aviso"})
    rows = await until(
        lambda: office.waits("rejected", 1), within=timedelta(seconds=60), what="it is put before a person"
    )
    card = page.locator(".card", has_text="needs-person")
    await page.goto(f"{office.url}/w/acme/alerts")
    for _ in range(60):
        if await card.count():
            break
        await page.reload()
    await expect(card).to_contain_text("Records need a person")
    await expect(card).to_contain_text("puente waiting list acme --person")
    assert "Bar Aviso" not in await page.content()
    await card.locator("a", has_text="Needs you").click()
    await expect(page.locator(".card").first).to_contain_text(rows[0].record_id)
    await until(
        lambda: any("puente waiting list acme" in text for text in texts(office)),
        within=timedelta(seconds=30),
        what="the chat is told",
    )

    await page.goto(f"{office.url}/alerts")
    await expect(page.locator("td", has_text="chat")).to_be_visible()
    await page.click("form[action='/alerts/test'] button")
    await expect(page.locator(".said")).to_have_text("The message was taken: chat.", timeout=PATIENT)
    assert any("A test of this channel" in text for text in texts(office))
    office.chat.status = 500
    await page.click("form[action='/alerts/test'] button")
    await expect(page.locator("#message .problem")).to_contain_text("chat:", timeout=PATIENT)
    office.chat.status = 204

    await office.control("faults", system="sugester", fault="error_with_200", on=False)
    ids = [row.id for row in rows]
    await office.solo.parts.database.run(lambda connection: waiting.dismiss(connection, ids))
    await until(
        lambda: any("over" in text or "resuelto" in text for text in texts(office)),
        within=timedelta(seconds=60),
        what="it is told as over",
    )
    await page.goto(f"{office.url}/w/acme/alerts")
    await expect(card).to_have_count(0)


async def test_who_has_one_business_sees_its_alerts_and_sends_no_test(chromium: Browser, office: Office) -> None:
    await office.person("olga@acme.example", "operator")
    async with at_a_desk(chromium, office) as page:
        await log_in(page, office, "olga@acme.example")
        await page.goto(f"{office.url}/w/acme/alerts")
        await expect(page.locator("h1")).to_have_text("Alerts")
        await expect(page.locator("a[href='/alerts']")).to_have_count(0)
        answer = await page.goto(f"{office.url}/alerts")
        assert answer is not None
        assert answer.status in {403, 404}
