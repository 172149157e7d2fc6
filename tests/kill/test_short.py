"""The rig, short: a handful of kills under load, and nothing is doubled, missing or different at the end."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.kill.bridges import BRIDGES, DEFAULT
from tests.kill.plan import Plan
from tests.kill.report import Run, told
from tests.kill.run import run
from tests.support import requirements
from tests.support.requirements import Unavailable


def test_a_seed_repeats_its_schedule() -> None:
    one, same, other = (Plan(seed=seed, bridge=BRIDGES[DEFAULT]) for seed in (7, 7, 8))
    assert list(islice(one.strikes(), 50)) == list(islice(same.strikes(), 50)) != list(islice(other.strikes(), 50))
    assert list(islice(one.faults(), 50)) == list(islice(same.faults(), 50))
    assert list(islice(one.failpoints("sync-1"), 50)) == list(islice(same.failpoints("sync-1"), 50))
    assert list(islice(one.failpoints("sync-1"), 50)) != list(islice(one.failpoints("sync-2"), 50))


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.timeout(180)
@pytest.mark.parametrize("bridge", [DEFAULT, "factusol-clientify"])
async def test_a_few_kills_leave_both_sides_equal(tmp_path: Path, bridge: str) -> None:
    done = await _run(tmp_path, bridge=bridge, kills=6, seed=5, rate=4.0, faults=False, minutes=0.2, records=9)
    said = "\n".join(told(done))
    assert done.tally.killed > 0, said
    assert done.verdict.counts["accepted hooks"] > 0, said
    assert done.verdict.pairs > 0, said
    assert (done.verdict.invoices > 0) == (bridge == DEFAULT), said
    assert not done.verdict.violations, said


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.processes
@pytest.mark.timeout(300)
async def test_a_sync_that_commits_first_is_found_out(tmp_path: Path) -> None:
    """The rig itself is tested: a change that was committed before it was looked at dies with its process.

    Where a kill lands is chance on a busy machine, so a run that met no such change is followed by another.
    """
    said: list[str] = []
    for seed in (7, 8, 9):
        folder = tmp_path / str(seed)
        folder.mkdir()
        done = await _run(
            folder,
            kills=6,
            seed=seed,
            rate=6.0,
            faults=False,
            minutes=0.25,
            records=9,
            aimed=1.0,
            aims=["offset committed"],
            without="commit_first",
        )
        said = list(told(done))
        assert done.tally.killed > 0, "\n".join(said)
        if done.verdict.by_kind.get("change not looked at"):
            return
    pytest.fail("No run reported a loss:\n" + "\n".join(said))


async def _run(folder: Path, **given: Any) -> Run:
    try:
        return await run(folder, **given)
    except Unavailable as reason:
        requirements.missing("kafka", str(reason))
