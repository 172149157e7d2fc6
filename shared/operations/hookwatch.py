"""Hook health: whether the vendor still has our hooks, and whether they still come.

Every ten minutes the hooks of each account that we registered are looked at; one that is gone or switched off
is put in order and the account swept. Every hour an account's silence is held against its own history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Final

import structlog

from shared import errors
from shared.operations import hooking
from shared.runtime.parts import Parts
from shared.runtime.rounds import Rounds
from shared.runtime.workspaces import Used
from shared.store import directory, hooks, marks, series, sweeps
from shared.store.marks import Mark, MarkKind
from shared.store.rows import Account
from shared.store.series import Heard

_log = structlog.get_logger("puente.sync")

# How often the accounts are gone through for those whose turn it is.
_ROUND: Final = timedelta(seconds=30)
_HISTORY: Final = timedelta(days=14)
# Less than this says nothing of what is usual.
_LEAST_DELIVERIES: Final = 20
_LEAST_SPAN: Final = timedelta(days=3)
# A small shop is silent at night and over a weekend: never told sooner.
FLOOR: Final = timedelta(hours=6)
_SHARE: Final = 0.95
_MARGIN: Final = 1.5
# Changes that only a listing found, while no hook came: then the hooks are missed and not the changes.
_MISSED: Final = 5
_MISSED_FLOOR: Final = timedelta(hours=1)


def usual_silence(times: Sequence[datetime]) -> timedelta | None:
    """The silence that is rarely exceeded: at 95 of 100 moments of the history, the silence around that moment was
    this long or shorter. None where there is too little history.

    Moments are counted, not gaps: a night is one gap among a hundred of a busy day, and half of the time.
    """
    ordered = sorted(times)
    if len(ordered) < _LEAST_DELIVERIES or ordered[-1] - ordered[0] < _LEAST_SPAN:
        return None
    gaps = sorted(later - sooner for sooner, later in pairwise(ordered))
    whole = sum(gaps, timedelta(0))
    passed = timedelta(0)
    for gap in gaps:
        passed += gap
        if passed >= whole * _SHARE:
            return gap
    return gaps[-1]


def is_silent(heard: Heard, now: datetime) -> bool:
    """Whether hooks of one resource have gone silent, by their own history and by what listings found instead."""
    usual = usual_silence(heard.times)
    if usual is None:
        return False
    silence = now - max(heard.times)
    if heard.missed >= _MISSED and silence >= _MISSED_FLOOR:
        return True
    return silence >= max(FLOOR, usual * _MARGIN)


class HookWatch:
    """Looks after the accounts of the shards that this process holds."""

    def __init__(
        self,
        parts: Parts,
        *,
        every: timedelta = timedelta(minutes=10),
        listen_every: timedelta = timedelta(hours=1),
    ) -> None:
        self._parts = parts
        self._every = every
        self._listen_every = listen_every
        self._next: dict[str, datetime] = {}
        self._next_listen: dict[str, datetime] = {}
        self._rounds = Rounds(parts.clock, every=_ROUND)

    async def run_due(self, shards: frozenset[int], group: asyncio.TaskGroup) -> None:
        if shards and self._parts.settings.public_url and self._rounds.is_due:
            self._rounds.begin(self._round(shards), group)

    async def _round(self, shards: frozenset[int]) -> None:
        parts, now = self._parts, self._parts.clock.now()
        names = await parts.database.read(lambda connection: directory.workspace_ids(connection, sorted(shards)))
        for name in names:
            looks = self._is_due(self._next, name, now, self._every)
            listens = self._is_due(self._next_listen, name, now, self._listen_every)
            used = await parts.workspaces.get(name) if looks or listens else None
            for account in used.directory.accounts.values() if used is not None else ():
                if looks and used is not None:
                    await self.look(used, account)
                if listens:
                    await self.listen(account)

    def _is_due(self, times: dict[str, datetime], name: str, now: datetime, every: timedelta) -> bool:
        if times.setdefault(name, now + every) > now:
            return False
        times[name] = now + every
        return True

    async def look(self, used: Used, account: Account) -> None:
        """Only accounts whose hooks we registered are looked at: others are pasted by hand, or have none."""
        parts = self._parts
        known = await parts.database.read(lambda connection: hooks.of_account(connection, account.id))
        if not known:
            return
        try:
            lines = await hooking.register(parts, used, account, parts.settings.public_url)
        except errors.PuenteError as problem:
            _log.warning("hooks.not_checked", account=account.id, says=problem.message)
            await self._mark("hooks failing", account, account.id, {"says": problem.message})
            return
        await self._unmark("hooks failing", account, account.id)
        mended = [line.hook_kind for line in lines if line.state in {"switched on again", "registered"}]
        if mended:
            _log.warning("hooks.mended", account=account.id, kinds=mended)
            now = parts.clock.now()
            await parts.database.run(
                lambda connection: sweeps.request(connection, account.id, None, now=now, gap=True)
            )
            facts: dict[str, str | int] = {"count": len(mended), "hooks": ", ".join(mended)}
            await self._mark("hooks mended", account, account.id, facts)

    async def listen(self, account: Account) -> None:
        """Hold the silence of each of an account's resources against its history."""
        now = self._parts.clock.now()
        heard = await self._parts.database.read(
            partial(series.heard, account_id=account.id, since=now - _HISTORY, full_history=_LEAST_DELIVERIES)
        )
        for each in heard:
            subject = f"{account.id}/{each.resource}"
            if not is_silent(each, now):
                await self._unmark("hooks silent", account, subject)
                continue
            usual = usual_silence(each.times) or timedelta(0)
            hours = round((now - max(each.times)).total_seconds() / 3600)
            _log.warning("hooks.silent", account=account.id, resource=each.resource, hours=hours)
            await self._mark(
                "hooks silent",
                account,
                subject,
                {
                    "account": account.id,
                    "resource": each.resource,
                    "hours": hours,
                    "usual": _span(usual),
                    "missed": each.missed,
                },
            )

    async def _mark(self, kind: MarkKind, account: Account, subject: str, facts: Mapping[str, str | int]) -> None:
        mark = Mark(
            kind=kind,
            workspace_id=account.workspace_id,
            subject=subject,
            at=self._parts.clock.now(),
            facts=facts,
        )
        await self._parts.database.run(partial(marks.put, mark=mark))

    async def _unmark(self, kind: MarkKind, account: Account, subject: str) -> None:
        await self._parts.database.run(
            partial(marks.clear, kind=kind, workspace_id=account.workspace_id, subject=subject)
        )


def _span(usual: timedelta) -> str:
    minutes = round(usual.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"
