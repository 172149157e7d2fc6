"""A document issued in BitFactura becomes one Asunto of its client in Sugester, and stays one through its life."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import NewWorld
from tests.scenarios.owners import Json
from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import ASUNTOS, CUSTOMERS, World, shown


def position(gross: str = "121.00") -> Json:
    return {"name": "Revisión", "quantity": 1, "total_price_gross": gross, "tax": 21}


async def invoice(world: World, client_id: str, **more: object) -> str:
    return await world.left.make(
        "invoices", **{"kind": "vat", "client_id": int(client_id), "positions": [position()], **more}
    )


async def status_of(world: World, deal: Json) -> object:
    """The name of a deal's status, as Sugester's owner reads it."""
    statuses = {each["id"]: each["name"] for each in await world.right.all("statuses")}
    return statuses[deal["status_id"]]


async def test_an_invoice_becomes_the_asunto_of_its_client_who_is_made_first(any_world: World) -> None:
    world = any_world
    await world.control.turn("bitfactura", "hooks_lost", match="client:create")
    client_id = await world.left.make(**TALLERES)
    number = await invoice(world, client_id)
    await world.quiet()
    client, deal = await world.right.only(), await world.right.only("deals")
    assert client["name"] == TALLERES["name"]
    assert str(deal["client_id"]) == str(client["id"])
    document = await world.left.shows(number, "invoices")
    assert document is not None
    assert document["number"] in deal["name"]
    assert float(deal["price"]) == 121.0
    assert document["token"] in deal["url"]
    assert "121.00" in deal["description"]
    assert shown(deal, "currency", "invoice_no", "date") == shown(document, "currency", "number", "issue_date")
    assert await status_of(world, deal) == "Emitida"
    assert len(await world.left.all()) == 1


async def test_a_document_that_is_paid_in_parts_edited_and_cancelled_stays_one_asunto(any_world: World) -> None:
    world = any_world
    client_id = await world.left.make(**TALLERES)
    number = await invoice(world, client_id)
    await world.quiet()

    await world.left.edit(number, "invoices", status="partial", paid="50.00")
    await world.quiet()
    deal = await world.right.only("deals")
    assert await status_of(world, deal) == "Pagada en parte"

    await world.left.edit(number, "invoices", status="paid")
    await world.quiet()
    deal = await world.right.only("deals")
    assert (await status_of(world, deal), deal["paid"]) == ("Pagada", True)

    document = await world.left.shows(number, "invoices")
    assert document is not None
    line = document["positions"][0]
    await world.left.edit(number, "invoices", positions=[{**position("242.00"), "id": line["id"]}])
    await world.quiet()
    assert float((await world.right.only("deals"))["price"]) == 242.0

    await world.left.act(
        "POST", "/invoices/cancel.json", {"cancel_invoice_id": int(number), "cancel_reason": "Error"}
    )
    await world.quiet()
    deal = await world.right.only("deals")
    assert await status_of(world, deal) == "Anulada"
    assert await world.control.count("sugester", "POST", "deals") == 1


async def test_only_chosen_kinds_become_asuntos_and_a_correction_is_one_of_its_own(world: World) -> None:
    client_id = await world.left.make(**TALLERES)
    first = await invoice(world, client_id)
    for kind in ("proforma", "estimate"):
        await invoice(world, client_id, kind=kind)
    await invoice(world, client_id, kind="correction", from_invoice_id=int(first))
    await invoice(world, client_id, income=False)
    await world.quiet()
    assert len(await world.right.all("deals")) == 2
    assert await world.asks() == []


async def test_a_bound_document_is_followed_though_its_kind_is_no_longer_chosen(world: World) -> None:
    client_id = await world.left.make(**TALLERES)
    number = await invoice(world, client_id)
    await world.quiet()
    await world.choose(ASUNTOS, kinds=["bill"])
    await world.left.edit(number, "invoices", status="paid")
    await invoice(world, client_id)
    await world.quiet()
    deal = await world.right.only("deals")
    assert await status_of(world, deal) == "Pagada"


@pytest.mark.parametrize("since", [None, "2020-01-01"])
async def test_documents_from_before_are_taken_only_when_a_load_asks_for_them(
    new_world: NewWorld, since: str | None
) -> None:
    world = await new_world()
    await world.connect()
    client_id = await world.left.make(**TALLERES)
    old = {"kind": "vat", "client_id": int(client_id), "positions": [position()], "issue_date": "2024-05-06"}
    await world.left.make("invoices", **old)
    await world.go_live((CUSTOMERS,))
    await world.go_live((ASUNTOS,), since=since)
    await world.sweep(full=True)
    assert len(await world.right.all("deals")) == (1 if since else 0)


async def test_an_asunto_edited_or_deleted_in_sugester_changes_nothing_in_bitfactura(world: World) -> None:
    client_id = await world.left.make(**TALLERES)
    number = await invoice(world, client_id)
    await world.quiet()
    before = await world.left.shows(number, "invoices")
    deal_id = str((await world.right.only("deals"))["id"])
    await world.right.edit(deal_id, "deals", name="Mine")
    await world.sweep()
    await world.right.delete(deal_id, "deals")
    await world.sweep(full=True)
    await world.left.edit(number, "invoices", status="paid")
    await world.sweep()
    assert await world.right.all("deals") == []
    after = await world.left.shows(number, "invoices")
    assert before is not None
    assert after is not None
    assert shown(before, "number", "client_id", "price_gross") == shown(
        after, "number", "client_id", "price_gross"
    )


async def test_an_invoice_of_a_client_that_was_deleted_stands_without_it(world: World) -> None:
    await world.stop_sync()
    client_id = await world.left.make(**TALLERES)
    await invoice(world, client_id)
    await world.left.delete(client_id)
    world.start_sync()
    await world.quiet()
    deal = await world.right.only("deals")
    assert deal["client_id"] is None
    assert (await world.control.calls("bitfactura"))["GET /clients/{id}.json"] <= 8


async def test_a_document_whose_client_needs_a_person_is_at_rest_until_he_decides(any_world: World) -> None:
    world = any_world
    await world.control.turn("sugester", "error_with_200", match="POST")
    client_id = await world.left.make(**TALLERES)
    await invoice(world, client_id)
    status = await world.quiet()
    assert (status.asks, status.waiting, status.behind_persons) == ({"rejected": 1}, {"blocked": 1}, 1)
    await world.control.mend("sugester", "error_with_200")
    await world.retry("rejected")
    status = await world.quiet()
    assert (status.needs_person, status.waiting, status.behind_persons) == (0, {}, 0)
    client, deal = await world.right.only(), await world.right.only("deals")
    assert str(deal["client_id"]) == str(client["id"])


async def test_existing_asuntos_are_found_by_their_link(new_world: NewWorld) -> None:
    world = await new_world()
    await world.connect()
    client_id = await world.left.make(**TALLERES)
    await world.go_live((CUSTOMERS,))
    number = await invoice(world, client_id)
    document = await world.left.shows(number, "invoices")
    assert document is not None
    link = f"https://acme.bitfactura.example/invoice/{document['token']}.pdf"
    await world.control.seed("sugester", "deals", {"name": "Factura de antes", "url": link})
    await world.go_live((ASUNTOS,))
    assert len(await world.right.all("deals")) == 1
    assert await world.control.count("sugester", "POST", "deals") == 0
