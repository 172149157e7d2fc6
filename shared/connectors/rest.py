"""A session for vendors of the common kind: one path per resource, JSON objects in a wrapper, numbered pages.

A vendor declares a `Rest` and one `RestResource` per resource; what is odd about it overrides one method here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from shared import errors
from shared.connectors import answers, values
from shared.connectors.contract import (
    Access,
    Check,
    Connector,
    OwnField,
    Page,
    RegisteredHook,
    Request,
    Response,
    Row,
    StatusFate,
    Unreadable,
    Wire,
)
from shared.connectors.settings import limits_of, setting, token_of
from shared.connectors.values import Object
from shared.model.change import is_record_id
from shared.model.record import Fields
from shared.model.text import Text

Query = Sequence[tuple[str, str]]
Wanted = Callable[[Object], bool]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_MOST_PAGES: Final = 20_000
_SEARCH_PAGES: Final = 5
_HANDLED: Final[Mapping[int, StatusFate]] = {404: "answer", 410: "answer"}
# A read has no content that could be refused: 422 is an account that the vendor does not know.
_READS: Final[Mapping[int, StatusFate]] = {422: "operator"}
_LOST_LIST: Final[Mapping[int, StatusFate]] = {404: "operator", 410: "operator"}


class CutList(errors.Retryable):
    """A list of which only the first page can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestResource:
    """Where one resource lives and how its objects are read. `path` has no suffix, `/clients`."""

    path: str
    wrapper: str
    row: Callable[[Object, Access], Row]
    wire: Callable[[Fields], Object]
    reference: Callable[[Object], str]
    list_query: Query = ()
    newest_change_query: Query = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """How a vendor's whole API behaves.

    `auth` is the default place of the token: "body" is the body of a write and the query of everything else.
    `full_page` is how many rows a first page must have for another to be expected; below the page size where
    the vendor may not obey the size that we ask for. `operator_words` in a refusal mean that no record is at
    fault but the account's plan or rights.
    """

    resources: Mapping[str, RestResource]
    token_key: str = "api_token"  # noqa: S105 -- the name of a key, not a secret
    auth: Literal["header", "query", "body"] = "body"
    suffix: str = ".json"
    full_page: int = 100
    operator_words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where a listing stands: the page to read, the size of a full one, and what the first and last page held."""

    page: int = 1
    size: int = 0
    first: str = ""
    last: str = ""

    @classmethod
    def parse(cls, text: str | None) -> _Cursor:
        if text is None:
            return cls()
        found = re.fullmatch(r"(\d{1,6})\.(\d{1,6})\.([0-9a-f]{16})\.([0-9a-f]{16})", text)
        if found is None:
            raise errors.Rejected("The cursor of a listing cannot be read.", field="cursor")
        return cls(int(found[1]), int(found[2]), found[3], found[4])

    def __str__(self) -> str:
        return f"{self.page}.{self.size}.{self.first}.{self.last}"

    def after(self, listed: Sequence[answers.Json], full_page: int) -> tuple[bool, _Cursor | None]:
        """Whether this page is a new one, and where the next one is read, if there may be one.

        A page is full that is as long as the first, which itself must have `full_page` rows: some vendors ignore
        the size that we ask for. One that repeats the first or the last page is a vendor that ignores `page`.
        """
        digest = digest_of(listed)
        if not listed or digest in {self.first, self.last}:
            return False, None
        if len(listed) < (self.size or full_page):
            return True, None
        if self.page >= _MOST_PAGES:
            raise errors.Retryable("A list of the vendor does not end.")
        return True, _Cursor(self.page + 1, self.size or len(listed), self.first or digest, digest)


class RestSession:
    """One account, open. Holds no connection of its own: those are the wire's."""

    def __init__(self, connector: Connector, rest: Rest, access: Access, wire: Wire) -> None:
        self._connector = connector
        self._rest = rest
        self.access = access
        self._wire = wire
        self.limits = limits_of(connector.limits, access)

    async def read(self, resource: str, record_id: str) -> Row | None:
        rest = self._rest.resources[resource]
        response = await self.call("GET", self._one(rest, record_id), fates=_HANDLED)
        if self._is_missing(response):
            return None
        found = await self.object_of(response)
        row = await self._row(rest, found)
        if row.record_id != record_id:
            raise errors.Retryable("The vendor answered with another record than the one asked for.")
        return None if row.gone else row

    async def page(
        self,
        resource: str,
        cursor: str | None = None,
        *,
        newest_change_first: bool = False,
        changed_since: datetime | None = None,
        bulk: bool = False,
    ) -> Page:
        rest = self._rest.resources[resource]
        at = _Cursor.parse(cursor)
        query = rest.newest_change_query if newest_change_first else rest.list_query
        listed = await self._listed(rest.path, query, at.page, bulk=bulk)
        fresh, following = at.after(listed, self._rest.full_page)
        if not fresh:
            return Page(rows=(), cut=at.page == 2 and bool(listed))
        rows, unreadable = await self._rows(rest, listed)
        return Page(rows=rows, unreadable=unreadable, next=str(following) if following else None)

    async def search(self, resource: str, field_name: str, value: str) -> Sequence[Row]:
        """At most a few pages: a vendor that ignores the filter would answer with everything."""
        if field_name not in self._connector.resources[resource].searchable:
            raise errors.Rejected(f"{resource} cannot be searched by {field_name}.", field=field_name)
        rest = self._rest.resources[resource]
        rows: list[Row] = []
        pages = 0
        async for listed in self.pages(rest.path, ((field_name, value),)):
            rows += (await self._rows(rest, listed))[0]
            pages += 1
            if pages >= _SEARCH_PAGES:
                break
        return rows

    async def by_reference(self, resource: str, reference: str, hint: Fields) -> Sequence[Row]:
        """Every record that carries our reference, found by reading the whole list."""
        return await self.scan(
            resource, (), lambda found: self._reference(resource, found) == reference, bulk=True
        )

    async def scan(self, resource: str, query: Query, wanted: Wanted, *, bulk: bool = False) -> Sequence[Row]:
        """The wanted records of a list, read to its end: a filter may be partial or ignored.

        Raises what stands in the way of reading it whole: a look-up that saw a part must not say "not there".
        """
        rest = self._rest.resources[resource]
        rows: dict[str, Row] = {}
        try:
            async for listed in self.pages(rest.path, (*rest.list_query, *query), bulk=bulk, whole=True):
                for found in listed:
                    if isinstance(found, dict) and wanted(found):
                        row = await self._row(rest, found)
                        rows.setdefault(row.record_id, row)
        except CutList:
            if not rows:
                raise
        return [row for row in rows.values() if not row.gone]

    def _reference(self, resource: str, found: Object) -> str:
        try:
            return self._rest.resources[resource].reference(found)
        except errors.Rejected:
            return ""  # what cannot be read as text is no reference of ours

    async def pages(
        self,
        path: str,
        query: Query = (),
        *,
        bulk: bool = False,
        body: Object | None = None,
        whole: bool = False,
    ) -> AsyncIterator[Sequence[answers.Json]]:
        """The pages of a list until an empty, short or repeated one.

        With `whole` a second page that repeats the first raises: the vendor ignores `page`, and what else the list
        holds cannot be known.
        """
        at: _Cursor | None = _Cursor()
        while at is not None:
            listed = await self._listed(path, query, at.page, bulk=bulk, body=body)
            second = at.page == 2
            fresh, at = at.after(listed, self._rest.full_page)
            if fresh:
                yield listed
            elif whole and second and listed:
                raise CutList("The vendor repeats the first page of a list; the rest of it cannot be read.")

    async def _listed(
        self, path: str, query: Query, page: int, *, bulk: bool, body: Object | None = None
    ) -> Sequence[answers.Json]:
        asked = (*query, ("page", str(page)), ("per_page", str(self.limits.page_size)))
        whole = f"{path}{self._rest.suffix}"
        response = await self.call("GET", whole, query=asked, body=body, bulk=bulk, fates=_LOST_LIST)
        listed = await answers.json_of(response)
        if isinstance(listed, list):
            return listed
        if isinstance(listed, dict) and (said := self._refusal(listed)):
            raise errors.Retryable(f"The vendor refused a list: {self._safe(said)}")
        raise errors.Retryable("The vendor's answer is not the list that it should be.")

    async def _rows(
        self, rest: RestResource, listed: Sequence[answers.Json]
    ) -> tuple[Sequence[Row], Sequence[Unreadable]]:
        """The rows of a page, each id once; what cannot be read stands beside them."""
        rows: dict[str, Row] = {}
        unreadable: list[Unreadable] = []
        for found in listed:
            try:
                if not isinstance(found, dict):
                    raise values.wrong("record", "an object")
                row = await self._row(rest, found)
            except errors.Rejected as problem:
                unreadable.append(Unreadable(record_id=id_of(found), problem=problem))
            else:
                rows.setdefault(row.record_id, row)
        return list(rows.values()), unreadable

    async def _row(self, rest: RestResource, found: Object) -> Row:
        return rest.row(found, self.access)

    async def create(self, resource: str, fields: Fields, *, reference: str) -> Row:
        rest = self._rest.resources[resource]
        wire = await self._new(resource, fields, reference)
        path = f"{rest.path}{self._rest.suffix}"
        response = await self.call("POST", path, body={rest.wrapper: wire}, writes=True, fates=_LOST_LIST)
        made = await self.object_of(response, writes=True)
        record_id = id_of(made)
        if not record_id:
            raise errors.InDoubt("The vendor's answer to a create holds no id; the record may have been made.")
        try:
            return await self._row(rest, made)
        except errors.PuenteError:
            # The record stands and its id is what matters now; reading it will show what is wrong.
            return Row(record_id=record_id, fields={}, reference=reference)

    async def choose_key(self, resource: str, taken: Collection[str]) -> str:
        raise errors.Rejected(f"{self._connector.title} numbers its records itself.", field="id")

    async def update(
        self, resource: str, record_id: str, fields: Fields, *, whole: Fields | None = None
    ) -> Row | None:
        rest = self._rest.resources[resource]
        wire = await self._changed(resource, fields)
        path = self._one(rest, record_id)
        response = await self.call("PUT", path, body={rest.wrapper: wire}, writes=True, fates=_HANDLED)
        if self._is_missing(response):
            return None
        written = await self.object_of(response, writes=True, or_word=True)
        if not written:
            return await self._read_back(resource, record_id)
        if id_of(written) != record_id:
            raise errors.InDoubt("The vendor's answer to a write names another record.")
        try:
            row = await self._row(rest, written)
        except errors.PuenteError:
            return await self._read_back(resource, record_id)
        return None if row.gone else row

    async def _read_back(self, resource: str, record_id: str) -> Row | None:
        """Read what was just written. Whatever fails now, the write itself is not undone by it."""
        try:
            return await self.read(resource, record_id)
        except errors.PuenteError as problem:
            raise errors.InDoubt(f"Written, and not read back: {problem.message}") from None

    async def _new(self, resource: str, fields: Fields, reference: str) -> Object:
        """The object to create; a vendor adds our reference where it belongs."""
        return self._rest.resources[resource].wire(fields)

    async def _changed(self, resource: str, fields: Fields) -> Object:
        return self._rest.resources[resource].wire(fields)

    def lacks(self, resource: str) -> Mapping[str, Text]:
        return {}

    async def ensure_field(self, resource: str, name: str, *, make: bool = True) -> OwnField:
        raise errors.Rejected(f"{self._connector.title} gets no field of ours for {name!r}.", field=name)

    async def hooks(self) -> Sequence[RegisteredHook] | None:
        return None

    async def register_hook(self, hook_kind: str, url: str, secret: str) -> RegisteredHook:
        raise self._no_hooks()

    async def activate_hook(self, hook: RegisteredHook, secret: str) -> RegisteredHook:
        raise self._no_hooks()

    async def remove_hook(self, hook: RegisteredHook) -> None:
        raise self._no_hooks()

    def _no_hooks(self) -> errors.NeedsOperator:
        return errors.NeedsOperator(f"{self._connector.title} offers no API for hooks on this account.")

    async def checks(self) -> AsyncIterator[Check]:
        return
        yield

    def link(self, resource: str, record_id: str) -> str:
        rest = self._rest.resources[resource]
        return f"{self.access.base_url.rstrip('/')}{rest.path}/{quote(record_id, safe='')}"

    async def close(self) -> None:
        return None

    async def call(
        self,
        method: Method,
        path: str,
        *,
        query: Query = (),
        body: Object | None = None,
        writes: bool = False,
        bulk: bool = False,
        fates: Mapping[int, StatusFate] | None = None,
    ) -> Response:
        """One request with the token where the account's `auth` setting wants it."""
        token = token_of(self.access)
        headers = {"Accept": "application/json"}
        place = setting(self.access, "auth", self._rest.auth, allowed=("header", "query", "body"))
        if place == "header":
            headers["Authorization"] = f"Bearer {token}"
        elif place == "body" and body is not None and method != "GET":
            body = {self._rest.token_key: token, **body}
        else:
            query = (*query, (self._rest.token_key, token))
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = Request(
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=None if body is None else msgspec.json.encode(body),
            writes=writes,
            bulk=bulk,
            fates={**({} if writes else _READS), **(fates or {})},
        )
        try:
            return await self._wire.send(self.access, self.limits, request)
        except errors.Rejected as problem:
            raise self._refused(problem) from None

    def _refused(self, problem: errors.Rejected) -> errors.PuenteError:
        if any(word in problem.message for word in self._rest.operator_words):
            return errors.NeedsOperator(problem.message, way_out="Check the account's plan and rights.")
        return problem

    def _one(self, rest: RestResource, record_id: str) -> str:
        if not is_record_id(record_id):
            raise values.wrong("id", "a record id")
        return f"{rest.path}/{quote(record_id, safe='')}{self._rest.suffix}"

    def _is_missing(self, response: Response) -> bool:
        """True for the vendor's own "no such record"; a 404 of anybody else (a proxy, a page) is doubtful."""
        if response.status not in _HANDLED:
            return False
        words, _ = answers.words_of(response, ())
        if answers.is_page(response) or not words or not response.body.lstrip().startswith(b"{"):
            raise errors.Retryable(f"Something on the way answered {response.status}, and not the vendor's API.")
        return True

    async def object_of(self, response: Response, *, writes: bool = False, or_word: bool = False) -> Object:
        """The object that a call answered; {} for a mere "ok" or nothing, where `or_word` allows it."""
        if or_word and not response.body.strip():
            return {}
        found = await answers.json_of(response, writes=writes)
        if isinstance(found, dict):
            said = self._refusal(found)
            if not said:
                return found
            if writes:
                raise self._refused(errors.Rejected(f"The vendor refused: {self._safe(said)}"))
            raise errors.Retryable(f"The vendor refused: {self._safe(said)}")
        if or_word and found == "ok":
            return {}
        if writes:
            raise errors.InDoubt("The vendor's answer cannot be read; the write may have happened.")
        raise errors.Retryable("The vendor's answer is not the record that it should be.")

    def _refusal(self, found: Object) -> str:
        """The vendor's words where a 200 carries a refusal, else "".

        This family says `code: error`; `success` is none, and what has an id is a record with a code of its own.
        """
        code = found.get("code")
        if not isinstance(code, str) or code == "success" or "id" in found:
            return ""
        return answers.flat(found.get("message")) or "no reason is given"

    def _safe(self, said: str) -> str:
        return answers.redact(" ".join(said.split())[:300], tuple(self.access.credentials.values()))


def id_of(found: answers.Json) -> str:
    try:
        return values.record_id(found.get("id"), "id") if isinstance(found, dict) else ""
    except errors.Rejected:
        return ""


def digest_of(listed: Sequence[answers.Json]) -> str:
    """Which records a page holds, in any order. What has no id counts with its whole text."""
    ids = sorted(id_of(each) or repr(each) for each in listed)
    return hashlib.sha256("\n".join(ids).encode("utf-8", "surrogatepass")).hexdigest()[:16]
