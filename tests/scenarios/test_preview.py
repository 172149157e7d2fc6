"""What a person is shown of a record that is in no pair yet."""

from __future__ import annotations

from shared.flows.preview import Preview, preview
from shared.flows.spec import Side
from tests.scenarios.shop import Shop
from tests.scenarios.test_shop_clients import NORIA
from tests.scenarios.world import World


async def _shown(world: World, entity: str, side: Side, record_id: str) -> Preview:
    flow = next(each for each in (await world.used()).flows.values() if each.row.entity == entity)
    return await preview(flow, side, record_id, database=world.parts.database, now=world.parts.clock.now())


def _written(found: Preview) -> dict[str, object]:
    return {each.name: each.value for each in found.fields if each.writes is not None}


async def test_an_unbound_record_shows_what_its_counterpart_would_be_made_with(shop: Shop) -> None:
    left_id = await shop.left.make(**NORIA)
    found = await _shown(shop, "customer", Side.LEFT, left_id)
    assert found.state == "unbound"
    written = _written(found)
    assert written["tax_no"] == NORIA["tax_no"]
    assert written["email"] == NORIA["email"]
    assert written["other_id"] == left_id, "its number goes into Clientify's field"
    assert {each.writes for each in found.fields} == {Side.RIGHT}
    assert {each.why for each in found.fields} == {"what it would be made with"}
    assert await shop.right.all() == [], "a preview writes nothing"

    await shop.sweep()
    made = await shop.right.only()
    assert {name: made[name] for name in ("tax_no", "email", "city", "other_id")} == {
        name: written[name] for name in ("tax_no", "email", "city", "other_id")
    }


async def test_one_that_is_not_carried_yet_shows_why_and_would_write_nothing(shop: Shop) -> None:
    lead = await shop.right.make(name="Curioso", email="curioso@lead.example")
    await shop.quiet()
    found = await _shown(shop, "customer", Side.RIGHT, lead)
    assert (found.state, found.writes) == ("unbound", 0)
    assert {each.why for each in found.fields} == {"it has no tax number"}
    assert "curioso@lead.example" in {each.right for each in found.fields}
    assert await shop.left.all() == []
