"""Values of the second bridge: telephones, tax numbers, countries, capitals, lengths, letters."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import NewShop
from tests.scenarios.shop import Shop
from tests.scenarios.test_shop_clients import NORIA, ROCIO
from tests.scenarios.world import shown


async def test_several_numbers_and_words_in_one_field_are_never_lost(shop: Shop) -> None:
    typed = "953 000 001 ext. 12 / 600 000 002 pedir por Luis"
    left_id = await shop.left.make(**{**NORIA, "phone": typed})
    await shop.sweep()
    there = await shop.right.only()
    assert there["phone"] == "+34953000001 ext. 12"
    assert [each["phone"] for each in there["phones"] if each["type"] == 6] == ["+34600000002 pedir por Luis"]

    await shop.sweep(full=True)
    assert (await shop.left.only())["phone"] == typed, "what only looks different is no edit"

    await shop.right.edit(str(there["id"]), phone="+34953000009")
    await shop.quiet()
    assert (await shop.left.only())["phone"] == "953000009 / 600 000 002 pedir por Luis"
    await shop.sweep(full=True)
    assert (await shop.right.only())["phone"] == "+34953000009"
    assert {pair.left_id for pair in await shop.bindings()} == {left_id}


async def test_a_phone_without_a_number_stays_where_it_is_and_is_reported(shop: Shop) -> None:
    await shop.left.make(**{**NORIA, "phone": "pregunta por Luis"})
    await shop.sweep()
    there = await shop.right.only()
    assert there["phone"] == ""
    assert [each["phone"] for each in there["phones"]] == ["pregunta por Luis"]
    assert (await shop.noted())["phone"] == ["1"]
    await shop.sweep(full=True)
    assert (await shop.left.only())["phone"] == "pregunta por Luis"


async def test_a_number_is_read_by_the_shops_country_then_by_the_records_own(shop: Shop) -> None:
    await shop.left.make(**{**NORIA, "phone": "211 234 567", "PAICLI": "620"})
    await shop.sweep()
    assert (await shop.right.only())["phone"] == "+351211234567"


async def test_an_invalid_tax_number_is_carried_and_reported(shop: Shop) -> None:
    left_id = await shop.left.make(**{**NORIA, "tax_no": "B99999999"})
    await shop.sweep()
    assert (await shop.right.only())["tax_no"] == "B99999999"
    assert (await shop.noted())["tax_no"] == [left_id]
    (made,) = await shop.story(shop.left, left_id)
    assert made.outcome == "created"
    assert "tax_no: carried as it stands, but it is no valid tax number" in made.says
    assert await shop.asks() == []


@pytest.mark.parametrize("country", ["724", "ES", "España", "SPAIN"])
async def test_a_country_keeps_the_form_that_it_has(shop: Shop, country: str) -> None:
    left_id = await shop.left.make(**{**NORIA, "PAICLI": country})
    await shop.sweep()
    there = await shop.right.only()
    assert there["country"] == "ES"
    await shop.right.edit(str(there["id"]), street="Calle Nueva 3", country_name="España")
    await shop.quiet()
    assert shown(await shop.left.only(), "street", "PAICLI") == ("Calle Nueva 3", country)
    await shop.left.edit(left_id, city="LINARES")
    await shop.sweep()
    assert shown(await shop.right.only(), "city", "country_name") == ("LINARES", "España")


async def test_capitals_lengths_and_letters_do_not_come_back_as_edits(new_shop: NewShop) -> None:
    shop = await new_shop()
    for switch, value in (("text_case", "upper"), ("long_text", "truncate"), ("code_page", "question_marks")):
        await shop.control.turn("factusol", switch, value=value)
    await shop.connect()
    await shop.go_live()
    city = "Villanueva del Arzobispo de la Sierra de Segura"
    right_id = await shop.right.make(**ROCIO, city=city, street="Ulica Łódzka 4")
    await shop.quiet()
    here = await shop.left.only()
    assert here["name"] == "ROCIO VEGA"
    assert here["city"] == city[:30].rstrip().upper()
    for _ in range(2):
        await shop.sweep(full=True)
    there = await shop.right.only()
    assert shown(there, "name", "city", "street") == ("Rocio Vega", city, "Ulica Łódzka 4")

    await shop.left.edit(str(here["id"]), name="ROCIO VEGA", post_code="18600")
    await shop.sweep()
    assert shown(await shop.right.only(), "name", "post_code") == ("Rocio Vega", "18600")
    await shop.right.edit(right_id, province="Granada")
    await shop.quiet()
    assert (await shop.left.only())["province"] == "GRANADA"
    await shop.sweep(full=True)
    assert await shop.differences(ignoring=("street",)) == []


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_company_stays_a_name_and_nobodys_company_is_made_or_changed(
    new_shop: NewShop, version: str
) -> None:
    """A contact that hangs from a company in Clientify is one of many there: the company is the CRM's own."""
    shop = await new_shop()
    await shop.control.turn("clientify", "versions", value=version)
    await shop.connect(hooks=())
    await shop.go_live()
    left_id = await shop.left.make(**NORIA)
    right_id = await shop.right.make(**ROCIO, company="Colegio San Juan S.L.")
    await shop.sweep(full=True)
    companies = await shop.control.get("records", system="clientify", resource="companies")
    assert [each["name"] for each in companies["records"]] == ["Colegio San Juan S.L."]
    noria = await shop.right.named(NORIA["name"])
    assert (noria["first_name"], noria["last_name"]) == (NORIA["name"], "")
    assert sorted(str(each["name"]) for each in await shop.left.all()) == ["Rocio Vega", NORIA["name"]]

    await shop.left.edit(left_id, name="TALLERES LA NORIA 2026 S.L.")
    (pair,) = [each for each in await shop.bindings() if each.right_id == right_id]
    await shop.left.edit(pair.left_id, name="ROCIO VEGA MARIN")
    await shop.sweep(full=True)
    rocio = await shop.right.named("ROCIO VEGA MARIN")
    companies = await shop.control.get("records", system="clientify", resource="companies")
    (company,) = companies["records"]
    assert company["name"] == "Colegio San Juan S.L."
    assert rocio["company_details"]["id"] == company["id"], "the contact hangs from it as before"
    assert (await shop.right.named("TALLERES LA NORIA 2026 S.L."))["last_name"] == ""


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_listing_of_records_that_agree_looks_at_none_of_them(new_shop: NewShop, version: str) -> None:
    """Also at those that Puente made, on either side: a field that one side does not show is no edit."""
    shop = await new_shop()
    await shop.control.turn("clientify", "versions", value=version)
    await shop.connect(hooks=())
    await shop.go_live()
    left_id = await shop.left.make(**NORIA)
    right_id = await shop.right.make(**ROCIO)
    await shop.sweep(full=True)
    (made,) = [each for each in await shop.bindings() if each.right_id == right_id]
    # What was settled moments before a listing is read once more.
    await shop.pass_time(minutes=1)
    await shop.sweep(full=True)

    async def looks() -> list[int]:
        listed = [len(await shop.story(shop.left, each)) for each in (left_id, made.left_id)]
        return [*listed, len(await shop.story(shop.right, right_id, "contacts"))]

    before = await looks()
    for _ in range(2):
        await shop.pass_time(minutes=1)
        await shop.sweep(full=True)
    assert await looks() == before
