"""What is wrong now, by what the store and the log know. One look at all workspaces costs a few grouped reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from shared import errors
from shared.eventlog.port import EventLog
from shared.operations import canary, movement
from shared.operations.alerts.kinds import AlertKind
from shared.operations.alerts.states import Finding
from shared.operations.heartbeat import GONE_AFTER
from shared.operations.sentences import in_language
from shared.runtime.parts import Parts
from shared.store import alerts, marks, troubles
from shared.store.database import StoreUnreachable
from shared.store.marks import Mark, MarkKind

# How long a thing that is mended already stays told, where nothing else says that it is over.
_MENDED: Final = timedelta(minutes=30)
_UNSAID: Final = timedelta(hours=3)
_CHANNEL_FAILING: Final = timedelta(minutes=2)
_WORDS: Final = 300
_KIND_OF: Final[Mapping[MarkKind, AlertKind]] = {
    "hooks mended": "hooks-mended",
    "hooks failing": "hooks-failing",
    "hooks silent": "hooks-silent",
    "field lost": "field-lost",
    "door gap": "door-gap",
}
_LOG_KINDS: Final[frozenset[AlertKind]] = frozenset({"lag-old", "lag-stalled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found, and the kinds that could not be looked at."""

    findings: Sequence[Finding]
    unsure: Collection[AlertKind] = field(default_factory=frozenset)


async def look(parts: Parts, log: EventLog, *, oldest: timedelta, channels: Sequence[str]) -> Look:
    """Look at everything once. Raises StoreUnreachable; a log that is away is itself a finding."""
    now = parts.clock.now()
    found = [
        *await _asking(parts),
        *await _flows(parts),
        *await _old(parts, now - oldest),
        *await _held(parts),
        *await _marks(parts, now),
        *await _channels(parts, now, channels),
        *await _canaries(parts),
    ]
    unsure: frozenset[AlertKind] = frozenset()
    try:
        found += await _lag(parts, log, oldest)
    except StoreUnreachable:
        raise
    except errors.Retryable as problem:
        found.append(Finding(kind="log-away", workspace_id="", subject="log", facts={"says": problem.message}))
        unsure = _LOG_KINDS
    return Look(findings=found, unsure=unsure)


async def _asking(parts: Parts) -> list[Finding]:
    found = []
    for each in await parts.database.read(troubles.asking):
        # What could not be read belongs to no flow.
        subject = each.flow_id or each.workspace_id
        found.append(
            Finding(
                kind="bug" if each.reason == "bug" else "needs-person",
                workspace_id=each.workspace_id,
                subject=f"{subject}/{each.reason}",
                count=each.count,
                facts={"flow": subject, "flow_id": each.flow_id, "reason": each.reason},
            )
        )
    return found


async def _flows(parts: Parts) -> list[Finding]:
    """Flows that a failure paused, and listings that fail; a login that is refused explains both."""
    paused = await parts.database.read(troubles.paused)
    refused = {account for each in paused if each.cause == "refused" for account in each.accounts}
    held = {each.flow_id for each in paused}
    found = [
        Finding(
            kind="account-refused" if each.cause == "refused" else "flow-paused",
            workspace_id=each.workspace_id,
            subject=each.flow_id,
            facts={"flow": each.flow_id, "says": words(each.says)},
        )
        for each in paused
    ]
    found += [
        Finding(
            kind="sweep-failing",
            workspace_id=each.workspace_id,
            subject=each.subject,
            facts={"list": each.subject, "account": each.account_id, "says": words(each.says)},
        )
        for each in await parts.database.read(troubles.failing_sweeps)
        if each.account_id not in refused
    ]
    found += [
        Finding(
            kind="load-failing",
            workspace_id=each.workspace_id,
            subject=each.subject,
            facts={"flow": each.subject, "says": words(each.says)},
        )
        for each in await parts.database.read(troubles.failing_loads)
        if each.subject not in held
    ]
    return found


async def _old(parts: Parts, before: datetime) -> list[Finding]:
    return [
        Finding(
            kind="changes-old",
            workspace_id=each.workspace_id,
            subject=each.workspace_id,
            count=each.count,
            facts={"oldest": moment(each.oldest_at), "reasons": ", ".join(each.reasons)},
        )
        for each in await parts.database.read(partial(troubles.old, before=before))
    ]


async def _held(parts: Parts) -> list[Finding]:
    return [
        Finding(
            kind="hooks-held",
            workspace_id=workspace_id,
            subject=account_id,
            count=count,
            facts={"account": account_id},
        )
        for workspace_id, account_id, count in await parts.database.read(troubles.held_hooks)
    ]


