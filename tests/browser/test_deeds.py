"""Every deed of the console as a person does it, and that its story notices when its handler is taken out.

Each run does so for two of the deeds, and `PUENTE_TEST_DEEDS=all` for each of them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import pytest
from fastapi.routing import APIRoute
from playwright.async_api import Browser, Error, Page, Route
from starlette.routing import compile_path

from services.console.app import PAGES
from shared.operations import steering
from shared.store import waiting
from tests.browser import stories, test_console, wizards
from tests.browser.office import Office, at_a_desk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="package")]

Story = Callable[[Page, Office], Awaitable[None]]

STORIES: Final[Mapping[str, Story]] = {
    "/login": stories.own_account,
    "/logout": stories.own_account,
    "/language": stories.own_account,
    "/me/language": stories.own_account,
    "/people/{user_id}/password": stories.own_account,
    "/people": stories.users,
    "/people/{user_id}/role": stories.users,
    "/people/{user_id}/remove": stories.users,
    "/w/{workspace_id}/sweep": stories.sweep,
    "/w/{workspace_id}/flows/{flow_id}/{word}": test_console.test_home_moves_by_itself_and_a_paused_flow_says_so,
    "/w/{workspace_id}/sync-now": test_console.test_a_clients_story,
    "/w/{workspace_id}/unlink": test_console.test_a_clients_story,
    "/w/{workspace_id}/relink": test_console.test_a_clients_story,
    "/w/{workspace_id}/forget": stories.forget,
    "/w/{workspace_id}/waiting/retry": stories.retry,
    "/w/{workspace_id}/waiting/dismiss": stories.dismiss,
    "/w/{workspace_id}/waiting/{waiting_id}/decide": test_console.test_a_doubt_is_decided,
    "/w/{workspace_id}/replay": stories.replay,
    "/w/{workspace_id}/replay/pairs": stories.repair,
    "/w/{workspace_id}/replay/{run_id}/{word}": stories.replay,
    "/alerts/test": stories.try_alerts,
    "/new": wizards.factusol_clientify,
    "/w/{workspace_id}/setup/account": wizards.factusol_clientify,
    "/w/{workspace_id}/setup/{flow_id}/options": stories.options,
    "/w/{workspace_id}/setup/{flow_id}/report": wizards.factusol_clientify,
    "/w/{workspace_id}/setup/{flow_id}/decide": wizards.factusol_clientify,
    "/w/{workspace_id}/setup/load": wizards.factusol_clientify,
}
"""By the pattern of the POST route whose deed the story does."""

# The office itself is opened with it; `tests/integration/console` takes its handler out.
ELSEWHERE: Final = frozenset({"/first"})
EACH_RUN: Final = ("/w/{workspace_id}/unlink", "/w/{workspace_id}/waiting/dismiss")
CHOSEN: Final = tuple(STORIES) if os.environ.get("PUENTE_TEST_DEEDS") == "all" else EACH_RUN
# A story that is still at it then has not got what it waits for: with its handler it takes a third of that.
PATIENCE: Final = timedelta(seconds=45)
IMPATIENT: Final = 5_000


async def test_every_deed_has_a_story() -> None:
    deeds = {
        route.path
        for module in PAGES
        for route in module.router.routes
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    }
    assert set(STORIES) | ELSEWHERE == deeds


OWN: Final = {each.__name__: each for each in STORIES.values() if not each.__name__.startswith("test_")}


@pytest.mark.parametrize("name", OWN)
async def test_it_is_done(page: Page, office: Office, name: str) -> None:
    await OWN[name](page, office)


@pytest.mark.parametrize("route", CHOSEN)
async def test_a_story_notices_that_its_handler_is_gone(chromium: Browser, office: Office, route: str) -> None:
    async with at_a_desk(chromium, office, as_admin=True) as page, without(page, route) as missed:
        page.set_default_timeout(IMPATIENT)
        with pytest.raises((AssertionError, Error, TimeoutError)):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await STORIES[route](page, office)
    await in_order(office)
    assert missed, "the story never asked for it"


@asynccontextmanager
async def without(page: Page, pattern: str) -> AsyncIterator[list[str]]:
    """As if the handler did nothing and sent the browser home. Which of its addresses were asked."""
    shape, missed = compile_path(pattern)[0], list[str]()

    async def answer(asked: Route) -> None:
        if asked.request.method != "POST":
            await asked.fallback()
            return
        missed.append(asked.request.url)
        if asked.request.headers.get("hx-request") == "true":
            await asked.fulfill(status=204, headers={"HX-Redirect": "/"})
        else:
            await asked.fulfill(status=303, headers={"Location": "/"})

    await page.context.route(lambda url: shape.match(urlsplit(url).path) is not None, answer)
    yield missed


async def in_order(office: Office) -> None:
    """Nothing of a story that broke off is left in the way of the next one."""
    await office.control("reset", what=["faults"])
    for flow in (await office.used()).directory.flows.values():
        if flow.state == "paused":
            await steering.resume(office.solo.parts, flow, actor="test")
    database = office.solo.parts.database
    rows = await database.read(lambda connection: waiting.of_workspace(connection, "acme"))
    await database.run(partial(waiting.dismiss, ids=[row.id for row in rows]))
