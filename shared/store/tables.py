"""The tables, once for SQLite and PostgreSQL. Every polled row carries its workspace's shard.

Values of vendors' records are never stored in clear: hashes are keyed per workspace, details are sealed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

from shared.errors import check_aware


class Moment(TypeDecorator[datetime]):
    """An aware time: timestamptz in PostgreSQL; in SQLite text of one width in UTC, so that it sorts as time."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        utc = check_aware(value, "a stored time").astimezone(UTC)
        if dialect.name == "postgresql":
            return utc
        return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        # The driver answers the last moment of all (PostgreSQL's "infinity") without a zone.
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


JSON_TYPE = JSON().with_variant(JSONB(), "postgresql")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id", *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, String(200), primary_key=key, nullable=null)


workspace = Table(
    "workspace",
    metadata,
    _id(key=True),
    Column("shard", Integer, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("country", String(2), nullable=False),
    Column("locale", String(5), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("wrapped_keys", Text, nullable=False),
    # Grows with every change of the workspace's accounts, bridges or flows, so that a process sees it by one read.
    Column("version", Integer, nullable=False, default=1),
    Column("created_at", Moment, nullable=False),
)

account = Table(
    "account",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    Column("shard", Integer, nullable=False),
    Column("system", String(40), nullable=False),
    Column("base_url", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("credentials", LargeBinary, nullable=False),
    Column("settings", JSON_TYPE, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("system", "identity"),
    Index("ix_account_workspace_id", "workspace_id"),
)

bridge = Table(
    "bridge",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    Column("shard", Integer, nullable=False),
    _id("left_account"),
    _id("right_account"),
    Column("created_at", Moment, nullable=False),
    Index("ix_bridge_workspace_id", "workspace_id"),
)

flow = Table(
    "flow",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    Column("shard", Integer, nullable=False),
    _id("bridge_id"),
    Column("spec", String(100), nullable=False),
    Column("entity", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("state_before_pause", String(20)),
    Column("pause_reason", Text),
    # Who paused it: a person, or which kind of failure. Empty where it was paused before this was told.
    Column("pause_cause", String(20)),
    Column("options", JSON_TYPE, nullable=False),
    Column("live_since", Moment),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("bridge_id", "spec"),
    Index("ix_flow_workspace_id", "workspace_id"),
)

binding = Table(
    "binding",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    _id("bridge_id"),
    Column("entity", String(40), nullable=False),
    Column("role", String(40), nullable=False),
    Column("left_id", String(100), nullable=False),
    Column("right_id", String(100), nullable=False),
    Column("state", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("base", JSON_TYPE, nullable=False),
    Column("reference", String(60), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("bridge_id", "entity", "role", "left_id"),
    UniqueConstraint("bridge_id", "entity", "role", "right_id"),
)

intent = Table(
    "intent",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    Column("shard", Integer, nullable=False, index=True),
    _id("flow_id"),
    # One open create per source record, one open update per binding: the subject is unique.
    Column("subject", String(400), nullable=False, unique=True),
    Column("kind", String(10), nullable=False),
    Column("side", String(5), nullable=False),
    Column("source_id", String(100), nullable=False),
    Column("target_id", String(100)),
    Column("reference", String(60), nullable=False),
    Column("sent", JSON_TYPE, nullable=False),
    Column("owner", String(60), nullable=False),
    Column("version", Integer, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("deadline", Moment, nullable=False),
    Index("ix_intent_reference", "reference"),
)

intent_key = Table(
    "intent_key",
    metadata,
    Column("scope", String(250), primary_key=True),
    Column("key_hash", String(120), primary_key=True),
    _id("intent_id"),
    Index("ix_intent_key_intent_id", "intent_id"),
)

seen = Table(
    "seen",
    metadata,
    _id("account_id", key=True),
    Column("resource", String(60), primary_key=True),
    Column("record_id", String(100), primary_key=True),
    Column("fields", JSON_TYPE, nullable=False),
    Column("seen_at", Moment, nullable=False),
    # The listing in which the record was last met: a record that a complete listing did not meet may be gone.
    Column("listing", String(60), nullable=False),
)

match_key = Table(
    "match_key",
    metadata,
    _id("account_id", key=True),
    Column("resource", String(60), primary_key=True),
    Column("record_id", String(100), primary_key=True),
    Column("key_name", String(60), primary_key=True),
    Column("key_hash", String(120), nullable=False),
    Index("ix_match_key_lookup", "account_id", "resource", "key_name", "key_hash"),
)

waiting = Table(
    "waiting",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    Column("shard", Integer, nullable=False),
    _id("flow_id"),
    _id("account_id"),
    Column("resource", String(60), nullable=False),
    Column("record_id", String(100), nullable=False),
    Column("reason", String(30), nullable=False),
    Column("needs_person", Boolean, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("first_seen", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("change_ids", JSON_TYPE, nullable=False),
    Column("deletion", Boolean, nullable=False),
    Column("mode", String(10), nullable=False),
    Column("run", String(60), nullable=False),
    Column("blocked_on", String(400)),
    Column("says", Text, nullable=False),
    Column("detail", LargeBinary),
    UniqueConstraint("flow_id", "account_id", "resource", "record_id"),
    Index("ix_waiting_due", "needs_person", "shard", "not_before"),
    Index("ix_waiting_blocked_on", "blocked_on"),
    Index("ix_waiting_workspace_id", "workspace_id"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("day", Date, primary_key=True),
    _id(key=True),
    _id("workspace_id"),
    _id("flow_id"),
    _id("account_id"),
    Column("resource", String(60), nullable=False),
    Column("record_id", String(100), nullable=False),
    Column("other_id", String(100), nullable=False),
    Column("at", Moment, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("origin", String(20), nullable=False),
    Column("outcome", String(30), nullable=False),
    Column("says", Text, nullable=False),
    Column("fields", JSON_TYPE, nullable=False),
    Column("change_ids", JSON_TYPE, nullable=False),
    Column("detail", LargeBinary),
    Index("ix_attempt_record", "account_id", "resource", "record_id", "at"),
    Index("ix_attempt_flow", "flow_id", "at"),
    postgresql_partition_by="RANGE (day)",
)

sweep = Table(
    "sweep",
    metadata,
    _id("account_id", key=True),
    Column("resource", String(60), primary_key=True),
    _id("workspace_id"),
    Column("shard", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("full_at", Moment, nullable=False),
    # Until when the last sweep is known to have seen every change; None: nothing was ever listed.
    Column("seen_until", Moment),
    Column("complete_at", Moment),
    Column("gap_at", Moment),
    # A run in progress: its cursor and its listing id, so that a restart goes on at the page where it stood.
    Column("cursor", Text),
    Column("listing", String(60)),
    Column("started_at", Moment),
    Column("full", Boolean, nullable=False),
    Column("counts", JSON_TYPE, nullable=False),
    Column("problem", Text),
    Column("version", Integer, nullable=False),
    Index("ix_sweep_due", "shard", "next_at"),
)

load = Table(
    "load",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    Column("shard", Integer, nullable=False),
    _id("flow_id"),
    Column("side", String(5), nullable=False),
    Column("then_side", String(5)),
    Column("state", String(20), nullable=False),
    Column("since", Date),
    Column("cursor", Text),
    Column("pages", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer),
    Column("counts", JSON_TYPE, nullable=False),
    Column("problem", Text),
    Column("next_at", Moment, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_load_due", "shard", "state"),
)

run = Table(
    "run",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    Column("shard", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("mode", String(10), nullable=False),
    Column("wants", JSON_TYPE, nullable=False),
    Column("cursor", JSON_TYPE, nullable=False),
    Column("counts", JSON_TYPE, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_run_due", "shard", "state"),
)

match_decision = Table(
    "match_decision",
    metadata,
    _id("flow_id", key=True),
    Column("side", String(5), primary_key=True),
    Column("record_id", String(100), primary_key=True),
    Column("finding", String(20), nullable=False),
    Column("candidates", JSON_TYPE, nullable=False),
    Column("why", Text, nullable=False),
    Column("decision", String(20), nullable=False),
    Column("chosen_id", String(100)),
    Column("decided_by", String(200)),
    Column("decided_at", Moment),
    # One record is chosen once; records without a choice (NULL) do not meet each other here.
    UniqueConstraint("flow_id", "side", "chosen_id"),
    Index("ix_match_decision_finding", "flow_id", "finding", "decision"),
)

match_report = Table(
    "match_report",
    metadata,
    _id("flow_id", key=True),
    Column("counts", JSON_TYPE, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("approved_at", Moment),
    Column("approved_by", String(200)),
)

hook = Table(
    "hook",
    metadata,
    _id("account_id", key=True),
    Column("hook_kind", String(60), primary_key=True),
    Column("hook_id", String(100)),
    Column("active", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("checked_at", Moment, nullable=False),
    Column("says", Text, nullable=False),
)

budget = Table(
    "budget",
    metadata,
    Column("key", String(300), primary_key=True),
    # Calls leased per slot of time: {slot: [live, bulk, unbound]}; see `budgets.py`.
    Column("slots", JSON_TYPE, nullable=False),
    Column("paused_until", Moment),
)

audit = Table(
    "audit",
    metadata,
    _id(key=True),
    _id("workspace_id"),
    Column("at", Moment, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(60), nullable=False),
    Column("detail", JSON_TYPE, nullable=False),
    Index("ix_audit_workspace_id", "workspace_id", "at"),
)

console_user = Table(
    "console_user",
    metadata,
    _id(key=True),
    # As it is typed at the log-in, casefolded.
    Column("name", String(200), nullable=False, unique=True),
    # Empty where the person logs in through OpenID Connect only.
    Column("password_hash", Text, nullable=False),
    # "issuer|subject" of OpenID Connect, once it was seen.
    Column("subject", String(400), unique=True),
    Column("locale", String(5), nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", Moment),
    Column("created_at", Moment, nullable=False),
)

console_role = Table(
    "console_role",
    metadata,
    _id("user_id", key=True),
    # "*" stands for all workspaces: a provider's role.
    _id("workspace_id", key=True),
    Column("role", String(20), nullable=False),
)

console_session = Table(
    "console_session",
    metadata,
    # SHA-256 of the cookie: who reads the store cannot log in with what is there.
    Column("token_hash", String(64), primary_key=True),
    _id("user_id"),
    Column("csrf", String(64), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("ix_console_session_user_id", "user_id"),
    Index("ix_console_session_expires_at", "expires_at"),
)

sample = Table(
    "sample",
    metadata,
    # One row a minute and number, of the whole installation: what the plots of lag and waiting are drawn from.
    Column("name", String(60), primary_key=True),
    Column("at", Moment, primary_key=True),
    Column("value", Float, nullable=False),
    Index("ix_sample_at", "at"),
)

token = Table(
    "token",
    metadata,
    # The present tokens of an account whose vendor takes each refresh token once; see `tokens.py`.
    _id("account_id", key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("use_until", Moment, nullable=False),
    Column("version", Integer, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    # "kind|workspace|subject": one row a group, used again when it comes back; see `alerts.py`.
    Column("key", String(400), primary_key=True),
    Column("kind", String(40), nullable=False),
    _id("workspace_id"),
    Column("subject", String(250), nullable=False),
    Column("state", String(10), nullable=False),
    Column("facts", JSON_TYPE, nullable=False),
    Column("since", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    # Whether this episode was told, when the group was told last (also in an episode before), and of how many.
    Column("told", Boolean, nullable=False),
    Column("told_at", Moment),
    Column("told_count", Integer, nullable=False),
    Column("version", Integer, nullable=False),
)

alert_message = Table(
    "alert_message",
    metadata,
    _id(key=True),
    Column("channel", String(20), nullable=False),
    Column("state", String(10), nullable=False),
    Column("content", JSON_TYPE, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", Moment),
    Column("problem", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_alert_message_due", "state", "next_at"),
)

mark = Table(
    "mark",
    metadata,
    # Something that happened once and that a person should hear of, kept until it is over.
    Column("kind", String(40), primary_key=True),
    _id("workspace_id", key=True),
    Column("subject", String(250), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("facts", JSON_TYPE, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("owner", String(60), nullable=False),
    Column("until", Moment, nullable=False),
)

canary = Table(
    "canary",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("system", String(40), nullable=False),
    Column("shard", Integer, nullable=False),
    Column("posted_at", Moment, nullable=False),
    Column("answered_ms", Integer),
    Column("problem", Text, nullable=False),
    Column("seen_at", Moment),
    Index("ix_canary_posted_at", "posted_at"),
)
