"""What goes wrong at Factusol and Clientify, and must cost nothing: tokens, KO, numbers, lost answers, years."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.scenarios.conftest import NewShop
from tests.scenarios.shop import FLOW, Shop
from tests.scenarios.test_shop_clients import NORIA, ROCIO
from tests.scenarios.world import shown


async def assert_one_each(shop: Shop, many: int) -> None:
    assert len(await shop.left.all()) == len(await shop.right.all()) == many
    assert await shop.doubled() == []
    assert await shop.differences() == []
    assert await shop.asks() == []


@pytest.mark.parametrize("answer", ["200", "401"])
async def test_a_token_of_three_minutes_runs_out_in_the_middle_of_work(new_shop: NewShop, answer: str) -> None:
    shop = await new_shop()
    await shop.control.turn("factusol", "expired_answer", value=answer)
    await shop.connect()
    await shop.go_live()
    await shop.left.make(**NORIA)
    await shop.sweep()
    await shop.pass_time(minutes=10)
    await shop.right.make(**ROCIO)
    await shop.quiet()
    await shop.control.turn("factusol", "token_expired", times=1)
    right_id = str((await shop.right.named("Rocio Vega"))["id"])
    await shop.right.edit(right_id, city="Motril")
    await shop.quiet()
    assert (await shop.left.named("Rocio Vega"))["city"] == "Motril"
    await assert_one_each(shop, 2)
    assert (await shop.flow(FLOW)).state == "live"


async def test_a_transient_ko_costs_a_delay_and_nothing_else(any_shop: Shop) -> None:
    shop = any_shop
    await shop.control.turn("factusol", "error_with_200", times=6)
    await shop.left.make(**NORIA)
    await shop.right.make(**ROCIO)
    await shop.sweep()
    await shop.sweep()
    await assert_one_each(shop, 2)


@pytest.mark.parametrize("word", ["BDExisteRegistro", "BDEscribirRegistroError"])
async def test_the_desktop_program_takes_the_number_that_was_chosen(new_shop: NewShop, word: str) -> None:
    shop = await new_shop()
    await shop.control.turn("factusol", "duplicate_word", value=word)
    await shop.connect()
    await shop.go_live()
    await shop.control.turn("factusol", "number_taken", times=1)
    await shop.right.make(**ROCIO)
    await shop.quiet()
    await shop.sweep()
    names = {each["name"]: str(each["id"]) for each in await shop.left.all()}
    assert set(names) == {"Rocio Vega", "CLIENTE DE MOSTRADOR 1"}
    assert (await shop.right.named("Rocio Vega"))["other_id"] == names["Rocio Vega"] == "2"
    await assert_one_each(shop, 2)


@pytest.mark.parametrize("fault", ["create_then_drop", "create_late", "truncated"])
@pytest.mark.parametrize("system", ["factusol", "clientify"])
async def test_a_create_whose_answer_was_lost_is_found_again(new_shop: NewShop, system: str, fault: str) -> None:
    shop = await new_shop()
    await shop.connect()
    await shop.go_live()
    more = {"seconds": 4} if fault == "create_late" else {}
    match = {"match": "EscribirRegistro" if system == "factusol" else "POST"} if fault == "truncated" else {}
    await shop.control.turn(system, fault, times=1, **more, **match)
    await (shop.right.make(**ROCIO) if system == "factusol" else shop.left.make(**NORIA))
    await shop.ask_for_sweeps()
    await shop.quiet(within=timedelta(seconds=90))
    await shop.sweep(full=True)
    await assert_one_each(shop, 1)


async def test_one_refused_record_does_not_stop_the_others_and_is_named_in_the_summary(shop: Shop) -> None:
    """A contact without a first name is refused by Clientify: a client whose name is of blanks only."""
    bad = await shop.left.make(**{**NORIA, "name": " "})
    good = await shop.left.make(**{**NORIA, "name": "BUENA S.L.", "tax_no": "A58818501", "email": "b@sl.example"})
    await shop.sweep()
    assert (await shop.right.only())["other_id"] == good
    (asked,) = await shop.asks()
    assert (asked.reason, asked.record_id) == ("rejected", bad)
    assert asked.says.startswith("name: ")
    listed = await shop.listed_counts("factusol", "clients")
    assert listed["needs a person"] == 1
    assert (await shop.flow(FLOW)).state == "live"

    await shop.left.edit(bad, name="YA TIENE NOMBRE")
    await shop.pass_time(minutes=3)
    await shop.sweep(full=True)
    await shop.retry_all("rejected")
    await shop.quiet()
    await assert_one_each(shop, 2)


async def test_hooks_of_clientify_that_are_lost_are_made_up_for_by_a_sweep(shop: Shop) -> None:
    left_id = await shop.left.make(**NORIA)
    await shop.sweep()
    right_id = str((await shop.right.only())["id"])
    await shop.control.turn("clientify", "hooks_lost", times=5)
    await shop.right.edit(right_id, city="Andujar")
    await shop.quiet()
    await shop.sweep()
    assert (await shop.left.only())["city"] == "Andujar"
    assert left_id == str((await shop.left.only())["id"])


# Years


async def test_the_year_turns_and_the_new_one_is_opened_later(shop: Shop) -> None:
    await shop.left.make(**NORIA)
    await shop.sweep()
    now = shop.clock.now()
    await shop.pass_time(seconds=(now.replace(month=12, day=31, hour=12) - now).total_seconds())
    await shop.pass_time(days=4)
    await shop.right.make(**ROCIO)
    await shop.sweep()
    await assert_one_each(shop, 2)

    await shop.desk.open_year("2027")
    await shop.pass_time(minutes=11)
    left_id = await shop.left.make(
        **{**NORIA, "name": "NUEVA S.L.", "tax_no": "A58818501", "email": "n@sl.example"}
    )
    await shop.sweep()
    right_id = str((await shop.right.named("Rocio Vega"))["id"])
    await shop.right.edit(right_id, city="Motril")
    await shop.quiet()
    await shop.desk.set_year("2026", "closed")
    await shop.pass_time(minutes=11)
    await shop.right.edit(str((await shop.right.named("NUEVA S.L."))["id"]), phone="+34600222333")
    await shop.sweep(full=True)
    newest = {str(each["id"]): each for each in await shop.desk.all(year="2027")}
    assert shown(newest[left_id], "name", "phone") == ("NUEVA S.L.", "600222333")
    assert len(newest) == 3
    assert len(await shop.right.all()) == 3
    assert await shop.doubled() == []
    assert {pair.state for pair in await shop.bindings()} == {"active"}
    assert await shop.asks() == []


async def test_a_new_year_without_the_clients_is_not_taken_for_their_end(new_shop: NewShop) -> None:
    """They were not carried over: the old year goes on, and is waited for when it is closed too early."""
    shop = await new_shop()
    await shop.control.turn("factusol", "new_year", value="empty")
    await shop.control.turn("factusol", "closed_year", value="BDNoExiste")
    await shop.connect()
    clients = [{"NOFCLI": f"CLIENTE {number}", "EMACLI": f"c{number}@x.example"} for number in range(30)]
    await shop.control.seed("factusol", "clients", *clients)
    await shop.go_live()
    now = shop.clock.now()
    await shop.pass_time(seconds=(now.replace(month=12, day=31, hour=12) - now).total_seconds())
    await shop.pass_time(days=4)
    await shop.quiet()
    await shop.desk.open_year(str(now.year + 1))
    await shop.pass_time(minutes=11)
    right_id = str((await shop.right.named("CLIENTE 7"))["id"])
    await shop.right.edit(right_id, city="Motril")
    await shop.sweep(full=True)
    old = {each["name"]: each for each in await shop.desk.all(year=str(now.year))}
    assert old["CLIENTE 7"]["city"] == "Motril"
    assert await shop.desk.all(year=str(now.year + 1)) == []

    await shop.desk.set_year(str(now.year), "closed")
    await shop.pass_time(minutes=11)
    await shop.ask_for_sweeps(full=True)
    listed = await shop.listed("factusol", "clients")
    assert "does not answer" in (listed.problem or "")
    await shop.desk.set_year(str(now.year), "open")
    await shop.sweep(full=True)
    assert {pair.state for pair in await shop.bindings()} == {"active"}
    assert len(await shop.right.all()) == 30
    assert (await shop.flow(FLOW)).state == "live"
    assert await shop.asks() == []
