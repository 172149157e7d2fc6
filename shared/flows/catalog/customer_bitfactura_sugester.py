"""A client in BitFactura and the client in Sugester are one: created or edited on either side, field by field."""

from __future__ import annotations

from shared.connectors import bitfactura, sugester
from shared.flows.spec import End, OnGone, Option, Side, TwoWay
from shared.model.record import CUSTOMER

FLOW = TwoWay(
    name="customer_bitfactura_sugester",
    says="Clients, both ways",
    entity=CUSTOMER,
    left=End(bitfactura.CONNECTOR, "clients"),
    right=End(sugester.CONNECTOR, "clients"),
    match_on=("tax_no", "email"),
    # What the office types into an invoicing program is checked by the tax office; notes belong to the CRM.
    default_winner=Side.LEFT,
    winner={"note": Side.RIGHT},
    may_clear=("note",),
    on_gone=OnGone.MARK_GONE,
    options=(Option(name="winner", kind="word", default=None, says="Which side wins, field by field"),),
)
