"""One browser and one office for the stories of this folder: each story has records and a window of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.browser.axe import stumbles_and_width
from tests.browser.office import Office, at_a_desk, open_office, set_up
from tests.conftest import open_browser


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def chromium(pytestconfig: pytest.Config) -> AsyncIterator[Browser]:
    async with open_browser(pytestconfig) as opened:
        yield opened


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def office(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    """BitFactura and Sugester in step, set up through the pages. `office.cookies` are its administrator's."""
    async with open_office(tmp_path_factory.mktemp("office")) as opened:
        # Nobody sees this page any more once somebody can log in.
        for locale in ("en-GB", "es-ES"):
            async with at_a_desk(chromium, opened, locale=locale, width=390) as page:
                await page.goto(opened.first)
                opened.stumbled_first[locale[:2]] = await stumbles_and_width(page)
        async with at_a_desk(chromium, opened) as page:
            await set_up(page, opened)
            opened.cookies = await page.context.storage_state()
        yield opened


@pytest_asyncio.fixture(loop_scope="package")
async def page(chromium: Browser, office: Office) -> AsyncIterator[Page]:
    """A window of the administrator, in English."""
    async with at_a_desk(chromium, office, as_admin=True) as opened:
        yield opened
