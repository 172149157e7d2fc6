"""A story for every deed of the console: what somebody asks of it over HTTP, and that it was done.

A story makes its own records and can be told again. It looks at the store or at a vendor, never at what is shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import httpx

from shared.operations import administration, matching_report, steering
from shared.store import audit, loads, matches, runs, users
from shared.store.rows import Binding, Waiting
from tests.integration.console.desk import PASSWORD, Desk, open_desk
from tests.scenarios.world import ASUNTOS, CUSTOMERS
from tests.support.waiting import until

Story = Callable[[Desk], Awaitable[None]]
SOON: Final = timedelta(seconds=20)
A_LIST: Final = timedelta(seconds=6)
ROOT: Final = "/w/acme"
FLOW: Final = f"acme.{CUSTOMERS}"


# People


async def log_in(desk: Desk) -> None:
    client = desk.stranger()
    await client.post("/login", data={"name": "vera", "password": PASSWORD})
    assert (await client.get(ROOT)).status_code == 200


async def log_out(desk: Desk) -> None:
    client = await desk.log_in("vera")
    await client.post("/logout")
    assert (await client.get(ROOT)).status_code == 303


async def choose_language(desk: Desk) -> None:
    client = desk.stranger()
    await client.post("/language", data={"language": "es", "to": "/login"})
    assert "Contraseña" in (await client.get("/login")).text


async def add_user(desk: Desk) -> None:
    name = desk.fresh("user")
    data = {"name": name, "password": PASSWORD, "role": "viewer", "workspace": "acme"}
    await (await desk.as_("ana")).post("/people", data=data)
    assert (await user(desk, name)).roles == {"acme": "viewer"}


async def change_role(desk: Desk) -> None:
    made = await somebody(desk)
    await (await desk.as_("ana")).post(f"/people/{made.id}/role", data={"role": "operator", "workspace": "acme"})
    assert (await user(desk, made.name)).roles == {"acme": "operator"}


async def change_password(desk: Desk) -> None:
    made = await somebody(desk)
    await (await desk.as_("ana")).post(f"/people/{made.id}/password", data={"password": "otras tres palabras"})
    client = desk.stranger()
    answer = await client.post("/login", data={"name": made.name, "password": "otras tres palabras"})
    assert "puente_session" in answer.cookies


async def remove_user(desk: Desk) -> None:
    made = await somebody(desk)
    await (await desk.as_("ana")).post(f"/people/{made.id}/remove")
    gone = await desk.world.parts.database.read(lambda connection: users.by_id(connection, made.id))
    assert gone is None


async def my_language(desk: Desk) -> None:
    made = await somebody(desk)
    await (await desk.log_in(made.name)).post("/me/language", data={"language": "es"})
    assert (await user(desk, made.name)).locale == "es"


async def somebody(desk: Desk) -> users.User:
    return await desk.console.people.add(desk.fresh("user"), PASSWORD, {"acme": "viewer"}, locale="en")


async def user(desk: Desk, name: str) -> users.User:
    found = await desk.world.parts.database.read(lambda connection: users.by_name(connection, name))
    assert found is not None, f"there is no user {name}"
    return found


# Home


async def sweep(desk: Desk) -> None:
    name = desk.fresh("Bar")
    # No hook tells of it: only a list finds it.
    await desk.world.control.seed("sugester", "clients", {"name": name, "email": f"{name[4:]}@sweep.example"})
    await (await desk.as_("olga")).post(f"{ROOT}/sweep")
    await desk.world.left.has(name, within=A_LIST)


async def pause(desk: Desk) -> None:
    await (await desk.as_("olga")).post(f"{ROOT}/flows/{FLOW}/pause")
    try:
        assert (await desk.world.flow(CUSTOMERS)).state == "paused"
    finally:
        await steering.resume(desk.world.parts, await desk.world.flow(CUSTOMERS), actor="test")


# Records


async def sync_now(desk: Desk) -> None:
    pair = await a_pair(desk)
    before = len(await desk.world.story(desk.world.left, pair.left_id))
    await (await desk.as_("olga")).post(f"{ROOT}/sync-now", data=of_pair(pair))
    await desk.world.quiet()
    assert len(await desk.world.story(desk.world.left, pair.left_id)) > before


async def unlink(desk: Desk) -> None:
    pair = await a_pair(desk)
    await (await desk.as_("olga")).post(f"{ROOT}/unlink", data=of_pair(pair))
    assert (await pair_of(desk, pair.left_id)).state == "detached"


async def relink(desk: Desk) -> None:
    pair = await a_pair(desk)
    flow = (await desk.world.used()).flows[FLOW]
    await steering.unlink(desk.world.parts, flow, pair, actor="test")
    await (await desk.as_("olga")).post(f"{ROOT}/relink", data=of_pair(pair))
    await desk.world.quiet()
    assert (await pair_of(desk, pair.left_id)).state == "active"


async def forget(desk: Desk) -> None:
    pair = await a_pair(desk)
    record = {"account": "acme.bitfactura", "resource": "clients", "record": pair.left_id}
    await (await desk.as_("berta")).post(f"{ROOT}/forget", data={**record, "again": pair.left_id})
    assert (await pair_of(desk, pair.left_id)).state == "forgotten"
    assert await desk.world.story(desk.world.left, pair.left_id) == []


async def a_pair(desk: Desk) -> Binding:
    """A client that is on both sides."""
    made = await desk.world.left.make(name=desk.fresh("Bar"), email=f"{desk.fresh('bar')[4:]}@acme.example")
    await desk.world.quiet()
    return await pair_of(desk, made)


async def pair_of(desk: Desk, left_id: str) -> Binding:
    found = [pair for pair in await desk.world.bindings() if pair.left_id == left_id]
    assert len(found) == 1, f"{left_id} is in {len(found)} pairs"
    return found[0]


def of_pair(pair: Binding) -> dict[str, str]:
    return {"account": "acme.bitfactura", "resource": "clients", "record": pair.left_id, "flow": FLOW}


# Needs you


async def retry(desk: Desk) -> None:
    row = await a_doubt(desk)
    await (await desk.as_("olga")).post(f"{ROOT}/waiting/retry", data={"ids": row.id})
    noted = await last_line(desk)
    assert noted.action == "waiting.retried"
    assert noted.detail["records"] == [f"clients/{row.record_id}"]


async def dismiss(desk: Desk) -> None:
    row = await a_doubt(desk)
    await (await desk.as_("olga")).post(f"{ROOT}/waiting/dismiss", data={"ids": row.id, "note": "asked Ana"})
    noted = await last_line(desk)
    assert (noted.action, noted.detail.get("note")) == ("waiting.dismissed", "asked Ana")
    assert row.id not in [each.id for each in await desk.world.waits()]


async def decide(desk: Desk) -> None:
    row = await a_doubt(desk)
    await (await desk.as_("olga")).post(f"{ROOT}/waiting/{row.id}/decide", data={"choice": "apart"})
    await desk.world.quiet()
    assert row.record_id not in [each.record_id for each in await desk.world.waits()]


async def a_doubt(desk: Desk) -> Waiting:
    """A second client with the e-mail of one that is joined already: a person is asked."""
    name = desk.fresh("Bar Doble")
    for each in (name, f"{name} otra vez"):
        made = await desk.world.left.make(name=each, email=f"{name[10:]}@doble.example")
        await desk.world.quiet()
    rows = [row for row in await desk.world.asks() if row.record_id == made]
    assert len(rows) == 1, "nobody is asked"
    return rows[0]


async def last_line(desk: Desk) -> audit.Line:
    lines = await desk.world.parts.database.read(
        lambda connection: audit.of_workspace(connection, "acme", limit=1)
    )
    assert lines, "nothing was noted"
    return lines[0]


# Replay


async def replay(desk: Desk) -> None:
    pair = await a_pair(desk)
    before = len(await desk.world.story(desk.world.left, pair.left_id))
    await (await desk.as_("olga")).post(f"{ROOT}/replay", data={"step": "run", "record": pair.left_id})
    await desk.world.quiet()
    assert len(await desk.world.story(desk.world.left, pair.left_id)) > before


async def repair_pairs(desk: Desk) -> None:
    pair = await a_pair(desk)
    before = len(await desk.world.story(desk.world.left, pair.left_id))
    await (await desk.as_("olga")).post(f"{ROOT}/replay/pairs", data={"step": "run", "flow": FLOW, "side": "left"})
    await desk.world.quiet()
    assert len(await desk.world.story(desk.world.left, pair.left_id)) > before


async def move_run(desk: Desk) -> None:
    """Paused, a replay stands where it is; resumed, it ends."""
    await a_pair(desk)
    client = await desk.as_("olga")
    await desk.world.stop_sync()
    try:
        await client.post(f"{ROOT}/replay", data={"step": "run"})
        run = (await runs_of(desk))[0]
        await client.post(f"{ROOT}/replay/{run.id}/pause")
        assert (await runs_of(desk))[0].state == "paused"
    finally:
        desk.world.start_sync()
    await desk.world.quiet()
    assert (await runs_of(desk))[0].state == "paused"
    await client.post(f"{ROOT}/replay/{run.id}/resume")
    await desk.world.quiet()
    done = (await runs_of(desk))[0]
    assert (done.state, done.counts["changes"]) == ("done", done.counts["of"])


async def runs_of(desk: Desk) -> list[runs.Run]:
    """Newest first."""
    return await desk.world.parts.database.read(lambda connection: runs.of_workspace(connection, "acme"))


# Set-up


async def add_workspace(desk: Desk) -> None:
    name = desk.fresh("shop").replace(" ", "-")
    await (await desk.as_("ana")).post("/new", data={"name": name, "title": "A shop"})
    assert (await desk.world.used(name)).workspace.title == "A shop"


async def add_account(desk: Desk) -> None:
    name = desk.fresh("shop").replace(" ", "-")
    await administration.add_workspace(desk.world.parts, name, title=name)
    access = await desk.world.control.post("accounts", {"system": "bitfactura", "account": name})
    form = {"system": "bitfactura", "step": "save", "base_url": access["base_url"]}
    client = await desk.as_("ana")
    await client.post(f"/w/{name}/setup/account", data={**form, "credential.token": access["token"]})
    assert list((await desk.world.used(name)).directory.accounts) == [f"{name}.bitfactura"]


async def set_options(desk: Desk) -> None:
    """The winner of a field goes to the other side, and what was written says who asked for it."""
    winner = (await desk.world.flow(CUSTOMERS)).options.get("winner", {})
    assert isinstance(winner, Mapping)
    other = "left" if winner.get("city") == "right" else "right"
    client = await desk.as_("berta")
    await client.post(f"{ROOT}/setup/{FLOW}/options", data={"option.winner.city": other, "back": "flow"})
    changed = (await desk.world.flow(CUSTOMERS)).options.get("winner", {})
    assert isinstance(changed, Mapping)
    assert changed.get("city") == other
    noted = await last_line(desk)
    assert (noted.actor, noted.action) == ("console:berta", "flow.options")


async def make_report(desk: Desk) -> None:
    name = await a_draft(desk)
    await (await desk.as_("ana")).post(f"/w/{name}/setup/{name}.{CUSTOMERS}/report")
    job = desk.console.jobs.find(f"report {name}.{CUSTOMERS}")
    assert job is not None
    assert job.task is not None
    await job.task
    assert await report_of(desk, name) is not None


async def decide_finding(desk: Desk) -> None:
    name = await a_draft(desk)
    made = await report(desk, name)
    assert made.counts["left/probable"] == 1
    finding = (
        await desk.world.parts.database.read(
            lambda connection: matches.page(connection, f"{name}.{CUSTOMERS}", finding="probable", limit=1)
        )
    )[0]
    data = {"choice": "apart", "side": finding.side, "record": finding.record_id}
    await (await desk.as_("ana")).post(f"/w/{name}/setup/{name}.{CUSTOMERS}/decide", data=data)
    counted = await desk.world.parts.database.read(
        lambda connection: matches.counted(connection, f"{name}.{CUSTOMERS}", decision="apart")
    )
    assert sum(counted.values()) == 1


async def load(desk: Desk) -> None:
    name = await a_draft(desk)
    for spec in (CUSTOMERS, ASUNTOS):
        await matching_report.make(desk.world.parts, await desk.world.used(name), f"{name}.{spec}")
    await (await desk.as_("ana")).post(f"/w/{name}/setup/load")
    found = await desk.world.parts.database.read(
        lambda connection: loads.of_flow(connection, f"{name}.{CUSTOMERS}")
    )
    assert [each.state for each in found] != []

    async def is_live() -> bool:
        flow = (await desk.world.used(name)).directory.flows[f"{name}.{CUSTOMERS}"]
        return flow.state == "live"

    await until(is_live, within=SOON, what="the flow is live")


async def report(desk: Desk, name: str) -> matches.Report:
    await matching_report.make(desk.world.parts, await desk.world.used(name), f"{name}.{CUSTOMERS}")
    made = await report_of(desk, name)
    assert made is not None
    return made


async def report_of(desk: Desk, name: str) -> matches.Report | None:
    return await desk.world.parts.database.read(
        lambda connection: matches.report(connection, f"{name}.{CUSTOMERS}")
    )


async def a_draft(desk: Desk) -> str:
    """A business of its own: two accounts, joined, with a client on either side that share their name alone."""
    name = desk.fresh("shop").replace(" ", "-")
    parts = desk.world.parts
    await administration.add_workspace(parts, name, title=name)
    for system, path in (("bitfactura", "/clients.json"), ("sugester", "/app/clients.json")):
        access = await desk.world.control.post("accounts", {"system": system, "account": name})
        made = administration.new_account(
            parts,
            await desk.world.used(name),
            system,
            base_url=access["base_url"],
            credentials={"token": access["token"]},
        )
        await administration.save_account(parts, await desk.world.used(name), made)
        client: dict[str, Any] = {"api_token": access["token"], "client": {"name": "Bar Lago"}}
        answer = await desk.world.control.http.post(f"{access['base_url']}{path}", json=client)
        assert answer.status_code == 201, answer.text
    await administration.add_bridge(parts, await desk.world.used(name), "bitfactura", "sugester")
    return name


async def first_user(desk: Desk) -> None:
    """On an installation where nobody can log in yet."""
    folder = desk.world.settings.data / desk.fresh("first")
    async with open_desk(folder, live=False) as empty:
        empty.app = desk.app.around(empty.app)
        client: httpx.AsyncClient = empty.stranger()
        data = {"token": empty.console.first_token, "name": "eva", "password": PASSWORD}
        await client.post("/first", data=data)
        made = await empty.world.parts.database.read(lambda connection: users.by_name(connection, "eva"))
        assert made is not None
        assert made.roles == {"*": "admin"}


async def try_alerts(desk: Desk) -> None:
    before = len(desk.chat.at("/chat"))
    await (await desk.as_("ana")).post("/alerts/test")
    assert len(desk.chat.at("/chat")) == before + 1


DEEDS: Final[Mapping[str, Story]] = {
    "/login": log_in,
    "/logout": log_out,
    "/language": choose_language,
    "/first": first_user,
    "/people": add_user,
    "/people/{user_id}/role": change_role,
    "/people/{user_id}/password": change_password,
    "/people/{user_id}/remove": remove_user,
    "/me/language": my_language,
    "/w/{workspace_id}/sweep": sweep,
    "/w/{workspace_id}/flows/{flow_id}/{word}": pause,
    "/w/{workspace_id}/sync-now": sync_now,
    "/w/{workspace_id}/unlink": unlink,
    "/w/{workspace_id}/relink": relink,
    "/w/{workspace_id}/forget": forget,
    "/w/{workspace_id}/waiting/retry": retry,
    "/w/{workspace_id}/waiting/dismiss": dismiss,
    "/w/{workspace_id}/waiting/{waiting_id}/decide": decide,
    "/w/{workspace_id}/replay": replay,
    "/w/{workspace_id}/replay/pairs": repair_pairs,
    "/w/{workspace_id}/replay/{run_id}/{word}": move_run,
    "/alerts/test": try_alerts,
    "/new": add_workspace,
    "/w/{workspace_id}/setup/account": add_account,
    "/w/{workspace_id}/setup/{flow_id}/options": set_options,
    "/w/{workspace_id}/setup/{flow_id}/report": make_report,
    "/w/{workspace_id}/setup/{flow_id}/decide": decide_finding,
    "/w/{workspace_id}/setup/load": load,
}
"""By the pattern of the POST route whose deed the story tells."""
