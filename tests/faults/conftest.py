"""What the tests of faults share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import earlier


@pytest.fixture(scope="session")
def earlier_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the version before this one; the test fails where the history is missing."""
    return earlier.unpack(tmp_path_factory.mktemp("earlier"))
