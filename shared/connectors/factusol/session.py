"""One Factusol account, open: customers read, listed, searched and written, each answer proved where it may lie.

A broken question is answered like one that found nothing. So "no row" is believed only when a COUNT with the same
condition answers zero, which a question that was not understood never does.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import date
from typing import Final

import structlog

from shared import errors
from shared.connectors.contract import (
    Access,
    Check,
    Connector,
    OwnField,
    Page,
    RegisteredHook,
    Resource,
    Row,
    Unreadable,
    Wire,
)
from shared.connectors.factusol import checks, countries, mapping, sql
from shared.connectors.factusol.columns import Columns
from shared.connectors.factusol.numbers import Numbers
from shared.connectors.factusol.wire import Api, RefusedRow
from shared.connectors.factusol.years import Years, counted
from shared.connectors.values import Object
from shared.model.normal import normal, tax_number
from shared.model.record import Fields, Value

_log = structlog.get_logger("puente.connectors")

_FOUND_AT_MOST: Final = 50
_SMALLEST: Final = -1
# What is kept of the row as it stood: the rest is written without looking.
_LOOKED_AT: Final = frozenset({"name", "email", "country", *mapping.PHONES})
_Wanted = Callable[[int], bool]
_CURSOR: Final = re.compile(r"(?:n(-?\d{1,10})|c(\d{4}-\d{2}-\d{2})\.(\d{1,10}))")


class FactusolSession:
    """Reads the newest year in use and keeps the columns and the token that it found."""

    def __init__(self, connector: Connector, access: Access, wire: Wire) -> None:
        self._connector = connector
        self.api = Api(access, wire, connector.limits)
        self.access = self.api.access
        self.years = Years(self.api)
        self.columns = Columns(self.api)
        self.numbers = Numbers(self.api)
        self._form: countries.Form | None = None

    # Reading

    async def read(self, resource: str, record_id: str) -> Row | None:
        year = (await self.years.open()).read
        found = await self._row_of(year, record_id)
        return None if found is None else mapping.customer_from_row(found, self.access)

    async def page(
        self, resource: str, cursor: str | None = None, *, newest_change_first: bool = False, bulk: bool = False
    ) -> Page:
        """Lowest number first; or newest change first: then what shows a change, and the newest numbers."""
        at = _CURSOR.fullmatch(cursor) if cursor is not None else None
        if cursor is not None and at is None:
            raise errors.Rejected("The cursor of a listing cannot be read.", field="cursor")
        year = (await self.years.open()).read
        if newest_change_first or (at is not None and at[2]):
            place = (date.fromisoformat(at[2]), int(at[3])) if at is not None and at[2] else None
            return await self._changes(year, place, bulk=bulk)
        return await self._numbered(year, int(at[1]) if at is not None else _SMALLEST, bulk=bulk)

    async def _numbered(self, year: str, last: int, *, bulk: bool) -> Page:
        """The rows after a number. The last page is proved by counting what follows it."""
        size = self.api.limits.page_size
        names = await self.columns.of(year)
        found = await self.api.select(year, sql.rows(names, sql.after(last), top=size), bulk=bulk)
        page, highest = self._page_of(found, lambda number: number > last)
        if len(found) >= size and highest is not None:
            return Page(rows=page.rows, unreadable=page.unreadable, next=f"n{highest}")
        reached = last if highest is None else highest
        left = await counted(self.api, year, sql.after(reached), bulk=bulk)
        if left and highest is None:
            raise errors.Retryable(f"Factusol lists nothing after number {last} and counts {left} more.")
        return Page(rows=page.rows, unreadable=page.unreadable, next=f"n{reached}" if left else None)

    async def _changes(self, year: str, place: tuple[date, int] | None, *, bulk: bool) -> Page:
        """Rows by the day of their change. Beside the first of them stand the newest numbers that show no day: a
        writer that sets none must not stay unseen until everything is listed."""
        size = self.api.limits.page_size
        names = await self.columns.of(year)
        if mapping.CHANGED not in names:
            return await self._newest_numbers(year, "", bulk=bulk)
        condition = sql.DATED if place is None else sql.before_change(*place)
        order = f"{mapping.CHANGED} DESC, {mapping.KEY} DESC"
        found = await self.api.select(year, sql.rows(names, condition, top=size, order=order), bulk=bulk)
        fresh = [each for each in found if place is None or _is_before(each, place)]
        page, _ = self._page_of(fresh, lambda _number: True)
        following = _place_of(fresh[-1]) if len(found) >= size and fresh else None
        if not fresh and await counted(self.api, year, condition, bulk=bulk):
            raise errors.Retryable("Factusol lists no changes and counts some.")
        if place is not None:
            return Page(rows=page.rows, unreadable=page.unreadable, next=following)
        undated = await self._newest_numbers(year, sql.UNDATED, bulk=bulk)
        return Page(
            rows=[*page.rows, *undated.rows],
            unreadable=[*page.unreadable, *undated.unreadable],
            next=following,
        )

    async def _newest_numbers(self, year: str, condition: str, *, bulk: bool) -> Page:
        names = await self.columns.of(year)
        query = sql.rows(names, condition, top=self.api.limits.page_size, order=f"{mapping.KEY} DESC")
        return self._page_of(await self.api.select(year, query, bulk=bulk), lambda _number: True)[0]

    def _page_of(self, found: Sequence[Object], wanted: _Wanted) -> tuple[Page, int | None]:
        """The rows that were asked for, each once, and the highest number among them."""
        rows: dict[str, Row] = {}
        unreadable: list[Unreadable] = []
        highest: int | None = None
        for each in found:
            try:
                record_id = mapping.number(each.get(mapping.KEY))
            except errors.Rejected as problem:
                unreadable.append(Unreadable(record_id="", problem=problem))
                continue
            if not wanted(int(record_id)):
                continue
            highest = max(int(record_id), highest if highest is not None else int(record_id))
            try:
                rows.setdefault(record_id, mapping.customer_from_row(each, self.access))
            except errors.Rejected as problem:
                unreadable.append(Unreadable(record_id=record_id, problem=problem))
        return Page(rows=list(rows.values()), unreadable=unreadable), highest

    async def search(self, resource: str, field_name: str, value: str) -> Sequence[Row]:
        if field_name not in self._connector.resources[resource].searchable:
            raise errors.Rejected(f"{resource} cannot be searched by {field_name}.", field=field_name)
        year = (await self.years.open()).read
        condition = _condition(field_name, value)
        names = await self.columns.of(year)
        found = await self.api.select(year, sql.rows(names, condition, top=_FOUND_AT_MOST))
        if not found and await counted(self.api, year, condition):
            raise errors.Retryable("Factusol finds nothing and counts some.")
        return self._page_of(found, lambda _number: True)[0].rows

    async def by_reference(self, resource: str, reference: str, hint: Fields) -> Sequence[Row]:
        """The reference of a customer is its number."""
        found = await self.read(resource, reference)
        return [] if found is None else [found]

    async def _row_of(self, year: str, record_id: str) -> Object | None:
        """The columns of one customer; None when it was proved that there is none."""
        condition = sql.numbered(record_id)
        found = await self.api.select(year, sql.rows(await self.columns.of(year), condition, top=2))
        for each in found:
            if mapping.number(each.get(mapping.KEY)) == str(int(record_id)):
                return each
        if found:
            raise errors.Retryable("Factusol answered with another customer than the one asked for.")
        if await counted(self.api, year, condition):
            raise errors.Retryable("Factusol counts a customer and does not show it.")
        return None

    # Writing

    async def choose_key(self, resource: str, taken: Collection[str]) -> str:
        return str(await self.numbers.choose((await self.years.open()).read, taken))

    async def create(self, resource: str, fields: Fields, *, reference: str) -> Row:
        """Write the customer under the number `reference`."""
        number = sql.checked(reference)
        year = (await self.years.open()).read
        row = mapping.row_from_customer(fields, {}, await self._usual_form(year), self.access)
        today = mapping.date_on_wire(self.api.clock.now(), self.access)
        kind = mapping.tax_kind(fields.get("tax_no"))
        new: Object = {
            mapping.KEY: number,
            mapping.ACCOUNTING: number,
            **({mapping.TAX_KIND: kind} if kind is not None else {}),
            **row,
            mapping.MADE: today,
            mapping.CHANGED: today,
        }
        try:
            await self.api.insert(year, mapping.TABLE, await self._fitted(year, new))
        except RefusedRow as refused:
            return await self._as_it_stands(year, reference, fields, refused)
        try:
            found = await self._row_of(year, reference)
        except errors.PuenteError as problem:
            raise errors.InDoubt(f"Written, and not read back: {problem.message}") from None
        if found is None:
            raise errors.InDoubt("Written, and not shown yet.")
        return self._mapped(found, reference)

    async def _as_it_stands(self, year: str, reference: str, fields: Fields, refused: RefusedRow) -> Row:
        """What a refused number holds: our own row from an earlier try, somebody else's, or nothing.

        Either word may mean that the number is taken, and the row is what tells.
        """
        found = await self._row_of(year, reference)
        if found is None:
            if refused.exists:
                raise errors.Retryable("Factusol says that a number is taken and shows nobody who has it.")
            raise refused
        row = self._mapped(found, reference)
        if self._shows(row, fields):
            return row
        raise errors.Taken(f"The customer's number {reference} was taken by another writer.")

    def _mapped(self, found: Object, record_id: str) -> Row:
        """A record that we know to be there; what of it cannot be read is found out by whoever reads it next."""
        try:
            return mapping.customer_from_row(found, self.access)
        except errors.Rejected:
            return Row(record_id=str(int(record_id)), fields={})

    def _shows(self, row: Row, sent: Fields) -> bool:
        """Whether a row is what was sent, whatever capitals and accents were made of it."""
        resource = self._connector.resources["clients"]
        return all(
            _alike(resource, name, value, row.fields.get(name), self.access.country)
            for name, value in sent.items()
            if name in resource.columns and resource.columns[name].writable
        )

    async def update(
        self, resource: str, record_id: str, fields: Fields, *, whole: Fields | None = None
    ) -> Row | None:
        number = sql.checked(record_id)
        year = (await self.years.open()).read
        old: Object | None = {}
        if fields.keys() & _LOOKED_AT:
            old = await self._row_of(year, record_id)
        if old is None:
            return None
        row = mapping.row_from_customer(fields, old, await self._usual_form(year), self.access)
        today = mapping.date_on_wire(self.api.clock.now(), self.access)
        changes = await self._fitted(year, {mapping.KEY: number, **row, mapping.CHANGED: today})
        try:
            await self.api.update(year, mapping.TABLE, changes)
        except RefusedRow:
            # Whether the row is there decides: no word is known for one that is not.
            if await self._row_of(year, record_id) is None:
                return None
            raise
        try:
            return await self.read(resource, record_id)
        except errors.PuenteError as problem:
            raise errors.InDoubt(f"Written, and not read back: {problem.message}") from None

    async def _fitted(self, year: str, row: Object) -> Object:
        """The row without columns that this installation lacks; one of them would refuse the whole row."""
        kept, left_out = await self.columns.fitted(year, row)
        if left_out:
            _log.info("factusol.columns_left_out", account=self.access.account, year=year, columns=left_out)
        return kept

    async def _usual_form(self, year: str) -> countries.Form:
        """How this business writes countries."""
        if self._form is None:
            rows = await self.api.select(year, sql.countries()) if "PAICLI" in await self.columns.of(year) else []
            self._form = countries.usual_form(str(row.get("PAICLI") or "") for row in rows)
        return self._form

    # Around

    async def ensure_field(self, resource: str, name: str, *, make: bool = True) -> OwnField:
        raise errors.Rejected(f"Factusol gets no field of ours for {name!r}.", field=name)

    async def hooks(self) -> Sequence[RegisteredHook] | None:
        return None

    async def register_hook(self, hook_kind: str, url: str, secret: str) -> RegisteredHook:
        raise self._no_hooks()

    async def activate_hook(self, hook: RegisteredHook, secret: str) -> RegisteredHook:
        raise self._no_hooks()

    async def remove_hook(self, hook: RegisteredHook) -> None:
        raise self._no_hooks()

    def _no_hooks(self) -> errors.NeedsOperator:
        return errors.NeedsOperator("Factusol sends no hooks; sweeps carry its changes.")

    async def checks(self) -> AsyncIterator[Check]:
        async for each in checks.of(self.api, self.years, self.columns, self.numbers):
            yield each

    def link(self, resource: str, record_id: str) -> str:
        """There is no page: customers are opened in the program, by their number."""
        return ""

    async def close(self) -> None:
        return None


def _condition(field_name: str, value: str) -> str:
    """Where to look for a tax number, in the forms in which people type it, or for an address among several.

    What is typed otherwise is found by the match index, which compares normal forms.
    """
    if field_name == "tax_no":
        plain = tax_number(value, "ES")
        forms = {
            value.strip(),
            plain,
            f"ES{plain}",
            f"ES-{plain}",
            f"{plain[:1]}-{plain[1:]}",
            f"{plain[:-1]}-{plain[-1:]}",
        }
        return f"NIFCLI IN ({', '.join(sorted(sql.quoted(each) for each in forms if each))})"
    return f"EMACLI LIKE {sql.quoted(f'%{value.strip()}%')}"


def _is_before(row: Object, place: tuple[date, int]) -> bool:
    changed = mapping.day(row.get(mapping.CHANGED), mapping.CHANGED)
    return changed is not None and (changed, int(mapping.number(row.get(mapping.KEY)))) < place


def _place_of(row: Object) -> str | None:
    changed = mapping.day(row.get(mapping.CHANGED), mapping.CHANGED)
    return f"c{changed.isoformat()}.{mapping.number(row.get(mapping.KEY))}" if changed is not None else None


def _alike(resource: Resource, name: str, sent: Value, shown: Value, country: str) -> bool:
    kind = resource.entity.fields[name]
    one, other = (normal(kind, resource.worn(name, value), country=country) for value in (sent, shown))
    return one == other
