"""The change: what a system told us, as it travels through the log. A nudge, never the truth."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from shared.errors import check_aware

SHARDS = 64
CANARY = "~canary"
"""What the workspaces of canaries begin with: a name that no business can have."""

Entity = Literal["customer", "invoice", "deal", "contact", "product", "order"]
What = Entity | Literal["unreadable", "gap"]
Mode = Literal["nudge", "repair"]

_RECORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,99}")


@lru_cache(maxsize=65_536)
def shard_of(workspace: str) -> int:
    """The workspace's shard, 0 to 63: Kafka's partition, and a column of every row that is polled."""
    return int.from_bytes(hashlib.sha256(workspace.encode()).digest()[:8], "big") % SHARDS


def is_canary(workspace: str) -> bool:
    """Whether a change is a post of our own that only measures the way."""
    return workspace.startswith(CANARY)


def is_record_id(text: str) -> bool:
    """Whether a vendor's id is one that we carry: 1 to 100 plain characters."""
    return _RECORD_ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of the log, before it has a position.

    `what` is the entity that changed, or "unreadable" (an authentic body that we could not read) or "gap"
    (hooks may have been lost between `gap_since` and `seen_at`). `body` is sealed; `body_of` names the change
    that carries the body when one delivery held several changes.
    """

    id: str
    what: What
    workspace: str
    system: str
    account: str
    seen_at: datetime
    resource: str = ""
    record_id: str = ""
    hook_kind: str = ""
    generation: int = 0
    deletion: bool = False
    run: str = ""
    mode: Mode = "nudge"
    traceparent: str = ""
    gap_since: datetime | None = None
    body: bytes | None = None
    body_key: str = ""
    body_of: str = ""

    def __post_init__(self) -> None:
        check_aware(self.seen_at, "seen_at")
        if self.gap_since is not None:
            check_aware(self.gap_since, "gap_since")

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return f"puente.{self.what}" if self.what in {"unreadable", "gap"} else f"puente.{self.what}.changed"
