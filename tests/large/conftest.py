"""The worlds of the stories, for the few tests that take minutes."""

from tests.scenarios.conftest import new_world

__all__ = ["new_world"]
