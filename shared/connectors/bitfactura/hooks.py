"""What BitFactura's hook bodies say. Pure, and tolerant of everything but a missing or impossible id.

The body names neither the event nor a time. Recorded generations differ: the older ones lack the top-level `id`
or `client_id`; a sales document arrives under `deal`, written for a CRM. So only the id is taken from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from shared import errors
from shared.connectors import hooks
from shared.connectors.contract import CanaryBody, HookKind, HookRules, Told
from shared.connectors.hooks import Json

SYNC: Final = "client:sync"

RULES: Final = HookRules(
    kinds={
        "client:create": HookKind(resource="clients"),
        "client:update": HookKind(resource="clients"),
        "client:destroy": HookKind(resource="clients", deletion=True),
        "invoice:create": HookKind(resource="invoices"),
        "invoice:update": HookKind(resource="invoices"),
        "invoice:destroy": HookKind(resource="invoices", deletion=True),
        SYNC: HookKind(resource="clients", bulk=True),
    },
    secret_key="api_token",  # noqa: S106 -- the name of a key, not a secret
    extra_paths=("/app/clients/external_update.json",),
    canary=CanaryBody(kind="client:update", body=lambda record_id: {"client_id": record_id}),
)

_NAMING: Final[Mapping[str, hooks.Naming]] = {
    "clients": hooks.Naming(top=("client_id", "id"), objects=("client",), family="fakturownia"),
    "invoices": hooks.Naming(top=("id", "invoice_id"), objects=("deal", "invoice"), family="fakturownia"),
}


def changes_in(hook_kind: str, body: bytes) -> Sequence[Told]:
    """The records that a body names: one, or all of a `client:sync` that came as a list.

    Raises Rejected, naming the field, for a body without a usable id.
    """
    rule = RULES.kinds.get(hook_kind)
    if rule is None:
        raise errors.Rejected(f"BitFactura has no hook kind {hook_kind[:40]!r}.", field="hook kind")
    whole = hooks.object_in(body)
    bodies: Sequence[Json] = [whole]
    many = whole.get("clients")
    if rule.bulk and isinstance(many, list):
        bodies = [
            each
            if isinstance(each, dict) and "client" in each
            else {"client": each, "app_name": whole.get("app_name")}
            for each in many
        ]
    told = {
        record_id: Told(resource=rule.resource, record_id=record_id, deletion=rule.deletion)
        for record_id in (hooks.record_named(each, _NAMING[rule.resource]) for each in bodies)
    }
    return list(told.values())
