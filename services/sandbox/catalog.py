"""The systems that the sandbox serves."""

from services.sandbox import bitfactura, sugester
from services.sandbox.system import System

SYSTEMS: tuple[System, ...] = (bitfactura.SYSTEM, sugester.SYSTEM)
