"""`make test` runs every suite, and each in one lane."""

from __future__ import annotations

from tests.__main__ import HERE, LANES
from tests.support.suites import BUDGETS

NO_SUITES = {"support", "bench", "payloads", "__pycache__"}


def test_every_suite_is_in_one_lane_and_has_a_budget() -> None:
    folders = {each.name for each in HERE.iterdir() if each.is_dir() and not each.name.startswith(".")} - NO_SUITES
    lanes = [suite for lane in LANES for suite in lane]
    assert sorted(lanes) == sorted(folders)
    assert set(BUDGETS) == folders
