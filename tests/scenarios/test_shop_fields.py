"""Values of the second bridge: telephones, tax numbers, countries, capitals, lengths, letters."""

from __future__ import annotations

import pytest

from shared.flows.preview import preview
from shared.flows.spec import Side
from tests.scenarios.conftest import NewShop
from tests.scenarios.shop import FLOW, Shop
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


async def test_a_web_site_goes_both_ways_where_the_account_has_version_1(new_shop: NewShop) -> None:
    shop = await new_shop()
    await shop.control.turn("clientify", "versions", value="v1")
    await shop.connect(hooks=(), api="v1")
    await shop.go_live()
    left_id = await shop.left.make(**NORIA, www="www.lanoria.example")
    await shop.right.make(**ROCIO, www="https://vega.example")
    await shop.sweep(full=True)
    here = {each["name"]: each["www"] for each in await shop.left.all()}
    assert here == {NORIA["name"]: "www.lanoria.example", "Rocio Vega": "https://vega.example"}
    assert (await shop.right.named(NORIA["name"]))["www"] == "www.lanoria.example"

    await shop.left.edit(left_id, www="WWW.LANORIA.EXAMPLE")
    await shop.sweep(full=True)
    assert (await shop.right.named(NORIA["name"]))["www"] == "www.lanoria.example", "capitals are no edit"
    await shop.left.edit(left_id, www="noria.example")
    await shop.sweep(full=True)
    there = await shop.right.named(NORIA["name"])
    assert [(each["type"], each["website"]) for each in there["websites"]] == [(5, "noria.example")]
    await shop.right.edit(str(there["id"]), www="https://lanoria.example")
    await shop.sweep(full=True)
    assert (await shop.left.named(NORIA["name"]))["www"] == "https://lanoria.example"
    assert await shop.asks() == []


async def test_an_account_that_changes_its_version_loses_no_web_site_and_makes_none_up(new_shop: NewShop) -> None:
    shop = await new_shop()
    await shop.connect(hooks=(), api="v1")
    await shop.go_live()
    left_id = await shop.left.make(**NORIA, www="noria.example")
    await shop.right.make(**ROCIO, www="vega.example")
    await shop.sweep(full=True)
    right_id = str((await shop.right.named(NORIA["name"]))["id"])
    (rocio,) = [pair for pair in await shop.bindings() if pair.left_id != left_id]

    await shop.use_version("v2")
    await shop.left.edit(left_id, www="lanoria.example", city="Baeza")
    await shop.right.edit(rocio.right_id, www="https://vega.example")
    await shop.sweep(full=True)
    assert shown(await shop.right.named(NORIA["name"]), "city", "www") == ("Baeza", "noria.example")
    assert (await shop.left.named("Rocio Vega"))["www"] == "vega.example"
    flow = (await shop.used()).flows[(await shop.flow(FLOW)).id]
    told = await preview(flow, Side.LEFT, left_id, database=shop.parts.database, now=shop.parts.clock.now())
    (field,) = [each for each in told.fields if each.name == "www"]
    assert (field.left, field.writes, field.why) == ("lanoria.example", None, "not carried with these accounts")
    await shop.pass_time(minutes=1)
    assert await shop.looked_at() == await shop.looked_at(), "a listing at rest looks at nothing"

    await shop.use_version("v1")
    await shop.sweep(full=True)
    assert (await shop.right.named(NORIA["name"]))["www"] == "lanoria.example", "edited here meanwhile"
    assert (await shop.left.named("Rocio Vega"))["www"] == "https://vega.example", "edited there meanwhile"
    assert right_id in {pair.right_id for pair in await shop.bindings()}
    assert await shop.differences() == []
    assert await shop.asks() == []


async def test_a_web_site_that_an_account_shows_for_the_first_time_fills_and_the_winners_stands(
    new_shop: NewShop,
) -> None:
    shop = await new_shop()
    await shop.connect(hooks=(), api="v2")
    await shop.go_live()
    only_here = await shop.left.make(**NORIA, www="noria.example")
    await shop.right.make(**ROCIO, www="https://vega.example")
    await shop.sweep(full=True)
    (rocio,) = [pair for pair in await shop.bindings() if pair.left_id != only_here]
    await shop.left.edit(rocio.left_id, www="otra.example")
    await shop.sweep(full=True)
    assert (await shop.right.named(NORIA["name"]))["www"] == ""

    await shop.use_version("v1")
    await shop.sweep(full=True)
    assert (await shop.right.named(NORIA["name"]))["www"] == "noria.example", "a filled one goes where none is"
    assert (await shop.left.named("Rocio Vega"))["www"] == "https://vega.example", "Clientify wins web sites"
    assert await shop.differences() == []


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
    await shop.connect(hooks=(), api=version)
    before = {"name": "Ana Torres", "tax_no": "10000001S", "email": "ana@torres.example"}
    await shop.left.make(**before, www="torres.example")
    await shop.right.make(**before)
    await shop.go_live()
    await shop.left.make(**NORIA, www="noria.example")
    await shop.right.make(**ROCIO, www="https://vega.example")
    await shop.sweep(full=True)
    # What was settled moments before a listing is read once more.
    await shop.pass_time(minutes=1)
    looks = await shop.looked_at()
    assert len(looks) == 6
    for _ in range(2):
        assert await shop.looked_at() == looks
        await shop.pass_time(minutes=1)
