"""What the audit of the packages says, and that silence is not taken for an answer."""

from typing import Any

import pytest

from deploy.audit import CLEAN, FOUND, UNKNOWN, permitted, verdict

FLAW = {"id": "PYSEC-2026-1", "fix_versions": ["2.0"]}


def report(**packages: Any) -> dict[str, Any]:
    """As pip-audit writes it: a list of flaws per package, or None where it could not ask."""
    rows = [
        {"name": name, "version": "1.0", "vulns": flaws}
        if flaws is not None
        else {"name": name, "skip_reason": "?"}
        for name, flaws in packages.items()
    ]
    return {"dependencies": rows}


@pytest.mark.parametrize(
    ("reports", "code", "says"),
    [
        ([report(one=[], two=[])], CLEAN, "against any of 2"),
        ([report(one=[], two=[FLAW])], FOUND, "two 1.0: PYSEC-2026-1, mended in 2.0"),
        ([report(one=None, two=[FLAW])], FOUND, "PYSEC-2026-1"),
        ([report(one=None, two=[])], UNKNOWN, "knows 1 of 2 packages"),
        ([report(one=None, two=[]), report(one=[], two=None)], CLEAN, "against any of 2"),
        ([report(one=None, two=None)], UNKNOWN, "NOT AUDITED"),
        ([], UNKNOWN, "NOT AUDITED"),
    ],
)
def test_the_verdict(reports: list[dict[str, Any]], code: int, says: str) -> None:
    found, lines = verdict(reports)
    assert found == code
    assert says in "\n".join(lines)


@pytest.mark.parametrize(
    ("said", "may"),
    [
        ("MIT", True),
        ("Apache-2.0 AND BSD-3-Clause", True),
        ("BSD License; Apache Software License", True),
        ("GNU Library or Lesser General Public License (LGPL)", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("AGPL-3.0", False),
        ("Other/Proprietary License", False),
        ("", False),
    ],
)
def test_which_licences_are_permitted(said: str, may: bool) -> None:
    assert permitted(said) is may
