"""How long each suite took, against its budget: a suite is a folder of `tests`."""

from collections import defaultdict
from datetime import timedelta

import pytest

# Two lanes run side by side. A suite that grows past its share is made faster, or takes it from another.
BUDGETS = {
    "architecture": timedelta(seconds=30),
    "unit": timedelta(seconds=60),
    "contracts": timedelta(seconds=240),
    "integration": timedelta(seconds=420),
    "docs": timedelta(seconds=50),
    "sandbox": timedelta(seconds=120),
    "scenarios": timedelta(seconds=480),
    "crashes": timedelta(seconds=300),
    "faults": timedelta(seconds=300),
    "kill": timedelta(seconds=270),
    "security": timedelta(seconds=180),
    "large": timedelta(seconds=420),
    "browser": timedelta(seconds=240),
}


class SuiteTimes:
    """A pytest plugin that adds up the time of every test with its fixtures, and prints a line per suite."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[suite_of(report.nodeid)] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._seconds:
            return
        terminalreporter.section("time")
        for suite, seconds in sorted(self._seconds.items()):
            budget = BUDGETS.get(suite)
            if budget is None:
                terminalreporter.write_line(f"suite {suite} {seconds:.0f} s, without a budget", yellow=True)
            elif seconds > budget.total_seconds():
                line = f"suite {suite} {seconds:.0f} s of {budget.total_seconds():.0f} s: OVER ITS BUDGET"
                terminalreporter.write_line(line, yellow=True)
            else:
                terminalreporter.write_line(f"suite {suite} {seconds:.0f} s of {budget.total_seconds():.0f} s")


def suite_of(node_id: str) -> str:
    """`contracts` for `tests/contracts/test_eventlog.py::test_order`; `tests` for a file in no suite."""
    parts = node_id.partition("::")[0].split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "tests" else "tests"
