"""What people delete and merge in Clientify, and what becomes of the pairs."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import NewShop
from tests.scenarios.test_shop_clients import NORIA, ROCIO


@pytest.mark.parametrize("kept", ["winner", "loser"])
async def test_contacts_that_are_merged_leave_one_pair_and_nothing_comes_back(
    new_shop: NewShop, kept: str
) -> None:
    """Where the loser's number stays on the winner, a person is asked, and a retry writes the right one again."""
    shop = await new_shop()
    await shop.control.turn("clientify", "merged_values", value=kept)
    await shop.connect()
    await shop.go_live()
    stays, goes = await shop.left.make(**NORIA), await shop.left.make(**ROCIO)
    await shop.sweep()
    winner = str((await shop.right.named(NORIA["name"]))["id"])
    loser = int(str((await shop.right.named(ROCIO["name"]))["id"]))
    await shop.pass_time(minutes=1)
    await shop.right.act("POST", f"/panel/contacts/{winner}/merge", {"losers": [loser]})
    await shop.quiet()
    asked = await shop.asks()
    if kept == "loser":
        (row,) = asked
        assert (row.reason, row.record_id) == ("other id", winner)
        assert f"shows the number {goes}" in row.says
        await shop.retry("other id")
    else:
        assert asked == []
    await shop.sweep(full=True)
    await shop.pass_time(minutes=1)
    await shop.left.edit(goes, city="Motril")
    await shop.sweep(full=True)
    (contact,) = await shop.right.all()
    assert (str(contact["id"]), contact["other_id"]) == (winner, stays)
    assert {pair.left_id: pair.state for pair in await shop.bindings()} == {stays: "active", goes: "gone-right"}
    assert [row.reason for row in await shop.asks()] == []
