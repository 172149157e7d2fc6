"""BitFactura (Spain), an invoicing product; the same API as Fakturownia, InvoiceOcean and VosFactures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from shared.connectors import checks
from shared.connectors.bitfactura import hooks, mapping
from shared.connectors.bitfactura.wire import REST, BitFacturaSession
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
from shared.model.record import CUSTOMER, INVOICE
from shared.model.text import Text

# No length is documented; 255 is what short text of this family of products bears. Notes are long.
_LONG: Final = frozenset({"note", "delivery_address"})
# No page says how soon a write is seen by a search; one database is assumed, with something added for doubt.
_VISIBLE_AFTER: Final = timedelta(seconds=15)

CLIENTS: Final = Resource(
    name="clients",
    entity=CUSTOMER,
    columns={name: Column(max_length=None if name in _LONG else 255) for name in mapping.CLIENT},
    look_up=LookUp.REFERENCE,
    visible_after=_VISIBLE_AFTER,
    searchable=frozenset({"tax_no", "email"}),
    change_time="trusted",
    changed_first=True,
)

INVOICES: Final = Resource(
    name="invoices",
    entity=INVOICE,
    columns={name: Column(writable=False) for name in INVOICE.fields},
    look_up=LookUp.REFERENCE,
    visible_after=_VISIBLE_AFTER,
    change_time="trusted",
    changed_first=True,
    writable=False,
)


class BitFactura:
    """The connector; README.md beside this file tells its limits and what it assumes."""

    name: Final = "bitfactura"
    title: Final = "BitFactura"
    resources: Final[Mapping[str, Resource]] = {"clients": CLIENTS, "invoices": INVOICES}
    hooks: Final[HookRules] = hooks.RULES
    # No limit is published: two calls a second are what careful public clients keep to.
    limits: Final = Limits(per_minute=120, concurrent=2)
    credentials: Final[Sequence[Credential]] = (
        Credential(name="token", label=Text(en="API token", es="Código de autorización de API")),
    )

    def identity(self, access: Access) -> str:
        return checks.identity_of(access.credentials.get("token", ""), access.base_url)

    def changes_in(self, hook_kind: str, body: bytes) -> Sequence[Told]:
        return hooks.changes_in(hook_kind, body)

    def open(self, access: Access, wire: Wire) -> Session:
        return BitFacturaSession(self, REST, access, wire)


CONNECTOR: Final = BitFactura()
