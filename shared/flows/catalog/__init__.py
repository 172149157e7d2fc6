"""All flows, by hand. A bridge between two systems gets every flow that joins them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.flows.catalog import (
    asunto_bitfactura_sugester,
    customer_bitfactura_sugester,
    customer_factusol_clientify,
)
from shared.flows.spec import Flow
from shared.model.text import Text

FLOWS: dict[str, Flow] = {
    flow.name: flow
    for flow in (
        customer_bitfactura_sugester.FLOW,
        asunto_bitfactura_sugester.FLOW,
        customer_factusol_clientify.FLOW,
    )
}


def between(left: str, right: str) -> list[Flow]:
    """The flows of a bridge from `left` to `right`; empty if these two systems are not joined."""
    return [
        flow for flow in FLOWS.values() if (flow.left.connector.name, flow.right.connector.name) == (left, right)
    ]


# The vendors' own way from one program to the other, without a new log-in, and why it fails (their help pages).
_SWITCHES: Final[Mapping[tuple[str, str], Text]] = {
    ("bitfactura", "sugester"): Text(
        en="The buttons CRM and FACTURAS of the two programs open the other one without a new log-in, if the "
        "e-mail of your user is the same in both. “Multipass login failed” means that it is not, or that "
        "your user may not switch. Make the two e-mails equal, in the settings of your own user in either "
        "program. Who may switch stands in Sugester under Ajustes > Ajustes de cuenta > Integración. The "
        "links above need no switch: they ask you to log in where you are not.",
        es="Los botones CRM y FACTURAS de los dos programas abren el otro sin volver a entrar, si el correo "
        "de su usuario es el mismo en ambos. “Multipass login failed” quiere decir que no lo es, o que su "
        "usuario no puede cambiar de programa. Ponga el mismo correo, en los ajustes de su usuario de uno "
        "de los dos programas. Quién puede cambiar está en Sugester, en Ajustes > Ajustes de cuenta > "
        "Integración. Los enlaces de arriba no lo necesitan: le piden entrar donde no haya entrado.",
    )
}


def switch_between(left: str, right: str) -> Text | None:
    """What to tell somebody for whom the two programs' own switch fails; None where they have none."""
    return _SWITCHES.get((left, right))
