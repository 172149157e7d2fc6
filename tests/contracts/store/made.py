"""Rows for the store's tests, with everything that a test does not speak of filled in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.store.rows import Attempt, Binding, Intent, PairBase, Seen, SideBase, Waiting

NOW = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)

_BASE = PairBase(
    left=SideBase(shown={"name": "h1", "email": "h2"}, previous={"name": "h0"}, written_at=NOW),
    right=SideBase(shown={"name": "h1"}, ours={"name": ["h1", "h9"]}, ours_until=LATER),
    normaliser=3,
    map_version=2,
    writes=(NOW, LATER),
)


def base(**changes: Any) -> PairBase:
    return replace(_BASE, **changes)


def binding(**changes: Any) -> Binding:
    row = Binding(
        id="b1",
        workspace_id="shop",
        bridge_id="shop-bridge",
        entity="customer",
        role="main",
        left_id="L1",
        right_id="R1",
        state="active",
        version=1,
        base=_BASE,
        reference="puente-abc",
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(row, **changes)


def intent(**changes: Any) -> Intent:
    row = Intent(
        id="i1",
        workspace_id="shop",
        flow_id="shop-customers",
        subject="create/shop-bridge/customer/main/left/L1",
        kind="create",
        side="left",
        source_id="L1",
        target_id=None,
        reference="puente-abc",
        sent={"name": "h1"},
        owner="process-a",
        version=1,
        opened_at=NOW,
        deadline=LATER,
    )
    return replace(row, **changes)


def waiting(**changes: Any) -> Waiting:
    row = Waiting(
        id="w1",
        workspace_id="shop",
        flow_id="shop-customers",
        account_id="shop-left",
        resource="clients",
        record_id="L1",
        reason="retry",
        not_before=NOW,
        first_seen=NOW,
        updated_at=NOW,
        change_ids=["c1"],
    )
    return replace(row, **changes)


def seen(record_id: str = "L1", **changes: Any) -> Seen:
    row = Seen(
        account_id="shop-left",
        resource="clients",
        record_id=record_id,
        fields={"name": "h1"},
        keys={"email": "k1"},
        seen_at=NOW,
    )
    return replace(row, **changes)


def attempt(**changes: Any) -> Attempt:
    row = Attempt(
        id="a1",
        workspace_id="shop",
        flow_id="shop-customers",
        account_id="shop-left",
        resource="clients",
        record_id="L1",
        other_id="R1",
        at=NOW,
        took_ms=12,
        origin="change",
        outcome="applied",
        says="The e-mail was written.",
        fields=["email"],
        change_ids=["c1"],
        detail=b"\x00sealed",
    )
    return replace(row, **changes)
