"""Fiscal years: one database for each, with a customers' table of its own. Which one is read, which are written.

The customers of a year are carried over, with their numbers, when the program opens the next one; so a number is
the same customer in each, and is the record's id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared import errors
from shared.connectors.contract import Access
from shared.connectors.factusol import sql
from shared.connectors.factusol.wire import Api, NoSuchYear, RefusedCall

_LOOKED_AT_EVERY = timedelta(minutes=10)
_LOOKED_BACK = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The years in use, the one that is read first."""

    years: Sequence[str]
    looked_at: datetime

    @property
    def read(self) -> str:
        return self.years[0]


def calendar_year(now: datetime, access: Access) -> int:
    """The year that the business is in."""
    return now.astimezone(ZoneInfo(access.time_zone)).year


def fixed_year(access: Access) -> str:
    """The account's `year`, "" for `auto`. Raises NeedsOperator for anything else."""
    text = access.settings.get("year", "").strip().lower()
    if text in {"", "auto"}:
        return ""
    if not re.fullmatch(r"(19|20|21)\d{2}", text):
        raise errors.NeedsOperator(
            "The account's setting 'year' must be a year of four digits, or auto.", way_out="Correct the setting."
        )
    return text


class Years:
    """Which years of one account are in use now."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._open: Open | None = None

    async def open(self) -> Open:
        """Look which years are there, at most every some minutes. Raises NoSuchYear or RefusedCall."""
        now = self._api.clock.now()
        held = self._open
        if held is None or now - held.looked_at >= _LOOKED_AT_EVERY:
            held = self._open = Open(years=[await self._newest(now)], looked_at=now)
        return held

    def forget(self) -> None:
        self._open = None

    async def _newest(self, now: datetime) -> str:
        fixed = fixed_year(self._api.access)
        year = calendar_year(now, self._api.access)
        problem: errors.PuenteError | None = None
        for each in [fixed] if fixed else [str(year), str(year - 1)]:
            try:
                await self.size(each)
            except (NoSuchYear, RefusedCall) as refused:
                problem = problem or refused
            else:
                return each
        raise problem or NoSuchYear(str(year))

    async def another(self) -> str:
        """The newest year that is there, whatever the settings say; "" where none is found among the last few."""
        newest = calendar_year(self._api.clock.now(), self._api.access) + 1
        for year in range(newest, newest - _LOOKED_BACK, -1):
            try:
                await self.size(str(year))
            except (NoSuchYear, RefusedCall):
                continue
            return str(year)
        return ""

    async def size(self, year: str) -> int:
        """How many customers a year holds. Raises Retryable where its table does not answer."""
        return await counted(self._api, year, "")


async def counted(api: Api, year: str, condition: str, *, bulk: bool = False) -> int:
    """How many rows meet the condition, proved: a condition that was not understood counts nothing at all."""
    rows = await api.select(year, sql.count(condition), bulk=bulk)
    found = rows[0].get("HOWMANY") if len(rows) == 1 else None
    if isinstance(found, str) and found.strip().isdigit():
        return int(found)
    if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
        return found
    raise errors.Retryable(
        f"Factusol counted nothing in {year}: perhaps it did not understand, so that nothing counts as missing."
    )
