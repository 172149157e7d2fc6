"""A base that the previous normaliser made goes on counting: a change of rules is no edit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from shared.connectors.contract import Row
from shared.flows.context import FlowContext
from shared.flows.pairs import renewed
from shared.flows.spec import Side
from shared.keys import WorkspaceKeys
from shared.model.normal import NORMALISER, PREVIOUS
from shared.store.rows import Account, Bridge, FlowRow, PairBase, SideBase, Workspace
from tests.unit.flows.sides import FLOW, PERSON

SHOWN = {"name": "Anaga", "phone": "922 000 111 / 600 000 222", "email": "a@anaga.example"}


def context() -> FlowContext:
    keys = WorkspaceKeys(data=bytes(32), hashing=bytes(range(32)))
    home = Workspace(
        id="acme", shard=0, title="Acme", country="ES", locale="es", time_zone="Europe/Madrid", keys=keys
    )
    row = FlowRow(
        id="acme.clients",
        workspace_id="acme",
        bridge_id="acme.office-crm",
        spec="clients",
        entity="customer",
        state="live",
        state_before_pause=None,
        pause_reason=None,
        options={},
        live_since=datetime(2026, 1, 1, tzinfo=UTC),
    )
    bridge = Bridge(id="acme.office-crm", workspace_id="acme", left_account="l", right_account="r")
    accounts = cast(dict[Side, Account], {})
    return FlowContext(row=row, spec=FLOW, bridge=bridge, workspace=home, accounts=accounts, sessions={})


def base_of(flow: FlowContext, fields: dict[str, str], *, version: int) -> PairBase:
    digest = flow.digester(PERSON, version=version)
    side = SideBase(shown={name: digest(name, value) for name, value in fields.items()})
    return PairBase(left=side, right=side, normaliser=version, map_version=1)


def test_what_a_side_still_shows_is_told_by_the_new_rules() -> None:
    flow = context()
    old = base_of(flow, SHOWN, version=PREVIOUS)
    now = renewed(flow, old, {Side.LEFT: Row(record_id="1", fields=SHOWN)})
    wanted = base_of(flow, SHOWN, version=NORMALISER)
    assert old.left.shown["phone"] != wanted.left.shown["phone"], "the rules for telephones did change"
    assert now.normaliser == NORMALISER
    assert now.left.shown == wanted.left.shown


@pytest.mark.parametrize("phone", ["922 000 112 / 600 000 222", "922 000 111"])
def test_what_was_edited_meanwhile_stays_an_edit(phone: str) -> None:
    flow = context()
    old = base_of(flow, SHOWN, version=PREVIOUS)
    row = Row(record_id="1", fields={**SHOWN, "phone": phone})
    now = renewed(flow, old, {Side.LEFT: row})
    assert now.left.shown["phone"] != flow.digester(PERSON)("phone", phone)
    assert now.left.shown["name"] == flow.digester(PERSON)("name", "Anaga")


def test_a_base_of_todays_rules_is_left_alone() -> None:
    flow = context()
    base = base_of(flow, SHOWN, version=NORMALISER)
    assert renewed(flow, base, {Side.LEFT: Row(record_id="1", fields=SHOWN)}) is base
