"""Clients of Factusol and contacts of Clientify: made, edited, edited on both sides, waiting to be clients."""

from __future__ import annotations

from tests.scenarios.shop import FLOW, Shop
from tests.scenarios.world import shown

NORIA = {
    "name": "TALLERES LA NORIA S.L.",
    "tax_no": "B12345674",
    "email": "hola@lanoria.example",
    "phone": "953 000 001",
    "street": "C/ DEL AGUA 7",
    "city": "JAEN",
    "post_code": "23001",
    "PAICLI": "724",
}
ROCIO = {"name": "Rocio Vega", "tax_no": "12345678Z", "email": "rocio@vega.example", "phone": "600 000 002"}


async def test_a_client_made_in_either_program_appears_in_the_other_with_its_number(any_shop: Shop) -> None:
    shop = any_shop
    left_id = await shop.left.make(**NORIA)
    await shop.sweep()
    there = await shop.right.named(NORIA["name"])
    assert shown(there, "tax_no", "email", "phone", "city", "country", "other_id") == (
        "B12345674",
        "hola@lanoria.example",
        "+34953000001",
        "JAEN",
        "ES",
        left_id,
    )

    await shop.right.make(**ROCIO)
    await shop.quiet()
    here = await shop.left.named("Rocio Vega")
    assert shown(here, "tax_no", "email", "phone") == ("12345678Z", "rocio@vega.example", "600000002")
    assert (await shop.right.named("Rocio Vega"))["other_id"] == str(here["id"])
    assert await shop.differences() == []
    assert await shop.doubled() == []


async def test_an_edit_in_either_program_arrives_in_the_other_and_does_not_come_back(any_shop: Shop) -> None:
    shop = any_shop
    left_id = await shop.left.make(**NORIA)
    await shop.sweep()
    right_id = str((await shop.right.only())["id"])

    await shop.left.edit(left_id, city="UBEDA", street="PLAZA VAZQUEZ DE MOLINA 1")
    await shop.sweep()
    assert shown(await shop.right.only(), "city", "street") == ("UBEDA", "PLAZA VAZQUEZ DE MOLINA 1")

    await shop.control.forget_calls()
    await shop.right.edit(right_id, email="taller@lanoria.example")
    await shop.quiet()
    assert (await shop.left.only())["email"] == "taller@lanoria.example"
    await shop.sweep(full=True)
    calls = await shop.control.calls("factusol")
    assert calls.get("POST /admin/ActualizarRegistro") == 1
    assert await shop.control.count("clientify", "PUT") + await shop.control.count("clientify", "PATCH") == 0
    assert await shop.differences() == []


async def test_a_lead_waits_is_counted_and_becomes_a_client_with_its_tax_number(shop: Shop) -> None:
    right_id = await shop.right.make(name="Posible Cliente", email="quizas@cliente.example")
    await shop.quiet()
    assert await shop.left.all() == []
    assert await shop.not_yet() == {"it has no tax number": 1}
    assert await shop.asks() == []

    await shop.right.edit(right_id, tax_no="B-12345674")
    await shop.quiet()
    assert (await shop.left.only())["tax_no"] == "B-12345674"
    assert await shop.not_yet() == {}
    assert (await shop.flow(FLOW)).state == "live"


async def test_different_fields_edited_on_two_sides_both_win_and_the_same_field_follows_the_rule(
    shop: Shop,
) -> None:
    left_id = await shop.left.make(**NORIA)
    await shop.sweep()
    right_id = str((await shop.right.only())["id"])
    await shop.stop_sync()
    await shop.left.edit(left_id, city="UBEDA", email="oficina@lanoria.example")
    await shop.right.edit(right_id, phone="+34600111222", city="Baeza", email="ventas@lanoria.example")
    await shop.control.drained()
    shop.start_sync()
    await shop.sweep()
    here, there = await shop.left.only(), await shop.right.only()
    assert shown(here, "city", "phone", "email") == ("UBEDA", "600111222", "ventas@lanoria.example")
    assert shown(there, "city", "phone", "email") == ("UBEDA", "+34600111222", "ventas@lanoria.example")
    assert await shop.differences() == []


async def test_an_emptied_field_does_not_empty_the_other_side_except_for_notes(shop: Shop) -> None:
    left_id = await shop.left.make(**NORIA, note="Paga los viernes")
    await shop.sweep()
    right_id = str((await shop.right.only())["id"])
    await shop.left.edit(left_id, city="")
    await shop.sweep()
    assert (await shop.right.only())["city"] == "JAEN"
    await shop.right.edit(right_id, note="")
    await shop.quiet()
    assert (await shop.left.only())["note"] == ""


async def test_a_status_or_a_tag_makes_a_client_where_the_shop_says_so(shop: Shop) -> None:
    await shop.choose(FLOW, create_with_tax_no=False, create_status=["client"], create_tag=["VIP"])
    await shop.right.make(**ROCIO, status="warm-lead")
    by_tag = await shop.right.make(name="Ana Gil", email="ana@gil.example", status="cold-lead")
    await shop.quiet()
    assert await shop.left.all() == []
    assert await shop.not_yet() == {"it has neither the status nor the tag of a client": 2}
    await shop.right.edit(by_tag, tags=["vip", "feria"])
    await shop.quiet()
    assert (await shop.left.only())["name"] == "Ana Gil"
    await shop.right.edit(str((await shop.right.named("Rocio Vega"))["id"]), status="client")
    await shop.quiet()
    assert len(await shop.left.all()) == 2


async def test_a_lead_whose_e_mail_is_a_clients_is_joined_and_not_made(shop: Shop) -> None:
    left_id = await shop.left.make(**NORIA)
    lead = await shop.right.make(name="La Noria", email=NORIA["email"])
    await shop.sweep()
    (pair,) = await shop.bindings()
    assert (pair.left_id, pair.right_id) == (left_id, lead)
    assert (await shop.right.only())["other_id"] == left_id


async def test_what_was_deleted_does_not_come_back(shop: Shop) -> None:
    left_id = await shop.left.make(**NORIA)
    await shop.right.make(**ROCIO)
    await shop.sweep()
    await shop.left.delete(left_id)
    await shop.sweep(full=True)
    await shop.pass_time(minutes=1)
    right_id = str((await shop.right.named(NORIA["name"]))["id"])
    await shop.right.edit(right_id, city="Linares")
    await shop.sweep(full=True)
    assert [each["name"] for each in await shop.left.all()] == ["Rocio Vega"]
    assert {pair.state for pair in await shop.bindings()} == {"active", "gone-left"}
