"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

from shared.store.tables import JSON_TYPE, Moment

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    for make in _TABLES:
        make(op)


def _workspace(op: Operations) -> None:
    op.create_table(
        "workspace",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("locale", sa.String(5), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("wrapped_keys", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspace")),
    )
    op.create_index(op.f("ix_workspace_shard"), "workspace", ["shard"])


def _account(op: Operations) -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("system", sa.String(40), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("settings", JSON_TYPE, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("system", "identity", name=op.f("uq_account_system_identity")),
    )
    op.create_index("ix_account_workspace_id", "account", ["workspace_id"])


def _bridge(op: Operations) -> None:
    op.create_table(
        "bridge",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("left_account", sa.String(200), nullable=False),
        sa.Column("right_account", sa.String(200), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bridge")),
    )
    op.create_index("ix_bridge_workspace_id", "bridge", ["workspace_id"])


def _flow(op: Operations) -> None:
    op.create_table(
        "flow",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("bridge_id", sa.String(200), nullable=False),
        sa.Column("spec", sa.String(100), nullable=False),
        sa.Column("entity", sa.String(40), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("state_before_pause", sa.String(20)),
        sa.Column("pause_reason", sa.Text()),
        sa.Column("options", JSON_TYPE, nullable=False),
        sa.Column("live_since", Moment()),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow")),
        sa.UniqueConstraint("bridge_id", "spec", name=op.f("uq_flow_bridge_id_spec")),
    )
    op.create_index("ix_flow_workspace_id", "flow", ["workspace_id"])


def _binding(op: Operations) -> None:
    op.create_table(
        "binding",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("bridge_id", sa.String(200), nullable=False),
        sa.Column("entity", sa.String(40), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("left_id", sa.String(100), nullable=False),
        sa.Column("right_id", sa.String(100), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("base", JSON_TYPE, nullable=False),
        sa.Column("reference", sa.String(60), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_binding")),
        sa.UniqueConstraint(
            "bridge_id", "entity", "role", "left_id", name=op.f("uq_binding_bridge_id_entity_role_left_id")
        ),
        sa.UniqueConstraint(
            "bridge_id", "entity", "role", "right_id", name=op.f("uq_binding_bridge_id_entity_role_right_id")
        ),
    )


def _intent(op: Operations) -> None:
    op.create_table(
        "intent",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("flow_id", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("side", sa.String(5), nullable=False),
        sa.Column("source_id", sa.String(100), nullable=False),
        sa.Column("target_id", sa.String(100)),
        sa.Column("reference", sa.String(60), nullable=False),
        sa.Column("sent", JSON_TYPE, nullable=False),
        sa.Column("owner", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("deadline", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intent")),
        sa.UniqueConstraint("subject", name=op.f("uq_intent_subject")),
    )
    op.create_index("ix_intent_reference", "intent", ["reference"])
    op.create_index(op.f("ix_intent_shard"), "intent", ["shard"])


def _intent_key(op: Operations) -> None:
    op.create_table(
        "intent_key",
        sa.Column("scope", sa.String(250), nullable=False),
        sa.Column("key_hash", sa.String(120), nullable=False),
        sa.Column("intent_id", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key_hash", name=op.f("pk_intent_key")),
    )
    op.create_index("ix_intent_key_intent_id", "intent_key", ["intent_id"])


def _seen(op: Operations) -> None:
    op.create_table(
        "seen",
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("record_id", sa.String(100), nullable=False),
        sa.Column("fields", JSON_TYPE, nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("listing", sa.String(60), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "resource", "record_id", name=op.f("pk_seen")),
    )


def _match_key(op: Operations) -> None:
    op.create_table(
        "match_key",
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("record_id", sa.String(100), nullable=False),
        sa.Column("key_name", sa.String(60), nullable=False),
        sa.Column("key_hash", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "resource", "record_id", "key_name", name=op.f("pk_match_key")),
    )
    op.create_index("ix_match_key_lookup", "match_key", ["account_id", "resource", "key_name", "key_hash"])


def _waiting(op: Operations) -> None:
    op.create_table(
        "waiting",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("flow_id", sa.String(200), nullable=False),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("record_id", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(30), nullable=False),
        sa.Column("needs_person", sa.Boolean(), nullable=False),
        sa.Column("not_before", Moment(), nullable=False),
        sa.Column("first_seen", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("change_ids", JSON_TYPE, nullable=False),
        sa.Column("deletion", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.String(10), nullable=False),
        sa.Column("run", sa.String(60), nullable=False),
        sa.Column("blocked_on", sa.String(400)),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("detail", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting")),
        sa.UniqueConstraint(
            "flow_id",
            "account_id",
            "resource",
            "record_id",
            name=op.f("uq_waiting_flow_id_account_id_resource_record_id"),
        ),
    )
    op.create_index("ix_waiting_blocked_on", "waiting", ["blocked_on"])
    op.create_index("ix_waiting_due", "waiting", ["needs_person", "shard", "not_before"])
    op.create_index("ix_waiting_workspace_id", "waiting", ["workspace_id"])


def _attempt(op: Operations) -> None:
    op.create_table(
        "attempt",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("flow_id", sa.String(200), nullable=False),
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("record_id", sa.String(100), nullable=False),
        sa.Column("other_id", sa.String(100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(30), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("fields", JSON_TYPE, nullable=False),
        sa.Column("change_ids", JSON_TYPE, nullable=False),
        sa.Column("detail", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("day", "id", name=op.f("pk_attempt")),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("ix_attempt_flow", "attempt", ["flow_id", "at"])
    op.create_index("ix_attempt_record", "attempt", ["account_id", "resource", "record_id", "at"])
    if op.get_bind().dialect.name == "postgresql":
        # Takes what no partition of a day takes, so that an attempt is saved even when nobody tends them.
        op.execute("CREATE TABLE attempt_default PARTITION OF attempt DEFAULT")


def _sweep(op: Operations) -> None:
    op.create_table(
        "sweep",
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("resource", sa.String(60), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("next_at", Moment(), nullable=False),
        sa.Column("full_at", Moment(), nullable=False),
        sa.Column("seen_until", Moment()),
        sa.Column("complete_at", Moment()),
        sa.Column("gap_at", Moment()),
        sa.Column("cursor", sa.Text()),
        sa.Column("listing", sa.String(60)),
        sa.Column("started_at", Moment()),
        sa.Column("full", sa.Boolean(), nullable=False),
        sa.Column("counts", JSON_TYPE, nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "resource", name=op.f("pk_sweep")),
    )
    op.create_index("ix_sweep_due", "sweep", ["shard", "next_at"])


def _load(op: Operations) -> None:
    op.create_table(
        "load",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("flow_id", sa.String(200), nullable=False),
        sa.Column("side", sa.String(5), nullable=False),
        sa.Column("then_side", sa.String(5)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("since", sa.Date()),
        sa.Column("cursor", sa.Text()),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer()),
        sa.Column("counts", JSON_TYPE, nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("next_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_load")),
    )
    op.create_index("ix_load_due", "load", ["shard", "state"])


def _run(op: Operations) -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("mode", sa.String(10), nullable=False),
        sa.Column("wants", JSON_TYPE, nullable=False),
        sa.Column("cursor", JSON_TYPE, nullable=False),
        sa.Column("counts", JSON_TYPE, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_due", "run", ["shard", "state"])


def _match_decision(op: Operations) -> None:
    op.create_table(
        "match_decision",
        sa.Column("flow_id", sa.String(200), nullable=False),
        sa.Column("side", sa.String(5), nullable=False),
        sa.Column("record_id", sa.String(100), nullable=False),
        sa.Column("finding", sa.String(20), nullable=False),
        sa.Column("candidates", JSON_TYPE, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("decision", sa.String(20), nullable=False),
        sa.Column("chosen_id", sa.String(100)),
        sa.Column("decided_by", sa.String(200)),
        sa.Column("decided_at", Moment()),
        sa.PrimaryKeyConstraint("flow_id", "side", "record_id", name=op.f("pk_match_decision")),
        sa.UniqueConstraint("flow_id", "side", "chosen_id", name=op.f("uq_match_decision_flow_id_side_chosen_id")),
    )
    op.create_index("ix_match_decision_finding", "match_decision", ["flow_id", "finding", "decision"])


def _match_report(op: Operations) -> None:
    op.create_table(
        "match_report",
        sa.Column("flow_id", sa.String(200), nullable=False),
        sa.Column("counts", JSON_TYPE, nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.Column("approved_at", Moment()),
        sa.Column("approved_by", sa.String(200)),
        sa.PrimaryKeyConstraint("flow_id", name=op.f("pk_match_report")),
    )


def _hook(op: Operations) -> None:
    op.create_table(
        "hook",
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("hook_kind", sa.String(60), nullable=False),
        sa.Column("hook_id", sa.String(100)),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("checked_at", Moment(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "hook_kind", name=op.f("pk_hook")),
    )


def _budget(op: Operations) -> None:
    op.create_table(
        "budget",
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("slots", JSON_TYPE, nullable=False),
        sa.Column("paused_until", Moment()),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_budget")),
    )


def _audit(op: Operations) -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("detail", JSON_TYPE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_workspace_id", "audit", ["workspace_id", "at"])


_TABLES = (
    _workspace,
    _account,
    _bridge,
    _flow,
    _binding,
    _intent,
    _intent_key,
    _seen,
    _match_key,
    _waiting,
    _attempt,
    _sweep,
    _load,
    _run,
    _match_decision,
    _match_report,
    _hook,
    _budget,
    _audit,
)
