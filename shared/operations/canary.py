"""The canary: the whole way of a hook is measured without a vendor and without a customer's change.

Every minute one process posts to our own public hook address what a vendor would, with a token and a secret of a
workspace that is nobody's. The door proves it and appends it, and the holder of its partition ends its way with
one read of the store. Each time it is another partition's turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from itertools import count
from typing import Final

import msgspec
import structlog

from shared import errors
from shared.connectors.contract import CanaryBody, HookRules
from shared.connectors.http import HttpWire, UnlimitedBudget
from shared.keys import Hook
from shared.model.change import CANARY, SHARDS, shard_of
from shared.operations import posting
from shared.runtime.parts import Parts
from shared.store import canaries, marks
from shared.store.canaries import Canary

_log = structlog.get_logger("puente.sync")

# How long one may be on its way until it counts as lost. It may still come, and then it is not.
LIMIT: Final = timedelta(minutes=2)
# Each partition has its turn in this time, if one is sent a minute.
LOOKED_BACK: Final = timedelta(hours=2)
_KEPT: Final = timedelta(days=2)
_LEASE: Final = "canary"


@lru_cache(maxsize=SHARDS)
def workspace_on(shard: int) -> str:
    """The nobody's workspace whose changes go to this shard."""
    return next(name for number in count() if shard_of(name := f"{CANARY}-{number}") == shard)


class CanaryFlight:
    """Sends them. `run` goes on until it is cancelled."""

    def __init__(self, parts: Parts, *, owner: str) -> None:
        settings = parts.settings
        self._parts = parts
        self._owner = owner
        self._every = timedelta(seconds=settings.canary_seconds)
        self._public_url = settings.public_url.rstrip("/")
        # Of its own: no vendor's budget is touched.
        self._wire = HttpWire(
            parts.clock, UnlimitedBudget(), settings.outgoing(), ca_file=settings.outgoing_ca_file
        )

    @property
    def is_wanted(self) -> bool:
        return bool(self._public_url) and self._every > timedelta(0)

    async def run(self) -> None:
        while True:
            await self._parts.clock.sleep(self._every)
            try:
                await self.send()
            except errors.Retryable as problem:
                _log.debug("canary.waits", says=problem.message)

    async def close(self) -> None:
        await self._wire.aclose()

    async def send(self) -> Canary | None:
        """Send the next one. None while another process does, or where no system sends hooks. Raises Retryable."""
        database, now = self._parts.database, self._parts.clock.now()
        until = now + 2 * self._every
        if not await database.run(partial(marks.lease, name=_LEASE, owner=self._owner, now=now, until=until)):
            return None
        connectors = self._parts.workspaces.connectors
        hooked = await database.read(canaries.hooked_systems)
        told = {
            system: (connectors[system].hooks, marking)
            for system in hooked
            if system in connectors and (marking := connectors[system].hooks.canary) is not None
        }
        if not told:
            return None
        systems = list(told)
        turn = int(now.timestamp() / self._every.total_seconds())
        system = systems[(turn + turn // SHARDS) % len(systems)]
        canary = Canary(id=self._parts.new_id(), system=system, shard=turn % SHARDS, posted_at=now)
        await database.run(partial(canaries.add, canary=canary))
        await database.run(partial(canaries.forget, before=now - _KEPT))
        began = self._parts.clock.monotonic()
        problem = await self._post(canary, *told[system])
        took_ms = None if problem else round((self._parts.clock.monotonic() - began) * 1000)
        await database.run(partial(canaries.answered, canary_id=canary.id, took_ms=took_ms, problem=problem))
        return canary

    async def _post(self, canary: Canary, rules: HookRules, told: CanaryBody) -> str:
        """What went wrong, "" for nothing."""
        door = self._parts.keys.door
        hook = Hook(
            system=canary.system,
            workspace=workspace_on(canary.shard),
            account=CANARY,
            hook_kind=told.kind,
            generation=1,
        )
        body = dict(told.body(canary.id))
        if rules.secret_key:
            body[rules.secret_key] = door.secret(hook)
        token = door.token(hook)
        url = f"{self._public_url}/hooks/{canary.system}/{token}"
        try:
            await posting.post(self._wire, url, msgspec.json.encode(body))
        except errors.PuenteError as problem:
            _log.warning("canary.refused", system=canary.system, says=problem.message)
            return f"{problem.message} {problem.way_out}".strip()
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flown:
    """How canaries did of late. `last` is the newest that came through, None if none did in the time looked at.

    `refused` are the newest of systems whose door did not take it, `stuck` those that a door took and that are not
    out at the other end: the newest of each system and shard, when it is on its way for too long.
    """

    last: Canary | None
    refused: Sequence[Canary]
    stuck: Sequence[Canary]


def flown(sent: Sequence[Canary], now: datetime) -> Flown:
    """Judge what was sent, newest first."""
    refused: dict[str, Canary | None] = {}
    stuck: dict[tuple[str, int], Canary | None] = {}
    for each in sent:
        if each.problem:
            refused.setdefault(each.system, each)
        elif each.answered_ms is not None or each.seen_at is not None:
            refused.setdefault(each.system, None)
            late = each.seen_at is None and now - each.posted_at >= LIMIT
            if late or each.seen_at is not None:
                stuck.setdefault((each.system, each.shard), each if late else None)
    seen = [each for each in sent if each.seen_at is not None]
    return Flown(
        last=max(seen, key=lambda each: each.posted_at, default=None),
        refused=[each for each in refused.values() if each is not None],
        stuck=[each for each in stuck.values() if each is not None],
    )


async def flown_lately(parts: Parts) -> Flown:
    now = parts.clock.now()
    return flown(await parts.database.read(partial(canaries.since, at=now - LOOKED_BACK)), now)
