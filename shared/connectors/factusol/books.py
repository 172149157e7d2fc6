"""The customers of all years in use as one table. Every answer is proved where it may lie.

Reading. A broken question is answered like one that found nothing. So "no row" is believed only when a COUNT with
the same condition answers zero, which a question that was not understood never does.

Years. While two are open, a customer may have a row in each: the one that was changed later counts, on the same
day that of the year which is read first. Two rows of one number that share neither tax number nor name are two
customers, since both years number on by themselves: then only the year that is read first knows the number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from shared import errors
from shared.connectors.factusol import mapping, sql
from shared.connectors.factusol.columns import Columns
from shared.connectors.factusol.wire import Api
from shared.connectors.factusol.years import Years, counted
from shared.connectors.values import Object
from shared.model.normal import tax_number

_FOUND_AT_MOST: Final = 50

Place = tuple[date, int]
"""Where a list of the newest changes stands: the day and the number of its last row."""
Held = Mapping[str, Object]
"""A customer's rows by year, the year that is read first in front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a list: good rows, rows without a number, and where the next piece begins."""

    rows: Sequence[Object]
    broken: Sequence[errors.Rejected] = ()
    after: int | None = None
    before: Place | None = None


class Books:
    """Reads; see the module."""

    def __init__(self, api: Api, years: Years, columns: Columns) -> None:
        self._api = api
        self._years = years
        self._columns = columns

    async def held(self, record_id: str) -> Held:
        """A customer's rows by year; none when it was proved that no year in use has one."""
        found: dict[str, Object] = {}
        for year in (await self._years.in_use()).years:
            row = await self._row(year, record_id)
            if row is not None and all(is_same(row, each) for each in found.values()):
                found[year] = row
        return found

    async def _row(self, year: str, record_id: str) -> Object | None:
        condition = sql.numbered(record_id)
        found = await self._api.select(year, sql.rows(await self._columns.of(year), condition, top=2))
        for each in found:
            if _number(each) == int(record_id):
                return each
        if found:
            raise errors.Retryable("Factusol answered with another customer than the one asked for.")
        if await counted(self._api, year, condition):
            raise errors.Retryable("Factusol counts a customer and does not show it.")
        return None

    async def numbered(self, last: int, *, bulk: bool) -> Chunk:
        """Customers after a number, in its order. The end of a list is proved by counting what follows it."""
        years = (await self._years.in_use()).years
        size = self._api.limits.page_size
        found: dict[str, dict[int, Object]] = {}
        broken: list[errors.Rejected] = []
        ends: list[int] = []
        for year in years:
            query = sql.rows(await self._columns.of(year), sql.after(last), top=size)
            listed = await self._api.select(year, query, bulk=bulk)
            rows, odd = _by_number(listed, last)
            broken += odd
            found[year] = rows
            reached = max(rows, default=last)
            if len(listed) >= size and rows:
                ends.append(reached)
            elif await counted(self._api, year, sql.after(reached), bulk=bulk):
                if not rows:
                    raise errors.Retryable(f"Factusol lists nothing after number {last} and counts some.")
                ends.append(reached)
        end = min(ends, default=None)
        numbers = sorted({each for rows in found.values() for each in rows if end is None or each <= end})
        merged = [counting({year: found[year][each] for year in years if each in found[year]}) for each in numbers]
        return Chunk(rows=merged, broken=broken, after=end)

    async def changed(self, place: Place | None, *, bulk: bool) -> Chunk:
        """Customers by the day of their change, the newest first.

        Beside the first of them stand the newest numbers that show no day: a writer that sets none must not stay
        unseen until everything is listed.
        """
        years = (await self._years.in_use()).years
        size = self._api.limits.page_size
        found: dict[str, dict[int, Object]] = {}
        broken: list[errors.Rejected] = []
        ends: list[Place] = []
        for year in years:
            listed = await self._changes(year, place, bulk=bulk)
            rows, odd = _by_number([each for each in listed if place is None or _is_before(each, place)], None)
            broken += odd
            found[year] = rows
            if len(listed) >= size and (known := [at for each in rows.values() if (at := place_of(each))]):
                ends.append(min(known))
            if place is None:
                undated, odd = _by_number(await self._undated(year, bulk=bulk), None)
                found[year] = {**undated, **rows}
                broken += odd
        end = max(ends, default=None)
        wanted = {
            number
            for rows in found.values()
            for number, each in rows.items()
            if end is None or (at := place_of(each)) is None or at >= end
        }
        merged = await self._merged(years, wanted, found, bulk=bulk)
        merged.sort(key=lambda row: place_of(row) or (date.min, _number(row)), reverse=True)
        return Chunk(rows=merged, broken=broken, before=end)

    async def _changes(self, year: str, place: Place | None, *, bulk: bool) -> Sequence[Object]:
        names = await self._columns.of(year)
        if mapping.CHANGED not in names:
            return []
        condition = sql.DATED if place is None else sql.before_change(*place)
        order = f"{mapping.CHANGED} DESC, {mapping.KEY} DESC"
        query = sql.rows(names, condition, top=self._api.limits.page_size, order=order)
        listed = await self._api.select(year, query, bulk=bulk)
        if not listed and await counted(self._api, year, condition, bulk=bulk):
            raise errors.Retryable("Factusol lists no changes and counts some.")
        return listed

    async def _undated(self, year: str, *, bulk: bool) -> Sequence[Object]:
        names = await self._columns.of(year)
        condition = sql.UNDATED if mapping.CHANGED in names else ""
        query = sql.rows(names, condition, top=self._api.limits.page_size, order=f"{mapping.KEY} DESC")
        return await self._api.select(year, query, bulk=bulk)

    async def search(self, condition: str) -> Sequence[Object]:
        """The customers that meet a condition in a year in use."""
        years = (await self._years.in_use()).years
        found: dict[str, dict[int, Object]] = {}
        for year in years:
            most = min(_FOUND_AT_MOST, self._api.limits.page_size)
            query = sql.rows(await self._columns.of(year), condition, top=most)
            listed = await self._api.select(year, query)
            if not listed and await counted(self._api, year, condition):
                raise errors.Retryable("Factusol finds nothing and counts some.")
            found[year], _ = _by_number(listed, None)
        wanted = {number for rows in found.values() for number in rows}
        return await self._merged(years, wanted, found, bulk=False)

    async def _merged(
        self,
        years: Sequence[str],
        wanted: Collection[int],
        found: Mapping[str, Mapping[int, Object]],
        *,
        bulk: bool,
    ) -> list[Object]:
        """What counts of each customer: the rows that the other years' lists did not hold are asked for."""
        whole: dict[str, dict[int, Object]] = {}
        for year in years:
            lacking = sorted(set(wanted) - found[year].keys()) if len(years) > 1 else []
            whole[year] = dict(found[year])
            size = self._api.limits.page_size
            for start in range(0, len(lacking), size):
                condition = sql.one_of(lacking[start : start + size])
                query = sql.rows(await self._columns.of(year), condition, top=size)
                whole[year] |= _by_number(await self._api.select(year, query, bulk=bulk), None)[0]
        return [
            counting({year: whole[year][each] for year in years if each in whole[year]})
            for each in sorted(set(wanted))
        ]


