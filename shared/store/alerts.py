"""Alerts and the messages about them. Every row moves by compare-and-set, so that several processes that look at
the same trouble tell it once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import errors
from shared.store import tables
from shared.store.sql import insert_or_ignore

_A, _M = tables.alert, tables.alert_message

AlertState = Literal["pending", "open", "resolved"]
MessageState = Literal["due", "sent", "given up"]
_LOST = "Another process looked after the alerts first."


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One group of trouble. `since` is when this episode of it began, `seen_at` when it was last there.

    `told` says whether this episode was told, `told_at` when the group was told last, also before, and
    `told_count` of how many things that was. `facts` hold ids, counts and reasons, never a record's values.
    """

    key: str
    kind: str
    workspace_id: str
    subject: str
    state: AlertState
    facts: Mapping[str, str | int] = field(default_factory=dict)
    since: datetime
    seen_at: datetime
    told: bool = False
    told_at: datetime | None = None
    told_count: int = 0
    version: int = 0
    """0: not saved yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message for one channel, on its way until `state` is another than "due"."""

    id: str
    channel: str
    content: Mapping[str, Any] = field(repr=False)
    created_at: datetime
    next_at: datetime
    state: MessageState = "due"
    tries: int = 0
    sent_at: datetime | None = None
    problem: str = ""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a channel does. `failing_since` is the time of the oldest message that was tried in vain, None if all
    went through; `pending` counts what is on its way."""

    channel: str
    pending: int
    failing_since: datetime | None
    problem: str
    last_sent: datetime | None


async def known(connection: AsyncConnection) -> list[Alert]:
    """All of them, also those that are over: they say when the group was told last."""
    return [_alert(row) for row in await connection.execute(select(_A).order_by(_A.c.key))]


async def active(connection: AsyncConnection, workspace_id: str | None = None) -> list[Alert]:
    """The open ones, the longest standing first; those of one workspace."""
    statement = select(_A).where(_A.c.state == "open").order_by(_A.c.since, _A.c.key)
    if workspace_id is not None:
        statement = statement.where(_A.c.workspace_id == workspace_id)
    return [_alert(row) for row in await connection.execute(statement)]


async def save(connection: AsyncConnection, alerts: Sequence[Alert], messages: Sequence[Message]) -> None:
    """Move alerts on, with what is to be told of it. Raises Lost, and saves nothing, if another was first."""
    for alert in alerts:
        values = {name: getattr(alert, name) for name in _ALERT} | {
            "facts": dict(alert.facts),
            "version": alert.version + 1,
        }
        if alert.version:
            where = (_A.c.key == alert.key, _A.c.version == alert.version)
            done = await connection.execute(update(_A).where(*where).values(values))
        else:
            done = await connection.execute(insert_or_ignore(connection, _A).values(values))
        if done.rowcount != 1:
            raise errors.Lost(_LOST)
    await put(connection, messages)


async def put(connection: AsyncConnection, messages: Sequence[Message]) -> None:
    """Send these as well."""
    if messages:
        rows = [
            {name: getattr(each, name) for name in _MESSAGE} | {"content": dict(each.content)} for each in messages
        ]
        await connection.execute(insert(_M), rows)


async def due(connection: AsyncConnection, channels: Sequence[str], now: datetime, *, limit: int) -> list[Message]:
    """Messages of these channels whose time has come, the oldest first."""
    rows = await connection.execute(
        select(_M)
        .where(_M.c.state == "due", _M.c.next_at <= now, _M.c.channel.in_(list(channels)))
        .order_by(_M.c.created_at, _M.c.id)
        .limit(limit)
    )
    return [_message(row) for row in rows]


async def move(connection: AsyncConnection, message: Message) -> bool:
    """Save how a message stands. False if another process has moved it since it was read."""
    values = {name: getattr(message, name) for name in ("state", "next_at", "tries", "sent_at", "problem")}
    done = await connection.execute(
        update(_M)
        .where(_M.c.id == message.id, _M.c.version == message.version)
        .values(**values, version=message.version + 1)
    )
    return done.rowcount == 1


async def health(connection: AsyncConnection) -> list[Health]:
    """How each channel does that a message was ever put for."""
    is_due = _M.c.state == "due"
    rows = await connection.execute(
        select(
            _M.c.channel,
            func.count().filter(is_due).label("pending"),
            func.min(_M.c.created_at).filter(is_due, _M.c.problem != "").label("failing_since"),
            func.max(_M.c.sent_at).label("last_sent"),
        )
        .group_by(_M.c.channel)
        .order_by(_M.c.channel)
    )
    problems: dict[str, str] = {}
    for row in await connection.execute(
        select(_M.c.channel, _M.c.problem).where(is_due, _M.c.problem != "").order_by(_M.c.created_at)
    ):
        problems[row.channel] = row.problem
    return [
        Health(
            channel=row.channel,
            pending=row.pending,
            failing_since=row.failing_since,
            problem=problems.get(row.channel, ""),
            last_sent=row.last_sent,
        )
        for row in rows
    ]


async def forget(connection: AsyncConnection, before: datetime) -> None:
    """Let go of messages that are done, and of alerts that are over, since before a time."""
    await connection.execute(delete(_M).where(_M.c.state != "due", _M.c.created_at < before))
    over = or_(_A.c.told_at.is_(None), _A.c.told_at < before)
    await connection.execute(delete(_A).where(_A.c.state == "resolved", _A.c.seen_at < before, over))


_ALERT = (
    "key",
    "kind",
    "workspace_id",
    "subject",
    "state",
    "since",
    "seen_at",
    "told",
    "told_at",
    "told_count",
)
_MESSAGE = ("id", "channel", "state", "created_at", "next_at", "tries", "sent_at", "problem", "version")


def _alert(row: Row[Any]) -> Alert:
    return Alert(**{name: getattr(row, name) for name in (*_ALERT, "facts", "version")})


def _message(row: Row[Any]) -> Message:
    return Message(**{name: getattr(row, name) for name in (*_MESSAGE, "content")})
