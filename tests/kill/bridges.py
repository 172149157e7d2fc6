"""The two bridges as the rig knows them: their people, their flow, how they are set up, how their vendors fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.flows.catalog import asunto_bitfactura_sugester as asuntos
from shared.flows.catalog import customer_bitfactura_sugester as invoicing_customers
from shared.flows.catalog import customer_factusol_clientify as shop_customers
from shared.flows.spec import Document, TwoWay
from shared.model.normal import normal
from shared.model.record import CUSTOMER
from tests.kill.invoicing import Invoicing
from tests.kill.people import People
from tests.kill.shop import Shop
from tests.kill.vendors import Json
from tests.scenarios.shop import COLUMNS, client_of, contact_of, plain

DEFAULT: Final = "bitfactura-sugester"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One system of a bridge. `switches` are set in the sandbox before anything else."""

    system: str
    resource: str = "clients"
    settings: Mapping[str, str]
    switches: Mapping[str, object]
    faults: Sequence[str]
    """By name, as often as it should be chosen; creates and the rest fail as `plan.py` says."""
    creates: str
    """Which calls make a record: a pattern on method and path."""
    shown: Callable[[Json], Json] = dict
    """A record with its fields as Puente names them."""


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """Two systems. `documents` is the flow that makes something of documents, if there is one."""

    name: str
    left: Side
    right: Side
    people: type[People]
    flow: TwoWay
    documents: Document | None = None
    number_field: str = ""
    """The field of the right side that shows the left side's id."""

    @property
    def sides(self) -> Mapping[str, Side]:
        return {each.system: each for each in (self.left, self.right)}

    def plain(self, name: str, value: object) -> str:
        """A value of a shared field as both sides can hold it."""
        text = value if value is None or isinstance(value, bool) else str(value)
        if self.number_field:
            return plain(self.flow, name, text)
        return normal(CUSTOMER.fields[name], text, country="ES")


_CREATES_FAIL: Final = ("create_late", "create_late", "create_then_drop", "create_then_drop")
_HOOKS_FAIL: Final = ("hooks_lost", "hooks_doubled", "hooks_reordered")
_USUAL: Final = (*_CREATES_FAIL, "stale_search", "stale_read", "rate_limit", "server_error", "slow")
# Rows of hooks are not switched off for failing: an hour of sweeps alone would leave the door with nothing to do.
_KEEPS_HOOKS: Final[Mapping[str, object]] = {"hook_failures_before_off": 0, "hook_timeout": 6.0}

_INVOICING: Final = Bridge(
    name=DEFAULT,
    left=Side(
        system="bitfactura",
        settings={},
        switches=_KEEPS_HOOKS,
        faults=(*_USUAL, *_HOOKS_FAIL),
        creates=r"POST .*/clients\.json",
    ),
    right=Side(
        system="sugester",
        settings={"hooks_api": "yes"},
        switches={"webhooks": True, "webhooks_api": True, **_KEEPS_HOOKS},
        faults=(*_USUAL, *_HOOKS_FAIL),
        creates=r"POST .*/(clients|deals)\.json",
    ),
    people=Invoicing,
    flow=invoicing_customers.FLOW,
    documents=asuntos.FLOW,
)

# `number_taken`: a person at the desk saves a client under the number that Puente has just chosen.
_FACTUSOL_FAILS: Final = (*_USUAL, "number_taken", "number_taken", "error_with_200", "token_expired")


def _shop(api: str) -> Bridge:
    """With the version of Clientify's API: only the second one sends hooks."""
    return Bridge(
        name="factusol-clientify" if api == "v2" else "factusol-clientify-v1",
        left=Side(
            system="factusol",
            settings={"calls_at_once": "4"},
            switches={},
            faults=_FACTUSOL_FAILS,
            creates=r"POST .*/EscribirRegistro",
            shown=lambda record: client_of(dict(record), COLUMNS),
        ),
        right=Side(
            system="clientify",
            resource="contacts",
            settings={"api": api},
            switches={"versions": api, **_KEEPS_HOOKS},
            faults=(*_USUAL, "unavailable", *(_HOOKS_FAIL if api == "v2" else ())),
            creates=r"POST .*/contacts/?",
            shown=lambda record: contact_of(dict(record)),
        ),
        people=Shop,
        flow=shop_customers.FLOW,
        number_field="other_id",
    )


BRIDGES: Final[Mapping[str, Bridge]] = {each.name: each for each in (_INVOICING, _shop("v2"), _shop("v1"))}
