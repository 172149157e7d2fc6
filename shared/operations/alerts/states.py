"""How alerts move, as a pure function of what is found, what is known and the time.

A finding that lasts is open; what is open is told, at most once in `repeat` for each group, also when it comes and
goes; what was told and has been away for `calm` is told as resolved. Where nobody can say whether it is still
there (the log is away, say), nothing moves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from shared.operations.alerts.kinds import KINDS, AlertKind
from shared.store.alerts import Alert

_REMINDED: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One group of trouble as it stands now. `count` is how many things it is about."""

    kind: AlertKind
    workspace_id: str
    subject: str
    count: int = 1
    facts: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.kind}|{self.workspace_id}|{self.subject}"[:400]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`repeat`: at most one message for a group in this time. `calm`: how long it must be away to be over."""

    repeat: timedelta = timedelta(hours=1)
    calm: timedelta = timedelta(minutes=3)
    hold: Mapping[AlertKind, timedelta] = field(
        default_factory=lambda: {name: kind.hold for name, kind in KINDS.items()}
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to save, and which of these to tell: opened or grown, and over."""

    moved: Sequence[Alert]
    opened: Sequence[Alert]
    resolved: Sequence[Alert]


def step(
    findings: Sequence[Finding],
    known: Sequence[Alert],
    now: datetime,
    rules: Rules,
    *,
    unsure: Collection[str] = (),
) -> Step:
    """Move every alert on by what was found. Kinds in `unsure` could not be looked at."""
    before = {alert.key: alert for alert in known}
    moved: list[Alert] = []
    opened: list[Alert] = []
    resolved: list[Alert] = []
    there: set[str] = set()
    for finding in findings:
        if finding.key in there:
            continue
        there.add(finding.key)
        old = before.get(finding.key)
        new = _found(finding, old, now, rules)
        if new.told_at == now:
            opened.append(new)
        if old is None or _differs(old, new) or now - old.seen_at >= rules.calm / 3:
            moved.append(new)
    for old in known:
        if old.key in there or old.state == "resolved" or old.kind in unsure:
            continue
        if old.state == "pending" or now - old.seen_at >= rules.calm:
            over = replace(old, state="resolved", told=False)
            moved.append(over)
            if old.told:
                resolved.append(over)
    return Step(moved=moved, opened=opened, resolved=resolved)


def _found(finding: Finding, old: Alert | None, now: datetime, rules: Rules) -> Alert:
    facts = {"count": finding.count, **finding.facts}
    if old is None or old.state == "resolved":
        alert = Alert(
            key=finding.key,
            kind=finding.kind,
            workspace_id=finding.workspace_id,
            subject=finding.subject,
            state="pending",
            facts=facts,
            since=now,
            seen_at=now,
            told_at=old.told_at if old is not None else None,
            version=old.version if old is not None else 0,
        )
    else:
        alert = replace(old, facts=facts, seen_at=now)
    if alert.state == "pending" and now - alert.since >= rules.hold[finding.kind]:
        alert = replace(alert, state="open")
    if alert.state == "open" and _is_to_be_told(alert, finding.count, now, rules):
        alert = replace(alert, told=True, told_at=now, told_count=finding.count)
    return alert


def _is_to_be_told(alert: Alert, count: int, now: datetime, rules: Rules) -> bool:
    """Once an episode, again when it grew, and once a day while it lasts; never sooner than `repeat`."""
    if alert.told_at is None:
        return True
    passed = now - alert.told_at
    if passed < rules.repeat:
        return False
    return not alert.told or count > alert.told_count or passed >= _REMINDED


def _differs(old: Alert, new: Alert) -> bool:
    return (old.state, old.told, old.told_at) != (new.state, new.told, new.told_at) or dict(old.facts) != dict(
        new.facts
    )
