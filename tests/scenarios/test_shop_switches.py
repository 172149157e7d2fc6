"""One day at the shop, once for every way in which the vendors may differ from what their pages leave open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from services.sandbox.clientify import switches as clientify
from services.sandbox.factusol import switches as factusol
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
        "factusol": {
            "columns": "extra",
            "fumcli": "lies",
            "update_of_missing": "nothing",
            "no_rows": "empty_text",
        },
        "clientify": {
            "custom_field_filter": "bare_name",
            "duplicates": "409_tax_number",
            "v2_update": "patch_only",
            "v2_top_level_email": "ignored",
            "date_filters": "days",
        },
    },
    {
        "factusol": {"login_ends_older_tokens": True, "time_zone": "Atlantic/Canary", "says_mensaje": True},
        "clientify": {
            "custom_field_filter": "ignored",
            "duplicates": "400_email",
            "v2_update": "put_does_nothing",
            "put_lists": "ignored",
            "missing_slash": "404",
        },
    },
    {
        "factusol": {"token_seconds": 40, "long_text": "truncate", "code_page": "refuse", "time_zone": "UTC"},
        "clientify": {
            "phone_format": "compact",
            "sub_resources_move_modified": False,
            "hooks_for_api_writes": True,
            "duplicates": "merge_tax_number",
            "account_country": "none",
        },
    },
    {
        "factusol": {"text_case": "upper", "code_page": "question_marks"},
        "clientify": {
            "custom_field_create": "200",
            "content_type_label": "contacto",
            "blank_custom_value": "dashes",
            "hook_shape": "created_updated",
            "hook_content_type": "text/plain; charset=utf-8",
            "duplicates": "merge_email",
            "date_filters": "ignored",
            "account_status": "client_1_0",
            "v2_top_level_email": "refused",
        },
    },
    {
        "factusol": {"most_rows": 2, "logins_per_minute": 5, "requests_per_second": 40},
        "clientify": {
            "content_type_label": "none",
            "blank_custom_value": "empty",
            "hook_shape": "event_and_contact",
            "hook_content_type": "application/x-www-form-urlencoded",
            "v2_fields_mandatory": False,
            "custom_field_names": "any_case",
            "custom_field_repeat": "doubled",
            "first_name_required": False,
            "requests_per_second": 40,
        },
    },
    {
        "clientify": {
            "hook_shape": "hook_and_contact",
            "hook_content_type": "none",
            "webhooks_allowed": False,
            "my_account_shape": "user",
            "unknown_custom_field": "refused",
            "custom_value_limit": 40,
            "bulk_hooks": False,
        },
    },
)
# What a world needs to be set by whoever runs it.
NEEDED: Mapping[str, str] = {"most_rows": "rows_per_page=2"}

# Positions that another test of this bridge stands for, and the file.
ELSEWHERE: Mapping[str, str] = {
    "factusol.expired_answer": "scenarios/test_shop_failures.py",
    "factusol.duplicate_word": "scenarios/test_shop_failures.py",
    "factusol.new_year": "scenarios/test_shop_failures.py",
    "factusol.closed_year": "contracts/test_factusol_years.py",
    "factusol.login_failed_word": "contracts/test_factusol.py",
    "clientify.custom_field_create": "contracts/test_connectors_clientify.py",
    "clientify.account_country": "contracts/test_connectors_clientify.py",
    "clientify.merged_values": "scenarios/test_shop_deleted.py",
    "clientify.private_targets": "scenarios/test_shop_hooks.py",
    "clientify.hook_shape": "contracts/test_connectors_deliveries.py",
    "clientify.website_format": "contracts/test_connectors_clientify.py",
    "clientify.short_text_limit": "contracts/test_connectors.py",
}
# Positions that change nothing for a program that calls as this one does, and why.
NOTHING: Mapping[str, str] = {
    "factusol.missing_token_answer": "no call goes without a token",
    "factusol.invalid_body_answer": "every body is JSON with all its fields",
    "factusol.unnamed_column": "every expression has an alias",
    "factusol.single_record": "LeerRegistro is not called",
    "factusol.filter_functions": "CargaTabla is not called",
    "clientify.v2_no_key": "no call goes without a key",
    "clientify.phone_filter": "nobody is searched by telephone",
    "clientify.hook_delay": "the time of a hook means nothing; tests/faults delays them",
    "clientify.hook_failures_before_off": "this vendor's slots stay on",
    "clientify.hook_retries": "lost hooks are made up for by sweeps",
    "clientify.hook_timeout": "the door answers at once",
    "clientify.hook_concurrency": "the order of hooks means nothing",
}


def test_every_position_of_every_switch_is_lived_through_or_changes_nothing() -> None:
    """A switch that is added to a sandbox needs a world, a test elsewhere, or a reason."""
    every = {"factusol": factusol.SWITCHES, "clientify": clientify.SWITCHES}
    unlived = [
        f"{system}.{switch.name}={position}"
        for system, switches in every.items()
        for switch in switches
        for position in [each for each in switch.choices if each != switch.default] or ["another"]
        if f"{system}.{switch.name}" not in NOTHING and not _is_lived(system, switch.name, str(position))
    ]
    assert unlived == []


def _is_lived(system: str, name: str, position: str) -> bool:
    """Whether a world has this position, or the test that is named for it; "another" is any."""
    lived = {str(world[system][name]) for world in WORLDS if name in world.get(system, {})}
    if position in lived or (lived and position == "another"):
        return True
    elsewhere = ELSEWHERE.get(f"{system}.{name}")
    told = (Path(__file__).parents[1] / elsewhere).read_text() if elsewhere is not None else ""
    return f'"{name}"' in told and (position == "another" or f'"{position}"' in told)


@pytest.mark.parametrize("switches", WORLDS, ids=lambda each: str(WORLDS.index(each)))
async def test_a_day_at_the_shop(new_shop: NewShop, switches: Mapping[str, Mapping[str, object]]) -> None:
    shop = await new_shop()
    given: dict[str, str] = {}
    for system, positions in switches.items():
        for switch, value in positions.items():
            await shop.control.turn(system, switch, value=value)
            if switch in NEEDED:
                name, _, wanted = NEEDED[switch].partition("=")
                given[name] = wanted
    await shop.control.seed("factusol", "clients", {"NOFCLI": "BODEGAS ARCOS", "NIFCLI": "B58378431"})
    known = {"first_name": "Bodegas Arcos", "taxpayer_identification_number": "B-58378431"}
    await shop.control.seed("clientify", "contacts", known, {"first_name": "Curiosa", "email": "c@lead.example"})
    positions = switches["clientify"]
    has_hooks = positions.get("versions") != "v1" and positions.get("webhooks_allowed", True)
    has_hooks = has_hooks and positions.get("account_status") != "client_1_0"
    await shop.connect(hooks=("clientify",) if has_hooks else (), **given)
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
