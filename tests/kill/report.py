"""What a run says: in the terminal, and as one line in a ledger that sums over runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kill.audit import Verdict
from tests.kill.bridges import DEFAULT
from tests.kill.striker import Tally


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the rig. Times in seconds."""

    bridge: str
    look_ups: str
    seed: int
    wanted: int
    without: str
    started: str
    took: float
    to_quiet: float
    tally: Tally
    verdict: Verdict
    acts: Mapping[str, int]
    calls: int
    folder: Path

    def line(self) -> dict[str, Any]:
        verdict, tally = self.verdict, self.tally
        return {
            "started": self.started,
            "bridge": self.bridge,
            "look_ups": self.look_ups,
            "seed": self.seed,
            "wanted": self.wanted,
            "without": self.without,
            "kills": tally.killed,
            "kills_by_place": dict(sorted(tally.kills.items())),
            "freezes": dict(sorted(tally.freezes.items())),
            "faults": dict(sorted(tally.faults.items())),
            "clients": verdict.clients,
            "invoices": verdict.invoices,
            "pairs": verdict.pairs,
            "acts": dict(self.acts),
            **{name.replace(" ", "_"): many for name, many in verdict.counts.items()},
            "vendor_calls": self.calls,
            "slowest_recovery": [round(tally.slowest[0], 1), tally.slowest[1]],
            "seconds_to_quiet": round(self.to_quiet, 1),
            "seconds": round(self.took, 1),
            "violations": verdict.by_kind,
            "found_again": dict(verdict.found_again),
            "explained": len(verdict.explained),
            "doubles_shown_to_a_person": len(verdict.shown_doubles),
            "deleted_before_it_was_met": len(verdict.never_met),
            "persons": dict(verdict.persons),
        }


def told(run: Run) -> Iterator[str]:
    """The run in lines for a terminal."""
    tally, verdict = run.tally, run.verdict
    freezes = sum(tally.freezes.values())
    yield f"{run.bridge}, seed {run.seed}, {tally.killed} kills, {freezes} freezes, {run.took:.0f} s"
    yield from _table("kills by place", tally.kills)
    yield from _table("freezes", tally.freezes)
    yield from _table("faults", tally.faults)
    yield from _table("starts refused while a server was away", tally.refusals)
    yield from _table("what people did", run.acts)
    yield f"records: {verdict.clients} clients, {verdict.invoices} invoices; {verdict.pairs} pairs"
    yield f"hooks: {', '.join(f'{many} {name}' for name, many in verdict.counts.items())}"
    yield f"vendor calls: {run.calls}"
    yield from _table("creates of unknown outcome that were found again", verdict.found_again)
    yield f"slowest recovery: {tally.slowest[0]:.1f} s ({tally.slowest[1]}); quiet after {run.to_quiet:.1f} s"
    yield from _table("put before a person", verdict.persons)
    yield f"doubles of twins, shown to a person: {len(verdict.shown_doubles)}"
    yield from (f"  {each}" for each in verdict.shown_doubles[:20])
    yield f"made again, deleted before Puente had learned that it was made: {len(verdict.never_met)}"
    yield from (f"  {each}" for each in verdict.never_met[:20])
    yield f"differences that a waiting row explains: {len(verdict.explained)}"
    yield from (f"  {each}" for each in verdict.explained[:20])
    yield from _table("violations", verdict.by_kind)
    for number, each in enumerate(verdict.violations[:60], start=1):
        yield f"  {number}. {each.kind}: {each.says}"
        yield from (f"       {line}" for line in each.evidence)


def keep(run: Run, ledger: Path) -> None:
    """Append the run to the ledger."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.open("a") as file:
        file.write(json.dumps(run.line()) + "\n")


def summed(ledger: Path, bridge: str) -> Iterator[str]:
    """The sum of all runs of this bridge in the ledger that had every guard and the connectors' own look-ups."""
    runs = [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []
    runs = [each for each in runs if not each["without"] and not each.get("look_ups")]
    runs = [each for each in runs if each.get("bridge", DEFAULT) == bridge]
    places: Counter[str] = Counter()
    violations: Counter[str] = Counter()
    persons: Counter[str] = Counter()
    found: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for each in runs:
        found.update(each.get("found_again", {}))
        sums.update(
            {name: each[name] for name in ("clients", "invoices", "pairs", "accepted_hooks", "vendor_calls")}
        )
        sums["freezes"] += sum(each["freezes"].values())
        sums["faults of the vendors"] += sum(each["faults"].values())
        places.update(each["kills_by_place"])
        violations.update(each["violations"])
        persons.update(each["persons"])
    yield f"all runs of {bridge} with every guard: {len(runs)} runs, {sum(places.values())} kills"
    yield from _table("kills by place", places)
    yield from (f"  {many:>6}  {name.replace('_', ' ')}" for name, many in sums.items())
    slowest = max((each["slowest_recovery"] for each in runs), default=[0.0, ""])
    yield f"slowest recovery: {slowest[0]:.1f} s ({slowest[1]})"
    yield f"seeds: {', '.join(str(each['seed']) for each in runs)}"
    yield from _table("creates of unknown outcome that were found again", found)
    yield from _table("put before a person", persons)
    yield f"doubles of twins, shown to a person: {sum(each.get('doubles_shown_to_a_person', 0) for each in runs)}"
    unmet = sum(each.get("deleted_before_it_was_met", 0) for each in runs)
    yield f"made again, deleted before Puente had learned that it was made: {unmet}"
    yield from _table("violations", violations)


def _table(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    if not counts:
        yield f"{title}: none"
        return
    yield f"{title}: {sum(counts.values())}"
    yield from (f"  {many:>6}  {name}" for name, many in sorted(counts.items(), key=lambda each: -each[1]))
