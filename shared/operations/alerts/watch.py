"""The watch: looks, moves alerts on, and sends what is to be told. One process at a time does it, by a lease.

The lease saves work. That a thing is told once is held by compare-and-set: an alert and its messages are saved
together or not at all, and a message is claimed before it is sent. A process that is killed between sending and
saying so has its message sent again by the next one, under the same id.

While the store is away nothing can be saved: then each process tells that alone, from memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal, cast

import msgspec
import structlog

from shared import errors
from shared.eventlog.port import EventLog
from shared.operations.alerts import conditions
from shared.operations.alerts.channels import Channel, Channels
from shared.operations.alerts.kinds import KINDS
from shared.operations.alerts.messages import Content, Item, ItemState, RecordLine, item_of
from shared.operations.alerts.states import Finding, Rules, step
from shared.operations.sentences import in_language
from shared.runtime.parts import Parts
from shared.runtime.settings import Settings
from shared.store import alerts, marks, troubles
from shared.store.alerts import Alert, Message
from shared.store.database import StoreUnreachable

_log = structlog.get_logger("puente.sync")

_LEASE: Final = "alerts"
_LEASED: Final = timedelta(minutes=1)
# How long a message that somebody began to send is left to him.
_CLAIM: Final = timedelta(minutes=1)
_FIRST_PAUSE: Final = timedelta(seconds=15)
_LONGEST_PAUSE: Final = timedelta(minutes=15)
_GIVEN_UP: Final = timedelta(hours=24)
_KEPT: Final = timedelta(days=14)
_AT_ONCE: Final = 20
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the watch goes by. `details_of` names the workspaces that allow a system's own words in messages."""

    every: timedelta
    oldest: timedelta
    rules: Rules
    details_of: frozenset[str]
    console_url: str
    runbook_url: str


def plan_of(settings: Settings) -> Plan:
    named = frozenset(filter(None, (each.strip() for each in settings.alert_details_of.split(","))))
    rules = Rules(
        repeat=timedelta(minutes=settings.alert_repeat_minutes),
        calm=timedelta(seconds=settings.alert_calm_seconds),
        hold={
            # Whoever takes a short calm for enough wants to hear soon as well.
            name: min(kind.hold, 2 * timedelta(seconds=settings.alert_calm_seconds))
            for name, kind in KINDS.items()
        },
    )
    return Plan(
        every=timedelta(seconds=settings.alert_every_seconds),
        oldest=timedelta(minutes=settings.alert_oldest_minutes),
        rules=rules,
        details_of=named,
        console_url=settings.console_url,
        runbook_url=settings.alert_runbook_url,
    )


@dataclass(slots=True)
class _StoreAway:
    """What this process knows of a store that is away."""

    since: datetime | None = None
    told: dict[str, datetime] = field(default_factory=dict)


