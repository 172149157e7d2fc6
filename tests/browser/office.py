"""An office to test the console in: both vendors' sandbox, a solo with its console, and a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.async_api import Browser, Page, StorageState, expect

from services.console.people import People
from services.console.settings import ConsoleSettings
from services.solo.running import Solo, running
from shared.model.change import Change
from shared.model.record import CUSTOMER
from shared.runtime import logging
from shared.runtime.settings import Settings
from shared.runtime.workspaces import Used
from shared.store import waiting
from shared.store.rows import Reason, Waiting
from shared.store.users import EVERYWHERE, Role
from tests.support.receivers import Inbox, web_server
from tests.support.waiting import until

PASSWORD: Final = "tres palabras largas"
PATIENT: Final = 30_000


@dataclass(slots=True, kw_only=True)
class Office:
    """What runs. `first` is the link that makes the first user; `cookies` are a browser's that is logged in.

    `stumbled_first` is what was found on the first user's page, by language, while it was there.
    """

    solo: Solo
    url: str
    first: str
    http: httpx.AsyncClient
    chat: Inbox
    cookies: StorageState = field(default_factory=lambda: StorageState(cookies=[], origins=[]))
    stumbled_first: dict[str, list[str]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def systems(self) -> Mapping[str, Mapping[str, str]]:
        assert self.solo.sandbox is not None
        return self.solo.sandbox.systems

    async def control(self, path: str, /, **body: object) -> Any:
        assert self.solo.sandbox is not None
        answer = await self.http.post(f"{self.solo.sandbox.control}/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def records(self, system: str, table: str, account: str = "demo") -> list[Any]:
        """What a vendor holds."""
        assert self.solo.sandbox is not None
        return list(self.solo.sandbox.world.account(system, account).tables[table].live())

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """While nobody works: what is asked for stands where it is, and goes on at the end."""
        await self.solo.stop_sync()
        try:
            yield
        finally:
            self.solo.start_sync()

    def fresh(self, word: str) -> str:
        """A name that nothing here has yet."""
        return f"{word} {next(self._numbers)}"

    async def sugester(self, **fields: str) -> None:
        """Make a client with the vendor's own API."""
        await self._sugester("POST", "clients.json", fields)

    async def sugester_edit(self, record_id: str, **fields: str) -> None:
        await self._sugester("PUT", f"clients/{record_id}.json", fields)

    async def _sugester(self, method: str, path: str, fields: Mapping[str, str]) -> None:
        access = self.systems["sugester"]
        body = {"api_token": access["token"], "client": fields}
        answer = await self.http.request(method, f"{access['base_url']}/app/{path}", json=body)
        answer.raise_for_status()

    async def person(self, name: str, role: Role, *, locale: str = "en", everywhere: bool = False) -> None:
        """Somebody who may log in with PASSWORD and has this role in the office's workspace, or everywhere."""
        people = People(
            database=self.solo.parts.database,
            clock=self.solo.parts.clock,
            new_id=self.solo.parts.new_id,
            session_length=timedelta(hours=1),
            idle=timedelta(hours=1),
            new_token=lambda: "",
        )
        await people.add(name, PASSWORD, {EVERYWHERE if everywhere else "acme": role}, locale=locale)

    async def account(self, system: str, name: str) -> Mapping[str, str]:
        """Another account at a vendor, with nothing in it: its `base_url` and `token`."""
        made = await self.control("accounts", system=system, account=name)
        return {"base_url": str(made["base_url"]), "token": str(made["token"])}

    async def told(self, record_id: str) -> None:
        """A change of a client of BitFactura in the log, as its hook would have told it: hooks are off here."""
        parts = self.solo.parts
        change = Change(
            id=parts.new_id(),
            what=CUSTOMER.name,
            workspace="acme",
            system="bitfactura",
            account="acme.bitfactura",
            seen_at=parts.clock.now(),
            resource="clients",
            record_id=record_id,
            hook_kind="client:update",
        )
        await self.solo.log.append(change)

    async def waits(self, reason: Reason, count: int) -> Sequence[Waiting] | None:
        """What waits for this reason, once there are so many."""
        rows = await self.solo.parts.database.read(
            lambda connection: waiting.of_workspace(connection, "acme", reason=reason)
        )
        return rows if len(rows) == count else None

    async def used(self) -> Used:
        """The workspace of the office as it stands now."""
        found = await self.solo.parts.workspaces.get("acme", look_every=timedelta(0))
        assert found is not None
        return found

    async def bitfactura(self, method: str, path: str, **body: object) -> Any:
        """A call of the vendor's own API, as the shop owner's program makes it."""
        access = self.systems["bitfactura"]
        answer = await self.http.request(
            method, f"{access['base_url']}/{path}", json={"api_token": access["token"], **body}
        )
        answer.raise_for_status()
        return answer.json()


