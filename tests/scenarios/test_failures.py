"""Vendors that fail: what may pass is tried again, what cannot be carried is shown, and nothing is made twice."""

from __future__ import annotations

import pytest

from shared.operations import administration
from tests.scenarios.test_clients import TALLERES
from tests.scenarios.world import ASUNTOS, CUSTOMERS, World

PASSING = [
    ("server_error", None),
    ("rate_limit", 2),
    ("rate_limit_silent", None),
    ("hang", 0.2),
    ("slow", 0.2),
]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("fault", "seconds"), PASSING)
async def test_a_failure_that_passes_delays_a_write_and_nothing_else(
    world: World, fault: str, seconds: float | None, method: str
) -> None:
    left_id = await world.left.make(**TALLERES)
    if method == "PUT":
        await world.quiet()
        await world.control.forget_calls()
    await world.control.turn("sugester", fault, times=2, match=f"{method} /app/clients", seconds=seconds)
    await world.left.edit(left_id, city="Adeje")
    await world.quiet()
    assert (await world.right.only())["city"] == "Adeje"
    assert await world.asks() == []
    assert (await world.flow(CUSTOMERS)).state == "live"


@pytest.mark.parametrize("fault", ["create_then_drop", "create_late"])
async def test_a_create_whose_answer_is_lost_is_made_exactly_once(any_world: World, fault: str) -> None:
    world = any_world
    await world.control.turn("sugester", fault, times=1, match="clients", seconds=5)
    await world.left.make(**TALLERES)
    await world.quiet()
    assert len(await world.right.all()) == 1
    assert len(await world.bindings()) == 1
    assert await world.control.count("sugester", "POST", "clients") == 1
    assert await world.differences() == []


@pytest.mark.parametrize("fault", ["create_then_drop", "create_late"])
async def test_an_asunto_whose_answer_is_lost_is_made_exactly_once(world: World, fault: str) -> None:
    client_id = await world.left.make(**TALLERES)
    await world.quiet()
    await world.control.turn("sugester", fault, times=1, match="deals", seconds=5)
    line = {"name": "Revisión", "quantity": 1, "total_price_gross": "121.00", "tax": 21}
    await world.left.make("invoices", kind="vat", client_id=int(client_id), positions=[line])
    await world.quiet()
    assert len(await world.right.all("deals")) == 1


async def test_an_error_that_comes_as_200_is_shown_to_a_person_and_retried_on_their_word(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    await world.control.turn("sugester", "error_with_200", match="PUT")
    await world.left.edit(left_id, city="Adeje")
    await world.quiet()
    assert [row.reason for row in await world.asks()] == ["rejected"]
    await world.control.mend("sugester", "error_with_200")
    await world.retry("rejected")
    await world.quiet()
    assert (await world.right.only())["city"] == "Adeje"
    assert await world.asks() == []


async def test_a_login_page_instead_of_an_answer_pauses_the_flow(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    await world.control.turn("sugester", "login_page")
    await world.left.edit(left_id, city="Adeje")
    await world.until_state(CUSTOMERS, "paused")
    await world.control.mend("sugester", "login_page")
    await world.resume(CUSTOMERS)
    await world.quiet()
    assert (await world.right.only())["city"] == "Adeje"


async def test_a_revoked_token_pauses_the_flow_and_a_restored_one_resumes_it_without_loss(world: World) -> None:
    left_id = await world.left.make(**TALLERES)
    await world.quiet()
    await world.control.turn("sugester", "token_revoked")
    await world.left.edit(left_id, city="Adeje")
    await world.control.drained()
    await world.until_state(CUSTOMERS, "paused")
    assert "token" in str((await world.flow(CUSTOMERS)).pause_reason)
    # Told while it is paused, by a hook and by a sweep alone.
    await world.left.make(name="Bodegas Drago", email="bodega@drago.example")
    await world.control.turn("bitfactura", "hooks_lost")
    await world.left.make(name="Bar La Plaza", email="bar@plaza.example")
    await world.pass_time(minutes=6)
    await world.listed("bitfactura", "clients")
    await world.control.mend("sugester", "token_revoked")
    for name in (CUSTOMERS, ASUNTOS):
        if (await world.flow(name)).state == "paused":
            await world.resume(name)
    await world.quiet()
    assert len(await world.right.all()) == 3
    assert await world.differences() == []
    assert await world.doubled() == []


async def test_a_client_that_cannot_be_mapped_is_shown_with_its_field_while_the_rest_goes_on(world: World) -> None:
    broken = await world.left.make(**TALLERES)
    await world.quiet()
    table = world.sandbox.world.account("bitfactura").tables["clients"]
    record = table.get(int(broken))
    assert record is not None
    table.change(record, {**record.fields, "city": 38}, world.sandbox.world.clock.now())
    await world.left.make(name="Bodegas Drago", email="bodega@drago.example")
    await world.sweep()
    (row,) = await world.asks()
    assert (row.reason, row.record_id) == ("rejected", broken)
    assert "city" in row.says
    assert len(await world.right.all()) == 2

    # Mended at the vendor, and nothing but a sweep tells of it.
    await world.control.turn("bitfactura", "hooks_lost")
    await world.left.edit(broken, city="Arona")
    await world.sweep()
    assert await world.asks() == []
    assert (await world.right.named(TALLERES["name"]))["city"] == "Arona"


async def test_an_outage_of_many_records_settles_when_the_vendor_is_back(world: World) -> None:
    await world.control.turn("sugester", "server_error")
    for number in range(15):
        await world.left.make(name=f"Cliente {number}", email=f"c{number}@empresa.example")
    await world.control.drained()
    await world.until_waiting(15)
    await world.control.mend("sugester", "server_error")
    await world.quiet()
    assert len(await world.right.all()) == 15
    assert await world.doubled() == []


async def test_two_workspaces_do_not_meet(world: World) -> None:
    answer = await world.control.post("accounts", {"system": "bitfactura", "account": "other"})
    await administration.add_workspace(world.parts, "other", title="Other")
    used = await world.used("other")
    account = administration.new_account(
        world.parts, used, "bitfactura", base_url=answer["base_url"], credentials={"token": answer["token"]}
    )
    await administration.save_account(world.parts, used, account)
    await world.left.make(**TALLERES)
    await world.quiet()
    assert (await world.right.only())["name"] == TALLERES["name"]
    assert (await world.used("other")).flows == {}
