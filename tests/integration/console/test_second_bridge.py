"""The second bridge through the set-up page: Factusol's four values, each wrong in turn; then a load."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Final

import pytest

from tests.integration.console.desk import Desk
from tests.scenarios.shop import FLOW, Seller
from tests.scenarios.shop import Desk as Clerk
from tests.support.waiting import until

ROOT: Final = "/w/taller/setup"
PARTS: Final = ("manufacturer", "client", "database", "password")
WRONG: Final = {"manufacturer": "no number", "client": "no number", "database": "FS777", "password": "guess"}

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_it_is_set_up_value_by_value_and_goes_on_where_it_was_left(desk: Desk) -> None:
    clerk = Clerk(control=desk.world.control, system="factusol")
    await clerk.make(name="Bar Lago", tax_no="B76123458")
    client = await desk.as_("ana")
    await client.post("/new", data={"name": "taller", "title": "Taller"})
    access = desk.world.sandbox.systems["factusol"]
    right = dict(zip(PARTS, access["token"].split(":", 3), strict=True))
    form = {"system": "factusol", "step": "save", "base_url": access["base_url"]}
    for wrong in PARTS:
        given = {f"credential.{name}": WRONG[name] if name == wrong else right[name] for name in PARTS}
        answer = await client.post(f"{ROOT}/account", data=form | given)
        assert 'class="failed"' in answer.text, wrong
        assert "Not connected" in answer.text, wrong
        assert (await desk.world.used("taller")).directory.accounts == {}, wrong
    given = {f"credential.{name}": right[name] for name in PARTS}
    assert (await client.post(f"{ROOT}/account", data=form | given)).status_code == 303
    other = desk.world.sandbox.systems["clientify"]
    form = {"system": "clientify", "step": "save", "base_url": other["base_url"]}
    assert (
        await client.post(f"{ROOT}/account", data={**form, "credential.token": other["token"]})
    ).status_code == 303
    used = await desk.world.used("taller")
    assert sorted(used.directory.accounts) == ["taller.clientify", "taller.factusol"]
    assert f"taller.{FLOW}" in used.directory.flows

    # Another log-in finds everything where it was left.
    client = await desk.log_in("ana")
    page = await client.get(ROOT)
    assert page.text.count("connected:") == 2
    assert "Make the report" in page.text
    flow = await client.get(f"/w/taller/flows/taller.{FLOW}")
    for shown in (page.text, flow.text):
        assert "Not carried: " in shown
        assert "Version 2 of Clientify&#39;s API has no known call for the web sites of contacts" in shown
        assert "option.winner.email" in shown
        assert "option.winner.www" not in shown, "nobody wins what is not carried"
    await client.post(f"{ROOT}/taller.{FLOW}/report")
    job = desk.console.jobs.find(f"report taller.{FLOW}")
    assert job is not None
    assert job.task is not None
    await job.task
    file = await client.get(f"{ROOT}/taller.{FLOW}/report.csv")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["side"], row["finding"]) for row in rows] == [("left", "new")]
    await client.post(f"{ROOT}/load")
    seller = Seller(control=desk.world.control, system="clientify")

    async def is_there() -> bool:
        return [each["name"] for each in await seller.all()] == ["Bar Lago"]

    await until(is_there, within=timedelta(seconds=30), what="the client is a contact")
