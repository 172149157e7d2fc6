"""Authentic hook bodies that could not be read: opened again, and what the parser of today says of them."""

from __future__ import annotations

from collections.abc import Mapping

from shared import errors
from shared.connectors import hooks
from shared.connectors.contract import Connector
from shared.keys import LogKeys
from shared.model.change import Change


def body_of(keys: LogKeys, change: Change) -> bytes | None:
    """The body kept with a change; None where none is kept, or its key is gone."""
    if change.body is None or not change.body_key:
        return None
    try:
        return keys.open(change.body, key_id=change.body_key, workspace=change.workspace, change_id=change.id)
    except errors.NeedsOperator:
        return None


def why(connectors: Mapping[str, Connector], keys: LogKeys, change: Change) -> str:
    """One sentence for a person; it names fields and never quotes the body."""
    connector = connectors.get(change.system)
    body = body_of(keys, change)
    if connector is None or body is None:
        return "Its body is not kept."
    try:
        connector.changes_in(change.hook_kind, body)
    except errors.Rejected as problem:
        return f"{problem.field}: {problem.message}" if problem.field else problem.message
    except hooks.PARSER_BUGS as problem:
        return f"Our own parser fails on it ({type(problem).__name__}); please report it."
    return "This version can read it: `puente waiting retry` takes it."
