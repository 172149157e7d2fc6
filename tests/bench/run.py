"""Runs the benchmarks that were asked for and reports: `python -m tests.bench [NAMES] [--quick] [--repeats N]`."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from tests.bench import (
    burst,
    calls,
    change_parts,
    changes,
    door,
    door_parts,
    latency,
    loads,
    machine,
    neighbours,
    report,
    servers,
    shop_calls,
    shop_loads,
    state,
)
from tests.bench.figures import Findings
from tests.bench.servers import Servers
from tests.bench.settings import FULL, QUICK, Effort

Bench = Callable[[Servers, Effort, Findings], Coroutine[None, None, None]]

BENCHES: Mapping[str, tuple[str, Bench]] = {
    "P1": ("hooks accepted per second", door.hooks_per_second),
    "P1b": ("a burst of hooks, the broker killed in the middle", burst.burst_with_broker_killed),
    "P1c": ("a hook's CPU, part by part", door_parts.a_hook_in_parts),
    "P2": ("changes applied per second", changes.applied_per_second),
    "P2c": ("a change's CPU, part by part", change_parts.a_change_in_parts),
    "P3": ("from the hook to the other side", latency.hook_to_visible),
    "P4": ("vendor calls per change", calls.calls_per_change),
    "P4b": ("vendor calls per change on the second bridge", shop_calls.calls_of_the_shop),
    "P5": ("a load", loads.load_of_clients),
    "P5b": ("a load of the second bridge", shop_loads.load_of_the_shop),
    "P6": ("neighbours and restarts", neighbours.neighbours_and_restarts),
    "P7": ("state per change", state.state_per_change),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every benchmark ran, whatever it found; a benchmark that could not run ends with its error."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; default all")
    parser.add_argument("--quick", action="store_true", help="less work for each figure, some minutes in all")
    parser.add_argument("--repeats", type=int, help="how often both arms take their turn")
    parser.add_argument("--load", type=int, help="how many records P5 and P5b load")
    parser.add_argument("--into", type=Path, default=machine.ROOT / "build" / "bench", help="where results go")
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(BENCHES))
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    effort = QUICK if given.quick else FULL
    if given.repeats:
        effort = replace(effort, repeats=given.repeats)
    if given.load:
        effort = replace(effort, load=given.load)
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    findings, about = _run(given.names or list(BENCHES), effort, console, quick=given.quick)
    report.show(findings, console)
    report.write(findings, given.into, about)
    console.print(f"{given.into / 'results.json'}\n{given.into / 'index.html'}")
    return 0


def _run(
    names: Sequence[str], effort: Effort, console: Console, *, quick: bool
) -> tuple[Findings, dict[str, str]]:
    findings = Findings()
    busy = machine.busy()
    began = time.monotonic()
    with servers.opened() as running:
        about = machine.description() | {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "effort": "quick" if quick else "full",
            "repeats": str(effort.repeats),
            "broker": running.kafka.version,
            "database": f"{running.postgres.version}, fsync on",
            "cores of server and load": "apart" if running.cores.apart else "THE SAME",
            "machine busy before the run": f"{busy:.0%}",
        }
        for name in names:
            title, bench = BENCHES[name]
            started = time.monotonic()
            asyncio.run(bench(running, effort, findings))
            console.print(f"{name}: {title}, {time.monotonic() - started:.0f} s", style="dim")
    about["took"] = f"{time.monotonic() - began:.0f} s"
    if busy > 0.1:
        findings.notes.append(
            f"The machine was {busy:.0%} busy with other things before the run: trust the ratios, not the rates."
        )
    return findings, about
