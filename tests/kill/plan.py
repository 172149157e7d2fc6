"""The schedule of a run: who is killed or frozen when, which failpoints and faults are on. Pure; by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from shared.failpoints import Place as Failpoint
from tests.kill.bridges import Bridge, Side

Target = Literal["ingress", "sync-1", "sync-2", "sync-3", "broker", "database"]
Action = Literal["kill", "freeze"]

T = TypeVar("T")

SYNCS: Final[tuple[Target, ...]] = ("sync-1", "sync-2", "sync-3")
AIMED: Final[tuple[Target, ...]] = ("ingress", *SYNCS)
_TARGETS: Final[Mapping[Target, int]] = {
    "ingress": 7,
    "sync-1": 5,
    "sync-2": 5,
    "sync-3": 5,
    "broker": 2,
    "database": 3,
}
# A broker takes many seconds to start: mostly it is away without having been killed.
_FREEZES: Final[Mapping[Target, float]] = {"broker": 0.7}
_SYNC_FAILPOINTS: Final[Mapping[Failpoint, int]] = {
    "intent saved": 3,
    "write sent": 3,
    "write answered": 4,
    "binding saved": 2,
    "base saved": 2,
    "page saved": 2,
    "offset committed": 2,
    "waiting saved": 1,
}
_DOOR_FAILPOINTS: Final[Mapping[Failpoint, int]] = {"appended": 2, "spooled": 2, "spool forwarded": 3}


@dataclass(frozen=True, kw_only=True)
class Strike:
    """`after` seconds since the one before, `target` is killed or frozen and stays so for `seconds`."""

    after: float
    target: Target
    action: Action
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of a vendor, for `seconds` of the run. `lasting` is the number that the fault itself takes."""

    after: float
    system: str
    name: str
    seconds: float
    times: int
    match: str | None = None
    lasting: float | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a seed decides, each part by a generator of its own, so that one does not shift another."""

    seed: int
    bridge: Bridge
    aimed_share: float = 0.9
    aims: Sequence[str] = ()

    def strikes(self) -> Iterator[Strike]:
        """Without end. Two strikes may overlap; now and then there is a calm in which work goes on. Where `aims`
        are given, they do the killing, and strikes are rare."""
        chance = self._random("strikes")
        if self.aims:
            # So that each sync is started anew, with a failpoint, before anything else.
            yield from (Strike(after=0.5, target=target, action="kill", seconds=0.0) for target in SYNCS)
        while True:
            calm = chance.random() < 0.08
            target = _one_of(chance, _TARGETS)
            freeze = chance.random() < _FREEZES.get(target, 0.08)
            yield Strike(
                after=chance.uniform(8, 20)
                if self.aims
                else chance.uniform(3, 8)
                if calm
                else chance.uniform(0.3, 3),
                target=target,
                action="freeze" if freeze else "kill",
                seconds=_frozen_for(chance, target) if freeze else _away_for(chance, target),
            )

    def failpoints(self, target: Target) -> Iterator[str]:
        """What each start of this process gets in PUENTE_RIG_FAILPOINTS; often nothing."""
        chance = self._random(f"failpoints of {target}")
        known = _DOOR_FAILPOINTS if target == "ingress" else _SYNC_FAILPOINTS
        places = {place: weight for place, weight in known.items() if not self.aims or place in self.aims}
        while True:
            if not places or chance.random() >= self.aimed_share:
                yield ""
                continue
            action = "freeze" if chance.random() < 0.1 else "kill"
            yield f"{_one_of(chance, places)}:{action}:{chance.randint(1, 4)}"

    def faults(self) -> Iterator[Fault]:
        """Without end: vendors that answer late, lose answers, show old lists, lose and double hooks."""
        chance = self._random("faults")
        while True:
            side = chance.choice([self.bridge.left, self.bridge.right])
            yield _fault(chance, side)

    def _random(self, name: str) -> random.Random:
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 - a schedule, no secret


def _frozen_for(chance: random.Random, target: Target) -> float:
    """Past the session timeout (3 s); a sync at times past an attempt and all that is waited for after it (12 s
    each on the machine's clock)."""
    if target in SYNCS and chance.random() < 0.2:
        return chance.uniform(25, 30)
    return chance.uniform(3.5, 6)


def _away_for(chance: random.Random, target: Target) -> float:
    """How long a killed process stays away; the broker long enough for the door to fill its spool."""
    if target == "broker":
        return chance.choice([0.0, 2.0, 5.0])
    return chance.choice([0.0, 0.0, 0.0, 0.5, 2.0])


def _fault(chance: random.Random, side: Side) -> Fault:
    # Lateness stays below the 60 s of the accounts' setting: beyond it a scan promises nothing.
    after, seconds = chance.uniform(1, 8), chance.uniform(5, 15)
    name = chance.choice(side.faults)
    creates = name.startswith("create") or name == "number_taken"
    lasting = {"create_late": chance.uniform(5, 58), "stale_search": chance.uniform(5, 30), "slow": 10.0}.get(name)
    if name == "stale_read":
        lasting = chance.uniform(5, 25)
    return Fault(
        after=after,
        system=side.system,
        name=name,
        seconds=seconds,
        times=_times(chance, name, creates=creates),
        match=side.creates if creates else None,
        lasting=lasting,
    )


def _times(chance: random.Random, name: str, *, creates: bool) -> int:
    if name == "token_expired":
        return 1  # a token ends once; one that is refused as soon as it is given is a matter of rights
    return chance.randint(1, 4) if creates else chance.randint(3, 20)


def _one_of(chance: random.Random, weights: Mapping[T, int]) -> T:
    return chance.choices(list(weights), list(weights.values()))[0]
