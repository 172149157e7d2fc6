"""All flows, by hand. A bridge between two systems gets every flow that joins them."""

from __future__ import annotations

from shared.flows.catalog import (
    asunto_bitfactura_sugester,
    customer_bitfactura_sugester,
    customer_factusol_clientify,
)
from shared.flows.spec import Flow

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