class AlertWatch:
    """See the module. `run` goes on until it is cancelled."""

    def __init__(self, parts: Parts, log: EventLog, channels: Channels, *, owner: str) -> None:
        self._parts = parts
        self._event_log = log
        self._channels = channels
        self._owner = owner
        self._plan = plan_of(parts.settings)
        self._away = _StoreAway()
        self._forgotten_at: datetime | None = None

    async def run(self) -> None:
        while True:
            try:
                await self.round()
                await self._store_is_back()
            except StoreUnreachable as problem:
                await self._store_is_away(problem)
            except errors.Lost:
                _log.debug("alerts.taken_over")
            except errors.Retryable as problem:
                _log.debug("alerts.wait", says=problem.message)
            await self._parts.clock.sleep(self._plan.every)

    async def let_go(self) -> None:
        """Leave the work to another process at once."""
        try:
            await self._parts.database.run(partial(marks.let_go, name=_LEASE, owner=self._owner))
        except errors.Retryable as problem:
            _log.debug("alerts.wait", says=problem.message)

    async def round(self) -> bool:
        """One look and what follows of it. False while another process does it. Raises Lost and Retryable."""
        database, now = self._parts.database, self._parts.clock.now()
        until = now + max(_LEASED, 3 * self._plan.every)
        if not await database.run(partial(marks.lease, name=_LEASE, owner=self._owner, now=now, until=until)):
            return False
        await self.look()
        await self.deliver()
        if self._forgotten_at is None or now - self._forgotten_at >= timedelta(hours=1):
            self._forgotten_at = now
            await database.run(partial(alerts.forget, before=now - _KEPT))
        return True

    async def look(self) -> None:
        """Move every alert on by what is found now, and put what is to be told of it on its way."""
        parts = self._parts
        found = await conditions.look(
            parts, self._event_log, oldest=self._plan.oldest, channels=self._channels.names
        )
        known = await parts.database.read(alerts.known)
        moved = step(found.findings, known, parts.clock.now(), self._plan.rules, unsure=found.unsure)
        if not moved.moved:
            return
        messages = await self._messages(moved.opened, moved.resolved)
        await parts.database.run(partial(alerts.save, alerts=moved.moved, messages=messages))
        for alert in moved.opened:
            _log.warning("alert.open", kind=alert.kind, workspace=alert.workspace_id, subject=alert.subject)
        for alert in moved.resolved:
            _log.info("alert.resolved", kind=alert.kind, workspace=alert.workspace_id, subject=alert.subject)

    async def _messages(self, opened: Sequence[Alert], resolved: Sequence[Alert]) -> list[Message]:
        """One message a channel for each workspace, whatever happened there."""
        if not self._channels.each or not (opened or resolved):
            return []
        languages = await self._parts.database.read(troubles.languages)
        by_workspace: dict[str, list[tuple[Alert, ItemState]]] = {}
        for alert in opened:
            by_workspace.setdefault(alert.workspace_id, []).append((alert, "open"))
        for alert in resolved:
            by_workspace.setdefault(alert.workspace_id, []).append((alert, "resolved"))
        messages = []
        for workspace_id, told in sorted(by_workspace.items()):
            language = language_of(workspace_id, languages)
            items = tuple([await self._item(alert, state, language) for alert, state in told])
            content = Content(workspace=workspace_id, language=language, items=items)
            messages += self._for_all(content, told)
        return messages

    def _for_all(self, content: Content, told: Sequence[tuple[Alert, ItemState]]) -> list[Message]:
        # That a channel fails is told through the others.
        failing = {alert.subject for alert, _state in told if alert.kind == "channel-failing"}
        alone = all(alert.kind == "channel-failing" for alert, _state in told)
        return [
            message_of(self._parts, channel, content)
            for channel in self._channels.names
            if not (alone and channel in failing)
        ]

    async def _item(self, alert: Alert, state: ItemState, language: str) -> Item:
        records: Sequence[RecordLine] = ()
        if state == "open" and alert.kind in {"needs-person", "bug"}:
            records = await self._records(alert, language)
        return item_of(
            alert,
            state,
            language=language,
            console_url=self._plan.console_url,
            runbook_url=self._plan.runbook_url,
            records=records,
        )

    async def _records(self, alert: Alert, language: str) -> list[RecordLine]:
        """The oldest records of a group: ids and links; a system's words only where the workspace allows it."""
        flow_id, reason = str(alert.facts["flow_id"]), str(alert.facts["reason"])
        rows = await self._parts.database.read(
            partial(
                troubles.examples, workspace_id=alert.workspace_id, flow_id=flow_id, reason=reason, most=_EXAMPLES
            )
        )
        with_words = "*" in self._plan.details_of or alert.workspace_id in self._plan.details_of
        found = []
        for row in rows:
            url = await self._link(row.workspace_id, row.account_id, row.resource, row.record_id)
            if row.reason == "unreadable":
                url = ""  # an entry of the log, no record of a system
            says = conditions.words(in_language(row.says, language)) if with_words else ""
            found.append(
                RecordLine(account=row.account_id, resource=row.resource, id=row.record_id, url=url, says=says)
            )
        return found

    async def _link(self, workspace_id: str, account_id: str, resource: str, record_id: str) -> str:
        try:
            used = await self._parts.workspaces.get(workspace_id)
        except errors.NeedsOperator:
            return ""  # its store key is not here
        session = used.sessions.get(account_id) if used is not None else None
        return session.link(resource, record_id) if session is not None else ""

    # Delivery

    async def deliver(self) -> int:
        """Send what is due; returns how many went out. A channel that fails is tried later and less often."""
        database = self._parts.database
        due = await database.read(
            partial(alerts.due, channels=self._channels.names, now=self._parts.clock.now(), limit=_AT_ONCE)
        )
        sent = 0
        failing: set[str] = set()
        for message in due:
            channel = self._channels.named(message.channel)
            if channel is None or message.channel in failing:
                continue
            claimed = replace(message, next_at=self._parts.clock.now() + _CLAIM)
            if not await database.run(partial(alerts.move, message=claimed)):
                continue
            if await self._send(channel, replace(claimed, version=message.version + 1)):
                sent += 1
            else:
                failing.add(message.channel)
        return sent

    async def _send(self, channel: Channel, message: Message) -> bool:
        now = self._parts.clock.now()
        content = msgspec.convert(message.content, Content)
        try:
            await channel.send(message.id, content, now)
        except errors.PuenteError as problem:
            says = f"{problem.message} {problem.way_out}".strip()
            _log.warning("alert.not_delivered", channel=channel.name, says=says, tries=message.tries + 1)
            await self._parts.database.run(partial(alerts.move, message=_failed(message, says, now)))
            return False
        done = replace(message, state="sent", sent_at=now, tries=message.tries + 1, problem="")
        await self._parts.database.run(partial(alerts.move, message=done))
        return True

    # While there is no store

    async def _store_is_away(self, problem: StoreUnreachable) -> None:
        now = self._parts.clock.now()
        self._away.since = self._away.since or now
        if now - self._away.since < self._plan.rules.hold["store-away"]:
            return
        told = [
            channel
            for channel in self._channels.each
            if channel.name not in self._away.told
            or now - self._away.told[channel.name] >= self._plan.rules.repeat
        ]
        for channel in told:
            if await self._tell(channel, "open", problem.message):
                self._away.told[channel.name] = now

    async def _store_is_back(self) -> None:
        if self._away.since is None:
            return
        for channel in self._channels.each:
            if channel.name in self._away.told:
                await self._tell(channel, "resolved", "")
        self._away = _StoreAway()

    async def _tell(self, channel: Channel, state: ItemState, says: str) -> bool:
        now = self._parts.clock.now()
        finding = Finding(kind="store-away", workspace_id="", subject="store", facts={"says": says})
        alert = Alert(
            key=finding.key,
            kind=finding.kind,
            workspace_id="",
            subject=finding.subject,
            state="open",
            facts=finding.facts,
            since=self._away.since or now,
            seen_at=now,
        )
        item = item_of(
            alert,
            state,
            language="en",
            console_url=self._plan.console_url,
            runbook_url=self._plan.runbook_url,
        )
        try:
            await channel.send(self._parts.new_id(), Content(workspace="", language="en", items=(item,)), now)
        except errors.PuenteError as problem:
            _log.warning("alert.not_delivered", channel=channel.name, says=problem.message, tries=1)
            return False
        return True


def language_of(workspace_id: str, languages: Mapping[str, str]) -> Literal["en", "es"]:
    """A workspace's language; for the whole installation the one that all of them share, else English."""
    spoken = {languages.get(workspace_id, "en")} if workspace_id else set(languages.values())
    return "es" if spoken == {"es"} else "en"


def message_of(parts: Parts, channel: str, content: Content) -> Message:
    now = parts.clock.now()
    plain = cast("dict[str, Any]", msgspec.to_builtins(content))
    return Message(id=parts.new_id(), channel=channel, content=plain, created_at=now, next_at=now)


def _failed(message: Message, says: str, now: datetime) -> Message:
    """When it is tried again: 15 s doubling to 15 minutes, for a day."""
    # Without chance: one process sends at a time, so there is nothing to spread.
    pause = min(_FIRST_PAUSE * 2 ** min(message.tries, 10), _LONGEST_PAUSE)
    over = now - message.created_at >= _GIVEN_UP
    return replace(
        message,
        state="given up" if over else "due",
        tries=message.tries + 1,
        next_at=now + pause,
        problem=says[:500],
    )
