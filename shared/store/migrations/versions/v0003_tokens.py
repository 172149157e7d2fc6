"""Tokens that a vendor gives out for one use each, shared by all processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

from shared.store.tables import Moment

revision = "0003"
down_revision = "0002"


def upgrade(op: Operations) -> None:
    op.create_table(
        "token",
        sa.Column("account_id", sa.String(200), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("use_until", Moment(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_token")),
    )
