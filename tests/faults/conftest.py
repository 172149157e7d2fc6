"""What the tests of faults share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.conftest import new_world, world
from tests.support import earlier

__all__ = ["earlier_version", "new_world", "world"]


@pytest.fixture(scope="session")
def earlier_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the version before this one; the test fails where the history is missing."""
    return earlier.unpack(tmp_path_factory.mktemp("earlier"))
