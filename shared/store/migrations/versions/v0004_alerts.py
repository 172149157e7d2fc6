"""Alerts with what was told of them, messages on their way, marks, leases, canaries; and why a flow was paused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

from shared.store.tables import JSON_TYPE, Moment

revision = "0004"
down_revision = "0003"


def upgrade(op: Operations) -> None:
    op.add_column("flow", sa.Column("pause_cause", sa.String(20)))
    op.create_table(
        "alert",
        sa.Column("key", sa.String(400), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(250), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("facts", JSON_TYPE, nullable=False),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("told_at", Moment()),
        sa.Column("told_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alert")),
    )
    op.create_table(
        "alert_message",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("content", JSON_TYPE, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("next_at", Moment(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", Moment()),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_message")),
    )
    op.create_index("ix_alert_message_due", "alert_message", ["state", "next_at"])
    op.create_table(
        "mark",
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("workspace_id", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(250), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("facts", JSON_TYPE, nullable=False),
        sa.PrimaryKeyConstraint("kind", "workspace_id", "subject", name=op.f("pk_mark")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("owner", sa.String(60), nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "canary",
        sa.Column("id", sa.String(60), nullable=False),
        sa.Column("system", sa.String(40), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("posted_at", Moment(), nullable=False),
        sa.Column("answered_ms", sa.Integer()),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("seen_at", Moment()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canary")),
    )
    op.create_index("ix_canary_posted_at", "canary", ["posted_at"])
