"""Vendors of the tests' own: connectors as complete as the door needs them, with hooks of every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from shared import errors
from shared.connectors import hooks
from shared.connectors.contract import (
    Access,
    Column,
    Connector,
    Credential,
    HookKind,
    HookRules,
    Limits,
    LookUp,
    Resource,
    Session,
    Told,
    Wire,
)
from shared.model.record import CUSTOMER

CLIENTS = Resource(
    name="clients",
    entity=CUSTOMER,
    columns={"name": Column()},
    look_up=LookUp.NONE,
    visible_after=timedelta(seconds=1),
)
KINDS = {
    "client:update": HookKind(resource="clients"),
    "client:destroy": HookKind(resource="clients", deletion=True),
    "client:sync": HookKind(resource="clients", bulk=True),
    "broken": HookKind(resource="clients"),
    "elsewhere": HookKind(resource="planets"),
}
PASTED = "/app/clients/external_update.json"


@dataclass(frozen=True, kw_only=True)
class Kiosk:
    """A vendor whose bodies are `{"api_token": secret, "ids": [1, 2]}`, or without the secret."""

    name: str = "kiosk"
    title: str = "Kiosk"
    hooks: HookRules = field(
        default_factory=lambda: HookRules(kinds=KINDS, secret_key="api_token", extra_paths=(PASTED,))
    )
    resources: Mapping[str, Resource] = field(default_factory=lambda: {"clients": CLIENTS})
    limits: Limits = field(default_factory=lambda: Limits(per_minute=60))
    credentials: Sequence[Credential] = ()

    def identity(self, access: Access) -> str:
        return access.base_url

    def changes_in(self, hook_kind: str, body: bytes) -> Sequence[Told]:
        if hook_kind == "broken":
            return [Told(resource="clients", record_id=KINDS[body.decode()].resource)]
        resource = self.hooks.kinds[hook_kind].resource
        ids = hooks.object_in(body).get("ids")
        if not isinstance(ids, list):
            raise errors.Rejected("The body holds no ids.", field="ids")
        return [Told(resource=resource, record_id=hooks.record_id_in(each, "ids")) for each in ids]

    def open(self, access: Access, wire: Wire) -> Session:
        raise NotImplementedError("the door opens no session")


KIOSK: Connector = Kiosk()
PAPER: Connector = Kiosk(name="paper", title="Paper", hooks=HookRules(kinds=KINDS, when_unstored=500))
