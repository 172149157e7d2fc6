"""What people ask about alerts: which are open, how the channels do, and does a message get through?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Literal

from shared import errors
from shared.model.text import Text
from shared.operations.alerts.channels import Channels
from shared.operations.alerts.messages import Content, Item, item_of
from shared.runtime.parts import Parts
from shared.store import alerts

_TITLE: Final = Text(en="A test of this channel", es="Una prueba de este canal")
_SAYS: Final = Text(
    en="Somebody asked for this message. Nothing is wrong.", es="Alguien pidió este mensaje. No pasa nada malo."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """A channel that is set. `failing_since` is None where everything went through so far."""

    channel: str
    pending: int = 0
    failing_since: datetime | None = None
    problem: str = ""
    last_sent: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How a test of a channel went; `problem` is "" where the message was taken."""

    channel: str
    problem: str = ""
    way_out: str = ""


async def listed(parts: Parts, workspace_id: str | None = None, *, language: str) -> list[Item]:
    """The open alerts, of one workspace or of all and of the installation, the longest standing first."""
    found = await parts.database.read(partial(alerts.active, workspace_id=workspace_id))
    settings = parts.settings
    return [
        item_of(
            alert,
            "open",
            language=language,
            console_url=settings.console_url,
            runbook_url=settings.alert_runbook_url,
        )
        for alert in found
    ]


async def states(parts: Parts, channels: Sequence[str]) -> list[ChannelState]:
    """How each of these channels does, also one that was never used."""
    known = {each.channel: each for each in await parts.database.read(alerts.health)}
    return [
        ChannelState(
            channel=name,
            pending=known[name].pending,
            failing_since=known[name].failing_since,
            problem=known[name].problem,
            last_sent=known[name].last_sent,
        )
        if name in known
        else ChannelState(channel=name)
        for name in channels
    ]


async def try_out(
    parts: Parts, channels: Channels, *, language: Literal["en", "es"], only: str = ""
) -> list[Tried]:
    """Send a message that says that it is a test, now, by each channel or by one. Raises Misconfigured."""
    chosen = [channel for channel in channels.each if only in {"", channel.name}]
    if not chosen:
        raise errors.Misconfigured(
            f"There is no channel {only!r}." if only else "No channel for alerts is set.",
            setting="PUENTE_ALERT_SMTP",
            way_out="Set PUENTE_ALERT_SMTP, PUENTE_ALERT_WEBHOOK_URL or PUENTE_ALERT_CHAT_URL_FILE.",
        )
    now = parts.clock.now()
    item = Item(
        key="test",
        kind="test",
        state="test",
        since=now,
        count=1,
        title=_TITLE.es if language == "es" else _TITLE.en,
        says=_SAYS.es if language == "es" else _SAYS.en,
        command="puente alerts list",
        page=f"{parts.settings.console_url.rstrip('/')}/alerts" if parts.settings.console_url else "",
    )
    tried = []
    for channel in chosen:
        try:
            await channel.send(parts.new_id(), Content(workspace="", language=language, items=(item,)), now)
        except errors.PuenteError as problem:
            tried.append(Tried(channel=channel.name, problem=problem.message, way_out=problem.way_out))
        else:
            tried.append(Tried(channel=channel.name))
    return tried