async def _marks(parts: Parts, now: datetime) -> list[Finding]:
    found = []
    for mark in await parts.database.read(marks.all_of):
        kind = _KIND_OF.get(mark.kind)
        if mark.kind == "sync works":
            found += _sync_gone(mark, now)
        elif kind is None:
            continue  # a newer version's, while it takes over
        elif await _is_over(parts, mark, now):
            await parts.database.run(partial(marks.remove, mark=mark))
        else:
            found.append(_marked(mark, kind))
    return found


def _sync_gone(mark: Mark, now: datetime) -> list[Finding]:
    """Nothing where it was never noted: an installation that is being set up has no sync yet."""
    if now - mark.at < GONE_AFTER:
        return []
    return [Finding(kind="sync-gone", workspace_id="", subject="sync", facts={"since": moment(mark.at)})]


async def _is_over(parts: Parts, mark: Mark, now: datetime) -> bool:
    """A gap and a lost field are over when everything was listed since, and not before they were told.

    What the hook watch says stands until it says otherwise; it is over too when nobody says it any more.
    """
    if mark.kind in {"hooks failing", "hooks silent"}:
        return now - mark.at >= _UNSAID
    if now - mark.at < _MENDED:
        return False
    if mark.kind == "hooks mended":
        return True
    return await parts.database.read(partial(troubles.is_listed_since, account_id=mark.subject, at=mark.at))


def _marked(mark: Mark, kind: AlertKind) -> Finding:
    return Finding(
        kind=kind,
        workspace_id=mark.workspace_id,
        subject=mark.subject,
        count=int(mark.facts.get("count", 1)),
        facts={"account": mark.subject, **mark.facts},
    )


async def _channels(parts: Parts, now: datetime, channels: Sequence[str]) -> list[Finding]:
    return [
        Finding(
            kind="channel-failing",
            workspace_id="",
            subject=each.channel,
            count=max(1, each.pending),
            facts={"channel": each.channel, "since": moment(each.failing_since), "says": words(each.problem)},
        )
        for each in await parts.database.read(alerts.health)
        if each.channel in channels
        and each.failing_since is not None
        and now - each.failing_since >= _CHANNEL_FAILING
    ]


async def _canaries(parts: Parts) -> list[Finding]:
    if not parts.settings.public_url or not parts.settings.canary_seconds:
        return []
    flown = await canary.flown_lately(parts)
    refused = [
        Finding(
            kind="canary-lost",
            workspace_id="",
            subject=each.system,
            facts={
                "system": each.system,
                "says_en": f"the address did not take it. {words(each.problem)}",
                "says_es": f"la dirección no lo aceptó. {words(in_language(each.problem, 'es'))}",
            },
        )
        for each in flown.refused
    ]
    stuck: dict[str, list[int]] = {}
    for each in flown.stuck:
        stuck.setdefault(each.system, []).append(each.shard)
    return refused + [
        Finding(
            kind="canary-lost",
            workspace_id="",
            subject=f"{system} behind the door",
            count=len(shards),
            facts={
                "system": system,
                "says_en": f"the door took it, and sync has not read it (partitions {numbers(shards)}).",
                "says_es": f"la entrada lo aceptó y nadie lo ha leído (particiones {numbers(shards)}).",
            },
        )
        for system, shards in sorted(stuck.items())
    ]


async def _lag(parts: Parts, log: EventLog, oldest: timedelta) -> list[Finding]:
    """The look is kept as a sample too, so that the verdict is there whenever somebody asks."""
    lag = await movement.sample(parts, log, detail_limit=0)
    found = []
    if lag.oldest_age is not None and lag.oldest_age >= oldest:
        minutes = round(lag.oldest_age.total_seconds() / 60)
        facts: dict[str, str | int] = {"minutes": minutes}
        found.append(Finding(kind="lag-old", workspace_id="", subject="log", count=lag.total, facts=facts))
    verdicts = await movement.verdicts(parts, lag)
    stalled = sorted(partition for partition, verdict in verdicts.items() if verdict == "stall")
    if stalled:
        found.append(
            Finding(
                kind="lag-stalled",
                workspace_id="",
                subject="log",
                count=len(stalled),
                facts={"partitions": numbers(stalled)},
            )
        )
    return found


def numbers(found: Sequence[int]) -> str:
    """The first ten of them."""
    return ", ".join(map(str, sorted(found)[:10])) + (", ..." if len(found) > 10 else "")


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def words(text: str) -> str:
    """A system's answer on one line, cut; errors hold neither credentials nor values."""
    text = " ".join(text.split())
    return text if len(text) <= _WORDS else text[: _WORDS - 3] + "..."
