"""Notes in the audit: who did what. A deed that a program does by itself has no actor and leaves none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from shared.runtime.parts import Parts
from shared.store import audit
from shared.store.runs import RunState

Action = Literal[
    "workspace.added",
    "account.added",
    "account.changed",
    "bridge.added",
    "hooks.registered",
    "hooks.removed",
    "match.reported",
    "match.decided",
    "match.approved",
    "load.begun",
    "sweep.asked",
    "record.looked_at",
    "flow.paused",
    "flow.resumed",
    "flow.options",
    "pair.unlinked",
    "pair.relinked",
    "waiting.retried",
    "waiting.dismissed",
    "replay",
    "replay.running",
    "replay.paused",
    "replay.cancelled",
    "replay.done",
    "changes.exported",
    "forget",
    "recover",
    "user.added",
    "user.role",
    "user.password",
    "user.removed",
    "alerts.tested",
]

MOVED: Final[Mapping[RunState, Action]] = {
    "running": "replay.running",
    "paused": "replay.paused",
    "done": "replay.done",
    "cancelled": "replay.cancelled",
}
"""What a person did who moved a replay there."""


def line(parts: Parts, workspace_id: str, actor: str, action: Action, **detail: object) -> audit.Line:
    """An audit line of now. `detail` holds names, ids and counts, never a record's values."""
    return audit.Line(
        id=parts.new_id(),
        workspace_id=workspace_id,
        at=parts.clock.now(),
        actor=actor,
        action=action,
        detail=detail,
    )


async def add(connection: Any, written: audit.Line) -> None:
    """Save a line in the transaction of the deed, if somebody asked for it."""
    if written.actor:
        await audit.add(connection, written)


async def note(parts: Parts, workspace_id: str, actor: str, action: Action, **detail: object) -> None:
    """Save a line by itself, where the deed is not one transaction of ours: a call, an entry of the log."""
    written = line(parts, workspace_id, actor, action, **detail)
    await parts.database.run(lambda connection: add(connection, written))
