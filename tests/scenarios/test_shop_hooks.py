"""Clientify's one webhook slot for contacts: ours if it is free, left alone if it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared import errors
from shared.operations import administration, doctor, hooking
from tests.scenarios.conftest import NewShop
from tests.scenarios.test_shop_clients import NORIA, ROCIO

HOLDER = "https://hooks.other.example/their-secret"


async def test_a_slot_that_somebody_holds_is_left_alone_and_sweeps_carry_the_changes(new_shop: NewShop) -> None:
    shop = await new_shop()
    await shop.control.seed("clientify", "webhooks", {"kind": "contacts", "url": HOLDER})
    await shop.control.turn("clientify", "hooks_lost")  # nobody is there to be told
    await shop.connect(hooks=())
    (line,) = await shop.hooks_of("clientify")
    assert line.state == hooking.HELD
    await shop.go_live()
    await shop.left.make(**NORIA)
    await shop.right.make(**ROCIO)
    await shop.sweep(full=True)
    assert (len(await shop.left.all()), len(await shop.right.all())) == (2, 2)
    assert await shop.asks() == []

    public = shop.parts.settings.model_copy(update={"public_url": shop.public_url})
    parts = replace(shop.parts, settings=public)
    reports = {each.system: each for each in await doctor.examine(parts, await shop.used())}
    (found,) = (each for each in reports["clientify"].checks if each.name == "hooks")
    assert found.state == "warning"
    assert "hooks.other.example" in found.says.en
    assert "their-secret" not in f"{found.says} {found.way_out}"
    assert not reports["clientify"].failed

    (slot,) = (await shop.control.get("records", system="clientify", resource="webhooks"))["records"]
    assert slot["url"] == HOLDER
    assert (
        await hooking.remove(shop.parts, await shop.used(), await shop.account("clientify"), shop.public_url) == 0
    )
    (slot,) = (await shop.control.get("records", system="clientify", resource="webhooks"))["records"]
    assert slot["url"] == HOLDER

    # The other one lets go: the next look takes it.
    await shop.control.post("reset", {"what": ["hooks"]})
    (line,) = await shop.hooks_of("clientify")
    assert line.state == "registered"


async def test_what_the_checks_find_out_is_kept_with_the_account(new_shop: NewShop) -> None:
    shop = await new_shop()
    await shop.control.turn("clientify", "account_country", value="PT")
    await shop.connect(hooks=())
    account = await shop.account("clientify")
    checks = await administration.check_account(shop.parts, await shop.used(), account)
    kept = administration.remembering(shop.parts, await shop.used(), account, checks)
    assert kept.settings.keys() - account.settings.keys() == {"found_api", "found_country", "account_id"}
    assert (kept.settings["found_api"], kept.settings["found_country"]) == ("v2", "PT")
    assert kept.identity.endswith(f"/{kept.settings['account_id']}")
    await administration.change_account(shop.parts, await shop.used(), kept)
    assert (await shop.account("clientify")).identity == kept.identity


async def test_an_address_that_the_vendor_does_not_take_is_said_and_sweeps_carry_the_changes(
    new_shop: NewShop,
) -> None:
    shop = await new_shop()
    await shop.control.turn("clientify", "private_targets", value=False)
    await shop.connect(hooks=())
    with pytest.raises(errors.PuenteError, match="400"):
        await shop.hooks_of("clientify")
    await shop.go_live()
    await shop.left.make(**NORIA)
    await shop.right.make(**ROCIO)
    await shop.sweep(full=True)
    assert (len(await shop.left.all()), len(await shop.right.all())) == (2, 2)
    assert await shop.asks() == []
