"""`python -m tests.kill --kills N --seed S`: run the kill rig, print what it found, add it to the ledger."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.kill import report
from tests.kill.bridges import BRIDGES, DEFAULT
from tests.kill.place import ROOT
from tests.kill.run import run

LEDGER = ROOT / "build" / "kill" / "ledger.jsonl"


def main() -> int:
    """0 without violations, 1 with some. A folder with all logs is kept then, and named."""
    given = _parser().parse_args()
    folder = Path(tempfile.mkdtemp(prefix="puente-kill-"))
    done = asyncio.run(
        run(
            folder,
            kills=given.kills,
            seed=given.seed,
            bridge=given.bridge,
            look_ups=given.look_ups,
            rate=given.rate,
            faults=not given.no_faults,
            without=given.without,
            aimed=given.aimed,
            aims=[name.strip() for name in given.aims.split(",") if name.strip()],
            minutes=given.minutes,
            records=given.records,
        )
    )
    report.keep(done, given.ledger)
    lines = [*report.told(done), "", *report.summed(given.ledger, given.bridge)]
    sys.stdout.write("\n".join(lines) + "\n")
    if done.verdict.violations or given.keep:
        sys.stdout.write(f"logs: {folder}\n")
    else:
        shutil.rmtree(folder)
    return 1 if done.verdict.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="end after so many kills")
    parser.add_argument("--seed", type=int, default=1, help="the same seed repeats the schedule")
    parser.add_argument("--bridge", choices=sorted(BRIDGES), default=DEFAULT, help="the two systems")
    parser.add_argument("--look-ups", default="", help="SYSTEM/RESOURCE=KIND,...: declare other look-ups")
    parser.add_argument("--rate", type=float, default=3.0, help="what people do, times a second")
    parser.add_argument("--minutes", type=float, default=60.0, help="strike no longer than this")
    parser.add_argument("--records", type=int, default=60, help="clients that were there before")
    parser.add_argument("--aimed", type=float, default=0.9, help="share of starts of a sync with a failpoint")
    parser.add_argument("--aims", default="", help="aim at these failpoints only, separated by commas")
    parser.add_argument("--no-faults", action="store_true", help="vendors do not fail")
    parser.add_argument("--without", default="", help="guards left out, to see what the rig reports then")
    parser.add_argument("--ledger", type=Path, default=LEDGER)
    parser.add_argument("--keep", action="store_true", help="keep the logs of a run without violations, too")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
