"""Factusol sends no hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shared import errors
from shared.connectors.contract import HookRules, Told

RULES: Final = HookRules(kinds={})


def changes_in(hook_kind: str, body: bytes) -> Sequence[Told]:
    """Raises Rejected: nothing that claims to be a hook of Factusol is one."""
    raise errors.Rejected("Factusol sends no hooks.", field="hook kind")
