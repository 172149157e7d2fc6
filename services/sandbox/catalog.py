"""The systems that the sandbox knows, and those that it serves when nobody says which: all of them."""

from services.sandbox import bitfactura, clientify, factusol, sugester
from services.sandbox.system import System

SYSTEMS: tuple[System, ...] = (bitfactura.SYSTEM, sugester.SYSTEM, factusol.SYSTEM, clientify.SYSTEM)
SERVED: tuple[System, ...] = SYSTEMS
