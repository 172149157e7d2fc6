"""Fiscal years: one database for each, with a table of customers of its own. Which of them are in use when.

The customers of a year are carried over, with their numbers, when the program opens the next one; so a number is
the same customer in each, and is the record's id. The calendar's year is read first, the one before it until that
is opened. Around New Year two are open at once, and both are in use: see `books.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from shared import errors
from shared.connectors.contract import Access
from shared.connectors.factusol import sql
from shared.connectors.factusol.wire import Api, NoSuchYear, RefusedCall

_log = structlog.get_logger("puente.connectors")

_LOOKED_AT_EVERY = timedelta(minutes=10)
_LOOKED_BACK = 5
_OVERLAP_DAYS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """The years in use, the one that is read first in front. `thin` is a year that is open and holds too few
    customers to be the one that goes on: they were not carried over."""

    years: Sequence[str]
    looked_at: datetime
    sizes: Mapping[str, int] = field(default_factory=dict)
    thin: str = ""

    @property
    def first(self) -> str:
        return self.years[0]


def today(now: datetime, access: Access) -> date:
    """The day where the business is."""
    return now.astimezone(ZoneInfo(access.time_zone)).date()


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


def overlap_days(access: Access) -> int:
    """The account's `year_overlap`: for how many days around New Year both years are in use."""
    text = access.settings.get("year_overlap", "").strip()
    if not text:
        return _OVERLAP_DAYS
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > 180:
        raise errors.NeedsOperator(
            "The account's setting 'year_overlap' must be a number of days from 0 to 180.",
            way_out="Correct the setting.",
        )
    return int(text)


def neighbours(day: date, days: int) -> Sequence[int]:
    """The years that are in use beside the calendar's on this day."""
    found = []
    if day - date(day.year, 1, 1) < timedelta(days=days):
        found.append(day.year - 1)
    if date(day.year + 1, 1, 1) - day <= timedelta(days=days):
        found.append(day.year + 1)
    return found


class Years:
    """Which years of one account are in use now. Looked at anew every some minutes, and when one refuses."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._held: InUse | None = None
        self._largest: dict[str, int] = {}
        self._day: date | None = None

    async def in_use(self) -> InUse:
        """Raises NoSuchYear or RefusedCall when none of them answers."""
        now = self._api.clock.now()
        day = today(now, self._api.access)
        held = self._held
        if held is None or now - held.looked_at >= _LOOKED_AT_EVERY or self._day != day:
            found = await self._found(now, day)
            if held is not None and held.years != found.years:
                _log.info("factusol.years", account=self._api.access.account, years=list(found.years))
            if found.thin and (held is None or held.thin != found.thin):
                _log.warning(
                    "factusol.year_not_carried_over",
                    account=self._api.access.account,
                    year=found.thin,
                    read=found.first,
                )
            held = self._held = found
            self._day = day
        return held

    def forget(self) -> None:
        """Look again at the next call: a year refused what it took before."""
        self._held = None

    async def _found(self, now: datetime, day: date) -> InUse:
        fixed = fixed_year(self._api.access)
        days = overlap_days(self._api.access)
        if fixed:
            try:
                return InUse(years=[fixed], looked_at=now, sizes={fixed: await self.size(fixed)})
            except NoSuchYear:
                raise await self._offered(fixed) from None
        calendar, before = str(day.year), str(day.year - 1)
        sizes, problems = await self._sizes([calendar, before])
        refused = problems.get(calendar)
        early = day - date(day.year, 1, 1) < timedelta(days=days)
        if refused is not None and (
            before not in sizes or calendar in self._largest or (isinstance(refused, RefusedCall) and not early)
        ):
            # A year that answered before, or that must be open by now, is away for the moment: last year's
            # customers in its place would be old ones.
            raise await self._offered(calendar) if isinstance(refused, NoSuchYear) else refused
        first = calendar if refused is None else before
        thin = ""
        known = max(sizes.get(before, 0), self._largest.get(before, 0))
        if first == calendar and 2 * sizes[calendar] < known:
            if before not in sizes:
                raise errors.Retryable(
                    f"{calendar} holds {sizes[calendar]} customers; {before} held {known} and does not answer.",
                    way_out=f"Carry the customers over in Factusol, or set the account's `year` to {calendar}.",
                )
            first, thin = before, calendar
        self._largest |= sizes
        beside = [str(each) for each in neighbours(day, days) if str(each) not in {first, thin}]
        ahead, _ = await self._sizes([each for each in beside if each not in sizes and each != before])
        sizes |= {year: size for year, size in ahead.items() if 2 * size >= sizes[first]}
        years = [first, *(each for each in beside if each in sizes)]
        return InUse(years=years, looked_at=now, sizes=sizes, thin=thin)

    async def _sizes(self, years: Sequence[str]) -> tuple[dict[str, int], dict[str, errors.PuenteError]]:
        """The customers of each year that answers, and why the others do not."""
        sizes: dict[str, int] = {}
        problems: dict[str, errors.PuenteError] = {}
        for year in years:
            try:
                sizes[year] = await self.size(year)
            except (NoSuchYear, RefusedCall) as refused:
                problems[year] = refused
        return sizes, problems

    async def _offered(self, year: str) -> NoSuchYear:
        """The error for a year that is not there, with the newest one that is."""
        return NoSuchYear(year, instead=await self.another())

    async def another(self) -> str:
        """The newest year that is there, whatever the settings say; "" where none is found among the last few."""
        newest = today(self._api.clock.now(), self._api.access).year + 1
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
