from __future__ import annotations
import argparse, asyncio
from tests.bench import servers, changes, settings
from tests.bench.figures import Findings
def main() -> int:
    ap = argparse.ArgumentParser(); ap.add_argument("names", nargs="*"); ap.add_argument("--quick", action="store_true"); ap.add_argument("--repeats", type=int)
    g = ap.parse_args()
    e = settings.QUICK if g.quick else settings.FULL
    f = Findings()
    from dataclasses import replace
    if g.repeats: e = replace(e, repeats=g.repeats)
    with servers.opened() as s:
        asyncio.run(changes.applied_per_second(s, e, f))
    for r in f.rows: print(r.figure, r.what, [round(v,2) for v in r.values], [round(v,2) for v in r.bare], r.ratio, r.met)
    return 0