@asynccontextmanager
async def open_office(folder: Path) -> AsyncIterator[Office]:
    logging.configure(level="WARNING", form="text")
    async with (
        web_server() as chat,
        running(_settings(folder, chat), sandbox_port=0, pages=ConsoleSettings(port=0)) as solo,
        httpx.AsyncClient(timeout=20) as http,
    ):
        url, _, _rest = solo.console.partition("/first")
        yield Office(solo=solo, url=url.rstrip("/"), first=solo.console, http=http, chat=chat)


def _settings(folder: Path, chat: Inbox) -> Settings:
    """Of an office that is told by chat what is wrong, and soon."""
    address = folder / "chat"
    address.write_text(f"{chat.url}/chat", encoding="utf-8")
    return Settings(
        data=folder / "data",
        port=0,
        sweep_seconds=2,
        attempt_seconds=10,
        alert_chat_url_file=address,
        alert_every_seconds=0.5,
        alert_calm_seconds=2,
    )


@asynccontextmanager
async def at_a_desk(
    browser: Browser,
    office: Office,
    *,
    locale: str = "en-GB",
    width: int = 1200,
    as_admin: bool = False,
    scripts: bool = True,
) -> AsyncIterator[Page]:
    """A window of its own; at the end nothing may have failed in it, nor left this machine."""
    context = await browser.new_context(
        locale=locale,
        viewport={"width": width, "height": 900},
        storage_state=office.cookies if as_admin else None,
        java_script_enabled=scripts,
    )
    page = await context.new_page()
    page.set_default_timeout(PATIENT)
    problems: list[str] = []
    asked: set[str] = set()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: problems.append(said.text) if said.type == "error" and not is_an_answer(said.text) else None,
    )
    page.on("request", lambda request: asked.add(request.url))
    try:
        yield page
        assert not problems, "; ".join(problems)
        assert {each for each in asked if not each.startswith((office.url, "data:", "about:"))} == set()
    finally:
        await context.close()


def is_an_answer(text: str) -> bool:
    """Whether the browser only reports that something was refused, or that a stream ended with its log-in."""
    known = ("status of", "Response Status Error Code", "EventSource", "[object Event]")
    return any(words in text for words in known)


async def become_first(page: Page, office: Office) -> None:
    """Make the first user and be logged in."""
    await page.goto(office.first)
    await page.fill("[name=name]", "ana@acme.example")
    await page.fill("[name=password]", PASSWORD)
    await page.click("button.main")
    await page.wait_for_url(f"{office.url}/")


async def log_in(page: Page, office: Office, name: str) -> None:
    await page.goto(f"{office.url}/login")
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", PASSWORD)
    await page.click("button.main")
    await page.wait_for_load_state()


async def connect(page: Page, office: Office, system: str, access: Mapping[str, str] | None = None) -> None:
    """Give an account's address and token, and connect it."""
    access = access or office.systems[system]
    form = page.locator(f"details.pair:has([value=bitfactura]):has([value=sugester]) form:has([value={system}])")
    if not await form.is_visible():
        await page.locator("details.pair:has([value=bitfactura]):has([value=sugester]) > summary").click()
    await form.locator("[name=base_url]").fill(access["base_url"])
    await form.locator("[name^='credential.']").first.fill(access["token"])
    await form.locator("button[value=save]").click()
    await page.wait_for_url("**/setup?said=*")


async def set_up(page: Page, office: Office, *, verdict: str = "in-step") -> None:
    """From nothing to live, as a person does it; then Home comes to this verdict."""
    await become_first(page, office)
    await page.goto(f"{office.url}/new")
    await page.fill("[name=title]", "Talleres Acme")
    await page.fill("[name=name]", "acme")
    await page.click("button.main")
    await page.wait_for_url("**/setup")
    for system in ("bitfactura", "sugester"):
        await connect(page, office, system)
    for number in range(2):
        step = page.locator("#flows section.step").nth(number)
        await step.locator("form[action$='/report'] button").click()
        await expect(step.locator("table")).to_be_visible(timeout=PATIENT)
    await page.locator("form[action$='/setup/load'] button.main").click()
    await page.wait_for_url("**/setup?said=*")
    await page.goto(f"{office.url}/w/acme")
    await expect(page.locator(f".verdict.{verdict}")).to_be_visible(timeout=2 * PATIENT)


async def client_there(office: Office, system: str, **fields: str) -> str:
    """Wait until a vendor holds a client that shows these fields; its id."""

    def look() -> str | None:
        for row in office.records(system, "clients"):
            if all(row.text(name) == value for name, value in fields.items()):
                return str(row.id)
        return None

    return await until(look, within=timedelta(seconds=60), what=f"{fields} at {system}")
