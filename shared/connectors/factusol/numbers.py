"""Customers' numbers. Whoever writes chooses one, the program too: the highest plus one, as a rule.

Which of two writers was first is known only when the row is written; what this chooses is kept with the write's
intent before that.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from shared import errors
from shared.connectors.contract import Access
from shared.connectors.factusol import sql
from shared.connectors.factusol.wire import Api

HIGHEST = 2**31 - 1


def range_of(access: Access) -> tuple[int, int]:
    """The account's `numbers`: those that we may give. Raises NeedsOperator for a text that is no range."""
    text = access.settings.get("numbers", "").strip()
    if not text:
        return 1, HIGHEST
    found = re.fullmatch(r"(\d{1,10})\s*-\s*(\d{1,10})", text)
    low, high = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 0 < low <= high <= HIGHEST:
        raise errors.NeedsOperator(
            "The account's setting 'numbers' must be a range of customers' numbers.",
            way_out="Write it as 500000-599999, or leave it out for the highest number plus one.",
        )
    return low, high


class Numbers:
    """Chooses numbers for one account. Several that are chosen at once, before any was written, differ."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._given = 0

    async def choose(self, years: Sequence[str], taken: Collection[str]) -> int:
        """The next number that nobody has in any of the years. Raises NeedsOperator when the range is used up."""
        low, high = range_of(self._api.access)
        highest = max([await self.highest(year, low, high) for year in years])
        others = {int(each) for each in taken if each.isdigit() and low <= int(each) <= high}
        number = max(highest, self._given if low <= self._given <= high else 0, low - 1) + 1
        while number in others:
            number += 1
        if number > high:
            raise errors.NeedsOperator(
                f"The customers' numbers from {low} to {high} are used up.",
                way_out="Give the account a wider range in its setting 'numbers'.",
            )
        self._given = number
        return number

    async def highest(self, year: str, low: int, high: int) -> int:
        """The highest number that is in use in the range; 0 for none."""
        rows = await self._api.select(year, sql.highest(low, high))
        if len(rows) != 1 or "HIGHEST" not in rows[0]:
            raise errors.Retryable(f"Factusol does not say which number is the highest in {year}.")
        found = rows[0]["HIGHEST"]
        if found is None or found == "":
            return 0
        if isinstance(found, str) and found.strip().isdigit():
            return int(found)
        if isinstance(found, int) and not isinstance(found, bool):
            return max(found, 0)
        raise errors.Retryable(f"Factusol does not say which number is the highest in {year}.")
