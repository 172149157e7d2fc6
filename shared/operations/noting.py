"""Notes in the audit: who did what. A deed that a program does by itself has no actor and leaves none."""

from __future__ import annotations

from typing import Any

from shared.runtime.parts import Parts
from shared.store import audit


def line(parts: Parts, workspace_id: str, actor: str, action: str, **detail: object) -> audit.Line:
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


async def note(parts: Parts, workspace_id: str, actor: str, action: str, **detail: object) -> None:
    """Save a line by itself, where the deed is not one transaction of ours: a call, an entry of the log."""
    written = line(parts, workspace_id, actor, action, **detail)
    await parts.database.run(lambda connection: add(connection, written))
