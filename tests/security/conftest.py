"""Worlds as the stories have them: the same fixtures, named here for pytest to find."""

from tests.scenarios.conftest import any_world, new_world, world

__all__ = ["any_world", "new_world", "world"]