def counting(rows: Held) -> Object:
    """The row that counts of one number's rows by year."""
    first, *others = rows.values()
    best = first
    for each in others:
        if is_same(first, each) and _changed(each) > _changed(best):
            best = each
    return best


def is_same(one: Object, other: Object) -> bool:
    """Whether two rows of one number are one customer: the same tax number, or the same name."""
    numbers = [tax_number(str(row.get("NIFCLI") or ""), "ES") for row in (one, other)]
    names = [" ".join(str(row.get("NOFCLI") or "").casefold().split()) for row in (one, other)]
    return (bool(numbers[0]) and numbers[0] == numbers[1]) or names[0] == names[1]


def place_of(row: Object) -> Place | None:
    """Where a row stands in the list of changes; None for one that shows no day, or none that can be read."""
    changed = _changed(row)
    return None if changed == date.min else (changed, _number(row))


def _changed(row: Object) -> date:
    try:
        return mapping.day(row.get(mapping.CHANGED), mapping.CHANGED) or date.min
    except errors.Rejected:
        return date.min


def _is_before(row: Object, place: Place) -> bool:
    try:
        at = place_of(row)
    except errors.Rejected:
        return True
    return at is not None and at < place


def _number(row: Object) -> int:
    return int(mapping.number(row.get(mapping.KEY)))


def _by_number(listed: Sequence[Object], last: int | None) -> tuple[dict[int, Object], list[errors.Rejected]]:
    """The rows after `last`, each once, and what is wrong with those whose number cannot be read."""
    rows: dict[int, Object] = {}
    broken: list[errors.Rejected] = []
    for each in listed:
        try:
            number = _number(each)
        except errors.Rejected as problem:
            broken.append(problem)
        else:
            if last is None or number > last:
                rows.setdefault(number, each)
    return rows, broken
