"""Every command once, in the order in which people need them; what it says is checked against the vendors."""

from __future__ import annotations

import asyncio
import json

from tests.integration.cli.rig import Json, Place, settled

CUSTOMERS = "acme.customer_bitfactura_sugester"
DOCUMENTS = "acme.asunto_bitfactura_sugester"
BOTH = {"name": "Ferretería La Laguna S.L.", "tax_no": "B76543214", "email": "hola@ferreteria.example"}
TWICE = {"name": "Bar Teide", "email": "bar@teide.example"}


async def set_up(place: Place) -> None:
    """Workspace, accounts, hooks, bridge: a script's way, without anything written to the systems."""
    added = await place.ask("workspace", "add", "acme", "--title", "Acme")
    assert added["workspace"]["id"] == "acme"
    for saved in await asyncio.gather(*(_account(place, system) for system in place.systems)):
        assert saved["saved"] is True
        assert {check["name"]: check["state"] for check in saved["checks"]}["token"] == "ok"
    listed, workspaces, checked, again = await asyncio.gather(
        place.ask("account", "list", "acme"),
        place.ask("workspace", "list"),
        place.ask("account", "check", "acme"),
        place.puente("workspace", "add", "acme", code=2),
    )
    assert [each["id"] for each in listed["accounts"]] == ["acme.bitfactura", "acme.sugester"]
    assert [each["accounts"] for each in workspaces["workspaces"]] == [["acme.bitfactura", "acme.sugester"]]
    assert not [c for each in checked["accounts"] for c in each["checks"] if c["state"] == "failed"]
    assert "acme" in again.err
    await _hooks_are_one_set(place)
    made = await place.ask("bridge", "add", "acme", "bitfactura", "sugester")
    assert sorted(each["id"] for each in made["flows"]) == [DOCUMENTS, CUSTOMERS]
    assert {each["state"] for each in made["flows"]} == {"draft"}
    bridges = (await place.ask("bridge", "list"))["bridges"]
    assert [each["id"] for each in bridges] == ["acme.bitfactura-sugester"]


async def _account(place: Place, system: str) -> Json:
    access = place.systems[system]
    settings = ("--base-url", access["base_url"], "--setting", "calls_per_minute=60000")
    return await place.ask("account", "add", "acme", system, *settings, stdin=access["token"])


async def _hooks_are_one_set(place: Place) -> None:
    """Registered by `account add`; again leaves one set, and the list shows what the vendor has."""
    again = await place.ask("hooks", "acme.bitfactura", "--register")
    rows = await place.hook_rows("bitfactura")
    assert sorted(row["kind"] for row in rows) == sorted(line["hook_kind"] for line in again["hooks"])
    shown = await place.ask("hooks", "acme")
    active = {line["hook_kind"] for line in shown["hooks"] if line["state"] == "active"}
    assert active == {row["kind"] for row in rows}
    assert {line["system"] for line in shown["hooks"]} == {"bitfactura", "sugester"}


async def match_and_load(place: Place) -> None:
    """Records of both sides are told apart before anything is written; the doubtful one asks a person."""
    await place.seed(
        "bitfactura", "clients", BOTH, {"name": "Panadería Güímar", "email": "pan@guimar.example"}, TWICE
    )
    await place.seed("sugester", "clients", BOTH, TWICE, {**TWICE, "name": "Bar Teide (antiguo)"})
    early = await place.puente("load", CUSTOMERS, code=2)
    assert "match approve" in early.err
    (report,) = (await place.ask("match", "report", CUSTOMERS))["reports"]
    counts = report["counts"]
    assert (counts["exact"], counts["ambiguous"]) == (1, 1)
    assert counts["new"] >= 1
    assert {each["finding"] for each in report["findings"]} >= {"exact", "ambiguous", "new"}
    kept = await place.ask("match", "report", CUSTOMERS, "--kept", "--finding", "ambiguous")
    assert len(kept["reports"][0]["findings"][0]["candidates"]) == 2
    assert len(await place.records("sugester", "clients")) == 3
    approved = await place.ask("match", "approve", "acme")
    assert {each["state"] for each in approved["flows"]} == {"review"}
    loaded = await place.ask("load", "acme", "--wait", code=3)
    assert {each["state"] for each in loaded["loads"]} == {"done"}
    assert loaded["quiet"] is True
    assert loaded["needs_person"] >= 1
    flows = await place.ask("flow", "list", "acme")
    assert {each["id"]: each["state"] for each in flows["flows"]} == {CUSTOMERS: "live", DOCUMENTS: "live"}
    names = [each["name"] for each in await place.records("sugester", "clients")]
    assert sorted(names).count("Ferretería La Laguna S.L.") == 1
    assert "Panadería Güímar" in names
    assert len(names) == 4


