"""The number of Factusol in Clientify: searched first, filled on every contact, made again when it was lost."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import NewShop
from tests.scenarios.owners import Json
from tests.scenarios.shop import FLOW, Shop
from tests.scenarios.test_shop_clients import NORIA, ROCIO

ARCOS = {"name": "Bodegas Arcos", "tax_no": "B58378431", "email": "bodega@arcos.example"}


async def field_of(shop: Shop) -> str:
    (field,) = await shop.panel.fields()
    return str(field["id"])


async def test_a_contact_is_known_by_its_number_whatever_else_it_shows(new_shop: NewShop) -> None:
    shop = await new_shop()
    (left_id,) = await shop.control.seed("factusol", "clients", {"NOFCLI": "TALLERES LA NORIA S.L."})
    await shop.connect()
    contact = {
        "first_name": "La Noria",
        "custom_fields": [{"field": "factusol_id", "value": left_id}],
    }
    (right_id,) = await shop.control.seed("clientify", "contacts", contact)
    await shop.go_live()
    (pair,) = await shop.bindings()
    assert (pair.left_id, pair.right_id) == (left_id, right_id)
    assert (await shop.right.only())["name"] == "TALLERES LA NORIA S.L."
    assert await shop.asks() == []


@pytest.mark.parametrize("filters", ["documented", "ignored"])
async def test_who_was_there_on_both_sides_is_joined_by_exact_keys(new_shop: NewShop, filters: str) -> None:
    shop = await new_shop()
    await shop.control.turn("clientify", "filters", value=filters)
    lefts: list[Json] = [
        {"NOFCLI": "TALLERES LA NORIA S.L.", "NIFCLI": "B-12345674"},
        {"NOFCLI": "ROCIO VEGA", "EMACLI": "ROCIO@vega.example; otra@vega.example"},
        {"NOFCLI": "SOLO AQUI S.A.", "NIFCLI": "A58818501"},
    ]
    rights: list[Json] = [
        {"first_name": "Talleres La Noria", "taxpayer_identification_number": "ESB12345674"},
        {"first_name": "Rocio", "last_name": "Vega", "emails": [{"type": 4, "email": "rocio@vega.example"}]},
        {"first_name": "Curioso", "emails": [{"type": 4, "email": "curioso@lead.example"}]},
    ]
    ids = await shop.control.seed("factusol", "clients", *lefts)
    await shop.control.seed("clientify", "contacts", *rights)
    await shop.connect()
    report = await shop.report()
    assert report.counts == {"left/exact": 2, "left/new": 1, "right/not yet": 1}
    await shop.go_live()
    assert len(await shop.right.all()) == 4
    assert len(await shop.left.all()) == 3
    assert {each["other_id"] for each in await shop.right.all()} == {*ids, ""}
    assert await shop.asks() == []
    assert await shop.not_yet() == {"it has no tax number": 1}


async def test_a_number_that_is_not_the_pairs_goes_to_a_person(shop: Shop) -> None:
    left_id = await shop.left.make(**NORIA)
    await shop.sweep()
    right_id = str((await shop.right.only())["id"])
    await shop.right.edit(right_id, custom_fields=[{"field": "factusol_id", "value": "77"}])
    await shop.quiet()
    (asked,) = await shop.asks()
    assert asked.reason == "other id"
    assert f"joined with Factusol {left_id}" in asked.says
    assert (await shop.right.only())["other_id"] == "77", "nothing is written over a person's head"

    await shop.right.edit(right_id, custom_fields=[{"field": "factusol_id", "value": left_id}])
    await shop.quiet()
    assert await shop.asks() == []

    await shop.right.edit(right_id, custom_fields=[{"field": "factusol_id", "value": "78"}])
    await shop.quiet()
    await shop.retry("other id")
    await shop.quiet()
    assert (await shop.right.only())["other_id"] == left_id
    assert await shop.asks() == []


async def test_a_number_that_no_client_has_goes_to_a_person(shop: Shop) -> None:
    await shop.right.make(**ROCIO, custom_fields=[{"field": "factusol_id", "value": "4711"}])
    await shop.quiet()
    (asked,) = await shop.asks()
    assert asked.reason == "other id"
    assert await shop.left.all() == []


@pytest.mark.parametrize("loss", ["deleted", "renamed"])
@pytest.mark.parametrize("unknown", ["dropped", "refused"])
async def test_a_field_that_was_lost_is_made_again_and_filled_and_nothing_is_doubled(
    new_shop: NewShop, loss: str, unknown: str
) -> None:
    shop = await new_shop()
    await shop.control.turn("clientify", "unknown_custom_field", value=unknown)
    await shop.connect()
    await shop.go_live()
    for client in (NORIA, ARCOS):
        await shop.left.make(**client)
    await shop.sweep()
    path = f"/panel/custom-fields/{await field_of(shop)}"
    if loss == "deleted":
        await shop.right.act("DELETE", path)
    else:
        await shop.right.act("PUT", path, {"name": "numero_viejo"})

    await shop.left.make(**{**NORIA, "name": "OTRA S.L.", "tax_no": "A58818501", "email": "otra@sl.example"})
    await shop.right.make(**ROCIO)
    await shop.sweep()
    await shop.sweep()
    assert "factusol_id" in {each["name"] for each in await shop.panel.fields()}
    assert len(await shop.left.all()) == len(await shop.right.all()) == 4
    assert {each["other_id"] for each in await shop.right.all()} == {
        str(each["id"]) for each in await shop.left.all()
    }
    assert await shop.differences() == []
    assert await shop.doubled() == []
    assert await shop.asks() == []
    assert (await shop.flow(FLOW)).state == "live"


async def test_a_field_that_may_not_be_made_pauses_the_flow_with_the_way_out(shop: Shop) -> None:
    await shop.left.make(**NORIA)
    await shop.sweep()
    await shop.control.turn("clientify", "custom_field_create", value="403")
    await shop.right.act("DELETE", f"/panel/custom-fields/{await field_of(shop)}")
    await shop.left.make(**ARCOS)
    await shop.ask_for_sweeps(full=True)
    await shop.until_state(FLOW, "paused")
    assert "Campos personalizados" in ((await shop.flow(FLOW)).pause_reason or "")
    await shop.right.act(
        "POST",
        "/panel/custom-fields",
        {"name": "factusol_id", "content_type": "contacts | contact", "field_type": 3},
    )
    await shop.resume(FLOW)
    await shop.sweep()
    await shop.sweep()
    assert len(await shop.right.all()) == 2
    assert await shop.differences() == []
