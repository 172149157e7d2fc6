"""Sugester, the CRM of the same group as BitFactura. Its deals are called Asuntos in Spanish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from shared.connectors import checks
from shared.connectors.contract import (
    Access,
    Column,
    Credential,
    HookRules,
    Limits,
    LookUp,
    Resource,
    Session,
    Told,
    Wire,
)
from shared.connectors.sugester import hooks, mapping
from shared.connectors.sugester.wire import SugesterSession
from shared.model.record import CUSTOMER, DEAL
from shared.model.text import Text

# No length is documented; 255 is what short text of this family of products bears. Notes are long.
_LONG: Final = frozenset({"note", "description", "delivery_address"})
# No page says how soon a write is seen in a list; one database is assumed, with something added for doubt.
_VISIBLE_AFTER: Final = timedelta(seconds=15)

CLIENTS: Final = Resource(
    name="clients",
    entity=CUSTOMER,
    columns={name: Column(max_length=None if name in _LONG else 255) for name in mapping.CLIENT},
    look_up=LookUp.SCAN,
    visible_after=_VISIBLE_AFTER,
    update_answers="part",
    change_time="hint",
)

DEALS: Final = Resource(
    name="deals",
    entity=DEAL,
    columns={
        "name": Column(max_length=255),
        "description": Column(),
        "client": Column(),
        "price": Column(),
        "link": Column(),
        "status": Column(max_length=255),
        # The invoicing product sends these along; no page says that they are read back.
        "currency": Column(shown=False),
        "date": Column(shown=False),
        "number": Column(max_length=255, shown=False),
        "kind": Column(max_length=255, shown=False),
        "paid": Column(shown=False),
    },
    look_up=LookUp.NATURAL_KEY,
    visible_after=_VISIBLE_AFTER,
    update_answers="part",
    change_time="hint",
)


class Sugester:
    """The connector; README.md beside this file tells its limits and what it assumes."""

    name: Final = "sugester"
    title: Final = "Sugester"
    resources: Final[Mapping[str, Resource]] = {"clients": CLIENTS, "deals": DEALS}
    hooks: Final[HookRules] = hooks.RULES
    # No limit is published: two calls a second, as for its sister product.
    limits: Final = Limits(per_minute=120, concurrent=2)
    credentials: Final[Sequence[Credential]] = (
        Credential(name="token", label=Text(en="API token", es="Token de API (ApiToken)")),
    )

    def identity(self, access: Access) -> str:
        base_url = access.base_url.strip().rstrip("/").removesuffix("/app")
        return checks.identity_of(access.credentials.get("token", ""), base_url)

    def changes_in(self, hook_kind: str, body: bytes) -> Sequence[Told]:
        return hooks.changes_in(hook_kind, body)

    def open(self, access: Access, wire: Wire) -> Session:
        return SugesterSession(self, access, wire)


CONNECTOR: Final = Sugester()
