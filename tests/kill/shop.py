"""The people of the second bridge: somebody at Factusol's desktop program, which numbers each new client with the
highest number plus one, and salespeople in Clientify's panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from tests.kill.people import People
from tests.scenarios.shop import COLUMNS, FORM, named

LEFT: Final = "factusol"
RIGHT: Final = "clientify"
PATHS: Final = {LEFT: "/programa/clientes", RIGHT: "/panel/contacts"}
RESOURCES: Final = {LEFT: "clients", RIGHT: "contacts"}

_NAMES: Final = {LEFT: COLUMNS, RIGHT: FORM}
_NIF_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


class Shop(People):
    """See the module. Every client has a valid tax number, so that a contact is a client at once."""

    left: ClassVar[str] = LEFT
    right: ClassVar[str] = RIGHT
    fields: ClassVar[tuple[str, ...]] = ("city", "street", "post_code", "note", "province", "name", "phone")

    async def seed(self, side: str, fields: Mapping[str, str]) -> int:
        """Typed in before Puente knows of anybody."""
        return await self.create(side, fields)

    async def create(self, side: str, fields: Mapping[str, str]) -> int:
        made = await self._vendors.act(side, "POST", PATHS[side], named(dict(fields), _NAMES[side]))
        return int(made["id"])

    async def update(self, side: str, number: int, values: Mapping[str, str]) -> None:
        await self._vendors.act(side, "PUT", f"{PATHS[side]}/{number}", named(dict(values), _NAMES[side]))

    async def remove(self, side: str, number: int) -> None:
        await self._vendors.act(side, "DELETE", f"{PATHS[side]}/{number}")

    async def markers(self, side: str) -> Mapping[str, int]:
        found = await self._vendors.records(side, RESOURCES[side])
        return {str(each.get(_NAMES[side]["email"])): int(each["id"]) for each in found}

    def fields_of(self, number: int, marker: str) -> dict[str, str]:
        tax_no = 10_000_000 + number
        return {
            "name": f"Cliente {number:05d}",
            "tax_no": f"{tax_no}{_NIF_LETTERS[tax_no % 23]}",
            "email": marker,
            "city": self.value("city"),
        }

    def value(self, name: str) -> str:
        # A post code is longer in the CRM than in the program, where its end would be cut off.
        value = super().value(name)
        return value.replace("post_code ", "P") if name == "post_code" else value
