"""Factusol, an invoicing program of Software DELSOL: its tables over an API, one database for each fiscal year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from shared.connectors.contract import (
    Access,
    Credential,
    HookRules,
    Limits,
    LookUp,
    Resource,
    Session,
    Told,
    Wire,
)
from shared.connectors.factusol import hooks, login, mapping
from shared.connectors.factusol.session import FactusolSession
from shared.model.record import CUSTOMER
from shared.model.text import Text

# No page says how soon a write is seen; one database is assumed, with something added for doubt.
_VISIBLE_AFTER: Final = timedelta(seconds=15)

CLIENTS: Final = Resource(
    name="clients",
    entity=CUSTOMER,
    columns=mapping.COLUMNS,
    look_up=LookUp.CHOSEN_KEY,
    visible_after=_VISIBLE_AFTER,
    create_answers="all",
    searchable=frozenset({"tax_no", "email"}),
    change_time="hint",
    changed_first=True,
    change_grain=timedelta(days=1),
)


class Factusol:
    """The connector; README.md beside this file tells its limits and what it assumes."""

    name: Final = "factusol"
    title: Final = "Factusol"
    resources: Final[Mapping[str, Resource]] = {"clients": CLIENTS}
    hooks: Final[HookRules] = hooks.RULES
    # No limit is published. One call at a time is what the page advises; large reads take their time.
    limits: Final = Limits(per_minute=300, concurrent=1, timeout=timedelta(seconds=60), page_size=500)
    credentials: Final[Sequence[Credential]] = (
        Credential(
            name=login.PACKED,
            label=Text(en="API key, all in one", es="clave de la API, todo en uno"),
            alone=True,
        ),
        Credential(
            name="manufacturer",
            label=Text(en="manufacturer's number", es="código de fabricante"),
            secret=False,
        ),
        Credential(
            name="client",
            label=Text(en="customer's number at DELSOL", es="código de cliente de DELSOL"),
            secret=False,
        ),
        Credential(name="database", label=Text(en="database (FS001)", es="base de datos (FS001)"), secret=False),
        Credential(name="password", label=Text(en="password of the API", es="contraseña de la API")),
    )

    def identity(self, access: Access) -> str:
        """One company of one of DELSOL's customers, whichever form its values were given in."""
        values = login.given(access.credentials)
        return f"{values['client']}/{values['database']}".lower()

    def changes_in(self, hook_kind: str, body: bytes) -> Sequence[Told]:
        return hooks.changes_in(hook_kind, body)

    def open(self, access: Access, wire: Wire) -> Session:
        return FactusolSession(self, access, wire)


CONNECTOR: Final = Factusol()
