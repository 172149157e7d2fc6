"""What Sugester's hook bodies are assumed to say: the same forms as its sister product's. Pure.

No public page shows a body. Only the id is read; sweeps carry everything where no hook ever comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from shared import errors
from shared.connectors import hooks
from shared.connectors.contract import CanaryBody, HookKind, HookRules, Told

RULES: Final = HookRules(
    kinds={
        "client:create": HookKind(resource="clients"),
        "client:update": HookKind(resource="clients"),
        "client:destroy": HookKind(resource="clients", deletion=True),
        "deal:create": HookKind(resource="deals"),
        "deal:update": HookKind(resource="deals"),
        "deal:destroy": HookKind(resource="deals", deletion=True),
    },
    secret_key="api_token",  # noqa: S106 -- the name of a key, not a secret
    canary=CanaryBody(kind="client:update", body=lambda record_id: {"client_id": record_id}),
)

_NAMING: Final[Mapping[str, hooks.Naming]] = {
    "clients": hooks.Naming(top=("client_id", "id"), objects=("client",), family="sugester"),
    # A deal's body may name its client beside it: `client_id` is never the deal's own id.
    "deals": hooks.Naming(top=("deal_id", "id"), objects=("deal",), family="sugester"),
}


def changes_in(hook_kind: str, body: bytes) -> Sequence[Told]:
    """The record that a body names. Raises Rejected, naming the field, for a body without a usable id."""
    rule = RULES.kinds.get(hook_kind)
    if rule is None:
        raise errors.Rejected(f"Sugester has no hook kind {hook_kind[:40]!r}.", field="hook kind")
    record_id = hooks.record_named(hooks.object_in(body), _NAMING[rule.resource])
    return [Told(resource=rule.resource, record_id=record_id, deletion=rule.deletion)]
