"""Traces: one change from its hook through the log to the calls of vendors that it caused.

Here is what those who make spans need to know; the spans themselves are in `runtime/spans.py`. Where traces are
off, which is the default, nobody has a `Traces` at all and OpenTelemetry's SDK is not even loaded.

A trace's id is the id of the change (unless the sender of the hook began a trace itself), so that the one is found
by the other, also from what waited in the store for a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Final, Protocol

Value = str | bool | int | float


class Traced(Protocol):
    """An open span."""

    def tell(self, **attributes: Value) -> None:
        """Add what is known by now: ids, names of systems and flows, outcomes, counts. Nothing else, ever."""
        ...

    def failed(self, reason: str) -> None:
        """Mark it as failed. `reason` is one of a closed set, never a message."""
        ...


Span = AbstractContextManager[Traced | None]

NOTHING: Final[Span] = nullcontext()
"""Stands for a span where traces are off; it may be entered any number of times."""


class Traces(Protocol):
    """Makes spans and sends them.

    Attributes are ids, names of systems and flows, outcomes and counts: never a path, a query, an address, a name
    or a value of a record.
    """

    def begun(self, told: str, change_id: str) -> str:
        """The traceparent that a change carries through the log: the span of its hook, which `hook` makes later.

        `told` is the one that came with the hook, "" for none.
        """
        ...

    def hook(
        self, traceparent: str, told: str, *, since: datetime, kept_since: datetime, **attributes: Value
    ) -> None:
        """The span of a hook that is over, with the one of its way into the log below it."""
        ...

    def look(self, traceparents: Sequence[str], change_ids: Sequence[str], **attributes: Value) -> Span:
        """The span of one look at a record, below the hook of the first change that it settles, and linked to the
        others. What is called inside is below it. A look that no change asked for (a sweep's) has none.
        """
        ...

    def call(self, **attributes: Value) -> Span:
        """The span of one call of a vendor, below the look that it is made for; none outside of one."""
        ...


def trace_of(change_id: str) -> str:
    """A W3C trace context that starts at the door: the trace's id is the change's, so that one finds the other.

    Ids of another form than a UUID carry none.
    """
    digits = change_id.replace("-", "")
    return f"00-{digits}-{digits[16:]}-01" if len(digits) == 32 else ""


def trace_id_of(traceparent: str) -> str:
    """The trace's id, for a line of the log; "" where there is none."""
    return traceparent[3:35] if len(traceparent) >= 55 else ""
