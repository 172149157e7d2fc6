"""One Clientify account, open: contacts with their parts, found again by our custom field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from shared import errors
from shared.connectors import answers, rest, values
from shared.connectors.clientify import mapping
from shared.connectors.clientify.fields import OwnFieldSession
from shared.connectors.clientify.wire import Cursor, Listed
from shared.connectors.contract import Page, Row, StatusFate
from shared.connectors.rest import Method, Query
from shared.connectors.settings import switch
from shared.connectors.values import Object
from shared.model.normal import is_empty
from shared.model.record import Fields

_CONTACTS: Final = "/contacts/"
_SEARCH_PAGES: Final = 5
_HANDLED: Final[Mapping[int, StatusFate]] = {404: "answer", 410: "answer"}
_WRITTEN: Final[Mapping[int, StatusFate]] = {**_HANDLED, 405: "answer"}
_CREATED: Final[Mapping[int, StatusFate]] = {404: "operator", 410: "operator"}
_OLDEST_FIRST: Final = (("ordering", "id"),)
_CHANGED_FIRST: Final = (("ordering", "-modified"),)

# The vendor's name of a refused field to ours; any other is shown as the vendor says it.
_OURS: Final = {
    "first_name": "name",
    "last_name": "name",
    "taxpayer_identification_number": "tax_no",
    "remarks": "note",
    "status": "stage",
    "emails": "email",
    "phones": "phone",
    "street": "street",
    "state": "province",
    "postal_code": "post_code",
    "addresses": "street",
    "custom_fields": "other_id",
    "website": "www",
    "websites": "www",
}
_OF_PARTS: Final[Mapping[mapping.Kind, str]] = {
    "emails": "email",
    "phones": "phone",
    "addresses": "street",
    "websites": "www",
}
_NO_SITE: Final = "Write the web site with https:// in front, or set websites=no on the account."


class ClientifyContacts(OwnFieldSession):
    """Reading, searching and writing contacts."""

    # Reading

    async def read(self, resource: str, record_id: str) -> Row | None:
        found = await self._object(resource, record_id)
        return None if found is None else await self._row(self._rest.resources[resource], found)

    async def _object(self, resource: str, record_id: str) -> Object | None:
        """A contact as the vendor shows it; None if there is no such."""
        path = self._one(self._rest.resources[resource], record_id)
        response = await self.call("GET", path, query=await self._shown(), fates=_HANDLED)
        if self._is_missing(response):
            return None
        found = await self.object_of(response)
        if values.record_id(found.get("id"), "id") != record_id:
            raise errors.Retryable("The vendor answered with another record than the one asked for.")
        return found

    async def _row(self, rest: rest.RestResource, found: Object) -> Row:
        """A web site counts only where it can be written as well, whatever the answer shows."""
        if "www" in self.lacks("contacts"):
            found = {name: value for name, value in found.items() if name != "websites"}
        return await super()._row(rest, found)

    async def _shown(self) -> Query:
        """Version 2 shows what it is asked for, and refuses to guess."""
        return (("fields", mapping.SHOWN),) if await self.version() == "v2" else ()

    async def page(
        self,
        resource: str,
        cursor: str | None = None,
        *,
        newest_change_first: bool = False,
        changed_since: datetime | None = None,
        bulk: bool = False,
    ) -> Page:
        """As of any vendor, but with times of change only where an order or a filter by them was seen to count.

        A sweep that trusted times in any order would stop at the first old one, and miss what comes later.
        """
        at = Cursor.parse(cursor)
        own = self._rest.resources[resource]
        order = _CHANGED_FIRST if newest_change_first else _OLDEST_FIRST
        query = (*await self._shown(), *order)
        listed, floor = await self._changed_page(query, changed_since, at.page, bulk=bulk)
        fresh, following = at.after(listed)
        if not fresh:
            return Page(rows=(), cut=at.page == 2 and bool(listed.rows))
        rows, unreadable = await self._rows(own, listed.rows)
        apart = floor is not None and all(row.changed_at is not None and row.changed_at >= floor for row in rows)
        alone = following is None and at.page == 1
        if newest_change_first and not apart and not alone and not await self._orders(bulk=bulk):
            rows = [replace(row, changed_at=None) for row in rows]
        return Page(
            rows=rows, unreadable=unreadable, next=str(following) if following else None, total=listed.total
        )

    async def _changed_page(
        self, query: Query, since: datetime | None, page: int, *, bulk: bool
    ) -> tuple[Listed, datetime | None]:
        """A page of what changed since, and what no row of it may be older than if the vendor's filter counts.

        Some accounts take times, others days alone, and those of an unknown zone: a day earlier is asked for then.
        """
        if since is None or self._date_form == "none":
            return await self.list_page(_CONTACTS, query, page, bulk=bulk), None
        floor, text = since, f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        if self._date_form == "days":
            floor, text = since - timedelta(days=2), f"{since.astimezone(UTC) - timedelta(days=1):%Y-%m-%d}"
        try:
            asked = (*query, ("modified[gte]", text))
            return await self.list_page(_CONTACTS, asked, page, bulk=bulk), floor
        except errors.Rejected:
            self._date_form = "days" if self._date_form == "times" else "none"
            return await self._changed_page(query, since, page, bulk=bulk)

    async def _orders(self, *, bulk: bool) -> bool:
        """Whether the vendor orders by change: asked both ways, it must show different ends of the list."""
        if not self._ordered:
            ends = []
            for order in ("modified", "-modified"):
                query = (*await self._shown(), ("ordering", order))
                listed = await self.list_page(_CONTACTS, query, 1, bulk=bulk, size=1)
                rows, _ = await self._rows(self._rest.resources["contacts"], listed.rows)
                ends.append(rows[0].changed_at if rows else None)
            oldest, newest = ends
            self._ordered = oldest is not None and newest is not None and oldest < newest
        return self._ordered

    # Searching

    async def search(self, resource: str, field_name: str, value: str) -> Sequence[Row]:
        """The hits that show the value. At most a few pages: a vendor that ignores a filter answers with all."""
        if field_name not in self._connector.resources[resource].searchable:
            raise errors.Rejected(f"{resource} cannot be searched by {field_name}.", field=field_name)
        by_mark = field_name == "other_id"
        if by_mark and self._filter_ignored:
            return []  # the match index knows it as well, and a page of everybody does not
        query = ((f"cf_{self.own_name}", value),) if by_mark else (("query", value),)
        rows: dict[str, Row] = {}
        pages = 0
        async for listed in self.pages(_CONTACTS, (*await self._shown(), *query)):
            found, _ = await self._rows(self._rest.resources[resource], listed)
            rows |= {row.record_id: row for row in found if mapping.matches(row, field_name, value, self.access)}
            pages += 1
            self._filter_ignored |= by_mark and _is_everybody(found, value)
            if pages >= _SEARCH_PAGES or (by_mark and self._filter_ignored):
                break
        return list(rows.values())

    async def by_reference(self, resource: str, reference: str, hint: Fields) -> Sequence[Row]:
        """Contacts with our mark: the counterpart's id where `hint` has it, else our reference.

        The vendor's filter is asked, every hit is checked, and where the filter is ignored the whole list is read.
        A contact that was made while our custom field was gone carries no mark: it is known by all that was sent.
        """
        mark = _mark(hint, reference)

        def carries(found: Object) -> bool:
            if "custom_fields" not in found:
                raise errors.Retryable("The vendor's list does not show custom fields: nothing can be looked up.")
            own = mapping.mark_in(found, self.access)
            return own == mark or (not own and mapping.is_same(found, hint, self.access))

        if self._filter_ignored:
            return await self.scan(resource, await self._shown(), carries, bulk=True)
        rows, everybody = await self._scanned(resource, ((f"cf_{self.own_name}", mark),), carries, mark)
        self._filter_ignored |= everybody
        if rows or everybody:
            return rows
        first, _ = mapping.split_name(hint.get("name"), {})
        if not first:
            return []
        return (await self._scanned(resource, (("query", first),), carries, mark))[0]

    async def _scanned(
        self, resource: str, query: Query, wanted: rest.Wanted, mark: str
    ) -> tuple[Sequence[Row], bool]:
        """The wanted records of a filtered list, and whether that list is plainly everybody's."""
        own = self._rest.resources[resource]
        rows: dict[str, Row] = {}
        everybody = False
        try:
            async for listed in self.pages(_CONTACTS, (*await self._shown(), *query), bulk=True, whole=True):
                found = [each for each in listed if isinstance(each, dict)]
                marks = [mapping.mark_in(each, self.access) for each in found]
                everybody |= query[0][0] != "query" and any(mark not in each for each in marks)
                for each in found:
                    if wanted(each):
                        row = await self._row(own, each)
                        rows.setdefault(row.record_id, row)
        except rest.CutList:
            if not rows:
                raise
        return list(rows.values()), everybody

    # Making

    async def create(self, resource: str, fields: Fields, *, reference: str) -> Row:
        """Make a contact that carries the counterpart's id, or our reference, in our custom field."""
        mapping.refuse_unknown(fields, self.lacks(resource))
        self.refuse_without_field()
        mark = _mark(fields, reference)
        body = mapping.contact_from_customer(
            fields, self.access, version=await self.version(), mark=mark, mark_name=self.own_name
        )
        query: Query = (("force_insert", "true"),) if switch(self.access, "force_insert", default=True) else ()
        try:
            response = await self.call("POST", _CONTACTS, query=query, body=body, writes=True, fates=_CREATED)
        except errors.Rejected as problem:
            raise await self._not_made(resource, fields, problem) from None
        made = await self.object_of(response, writes=True)
        record_id = rest.id_of(made)
        if not record_id:
            raise errors.InDoubt("The vendor's answer to a create holds no id; the record may have been made.")
        return await self._completed(resource, record_id, made, fields, mark)

    async def _not_made(self, resource: str, fields: Fields, problem: errors.Rejected) -> errors.PuenteError:
        """What a refusal means: a twin that is there is matched at the next look, the rest is refused."""
        ours = await self._named(problem)
        if not isinstance(ours, errors.Rejected):
            return ours
        if " 409" in problem.message[:24] or ours.field in {"tax_no", "email"}:
            for name in ("tax_no", "email"):
                value = fields.get(name)
                if not is_empty(value) and await self.search(resource, name, str(value)):
                    return errors.Retryable(
                        f"Clientify refuses a second contact with this {name}: the first one is looked at again.",
                        way_out="If both are meant, merge them, or change one of the two.",
                    )
        return ours

    async def _named(self, problem: errors.Rejected) -> errors.Rejected | errors.OwnFieldMissing:
        """The refusal with our name of its field; one of our custom field may mean that it is gone."""
        if problem.field == "custom_fields" and not (await self.definitions()).ours:
            return self.field_is_lost()
        return errors.Rejected(problem.message, field=_OURS.get(problem.field, problem.field))

    async def _completed(self, resource: str, record_id: str, made: Object, fields: Fields, mark: str) -> Row:
        """The row of a new contact, with the parts that could not be sent along.

        The contact stands: what fails now leaves a field that is not shown, so that the next look brings it.
        """
        shown: Object | None = made
        try:
            if not _is_whole(made):
                shown = await self._object(resource, record_id)
            writes = mapping.part_writes(fields, shown or made, self.access)
            for each in writes:
                await self._write_part(record_id, each)
            if writes:
                shown = await self._object(resource, record_id)
            row = await self._row(self._rest.resources[resource], shown or made)
        except errors.PuenteError:
            return await self._as_sent(resource, record_id, shown or made, fields)
        if "custom_fields" in (shown or made) and not row.reference:
            self.field_is_lost()
        return row

    async def _as_sent(self, resource: str, record_id: str, shown: Object, fields: Fields) -> Row:
        """What of a new contact certainly is as it was sent."""
        try:
            row = await self._row(self._rest.resources[resource], shown)
        except errors.PuenteError:
            return Row(record_id=record_id, fields={})
        kept = {
            name: value
            for name, value in row.fields.items()
            if name not in fields or is_empty(fields[name]) == is_empty(value)
        }
        return replace(row, record_id=record_id, fields=kept)

    # Changing

    async def update(
        self, resource: str, record_id: str, fields: Fields, *, whole: Fields | None = None
    ) -> Row | None:
        """Write the contact's own values, then each part that differs: lists in an update may replace or append,
        so none is ever sent."""
        mapping.refuse_unknown(fields, self.lacks(resource))
        before: Object | None = None
        if set(fields) - {*mapping.SCALARS, "other_id"}:
            before = await self._object(resource, record_id)
            if before is None:
                return None
        scalars = mapping.scalars_from(fields, before)
        if "other_id" in fields:
            scalars["custom_fields"] = [{"field": self.own_name, "value": str(fields["other_id"] or "")}]
        writes = mapping.part_writes(fields, before or {}, self.access)
        shown: Object | None = before
        if scalars:
            shown = await self._write_scalars(resource, record_id, scalars)
            if shown is None:
                return None
        started = bool(scalars)
        for each in writes:
            try:
                await self._write_part(record_id, each)
            except errors.InDoubt:
                raise
            except errors.Retryable as problem:
                if started:
                    raise errors.InDoubt(f"A part of the change was written: {problem.message}") from None
                raise
            started = True
        if writes or shown is None or not _is_whole(shown):
            return await self._read_back(resource, record_id)
        return await self._row_or_read(resource, record_id, shown)

    async def _row_or_read(self, resource: str, record_id: str, shown: Object) -> Row | None:
        try:
            return await self._row(self._rest.resources[resource], shown)
        except errors.PuenteError:
            return await self._read_back(resource, record_id)

    async def _write_scalars(self, resource: str, record_id: str, scalars: Object) -> Object | None:
        """Send values of the contact itself; the contact as it then stands, None if there is no such.

        Version 1 documents PUT; of version 2 only PATCH is known to work. A verb that is refused, or that answers
        well and changes nothing, gives way to the other one.
        """
        usual: tuple[Method, Method] = ("PUT", "PATCH") if await self.version() == "v1" else ("PATCH", "PUT")
        missed: set[str] = set(scalars)
        for verb in usual if self._verb in {None, usual[0]} else usual[::-1]:
            shown = await self._sent(verb, resource, record_id, scalars)
            if shown == "not allowed":
                continue
            if shown is None or isinstance(shown, str):
                return None
            missed = _not_kept(scalars, shown, mapping.mark_in(shown, self.access))
            if not missed:
                self._verb = verb
                return shown
        if missed == {"custom_fields"}:
            raise self.field_is_lost()
        name = min(missed)
        raise errors.Rejected(
            "Clientify takes the change and does not keep it.",
            field=_OURS.get(name, name),
            way_out="Look at the contact in Clientify; then retry it.",
        )

    async def _sent(self, verb: Method, resource: str, record_id: str, scalars: Object) -> Object | str | None:
        """The contact after one write; "not allowed" where the vendor has no such verb, None if it is gone."""
        path = self._one(self._rest.resources[resource], record_id)
        try:
            response = await self.call(verb, path, body=scalars, writes=True, fates=_WRITTEN)
        except errors.Rejected as problem:
            raise await self._named(problem) from None
        if response.status == 405:
            return "not allowed"
        if self._is_missing(response):
            return None
        shown = await self.object_of(response, writes=True, or_word=True)
        if shown and rest.id_of(shown) != record_id:
            raise errors.InDoubt("The vendor's answer to a write names another record.")
        if all(key in shown for key in scalars) and shown:
            return shown
        try:
            return await self._object(resource, record_id)
        except errors.PuenteError as problem:
            raise errors.InDoubt(f"Written, and not read back: {problem.message}") from None

    async def _write_part(self, record_id: str, write: mapping.PartWrite) -> None:
        """Make, change or remove one e-mail, phone, address or web site of a contact."""
        many = f"{_CONTACTS}{quote(record_id, safe='')}/{write.kind}/"
        single = f"{many}{quote(write.part_id, safe='')}/"
        method: Method = "DELETE" if write.body is None else "PUT" if write.part_id else "POST"
        path = single if write.part_id else many
        try:
            response = await self.call(method, path, body=write.body, writes=True, fates=_HANDLED)
        except errors.Rejected as problem:
            raise errors.Rejected(
                problem.message,
                field=_OURS.get(problem.field, problem.field) or _OF_PARTS[write.kind],
                way_out=_NO_SITE if write.kind == "websites" else "",
            ) from None
        if write.body is not None and self._is_missing(response):
            raise errors.Retryable("The contact was changed meanwhile: it is read again.")

    def link(self, resource: str, record_id: str) -> str:
        """No page tells the address of a contact in the vendor's own pages: a setting may."""
        return self.access.settings.get("panel_url", "").replace("{id}", quote(record_id, safe=""))


def _mark(fields: Fields, reference: str) -> str:
    """What our custom field holds of a record that is made with these fields."""
    other = fields.get("other_id")
    return reference if is_empty(other) else str(other).strip()


def _is_everybody(found: Sequence[Row], value: str) -> bool:
    """Whether a list that was filtered by our custom field holds somebody who cannot have been meant."""
    return any(value not in str(row.fields.get("other_id") or "") for row in found)


def _is_whole(shown: Object) -> bool:
    return all(key in shown for key in ("emails", "phones", "addresses", "custom_fields", "modified"))


def _not_kept(sent: Object, shown: Object, own: str) -> set[str]:
    """The names of what was sent and does not stand there now; a text that the vendor cut is kept."""
    missed: set[str] = set()
    for name, value in sent.items():
        if name == "custom_fields":
            wanted = value[0].get("value") if isinstance(value, list) and isinstance(value[0], dict) else ""
            stands = own
        else:
            wanted, stands = value, answers.flat(shown.get(name))
        want, have = (" ".join(str(each or "").split()).casefold() for each in (wanted, stands))
        if want != have and not (have and want.startswith(have)):
            missed.add(name)
    return missed
