"""Faults built into a process of Puente, so that the rig can show that it would find them. Nothing outside the rig
knows of them: the nursery applies them in the process that it has just forked."""

from __future__ import annotations

from typing import Final

from shared.eventlog.port import Entry
from shared.runtime.consumer import Consumer
from shared.runtime.workspaces import Used

COMMIT_FIRST: Final = "commit_first"
KNOWN: Final = frozenset({COMMIT_FIRST})


def apply(names: str) -> None:
    """Build these faults (separated by commas) into this process."""
    for name in names.split(","):
        if name not in KNOWN:
            raise ValueError(f"no fault is called {name!r}")
        _commit_first()


def _commit_first() -> None:
    """The offset counts as settled before the change is looked at: a process that dies in between loses it."""
    submit = Consumer._submit

    async def settled_first(self: Consumer, entry: Entry, used: Used) -> None:
        self._prefix.settle(entry.position)
        await submit(self, entry, used)

    Consumer._submit = settled_first  # type: ignore[method-assign]
