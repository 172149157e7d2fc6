"""What one attempt saves, in one transaction: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.store import attempts, bindings, index, intents, waiting
from shared.store.rows import Attempt, Binding, BindingState, Intent, PairBase, Seen, Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChange:
    """A binding's new base (and state), saved only if its version is still `expected`."""

    binding: Binding
    expected: int
    base: PairBase
    state: BindingState | None = None


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

    async def __call__(self, connection: AsyncConnection) -> None:
        """Raises Lost (or a broken constraint, which becomes Lost) if another process was first."""
        for intent in self.close:
            await intents.close(connection, intent)
        if self.new_binding is not None:
            await bindings.add(connection, self.new_binding)
        if self.base_change is not None:
            change = self.base_change
            await bindings.save(
                connection,
                change.binding,
                expected=change.expected,
                base=change.base,
                now=self.now,
                state=change.state,
            )
        await index.save(connection, self.seen)
        for account_id, resource, record_id in self.forget:
            await index.forget(connection, account_id, resource, record_id)
        if self.clear is not None and self.wait is None:
            await waiting.clear(connection, self.clear)
        if self.wait is not None:
            await waiting.put(connection, self.wait)
        if self.in_front is not None and not await waiting.fold(connection, self.in_front):
            await waiting.put(connection, self.in_front)
        await waiting.wake(connection, self.wake, self.now)
        if self.attempt is not None:
            await attempts.add(connection, [self.attempt])
