"""Every connector, by name. A new one is added here by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.connectors import bitfactura, clientify, factusol, sugester
from shared.connectors.contract import Connector

CONNECTORS: Final[Mapping[str, Connector]] = {
    each.name: each for each in (bitfactura.CONNECTOR, sugester.CONNECTOR, factusol.CONNECTOR, clientify.CONNECTOR)
}
