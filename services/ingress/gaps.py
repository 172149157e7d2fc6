"""Gaps: from when to when hooks of an account were refused because nothing could store them.

Each open gap is a small file beside the spool, so that it outlives the process; when not even that can be written
it is kept in memory. The log gets a `gap` change for it as soon as it is back, and a sweep covers the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from shared.clock import Clock
from shared.files import private_folder, private_opener, sync_folder
from shared.model.change import Change

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Hooks of this account were refused at `since`, at `until`, and perhaps in between."""

    workspace: str
    system: str
    account: str
    since: datetime
    until: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.workspace, self.system, self.account)

    @property
    def file_name(self) -> str:
        digest = hashlib.sha256("\0".join(self.key).encode("utf-8", "surrogatepass")).hexdigest()
        return f"{digest[:32]}.json"

    def joined(self, other: Gap) -> Gap:
        return replace(self, since=min(self.since, other.since), until=max(self.until, other.until))


class Gaps:
    """The open gaps, by account."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._open: dict[tuple[str, str, str], Gap] = {}

    def __len__(self) -> int:
        return len(self._open)

    def all(self) -> Sequence[Gap]:
        return tuple(self._open.values())

    async def load(self) -> None:
        """Take up what an earlier process left. Its gaps last until now: nobody knows when it ended."""
        for gap in await asyncio.to_thread(self._read_all):
            known = self._open.get(gap.key, gap)
            self._open[gap.key] = replace(known.joined(gap), until=self._clock.now())

    async def remember(self, change: Change) -> None:
        """Open the gap of this change's account, or make it last until now."""
        now = self._clock.now()
        gap = Gap(workspace=change.workspace, system=change.system, account=change.account, since=now, until=now)
        known = self._open.get(gap.key)
        self._open[gap.key] = known.joined(gap) if known else gap
        if known is None:
            await asyncio.to_thread(self._write, gap)

    async def close(self, gap: Gap) -> None:
        """The log knows of this gap. What was refused since then stays open."""
        left = self._open.get(gap.key)
        if left is not None and left.until > gap.until:
            self._open[gap.key] = replace(left, since=gap.until)
            return
        self._open.pop(gap.key, None)
        await asyncio.to_thread(self._remove, gap)

    def _read_all(self) -> list[Gap]:
        found: list[Gap] = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(msgspec.json.decode(path.read_bytes(), type=Gap))
            except (OSError, msgspec.DecodeError, ValueError):
                # A torn file tells nothing that could be swept; sync sweeps after any outage that it saw itself.
                log.warning("the remembered gap %s cannot be read and is passed over", path.name)
        return found

    def _write(self, gap: Gap) -> None:
        path = self._folder / gap.file_name
        draft = path.with_suffix(f".{os.getpid()}.draft")
        try:
            private_folder(self._folder)
            with open(draft, "wb", opener=private_opener) as stream:
                stream.write(msgspec.json.encode(gap))
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)
            sync_folder(self._folder)
        except OSError as problem:
            log.warning("a gap is kept in memory only: %s", problem.strerror)
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def _remove(self, gap: Gap) -> None:
        # Left behind, it is told once more after the next start, which costs one sweep.
        with contextlib.suppress(OSError):
            (self._folder / gap.file_name).unlink(missing_ok=True)
