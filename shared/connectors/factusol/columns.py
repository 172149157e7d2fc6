"""Which columns an installation's table of customers has: one that it lacks empties a read and refuses a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared import errors
from shared.connectors.factusol import mapping, sql
from shared.connectors.factusol.wire import Api, RefusedCall
from shared.connectors.values import Object


class Columns:
    """The columns of ours that each year's table has, with the length of a text where the database tells it.

    Asked of the database's own catalogue; where that says nothing, of any one row; of an empty table by counting.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._found: dict[str, Mapping[str, int | None]] = {}

    async def of(self, year: str) -> Sequence[str]:
        """Names to ask for, the key first. Raises Retryable when the table cannot be looked at."""
        return list(await self._lengths(year))

    async def fitted(self, year: str, row: Object) -> tuple[Object, Sequence[str]]:
        """The row without the columns that are not there, texts cut to a length below the known one; and what was
        left out."""
        lengths = await self._lengths(year)
        kept: Object = {name: _cut(value, lengths[name]) for name, value in row.items() if name in lengths}
        return kept, [name for name in row if name not in lengths]

    def forget(self) -> None:
        self._found.clear()

    async def _lengths(self, year: str) -> Mapping[str, int | None]:
        held = self._found.get(year)
        if held is None:
            held = await self._discovered(year)
            if mapping.KEY not in held:
                raise errors.Retryable(f"Factusol's table of customers of {year} has no {mapping.KEY}.")
            self._found[year] = held
        return held

    async def _discovered(self, year: str) -> Mapping[str, int | None]:
        try:
            rows = await self._api.select(year, sql.catalogue(mapping.WANTED))
        except RefusedCall:  # an installation that refuses this, or so many rows, still shows one
            rows = []
        told = {str(row.get("NAME")).upper(): _length(row.get("LENGTH")) for row in rows}
        if told:
            return {name: told[name] for name in mapping.WANTED if name in told}
        rows = await self._api.select(year, sql.any_row())
        if rows:
            return {name: None for name in mapping.WANTED if name in rows[0]}
        if await self._api.select(year, sql.counted(mapping.WANTED)):
            return dict.fromkeys(mapping.WANTED)
        there = [name for name in mapping.WANTED if await self._api.select(year, sql.counted([name]))]
        return dict.fromkeys(there)


def _length(value: object) -> int | None:
    """Characters of a text; None for everything else, and for texts without an end."""
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10_000 else None


def _cut(value: object, length: int | None) -> str | int | None:
    if isinstance(value, str):
        return value if length is None or len(value) <= length else value[:length].rstrip()
    return value if isinstance(value, int) else None
