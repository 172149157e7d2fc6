"""A client in Factusol and the contact in Clientify are one: created or edited on either side, field by field.

A contact becomes a client of Factusol when it is one: with a name and a valid tax number, or with a status or tag
that the shop owner chose for it. Until then it is a lead, is counted, and nothing is made.
"""

from __future__ import annotations

from shared.connectors import clientify, factusol
from shared.flows.spec import End, IdField, OnGone, Option, Options, Side, TwoWay
from shared.model.normal import is_empty, is_valid_anywhere
from shared.model.record import CUSTOMER, Fields


def waits_to_be_a_client(fields: Fields, options: Options, country: str) -> str:
    """Why a contact is no client yet; "" if it is one."""
    if is_empty(fields.get("name")):
        return "it has no name"
    if str(fields.get("stage") or "") in _words(options, "create_status"):
        return ""
    tags = {tag.strip().casefold() for tag in str(fields.get("tags") or "").split(",")}
    if tags & {word.casefold() for word in _words(options, "create_tag")}:
        return ""
    if not options.get("create_with_tax_no"):
        return "it has neither the status nor the tag of a client"
    tax_no, home = fields.get("tax_no"), fields.get("country")
    if is_empty(tax_no):
        return "it has no tax number"
    valid = is_valid_anywhere(str(tax_no), (country, home if isinstance(home, str) else ""))
    return "" if valid else "its tax number is not valid"


def _words(options: Options, name: str) -> frozenset[str]:
    given = options.get(name)
    return frozenset(map(str, given)) if isinstance(given, (list, tuple)) else frozenset()


FLOW = TwoWay(
    name="customer_factusol_clientify",
    says="Clients and contacts, both ways",
    entity=CUSTOMER,
    left=End(factusol.CONNECTOR, "clients"),
    right=End(clientify.CONNECTOR, "contacts"),
    match_on=("tax_no", "email"),
    id_field=IdField(side=Side.RIGHT, name="other_id"),
    # Name, tax number and address are what stands on invoices; how to reach somebody is what salespeople know.
    default_winner=Side.LEFT,
    winner=dict.fromkeys(("email", "phone", "mobile_phone", "fax", "www", "note"), Side.RIGHT),
    may_clear=("note",),
    create_when={Side.LEFT: waits_to_be_a_client},
    on_gone=OnGone.MARK_GONE,
    options=(
        Option(name="winner", kind="word", default=None, says="Which side wins, field by field"),
        Option(
            name="match_on",
            kind="words",
            default=("tax_no", "email"),
            says="By what, after the number, a counterpart is found",
            among=("tax_no", "email"),
        ),
        Option(
            name="create_with_tax_no",
            kind="flag",
            default=True,
            says="A contact with a name and a valid tax number is a client",
        ),
        Option(name="create_status", kind="words", default=(), says="A contact with one of these statuses is one"),
        Option(name="create_tag", kind="words", default=(), says="A contact with one of these tags is one"),
    ),
)
