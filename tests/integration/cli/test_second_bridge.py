"""Factusol and Clientify by commands alone: the field, what waits, sweeps with a summary, options."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli import rig
from tests.support.processes import Processes

FLOW = "acme.customer_factusol_clientify"


async def test_the_bridge_is_made_with_its_field_and_loaded(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path, bridge=("factusol", "clientify"))
    wrong = {"NOFCLI": "TALLERES LA NORIA S.L.", "NIFCLI": "B99999999"}
    (noria,) = await place.seed("factusol", "clients", wrong)
    await place.seed("clientify", "contacts", {"first_name": "Clinica Teide"})
    await place.puente("workspace", "add", "acme", "--title", "Acme")
    for system, access in place.systems.items():
        arguments = ("account", "add", "acme", system, "--base-url", access["base_url"])
        added = await place.ask(*arguments, "--setting", "calls_per_minute=60000", stdin=access["token"] + "\n")
        assert added["saved"]
    (field,) = await place.records("clientify", "custom-fields")
    await place.fault("clientify", "custom_field_create", value="403")
    await place.owner("clientify", "DELETE", f"/panel/custom-fields/{field['id']}")

    refused = await place.ask("bridge", "add", "acme", "factusol", "clientify", "--lang", "es", code=4)
    (told,) = refused["own_fields"]
    assert (told["name"], told["state"]) == ("factusol_id", "refused")
    assert told["says"].startswith("Clientify no permite crear el campo")
    assert "Campos personalizados" in told["way_out"]
    await place.puente("match", "approve", "acme")
    await place.puente("load", "acme", code=4)

    await place.fault("clientify", "custom_field_create", value="201")
    report = (await place.ask("match", "report", "acme"))["reports"][0]
    assert (report["counts"]["new"], report["counts"]["not yet"]) == (1, 1)
    await place.puente("match", "approve", "acme")
    await place.puente("load", "acme", "--wait")
    assert len(await place.records("clientify", "contacts")) == 2
    status = await place.ask("status", "acme")
    (resting,) = status["not_yet"]
    assert (resting["system"], resting["why"]) == ("clientify", {"it has no tax number": 1})
    assert {each["account"]: each["records"] for each in status["noted"]}["acme.factusol"] == [str(noria)]
    assert "1 registros de clientify todavía no" in (await place.puente("status", "acme", "--lang", "es")).out

    assert await not_carried(place) == {"www"}
    told = (await place.puente("flow", "list", "acme", "--lang", "es")).out
    assert f"{FLOW} no lleva www con estas cuentas: La versión 2" in told
    await place.fault("clientify", "versions", value="v1")
    assert "web sites" not in (await place.puente("account", "check", "acme.clientify", code=None)).out
    assert await not_carried(place) == set()


async def not_carried(place: rig.Place) -> set[str]:
    (listed,) = (await place.ask("flow", "list", "acme"))["flows"]
    return set(listed["not_carried"])


async def test_a_sync_goes_back_as_far_as_asked_and_names_what_it_could_not_carry(
    processes: Processes, tmp_path: Path
) -> None:
    place = await rig.one_machine(processes, tmp_path, bridge=("factusol", "clientify"), sweep=3600)
    await place.build_bridge()
    await place.puente("load", "acme", "--wait")
    await place.owner("factusol", "POST", "/programa/clientes", {"NOFCLI": "BUENA S.L.", "NIFCLI": "A58818501"})
    bad = await place.owner("factusol", "POST", "/programa/clientes", {"NOFCLI": " ", "NIFCLI": "B12345674"})
    done = await place.ask("sync", "acme", "--since", "24h", "--wait", code=3)
    (error,) = done["errors"]
    assert (error["account"], error["record"], error["reason"]) == ("acme.factusol", str(bad["id"]), "rejected")
    assert error["says"].startswith("name: ")
    (swept,) = [each for each in done["sweeps"] if each["account"] == "acme.factusol"]
    assert swept["counts"]["created"] == swept["counts"]["needs a person"] == 1
    told = await place.puente("sync", "acme", "--full", "--wait", code=3)
    assert "acme.factusol clients (full)" in told.out
    assert f"acme.factusol clients {bad['id']}" in told.out
    await place.puente("sync", "acme", "--since", "yesterday", code=2)

    await place.puente("flow", "set", FLOW, "match_on=tax_no", "create_with_tax_no=no", "create_status=client")
    wrong = await place.puente("flow", "set", FLOW, "match_on=name", code=2)
    assert "tax_no, email" in wrong.err
