"""One Factusol account, open: customers read, listed, searched and written, in every fiscal year in use."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Final, TypeVar

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
from shared.connectors.factusol.books import Books, Chunk, Held, counting
from shared.connectors.factusol.columns import Columns
from shared.connectors.factusol.numbers import Numbers
from shared.connectors.factusol.wire import Api, NoSuchYear, RefusedCall, RefusedRow, RefusedWrite
from shared.connectors.factusol.years import Years, today
from shared.connectors.values import Object
from shared.model.normal import normal, tax_number
from shared.model.record import Fields, Value
from shared.model.text import Text

_log = structlog.get_logger("puente.connectors")

T = TypeVar("T")

_SMALLEST: Final = -1
# The customers whose countries tell how this business writes them.
_COUNTRIES: Final = 200
# What is kept of the row as it stood: the rest is written without looking.
_LOOKED_AT: Final = frozenset({"name", "email", "country", *mapping.PHONES})
# What makes a row show what another year's row of the same customer shows.
_CARRIED: Final = (mapping.TAX_KIND, *mapping.CLIENT.values())
_CURSOR: Final = re.compile(r"(?:n(-?\d{1,10})|c(\d{4}-\d{2}-\d{2})\.(\d{1,10}))")


class FactusolSession:
    """Keeps the token, the years and the columns that it found."""

    def __init__(self, connector: Connector, access: Access, wire: Wire) -> None:
        self._connector = connector
        self.api = Api(access, wire, connector.limits)
        self.access = self.api.access
        self.years = Years(self.api)
        self.columns = Columns(self.api)
        self.books = Books(self.api, self.years, self.columns)
        self.numbers = Numbers(self.api)
        self._closed: dict[str, date] = {}
        self._form: countries.Form | None = None

    # Reading

    async def read(self, resource: str, record_id: str) -> Row | None:
        sql.checked(record_id)
        held = await self._asked(lambda: self.books.held(record_id))
        return mapping.customer_from_row(counting(held), self.access) if held else None

    async def page(
        self,
        resource: str,
        cursor: str | None = None,
        *,
        newest_change_first: bool = False,
        changed_since: datetime | None = None,
        bulk: bool = False,
    ) -> Page:
        """Lowest number first; or newest change first: then what shows a change, and the newest numbers.

        `changed_since` leaves nothing out: the column of changes has whole days and may lie,
        so that a condition on it could hide a change. Whoever lists reads on until it meets what it has seen.
        """
        at = _CURSOR.fullmatch(cursor) if cursor is not None else None
        if cursor is not None and at is None:
            raise errors.Rejected("The cursor of a listing cannot be read.", field="cursor")
        newest_change_first = newest_change_first or (at is not None and at[2] is not None)
        if newest_change_first:
            place = (date.fromisoformat(at[2]), int(at[3])) if at is not None and at[2] else None
            chunk = await self._asked(lambda: self.books.changed(place, bulk=bulk))
        else:
            last = int(at[1]) if at is not None else _SMALLEST
            chunk = await self._asked(lambda: self.books.numbered(last, bulk=bulk))
        rows, unreadable = self._mapped(chunk.rows)
        if newest_change_first:
            rows = mapping.coarse(rows, self.access, self.api.clock.now())
        unreadable += [Unreadable(record_id="", problem=problem) for problem in chunk.broken]
        return Page(rows=rows, unreadable=unreadable, next=_following(chunk))

    async def search(self, resource: str, field_name: str, value: str) -> Sequence[Row]:
        if field_name not in self._connector.resources[resource].searchable:
            raise errors.Rejected(f"{resource} cannot be searched by {field_name}.", field=field_name)
        condition = _condition(field_name, value)
        found = await self._asked(lambda: self.books.search(condition))
        return self._mapped(found)[0]

    async def by_reference(self, resource: str, reference: str, hint: Fields) -> Sequence[Row]:
        """The reference of a customer is its number."""
        found = await self.read(resource, reference)
        return [] if found is None else [found]

    def _mapped(self, found: Sequence[Object]) -> tuple[list[Row], list[Unreadable]]:
        rows: list[Row] = []
        unreadable: list[Unreadable] = []
        for each in found:
            try:
                rows.append(mapping.customer_from_row(each, self.access))
            except errors.Rejected as problem:
                unreadable.append(Unreadable(record_id=mapping.number(each.get(mapping.KEY)), problem=problem))
        return rows, unreadable

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, and ask once more where a year that was in use is closed by now."""
        try:
            return await ask()
        except (NoSuchYear, RefusedCall):
            before = await self.years.in_use()
            self.years.forget()
            if (await self.years.in_use()).years == before.years:
                raise
            return await ask()

    # Writing

    async def choose_key(self, resource: str, taken: Collection[str]) -> str:
        years = (await self.years.in_use()).years
        return str(await self._asked(lambda: self.numbers.choose(years, taken)))

    async def create(self, resource: str, fields: Fields, *, reference: str) -> Row:
        """Write the customer under the number `reference`: in the year that is read first, then in the others."""
        number = sql.checked(reference)
        first, *others = (await self.years.in_use()).years
        new = self._new(number, fields, await self._usual_form(first))
        try:
            await self.api.insert(first, mapping.TABLE, await self._fitted(first, new))
        except RefusedRow as refused:
            return await self._as_it_stands(reference, fields, refused)
        for year in others:
            await self._beside(year, self.api.insert, new)
        return await self._read_back(reference) or self._not_shown()

    def _not_shown(self) -> Row:
        raise errors.InDoubt("Written, and not shown yet.")

    def _new(self, number: int, fields: Fields, form: countries.Form) -> Object:
        day = mapping.date_on_wire(self.api.clock.now(), self.access)
        kind = mapping.tax_kind(fields.get("tax_no"))
        return {
            mapping.KEY: number,
            mapping.ACCOUNTING: number,
            **({mapping.TAX_KIND: kind} if kind is not None else {}),
            **mapping.row_from_customer(fields, {}, form, self.access),
            mapping.MADE: day,
            mapping.CHANGED: day,
        }

    async def _as_it_stands(self, reference: str, fields: Fields, refused: RefusedRow) -> Row:
        """What a refused number holds: our own row from an earlier try, somebody else's, or nothing.

        Either word may mean that the number is taken, and the row is what tells.
        """
        held = await self.books.held(reference)
        if not held:
            if refused.exists:
                raise errors.Retryable("Factusol says that a number is taken and shows nobody who has it.")
            raise refused
        row = self._known(counting(held), reference)
        if self._shows(row, fields):
            return row
        raise errors.Taken(f"The customer's number {reference} was taken by another writer.")

    async def update(
        self, resource: str, record_id: str, fields: Fields, *, whole: Fields | None = None
    ) -> Row | None:
        """Write a customer in each year in use that has it, last in the one that is read first."""
        number = sql.checked(record_id)
        years = (await self.years.in_use()).years
        held: Held = {years[0]: {}}
        if len(years) > 1 or fields.keys() & _LOOKED_AT:
            held = await self._asked(lambda: self.books.held(record_id))
        if not held:
            return None
        form = await self._usual_form(years[0])
        day = mapping.date_on_wire(self.api.clock.now(), self.access)
        counts = counting(held)
        row = mapping.row_from_customer(fields, counts, form, self.access)
        for year, each in reversed(list(held.items())):
            # A row that did not count takes what the other shows: by its day of change it may count from now on.
            behind = {} if each is counts else {name: counts[name] for name in _CARRIED if name in counts}
            change = {mapping.KEY: number, **behind, **row, mapping.CHANGED: day}
            if year != next(iter(held)):
                await self._beside(year, self.api.update, change)
            elif not await self._updated(year, change, record_id):
                return None
        return await self._read_back(record_id)

    async def _updated(self, year: str, change: Object, record_id: str) -> bool:
        """False when the row is not there: no word is known for that."""
        try:
            await self.api.update(year, mapping.TABLE, await self._fitted(year, change))
        except RefusedRow:
            if not await self.books.held(record_id):
                return False
            raise
        return True

    async def _beside(self, year: str, write: Callable[[str, str, Object], Awaitable[None]], row: Object) -> None:
        """Write a row in a year beside the one that is read first. One that takes none is closed, for today."""
        day = today(self.api.clock.now(), self.access)
        if self._closed.get(year) == day:
            return
        try:
            await write(year, mapping.TABLE, await self._fitted(year, row))
        except RefusedRow as refused:
            says = refused.message
        except (RefusedWrite, NoSuchYear, RefusedCall) as refused:
            self._closed[year] = day
            self.years.forget()
            says = refused.message
        else:
            return
        _log.warning(
            "factusol.year_not_written",
            account=self.access.account,
            year=year,
            record=mapping.number(row[mapping.KEY]),
            says=says,
        )

    async def _read_back(self, record_id: str) -> Row | None:
        """What a customer shows after a write. Whatever fails now, the write itself is not undone by it."""
        try:
            held = await self.books.held(record_id)
        except errors.PuenteError as problem:
            raise errors.InDoubt(f"Written, and not read back: {problem.message}") from None
        return self._known(counting(held), record_id) if held else None

    def _known(self, found: Object, record_id: str) -> Row:
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

    async def _fitted(self, year: str, row: Object) -> Object:
        """The row without columns that this installation lacks; one of them would refuse the whole row."""
        kept, left_out = await self.columns.fitted(year, row)
        if left_out:
            _log.info("factusol.columns_left_out", account=self.access.account, year=year, columns=left_out)
        return kept

    async def _usual_form(self, year: str) -> countries.Form:
        """How this business writes countries."""
        if self._form is None:
            query = sql.countries(min(_COUNTRIES, self.api.limits.page_size))
            rows = await self.api.select(year, query) if "PAICLI" in await self.columns.of(year) else []
            self._form = countries.usual_form(str(row.get("PAICLI") or "") for row in rows)
        return self._form

    # Around

    def lacks(self, resource: str) -> Mapping[str, Text]:
        return {}

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


def _following(chunk: Chunk) -> str | None:
    if chunk.before is not None:
        return f"c{chunk.before[0].isoformat()}.{chunk.before[1]}"
    return None if chunk.after is None else f"n{chunk.after}"


def _alike(resource: Resource, name: str, sent: Value, shown: Value, country: str) -> bool:
    kind = resource.entity.fields[name]
    one, other = (normal(kind, resource.worn(name, value), country=country) for value in (sent, shown))
    return one == other
