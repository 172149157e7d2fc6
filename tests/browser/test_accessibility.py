"""Every page of the console for everybody: axe on each, in both languages, light and dark; a story by keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from playwright.async_api import Browser, Page, expect

from services.console.app import PAGES
from tests.browser.axe import stumbles_and_width
from tests.browser.office import PASSWORD, PATIENT, Office, at_a_desk, client_there, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="package")]

# What is no page: pieces that a page asks for, streams and files.
PIECES: Final = frozenset(
    {
        "/w/{workspace_id}/events",
        "/w/{workspace_id}/now",
        "/w/{workspace_id}/replay/runs",
        "/w/{workspace_id}/settled",
        "/w/{workspace_id}/setup/flows",
        "/w/{workspace_id}/setup/{flow_id}/report.csv",
    }
)


def routes() -> set[str]:
    """The patterns of everything that answers GET."""
    return {
        route.path
        for module in PAGES
        for route in module.router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    }


async def places(office: Office, name: str) -> Mapping[str, str]:
    """A path for every page, by the pattern of its route; `name` is a client's."""
    client = await client_there(office, "bitfactura", name=name)
    root = "/w/acme"
    return {
        "/": "/",
        "/new": "/new",
        "/me": "/me",
        "/people": "/people",
        "/lag": "/lag",
        "/alerts": "/alerts",
        "/w/{workspace_id}": root,
        "/w/{workspace_id}/records": f"{root}/records?q={quote(name)}",
        "/w/{workspace_id}/records/{account_id}/{resource}/{record_id:path}": (
            f"{root}/records/acme.bitfactura/clients/{client}"
        ),
        "/w/{workspace_id}/forget": f"{root}/forget?account=acme.bitfactura&resource=clients&record={client}",
        "/w/{workspace_id}/flows/{flow_id}": f"{root}/flows/acme.customer_bitfactura_sugester?changed=1",
        "/w/{workspace_id}/history": f"{root}/history",
        "/w/{workspace_id}/waiting": f"{root}/waiting",
        "/w/{workspace_id}/replay": f"{root}/replay",
        "/w/{workspace_id}/lag": f"{root}/lag",
        "/w/{workspace_id}/alerts": f"{root}/alerts",
        "/w/{workspace_id}/plots": f"{root}/plots",
        "/w/{workspace_id}/setup": f"{root}/setup",
    }


# Seen by who is not logged in. The first user's page is looked at before there is one: see the fixture `office`.
BEFORE: Final = frozenset({"/login", "/first", "/login/oidc", "/login/oidc/back"})


@pytest.mark.parametrize("language", ["en", "es"])
async def test_nobody_stumbles_on_a_page(chromium: Browser, office: Office, language: str) -> None:
    name = f"Bar Vista {language}"
    await office.bitfactura("POST", "clients.json", client={"name": name, "email": f"{language}@acme.example"})
    await client_there(office, "sugester", name=name)
    await office.person(f"axel-{language}", "admin", locale=language, everywhere=True)
    known = await places(office, name)
    assert set(known) | PIECES | BEFORE == routes(), "a page is not looked at"
    problems = {"/first": office.stumbled_first[language]}
    async with at_a_desk(chromium, office, locale=f"{language}-ES", width=390) as page:
        await page.goto(f"{office.url}/login")
        problems["/login"] = await stumbles_and_width(page)
        await log_in(page, office, f"axel-{language}")
        for path in [*known.values(), "/w/acme/nothing"]:
            await page.goto(f"{office.url}{path}")
            assert await page.locator("html").get_attribute("lang") == language
            await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            problems[path] = await stumbles_and_width(page)
    found = [f"{path}: {each}" for path, some in problems.items() for each in some]
    assert not found, "\n".join(found)


async def test_a_client_is_found_and_looked_at_with_the_keyboard_alone(chromium: Browser, office: Office) -> None:
    """From the log-in to a look at a client, without touching a mouse."""
    await office.bitfactura("POST", "clients.json", client={"name": "Bar Tecla", "email": "tecla@acme.example"})
    await client_there(office, "sugester", name="Bar Tecla")
    await office.person("kira", "operator")
    async with at_a_desk(chromium, office) as page:
        await page.goto(f"{office.url}/login")
        await page.keyboard.type("kira")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page.locator(".verdict")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.locator("a.skip")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await tab_to(page, "Records", back=True)
        await page.keyboard.press("Enter")
        await expect(page.locator("[name=q]")).to_be_focused()
        await page.keyboard.type("tecla@acme.example")
        await page.keyboard.press("Enter")
        await tab_to(page, "Bar Tecla")
        await page.keyboard.press("Enter")
        await expect(page.locator(".story").first).to_contain_text("Both sides agree")
        await tab_to(page, "Sync now")
        await page.keyboard.press("Enter")
        await expect(page.locator("#message")).to_contain_text("It is looked at now")
        await expect(page.locator(".attempts li")).to_have_count(2, timeout=PATIENT)


async def tab_to(page: Page, text: str, *, back: bool = False) -> None:
    """Press Tab until what has the focus reads like this; what has it must be visible and framed."""
    for _ in range(40):
        await page.keyboard.press("Shift+Tab" if back else "Tab")
        focused = page.locator(":focus")
        assert await focused.evaluate("each => getComputedStyle(each).outlineStyle") != "none"
        if (await focused.inner_text()).strip() == text:
            return
    raise AssertionError(f"{text!r} is not reached by keyboard")
