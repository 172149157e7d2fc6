"""Look-ups declared otherwise: as if a vendor could find less again of what was made than its connector says."""

from __future__ import annotations

from shared.connectors.contract import LookUp
from shared.connectors.registry import CONNECTORS


def apply(text: str) -> None:
    """`SYSTEM/RESOURCE=LOOK-UP`, several joined by commas: for this process alone. Raises ValueError."""
    for system, resource, look_up in read(text):
        # A declaration is frozen; the rig alone changes one, in a process that it has just forked.
        object.__setattr__(CONNECTORS[system].resources[resource], "look_up", look_up)


def read(text: str) -> list[tuple[str, str, LookUp]]:
    """What the text declares: system, resource, look-up."""
    found = []
    for part in filter(None, text.split(",")):
        where, _, look_up = part.partition("=")
        system, _, resource = where.partition("/")
        if system not in CONNECTORS or resource not in CONNECTORS[system].resources:
            raise ValueError(f"there is no {where!r} whose look-up could be declared")
        found.append((system, resource, LookUp(look_up)))
    return found
