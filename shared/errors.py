"""Errors, sorted by what happens next.

    PuenteError
    ├── Retryable         the change waits until `retry_at`, then is tried again
    │   ├── InDoubt       a write was sent and no answer came: it may or may not have happened
    │   ├── OwnFieldMissing  our field in the records of the vendor is gone: nothing is made before it is back
    │   ├── Taken         the id chosen for a new record belongs to another: nothing was made
    │   └── Throttled     the vendor, or our own budget for it, asks us to slow down
    ├── Rejected          the change is buried: this record cannot be carried as it is
    ├── NeedsOperator     the flow pauses: credentials, rights or settings are wrong
    ├── Lost              another process wrote first: read again and start over (never leaves the engine)
    └── Misconfigured     a start is refused; the message says what to set

Vendor answers become one of these in `connectors/http.py` and the vendor's error table; an error becomes a fate
(waiting, buried, paused) only in the runner. Messages never hold credentials or personal data.
"""

from __future__ import annotations

from datetime import datetime, timedelta


class PuenteError(Exception):
    """An error with one message for the operator; `way_out` is what to do or to type next."""

    def __init__(self, message: str, *, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out


class Retryable(PuenteError):
    """Trying again later may succeed. `retry_after` is the vendor's wish, if it named one."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None, way_out: str = "") -> None:
        super().__init__(message, way_out=way_out)
        self.retry_after = retry_after


class InDoubt(Retryable):
    """A write left this process and its outcome is unknown; its intent stays open."""


class OwnFieldMissing(Retryable):
    """The field that carries the counterpart's id was deleted or renamed: make it again, fill it, then go on."""


class Taken(Retryable):
    """A new record was not made: its id, chosen beforehand, is somebody else's by now. Another one is chosen."""


class Throttled(Retryable):
    """Too many calls, by the vendor's word or by our own budget."""


class Rejected(PuenteError):
    """This record cannot be carried as it is. `field` names the culprit where it is known."""

    def __init__(self, message: str, *, field: str = "", way_out: str = "") -> None:
        super().__init__(message, way_out=way_out)
        self.field = field


class NeedsOperator(PuenteError):
    """Nothing of this flow can work until a person mends credentials, rights or settings."""


class Lost(PuenteError):
    """A compare-and-set or a unique constraint said that another process was first."""


class Misconfigured(PuenteError):
    """A setting is missing or wrong. `setting` is its name in the environment."""

    def __init__(self, message: str, *, setting: str = "", way_out: str = "") -> None:
        super().__init__(message, way_out=way_out)
        self.setting = setting


def check_aware(moment: datetime, name: str) -> datetime:
    """Return `moment`, or raise ValueError if it carries no time zone."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"{name} must carry a time zone, got a naive time")
    return moment
