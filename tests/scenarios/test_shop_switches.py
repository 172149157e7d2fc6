"""One day at the shop, once for every way in which the vendors may differ from what their pages leave open."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.scenarios.conftest import NewShop
from tests.scenarios.shop import FLOW, Shop
from tests.scenarios.test_shop_clients import NORIA, ROCIO

# Each world has one position of several switches: what they change has nothing to do with each other.
WORLDS: tuple[Mapping[str, Mapping[str, object]], ...] = (
    {
        "factusol": {"no_rows": "empty_list", "bad_sql": "KO", "numbers_as": "text", "fumcli": "everyone"},
        "clientify": {"versions": "v1", "default_page_size": 1, "page_size_ignored": True},
    },
    {
        "factusol": {"no_rows": "missing", "bad_sql": "http_500", "times_with": "blank", "fumcli": "nobody"},
        "clientify": {"versions": "v2", "filters": "ignored", "put_lists": "append", "page_past_end": "empty"},
    },
    {
        "factusol": {"catalogue_views": False, "blank_text": "null", "fumcli": "month", "columns": "older"},
        "clientify": {"filters": "query_only", "query_matches_tax_number": False, "v2_update": "put_only"},
    },
    {
        "factusol": {"columns": "extra", "fumcli": "lies", "update_of_missing": "nothing"},
        "clientify": {
            "custom_field_filter": "bare_name",
            "duplicates": "409_tax_number",
            "v2_update": "patch_only",
        },
    },
    {
        "factusol": {"single_record": "row", "login_ends_older_tokens": True},
        "clientify": {
            "custom_field_filter": "ignored",
            "duplicates": "400_email",
            "v2_update": "put_does_nothing",
        },
    },
    {
        "factusol": {"token_seconds": 40},
        "clientify": {
            "phone_format": "compact",
            "sub_resources_move_modified": False,
            "hooks_for_api_writes": True,
        },
    },
    {
        "clientify": {
            "custom_field_create": "200",
            "content_type_label": "contacto",
            "blank_custom_value": "dashes",
            "hook_shape": "created_updated",
        },
    },
    {
        "clientify": {
            "content_type_label": "none",
            "blank_custom_value": "empty",
            "hook_shape": "event_and_contact",
            "v2_fields_mandatory": False,
        },
    },
)


@pytest.mark.parametrize("switches", WORLDS, ids=lambda each: str(WORLDS.index(each)))
async def test_a_day_at_the_shop(new_shop: NewShop, switches: Mapping[str, Mapping[str, object]]) -> None:
    shop = await new_shop()
    for system, positions in switches.items():
        for switch, value in positions.items():
            await shop.control.turn(system, switch, value=value)
    await shop.control.seed("factusol", "clients", {"NOFCLI": "BODEGAS ARCOS", "NIFCLI": "B58378431"})
    known = {"first_name": "Bodegas Arcos", "taxpayer_identification_number": "B-58378431"}
    await shop.control.seed("clientify", "contacts", known, {"first_name": "Curiosa", "email": "c@lead.example"})
    has_hooks = switches["clientify"].get("versions") != "v1"
    await shop.connect(hooks=("clientify",) if has_hooks else ())
    await shop.go_live()
    await day(shop)
    assert len(await shop.left.all()) == 3
    assert len(await shop.right.all()) == 4
    assert await shop.doubled() == []
    assert await shop.differences() == []
    assert await shop.asks() == []
    assert await shop.not_yet() == {"it has no tax number": 1}
    assert (await shop.flow(FLOW)).state == "live"


async def day(shop: Shop) -> None:
    """A client made on each side, one edited on each, and everything listed at the end."""
    left_id = await shop.left.make(**NORIA)
    await shop.right.make(**ROCIO)
    await shop.sweep(full=True)
    right_id = str((await shop.right.named("Rocio Vega"))["id"])
    await shop.left.edit(left_id, city="UBEDA", phone="953 000 002")
    await shop.right.edit(right_id, city="Motril", phone="+34600999888")
    await shop.sweep(full=True)
    await shop.sweep(full=True)
