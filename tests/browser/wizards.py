"""Set-up as a person does it, for the bridge of Factusol and Clientify: each time for another business."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Final

from playwright.async_api import Locator, Page, expect

from tests.browser.office import PATIENT, Office
from tests.support.waiting import until

SOON: Final = timedelta(seconds=60)
PARTS: Final = ("manufacturer", "client", "database", "password")


async def factusol_clientify(page: Page, office: Office) -> None:
    """Four values of which one is wrong, a report that is decided and read, a load; then both are in step."""
    name = office.fresh("taller").replace(" ", "-")
    access = {each: await office.account(each, name) for each in ("factusol", "clientify")}
    await records_from_before(office, name)
    await page.goto(f"{office.url}/new")
    await page.fill("[name=title]", "Taller")
    await page.fill("[name=name]", name)
    await page.click("button.main")
    await page.wait_for_url(f"**/w/{name}/setup")
    await page.locator("details.pair:has(form#factusol-factusol) > summary").click()
    form = page.locator("form#factusol-factusol")
    await form.locator("[name=base_url]").fill(access["factusol"]["base_url"])
    right = dict(zip(PARTS, access["factusol"]["token"].split(":", 3), strict=True))
    for part, value in (right | {"client": "no number"}).items():
        await form.locator(f"[name='credential.{part}']").fill(value)
    await form.get_by_role("button", name="Check", exact=True).click()
    await expect(form.locator(".checks .failed b").first).to_have_text("client", timeout=PATIENT)
    await form.locator("[name='credential.client']").fill(right["client"])
    await form.get_by_role("button", name="Check and connect").click()
    await page.wait_for_url("**/setup?said=*")
    form = page.locator("form#factusol-clientify")
    await form.locator("[name=base_url]").fill(access["clientify"]["base_url"])
    await form.locator("[name='credential.token']").fill(access["clientify"]["token"])
    await form.get_by_role("button", name="Check and connect").click()
    await expect(page.locator("#message")).to_contain_text("Clientify is connected", timeout=PATIENT)

    await page.get_by_role("button", name="Make the report").click()
    await expect(page.locator("tr.probable")).to_contain_text("1", timeout=PATIENT)
    await expect(page.locator("tr.ambiguous")).to_contain_text("1")
    # Whoever leaves and comes back finds everything where it was.
    await page.goto(f"{office.url}/w/{name}")
    await page.wait_for_url(f"**/w/{name}/setup")
    await decide(page, undecided(page, "Only the name is the same").first, "Same as")
    await decide(page, undecided(page, "same email").first, "Leave it alone")
    found = await downloaded(page)
    assert {(row["finding"], row["decision"]) for row in found} >= {("probable", "bind"), ("ambiguous", "apart")}

    await page.get_by_role("button", name="Approve and load").click()
    await expect(page.locator("#message")).to_contain_text("The first load has begun")
    await page.goto(f"{office.url}/w/{name}")
    await contact(office, name, "Bar Duda")
    body = {"NOFCLI": "Bar Nuevo", "NIFCLI": "B76123458"}
    await owner(office, "factusol", name, "/programa/clientes", body)
    await contact(office, name, "Bar Nuevo")
    names = [row.text("first_name") for row in office.records("clientify", "contacts", name)]
    assert names.count("Bar Duda") == 1, "joined, and not made a second time"


async def records_from_before(office: Office, account: str) -> None:
    """One client on both sides that shares its name alone, and one whose e-mail two contacts have."""
    await owner(office, "factusol", account, "/programa/clientes", {"NOFCLI": "Bar Duda"})
    await owner(office, "clientify", account, "/panel/contacts", {"first_name": "Bar Duda"})
    mail = "dos@acme.example"
    await owner(office, "factusol", account, "/programa/clientes", {"NOFCLI": "Bar Dos", "EMACLI": mail})
    for each in ("Bar Dos", "El Bar Dos"):
        await owner(office, "clientify", account, "/panel/contacts", {"first_name": each, "email": mail})


async def owner(office: Office, system: str, account: str, path: str, body: dict[str, str]) -> None:
    """What a person does in the vendor's own pages."""
    done = await office.control("owner", system=system, account=account, method="POST", path=path, body=body)
    assert done["status"] in (200, 201), done


async def contact(office: Office, account: str, name: str) -> None:
    def is_there() -> bool:
        return name in [row.text("first_name") for row in office.records("clientify", "contacts", account)]

    await until(is_there, within=SOON, what=f"{name} is a contact")


def undecided(page: Page, text: str) -> Locator:
    """Findings of the report that read like this and still ask."""
    return page.locator(".card", has_text=text).filter(has=page.locator(".decide"))


async def decide(page: Page, finding: Locator, label: str) -> None:
    asked = page.locator(".card .decide")
    before = await asked.count()
    await finding.get_by_role("button", name=label).first.click()
    await expect(asked).not_to_have_count(before)


async def downloaded(page: Page) -> list[dict[str, str]]:
    """The report, as it is in the file that the page gives."""
    async with page.expect_download() as download:
        await page.get_by_role("link", name="The whole report as CSV").click()
    path = await (await download.value).path()
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
