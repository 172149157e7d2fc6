"""Keeping a change: in the log, else in the spool, else a remembered gap.

2xx means that the change is in the log, acknowledged, or in the spool, fsynced. After one send that failed or ran
out of time everything is spooled at once, because a vendor's patience is shorter than a log's outage, until a send
is acknowledged again. A change may be in the log twice then, with the same id, which is harmless.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, cast

from services.ingress.counts import Counts
from services.ingress.gaps import Gap, Gaps
from shared import errors, failpoints
from shared.clock import NewId
from shared.eventlog.port import EventLog, Position
from shared.eventlog.spool import Spool
from shared.model.change import Change
from shared.timelimit import TimeLimit

log = logging.getLogger(__name__)

Kept = Literal["log", "spool"]

_AT_ONCE: Final = 500
_LAST_WORDS: Final = timedelta(seconds=3)


class Unstored(Exception):
    """Neither the log nor the spool took it; the gap is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one append may take, and how often a log that is away is tried again."""

    append: timedelta = timedelta(seconds=3)
    probe: timedelta = timedelta(seconds=1)


class Keeper:
    """Stores changes durably, whatever happens to the log. One per process; `running` forwards the spool."""

    def __init__(
        self,
        *,
        log: EventLog,
        spool: Spool,
        gaps: Gaps,
        new_id: NewId,
        counts: Counts,
        patience: Patience | None = None,
    ) -> None:
        self._log = log
        self._spool = spool
        self._gaps = gaps
        self._new_id = new_id
        self._counts = counts
        self._patience = patience or Patience()
        self._append_limit = TimeLimit(self._patience.append)
        self._log_up = True
        self._proof_wanted = False
        self._spool_up = True
        self._spooled = 0
        # Moves when a change begins or ends its way into the spool: a count of it taken meanwhile says nothing.
        self._spoolings = 0
        self._work = asyncio.Event()
        self._stop = asyncio.Event()

    @property
    def log_up(self) -> bool:
        """Whether appends go straight to the log."""
        return self._log_up

    @property
    def ready(self) -> bool:
        """Whether the next change would find a place."""
        return self._log_up or self._spool_up

    @property
    def spooled(self) -> int:
        """Changes that wait in the spool for the log."""
        return self._spooled

    @property
    def open_gaps(self) -> int:
        return len(self._gaps)

    async def keep(self, changes: Sequence[Change]) -> Kept:
        """Store changes of one delivery, in order. Returns once all are durable; raises Unstored when one is not.

        A long delivery goes in several appends, each within the time limit; the vendor that is told to send it
        again doubles what was stored of it, which costs a read each.
        """
        places = [await self._keep(changes[at : at + _AT_ONCE]) for at in range(0, len(changes), _AT_ONCE)]
        return "spool" if "spool" in places else "log"

    async def _keep(self, changes: Sequence[Change]) -> Kept:
        if self._log_up:
            try:
                with self._append_limit.begun():
                    await self._log.append(*changes)
            except (errors.PuenteError, TimeoutError) as problem:
                self._proof_wanted = True
                self._log_went(problem)
            else:
                failpoints.reach("appended")
                return "log"
        self._spoolings += 1
        try:
            await self._spool.append(*changes)
        except errors.PuenteError as problem:
            await self._give_up(changes[0], problem)
            raise Unstored from problem
        finally:
            self._spoolings += 1
        failpoints.reach("spooled")
        self._spool_up = True
        self._spooled += len(changes)
        self._work.set()
        return "spool"

    @asynccontextmanager
    async def running(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Forward from the spool while the block runs, and once more at its end.

        Raises Misconfigured when log or spool cannot serve at all; a log that is only away does not hinder the
        start. Should the forwarding itself fail, which is a bug, `stop` is set and the failure is raised at the
        end of the block: a door that only spools would fill the disk unseen.
        """
        await self._spool.start()
        self._spooled = (await self._spool.stats()).entries
        await self._gaps.load()
        try:
            async with asyncio.timeout(self._patience.append.total_seconds()):
                await self._log.start()
        except (errors.Retryable, TimeoutError) as problem:
            self._log_went(problem)
        forwarding = asyncio.create_task(self._forward_until_stopped(), name="forward the spool")
        forwarding.add_done_callback(lambda _: stop.set())
        self._work.set()
        try:
            yield
        finally:
            self._stop.set()
            self._work.set()
            try:
                # A log that hangs must not hold up the stop: what is spooled is safe where it is.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LAST_WORDS.total_seconds()):
                        await forwarding
            finally:
                await self._spool.close()

    async def _forward_until_stopped(self) -> None:
        while not self._stop.is_set():
            await self._work.wait()
            self._work.clear()
            if not await self._forward():
                self._work.set()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._patience.probe.total_seconds()):
                        await self._stop.wait()
        await self._forward()

    async def _forward(self) -> bool:
        """Bring everything that was put aside to the log. False: the log is still away."""
        acknowledging = _Acknowledging(self._log, self._log_came)
        before = self._spoolings
        try:
            await self._log.start()
            # The spool asks nothing of a log but `append`.
            forwarded = await self._spool.forward(cast(EventLog, acknowledging))
            for gap in self._gaps.all():
                await acknowledging.append(self._told(gap))
                await self._gaps.close(gap)
            stats = await self._spool.stats()
        except errors.PuenteError as problem:
            # Also for what a person must mend: while the door stands, hooks are safe in the spool.
            self._log_went(problem)
            return False
        if self._spoolings == before:
            self._spooled = stats.entries
        else:
            self._spooled = max(0, self._spooled - forwarded)
        if forwarded:
            log.info("%d spooled changes are in the log", forwarded)
        if self._proof_wanted:
            # The change that failed is still on its way into the spool, or about to become a gap.
            return False
        self._log_came()
        return True

    def _told(self, gap: Gap) -> Change:
        return Change(
            id=self._new_id(),
            what="gap",
            workspace=gap.workspace,
            system=gap.system,
            account=gap.account,
            seen_at=gap.until,
            gap_since=gap.since,
        )

    def _log_came(self) -> None:
        """The log took something, or was only late to start: from here on changes go straight to it again."""
        self._proof_wanted = False
        if not self._log_up:
            log.info("the log takes changes again")
        self._log_up = True
        self._show()

    def _log_went(self, problem: BaseException) -> None:
        if self._log_up:
            reason = problem.message if isinstance(problem, errors.PuenteError) else "no answer in time"
            log.warning("the log does not take changes, they are spooled: %s", reason)
        self._log_up = False
        self._work.set()
        self._show()

    async def _give_up(self, change: Change, problem: errors.PuenteError) -> None:
        if self._spool_up:
            log.error("the spool does not take changes either, hooks are refused: %s", problem.message)
        self._spool_up = False
        await self._gaps.remember(change)
        self._work.set()
        self._show()

    def _show(self) -> None:
        self._counts.keeping(log_up=self._log_up, spooled=self._spooled, gaps=len(self._gaps))


class _Acknowledging:
    """A log that tells when it has taken something: the spool may be long, the first entry of it is the proof."""

    def __init__(self, log: EventLog, taken: Callable[[], None]) -> None:
        self._log = log
        self._taken = taken

    async def append(self, *changes: Change) -> Position:
        position = await self._log.append(*changes)
        failpoints.reach("spool forwarded")
        self._taken()
        return position
