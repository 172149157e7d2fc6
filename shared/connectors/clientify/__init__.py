"""Clientify, a CRM from Spain. A customer is one of its contacts, whether person or company."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from shared.connectors.clientify import hooks, mapping
from shared.connectors.clientify.account import ClientifySession
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
from shared.model.record import CUSTOMER
from shared.model.text import Text

# No length is documented but that of custom fields, which is assumed as well. Free texts are long.
_LONG: Final = frozenset({"note", "description"})
_NUMBERS: Final = frozenset({"phone", "mobile_phone", "fax"})
_READ_ONLY: Final = frozenset({"tags"})
# No page says how soon a write is seen by a search; one database is assumed, with something added for doubt.
_VISIBLE_AFTER: Final = timedelta(seconds=15)

CONTACTS: Final = Resource(
    name="contacts",
    entity=CUSTOMER,
    columns={
        name: Column(
            max_length=None if name in _LONG else 255,
            one_number=name in _NUMBERS,
            writable=name not in _READ_ONLY,
        )
        for name in mapping.FIELDS
    },
    look_up=LookUp.REFERENCE,
    visible_after=_VISIBLE_AFTER,
    searchable=frozenset({"tax_no", "email", "other_id"}),
    change_time="hint",
    changed_first=True,
    own_field="other_id",
)


class Clientify:
    """The connector; README.md beside this file tells its limits and what it assumes."""

    name: Final = "clientify"
    title: Final = "Clientify"
    resources: Final[Mapping[str, Resource]] = {"contacts": CONTACTS}
    hooks: Final[HookRules] = hooks.RULES
    # No limit is published: two calls a second and one at a time are what careful public clients keep to.
    limits: Final = Limits(per_minute=120, concurrent=1)
    credentials: Final[Sequence[Credential]] = (
        Credential(name="token", label=Text(en="API key", es="Clave de API (API key)")),
    )

    def identity(self, access: Access) -> str:
        """The number of the account where its check found one: keys differ, the account is the same."""
        number = access.settings.get("account_id", "").strip()
        parts = urlsplit(access.base_url)
        return f"{parts.netloc.lower()}/{number or access.account}"

    def changes_in(self, hook_kind: str, body: bytes) -> Sequence[Told]:
        return hooks.changes_in(hook_kind, body)

    def open(self, access: Access, wire: Wire) -> Session:
        return ClientifySession(self, access, wire)


CONNECTOR: Final = Clientify()
