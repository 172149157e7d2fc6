"""What one attempt saves, in one transaction: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import attempts, bindings, index, intents, waiting
from shared.store.bindings import BaseChange
from shared.store.rows import Attempt, Binding, Intent, Seen, Waiting

__all__ = ["BaseChange", "Settlement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Everything that follows from one attempt. `wake` names records that others were blocked on.

    `in_front` is a look at another record that this one waits for; one that waits already keeps its own time.
    """

    now: datetime
    attempt: Attempt | None = None
    new_binding: Binding | None = None
    base_change: BaseChange | None = None
    close: Sequence[Intent] = ()
    seen: Sequence[Seen] = ()
    forget: Sequence[tuple[str, str, str]] = ()
    clear: Waiting | None = None
    wait: Waiting | None = None
    in_front: Waiting | None = None
    wake: Sequence[str] = ()

    reads: ClassVar[bool] = False

    async def __call__(self, connection: AsyncConnection) -> None:
        """Raises Lost (or a broken constraint, which becomes Lost) if another process was first."""
        await Settlement.together(connection, [self])

    @staticmethod
    async def together(connection: AsyncConnection, units: Sequence[Settlement]) -> Sequence[None]:
        """Save several: all of all, or nothing. Raises as one does if another process was first at any of them."""
        await intents.close_many(connection, [intent for each in units for intent in each.close])
        await bindings.add_many(connection, [each.new_binding for each in units if each.new_binding is not None])
        changes = [(each.base_change, each.now) for each in units if each.base_change is not None]
        await bindings.save_many(connection, changes)
        await index.save(connection, [row for each in units for row in each.seen])
        for key in sorted(key for each in units for key in each.forget):
            await index.forget(connection, *key)
        settled = [each.clear for each in units if each.clear is not None and each.wait is None]
        await waiting.clear_many(connection, settled)
        await _put_aside(connection, units)
        # Last, so that a record which waits for one that is bound in the same transaction is woken.
        woken = sorted(key for each in units for key in each.wake)
        await waiting.wake(connection, woken, max(each.now for each in units))
        await attempts.add(connection, [each.attempt for each in units if each.attempt is not None])
        return [None] * len(units)


async def _put_aside(connection: AsyncConnection, units: Sequence[Settlement]) -> None:
    for row in sorted((each.wait for each in units if each.wait is not None), key=waiting.place):
        await waiting.put(connection, row)
    for row in sorted((each.in_front for each in units if each.in_front is not None), key=waiting.place):
        await waiting.fold_or_put(connection, row)