async def decide(place: Place) -> None:
    """The doubtful record is shown with its candidates, decided, and joined."""
    listed = await place.ask("waiting", "list", "acme", "--person")
    ours = [each for each in listed["waiting"] if each["account"] == "acme.bitfactura"]
    assert [each["reason"] for each in ours] == ["ambiguous"]
    (shown,) = (await place.ask("waiting", "show", ours[0]["id"]))["waiting"]
    candidates = [each["record"] for each in shown["candidates"]]
    assert len(candidates) == 2
    record = ours[0]["record"]
    decided = await place.ask("match", "decide", CUSTOMERS, "--record", f"left/{record}", "--bind", candidates[0])
    assert decided["decided"] == 1
    taken = await place.puente("match", "decide", CUSTOMERS, "--record", "left/1", "--bind", candidates[0], code=2)
    assert "joined" in taken.err
    await place.ask("match", "decide", CUSTOMERS, "--record", f"right/{candidates[1]}", "--apart")
    quiet = await place.ask("sync", "acme", "--wait")
    assert (quiet["quiet"], quiet["needs_person"], quiet["waiting"]) == (True, 0, {})
    story = await place.ask("why", "bitfactura", "client", record)
    (flow,) = story["flows"]
    assert (flow["binding"]["left"], flow["binding"]["right"]) == (record, candidates[0])
    assert flow["now"]["says"].startswith("Both sides agree")


async def day_by_day(place: Place) -> None:
    """A client and its invoice; what the commands tell of them is what both vendors hold."""
    client = await place.owner(
        "bitfactura", "POST", "/clients.json", {"client": {"name": "Taller Anaga", "tax_no": "B76123458"}}
    )
    await place.owner(
        "bitfactura",
        "POST",
        "/invoices.json",
        {
            "invoice": {
                "kind": "vat",
                "client_id": client["id"],
                "positions": [{"name": "Revisión", "quantity": 1, "total_price_gross": "121.00", "tax": 21}],
            }
        },
    )
    done = await place.ask("sync", "acme", "--wait", "--full")
    assert done["quiet"] is True
    (deal,) = await place.records("sugester", "deals")
    (theirs,) = [each for each in await place.records("sugester", "clients") if each["name"] == "Taller Anaga"]
    assert str(deal["client_id"]) == str(theirs["id"])
    story, other, unknown, status, lag = await asyncio.gather(
        place.ask("why", "acme.bitfactura", "customer", str(client["id"]), "--details"),
        place.ask("why", "sugester", "clients", str(theirs["id"]), "--offline"),
        place.ask("why", "bitfactura", "client", "424242", code=1),
        place.ask("status", "acme"),
        place.ask("lag"),
    )
    (flow,) = story["flows"]
    assert flow["binding"]["right"] == str(theirs["id"])
    assert story["changes"][0]["hook_kind"] == "client:create"
    assert "created" in {each["outcome"] for each in flow["attempts"]}
    assert other["flows"][0]["binding"]["id"] == flow["binding"]["id"]
    assert unknown["known"] is False
    assert {"quiet", "lag", "waiting", "needs_person", "intents", "running"} <= set(status)
    assert (status["lag"], status["needs_person"]) == (0, 0)
    assert lag["lag"] == 0
    assert sum(each["end"] for each in lag["partitions"]) >= 2
    assert all(each["committed"] == each["end"] for each in lag["partitions"])
    assert not [each for each in lag["waiting"] if each["needs_person"]]


