"""Failpoints: named places where a test rig may stop this process. Dead unless `arm` was called at start.

The form is `place:action:nth`, several joined by commas: at the nth time that `place` is reached, `kill` sends
SIGKILL to this process and `freeze` sends SIGSTOP.
"""

from __future__ import annotations

import os
import signal
from typing import Literal

from shared import errors

Place = Literal[
    "decided",
    "intent saved",
    "write sent",
    "write answered",
    "binding saved",
    "base saved",
    "page saved",
    "offset committed",
    "waiting saved",
    "appended",
    "spooled",
    "spool forwarded",
]

_armed: dict[str, tuple[str, int]] = {}
_reached: dict[str, int] = {}


def arm(text: str) -> None:
    """Arm failpoints from their text form. Raises Misconfigured for one that cannot be read."""
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        place, _, rest = part.partition(":")
        action, _, count = rest.partition(":")
        if action not in {"kill", "freeze"} or not (count or "1").isdigit():
            raise errors.Misconfigured(f"The failpoint {part!r} cannot be read.", setting="PUENTE_RIG_FAILPOINTS")
        _armed[place] = (action, int(count or "1"))


def armed() -> bool:
    """Whether any place of this process may stop it."""
    return bool(_armed)


def reach(place: Place) -> None:
    """Called where a durable step was just taken."""
    if not _armed:
        return
    action, nth = _armed.get(place, ("", 0))
    _reached[place] = _reached.get(place, 0) + 1
    if action and _reached[place] == nth:
        os.kill(os.getpid(), signal.SIGKILL if action == "kill" else signal.SIGSTOP)
