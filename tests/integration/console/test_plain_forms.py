"""The console without its scripts: every button is a form that the browser sends by itself.

A page that is clicked before its scripts are there is such a page as well.
"""

from __future__ import annotations

from typing import Final

import pytest

from shared.store import matches, runs
from tests.integration.console.deeds import (
    FLOW,
    ROOT,
    a_doubt,
    a_draft,
    a_pair,
    of_pair,
    report,
    report_of,
    runs_of,
)
from tests.integration.console.desk import Desk, filled, routes
from tests.integration.console.forms import press, read
from tests.integration.console.test_roles import HIDDEN, PATH, STREAM
from tests.scenarios.world import CUSTOMERS

pytestmark = pytest.mark.asyncio(loop_scope="package")

FILES: Final = "/w/{workspace_id}/setup/{flow_id}/report.csv"


async def test_no_page_needs_its_scripts_to_be_used(desk: Desk) -> None:
    """What is there to be clicked on every page, with a doubt, a run and a draft to show."""
    pair = await a_pair(desk)
    await a_doubt(desk)
    draft = await a_draft(desk)
    await report(desk, draft)
    client = await desk.as_("ana")
    known = PATH | {"record_id": pair.left_id}
    pages = [filled(each, known) for each in routes("GET") if each not in HIDDEN | {STREAM, FILES}]
    wrong, buttons = [], 0
    for page in [*pages, f"/w/{draft}/setup"]:
        answer = await client.get(page, params=of_pair(pair) | {"since": "2026-01-31T09:00:00+00:00"})
        forms, found = read(answer.text)
        wrong += [f"{page}: {each}" for each in found]
        buttons += sum(len(form.buttons) for form in forms)
    assert not wrong, "\n".join(wrong)
    assert buttons > 60


async def test_a_flow_is_paused_and_goes_on(desk: Desk) -> None:
    client = await desk.as_("olga")
    assert (await press(client, ROOT, "Pause", at=f"{CUSTOMERS}/pause")).status_code == 303
    assert (await desk.world.flow(CUSTOMERS)).state == "paused"
    assert (await press(client, ROOT, "Go on", at=f"{CUSTOMERS}/resume")).status_code == 303
    assert (await desk.world.flow(CUSTOMERS)).state == "live"
    asked = await press(client, ROOT, "Ask both systems now")
    assert "lists+are+asked+for" in asked.headers["location"]


async def test_a_doubt_is_decided_and_one_dismissed(desk: Desk) -> None:
    client = await desk.as_("olga")
    page = f"{ROOT}/waiting?reason=ambiguous"
    row = await a_doubt(desk)
    answer = await press(client, page, "Leave it alone", at=f"{row.id}/decide")
    assert answer.status_code == 303
    await desk.world.quiet()
    assert row.id not in [each.id for each in await desk.world.waits()]
    row = await a_doubt(desk)
    answer = await press(client, page, "Dismiss the chosen", ids=row.id, note="asked Ana")
    assert answer.status_code == 303
    assert row.id not in [each.id for each in await desk.world.waits()]


async def test_a_replay_is_paused_and_cancelled(desk: Desk) -> None:
    await a_pair(desk)
    client = await desk.as_("olga")
    await desk.world.stop_sync()
    try:
        await client.post(f"{ROOT}/replay", data={"step": "run"})
        states: list[runs.RunState] = []
        for label in ("Pause", "Go on", "Cancel"):
            assert (await press(client, f"{ROOT}/replay", label)).status_code == 303
            states.append((await runs_of(desk))[0].state)
    finally:
        desk.world.start_sync()
    assert states == ["paused", "running", "cancelled"]


async def test_a_report_is_made_and_decided(desk: Desk) -> None:
    name = await a_draft(desk)
    client = await desk.as_("ana")
    page = f"/w/{name}/setup"
    assert (await press(client, page, "Make the report", at=f"{CUSTOMERS}/report")).status_code == 303
    job = desk.console.jobs.find(f"report {name}.{CUSTOMERS}")
    assert job is not None
    assert job.task is not None
    await job.task
    assert await report_of(desk, name) is not None
    assert (await press(client, page, "It is a new one", at="/decide")).status_code == 303
    counted = await desk.world.parts.database.read(
        lambda connection: matches.counted(connection, f"{name}.{CUSTOMERS}", decision="new")
    )
    assert counted["left", "probable"] == 1


async def test_an_account_is_checked_and_its_wrong_value_named(desk: Desk) -> None:
    """The token travels in the form's body, and no page shows it again."""
    name = desk.fresh("shop").replace(" ", "-")
    client = await desk.as_("ana")
    assert (await press(client, "/new", "Go on", name=name, title="A shop")).status_code == 303
    access = await desk.world.control.post("accounts", {"system": "bitfactura", "account": name})
    typed = {"base_url": access["base_url"], "credential.token": "guess/wrong"}
    for label in ("Check", "Check and connect"):
        answer = await press(client, f"/w/{name}/setup", label, at="/setup/account", **typed)
        assert answer.status_code == 200
        assert "</html>" in answer.text
        assert 'class="failed"' in answer.text
        assert "Not connected" in answer.text
        assert f'value="{access["base_url"]}"' in answer.text
        assert "guess/wrong" not in answer.text
    typed["credential.token"] = access["token"]
    answer = await press(client, f"/w/{name}/setup", "Check and connect", at="/setup/account", **typed)
    assert answer.status_code == 303
    assert access["token"] not in answer.headers["location"]
    assert list((await desk.world.used(name)).directory.accounts) == [f"{name}.bitfactura"]


async def test_what_is_refused_is_a_whole_page(desk: Desk) -> None:
    client = await desk.as_("berta")
    refused = {
        f"{ROOT}/waiting/retry": {},
        f"{ROOT}/setup/{FLOW}/decide": {"choice": "bind"},
        f"{ROOT}/replay/pairs": {"step": "run", "flow": "x"},
        "/people": {"name": "x"},
    }
    for path, data in refused.items():
        answer = await client.post(path, data=data)
        assert 400 <= answer.status_code < 500, path
        assert answer.text.startswith("<!DOCTYPE html>"), path
        assert "That did not work" in answer.text, path
        piece = await client.post(path, data=data, headers={"hx-request": "true"})
        assert piece.text.startswith("<p class="), path