async def pause_and_resume(place: Place) -> None:
    """What changes while a flow is paused waits, and is carried when it goes on."""
    paused = await place.ask("flow", "pause", CUSTOMERS, "--reason", "Inventory day.")
    assert [each["state"] for each in paused["flows"]] == ["paused"]
    made = await place.owner("bitfactura", "POST", "/clients.json", {"client": {"name": "Viveros Orotava"}})
    stuck = await place.ask("sync", "acme", "--wait", "--timeout", "60", code=3)
    assert set(stuck["waiting"]) == {"paused"}
    assert stuck["paused"] == [CUSTOMERS]
    assert not await _named(place, "Viveros Orotava")
    assert [each["state"] for each in (await place.ask("flow", "resume", CUSTOMERS))["flows"]] == ["live"]

    async def carried() -> bool:
        return bool(await _named(place, "Viveros Orotava"))

    await settled(carried, what="the client made during the pause is in Sugester")
    changed = await place.ask("flow", "set", CUSTOMERS, "winner.city=right")
    assert changed["flow"]["options"] == {"winner": {"city": "right"}}
    assert made["id"]


async def replay(place: Place) -> None:
    """Seen dry first, then for real; an export holds the vendor's words; nothing is written without need."""
    before = await place.records("sugester", "clients")
    dry, exported = await asyncio.gather(
        place.ask("replay", "acme", "--system", "bitfactura", "--since", "1h", "--dry-run"),
        place.puente("replay", "acme", "--mode", "export", "--kind", "customer"),
    )
    assert dry["changes"] >= 2
    assert {each["writes"] for each in dry["previews"]} == {0}
    events = [json.loads(line) for line in exported.out.splitlines()]
    assert {each["type"] for each in events} == {"puente.customer.changed"}
    assert all("Taller Anaga" in each["data"] or "Viveros" in each["data"] for each in events)
    done = await place.ask("replay", "acme", "--mode", "repair", "--since", "1h", "--wait")
    assert (done["run"]["state"], done["run"]["counts"]["changes"]) == ("done", dry["changes"])
    assert [each["id"] for each in (await place.ask("replay", "list"))["runs"]] == [done["run"]["id"]]
    assert (await place.ask("replay", "cancel", done["run"]["id"]))["run"]["state"] == "done"
    assert await place.records("sugester", "clients") == before


async def doctor(place: Place) -> None:
    """A hook that the vendor switched off is noticed and switched on; a token that is taken away is named."""
    await place.fault("bitfactura", "hooks_off")
    await place.owner("bitfactura", "POST", "/clients.json", {"client": {"name": "Made in the gap"}})
    await place.fault("bitfactura", "hooks_off", on=False)

    async def all_on() -> bool:
        return all(row["active"] for row in await place.hook_rows("bitfactura"))

    found = await place.ask("doctor", "acme")
    assert found["failed"] == 0
    assert await all_on()
    assert (await place.ask("sync", "acme", "--wait"))["quiet"] is True
    assert await _named(place, "Made in the gap")
    spanish = await place.puente("doctor", "acme", "--lang", "es")
    assert "Comprobaciones de acme.bitfactura" in spanish.out


async def forget_and_recover(place: Place) -> None:
    """A forgotten pair is left alone for ever; after a restored backup everything is found again."""
    (client,) = [e for e in await place.records("bitfactura", "clients") if e["name"] == "Taller Anaga"]
    asked = await place.puente("forget", "acme.bitfactura", "client", str(client["id"]), code=2)
    assert "--yes" in asked.err
    gone = await place.ask("forget", "acme.bitfactura", "client", str(client["id"]), "--yes")
    assert gone["bindings"] == 1
    count = len(await place.records("sugester", "clients"))
    found = await place.ask("recover", "acme")
    assert {each["flow"] for each in found["reports"]} == {CUSTOMERS, DOCUMENTS}
    assert {each["state"] for each in (await place.ask("flow", "list", "acme"))["flows"]} == {"review"}
    await place.ask("match", "approve", "acme")
    await place.ask("load", "acme", "--wait", code=None)
    assert len(await place.records("sugester", "clients")) == count


async def _named(place: Place, name: str) -> list[Json]:
    return [each for each in await place.records("sugester", "clients") if each["name"] == name]


STORY = (
    set_up,
    match_and_load,
    decide,
    day_by_day,
    pause_and_resume,
    replay,
    doctor,
    forget_and_recover,
)
