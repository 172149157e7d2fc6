"""How Clientify is called: its two versions and their addresses, pages of lists, refusals that name a field."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from shared import errors
from shared.connectors import answers, rest
from shared.connectors.contract import Access, Connector, Request, Response, StatusFate, Wire
from shared.connectors.http import BadAddress
from shared.connectors.rest import Method, Query
from shared.connectors.settings import setting, switch, token_of
from shared.connectors.values import Object
from shared.model.text import Text

Version = Literal["v1", "v2"]

# Where the vendor serves each version; any other address is believed to serve both below it.
HOMES: Final[Mapping[Version, str]] = {"v1": "https://api.clientify.net", "v2": "https://api-plus.clientify.com"}
# The vendor's own advice for the hours in which the usual host of version 1 answers 504.
_SECOND_HOME: Final = "https://api.clientify.com"
_VENDORS: Final = frozenset({"clientify.net", "clientify.com"})

_MOST_PAGES: Final = 20_000
_NO_KEY: Final = re.compile(r"api.?key|token|credentials", re.IGNORECASE)
_REFUSED: Final[Mapping[int, StatusFate]] = {400: "answer", 409: "answer"}
_PROBED: Final[Mapping[int, StatusFate]] = dict.fromkeys((400, 401, 403, 404, 405), "answer")

# Why web sites are not carried.
NO_SITES: Final = Text(
    en="Version 2 of Clientify's API has no known call for the web sites of contacts: they are not carried.",
    es="La versión 2 de la API de Clientify no tiene ninguna llamada conocida para las webs de los contactos: "
    "no se llevan.",
)
_NOT_CHECKED: Final = Text(
    en="Which version of its API the account of Clientify has is not known yet: check the account.",
    es="Aún no se sabe qué versión de la API tiene la cuenta de Clientify: compruebe la cuenta.",
)
_LEFT_OUT: Final = Text(
    en="The setting websites=no of the account of Clientify leaves web sites out.",
    es="El ajuste websites=no de la cuenta de Clientify deja fuera las webs.",
)
_WRONG_SETTING: Final = Text(
    en="A setting of the account of Clientify cannot be read: api is auto, v1 or v2, websites is yes or no.",
    es="Un ajuste de la cuenta de Clientify no se entiende: api es auto, v1 o v2; websites es yes o no.",
)


class NotThisVersion(BadAddress):
    """The address answers, but not as a version of this API that the key may use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the two versions answered to the account's key. `version` is None if neither took it."""

    version: Version | None
    token_refused: bool = False
    account_id: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a listing stands: the page to read, and what the first and the last page held."""

    page: int = 1
    first: str = ""
    last: str = ""

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        if text is None:
            return cls()
        found = re.fullmatch(r"(\d{1,6})\.([0-9a-f]{16})\.([0-9a-f]{16})", text)
        if found is None:
            raise errors.Rejected("The cursor of a listing cannot be read.", field="cursor")
        return cls(int(found[1]), found[2], found[3])

    def __str__(self) -> str:
        return f"{self.page}.{self.first}.{self.last}"

    def after(self, listed: Listed) -> tuple[bool, Cursor | None]:
        """Whether this page is a new one, and where the next one is read, if there is one.

        The vendor says itself whether another page follows. A page that repeats the first or the last one is a
        vendor that ignores which page is asked for, and ends the list.
        """
        digest = rest.digest_of(listed.rows)
        if not listed.rows or digest in {self.first, self.last}:
            return False, None
        if not listed.more:
            return True, None
        if self.page >= _MOST_PAGES:
            raise errors.Retryable("A list of the vendor does not end.")
        return True, Cursor(self.page + 1, self.first or digest, digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One page as the vendor answered it; `total` counts the records that the vendor's filters let through."""

    rows: Sequence[answers.Json]
    more: bool = False
    total: int | None = None


class ClientifyWire(rest.RestSession):
    """One account's calls. The version is found at the first one, unless the account's settings name it."""

    def __init__(self, connector: Connector, declared: rest.Rest, access: Access, wire: Wire) -> None:
        base_url = re.sub(r"/v[12]$", "", access.base_url.strip().rstrip("/"))
        super().__init__(connector, declared, replace(access, base_url=base_url), wire)
        self._version: Version | None = None
        self._version_lock = asyncio.Lock()
        self._lacking: Mapping[str, Text] | None = None

    async def version(self) -> Version:
        """The version that this account is used with. Raises NeedsOperator where neither takes the key."""
        async with self._version_lock:
            if self._version is None:
                known = self._told_version()
                self._version = self._must_be(await self.probe()) if known is None else known
            return self._version

    def lacks(self, resource: str) -> Mapping[str, Text]:
        """A contact's web sites, but in an account that is known to have version 1."""
        if self._lacking is None:
            self._lacking = self._found_lacking()
        return self._lacking

    def _found_lacking(self) -> Mapping[str, Text]:
        try:
            told, wanted = self._told_version(), switch(self.access, "websites", default=True)
        except errors.NeedsOperator:
            return {"www": _WRONG_SETTING}
        if not wanted:
            return {"www": _LEFT_OUT}
        return {} if told == "v1" else {"www": NO_SITES if told == "v2" else _NOT_CHECKED}

    def _told_version(self) -> Version | None:
        """The version that the settings tell: named by a person, else found by a check; None if neither."""
        return self.named_version() or _version_in(self.access.settings.get("found_api", ""))

    def named_version(self) -> Version | None:
        """The version that the account's settings name; None where it is to be found out."""
        named = setting(self.access, "api", "auto", allowed=("auto", "v1", "v2"))
        return _version_in(named)

    def _must_be(self, probe: Probe) -> Version:
        if probe.version is not None:
            return probe.version
        if probe.token_refused:
            raise errors.NeedsOperator(
                "The vendor does not accept the key.", way_out="Check the account's API key."
            )
        raise NotThisVersion(
            "Neither version of the API answers at this address.", way_out="Check the account's base URL."
        )

    async def probe(self) -> Probe:
        """Ask both versions who we are.

        The second one is used where it answers, since it has webhooks; but the first one, if it answers too, for
        an account that is called a classic one.
        """
        response = await self._ask("v2", "/me/", (("fields", "id,account_status,company_id"),))
        me = await _object_in(response) if response.status == 200 else {}
        refused = response.status == 401 or _is_no_key(response)
        response = await self._ask("v1", "/settings/my-account/")
        found = await _object_in(response) if response.status == 200 else {}
        refused |= response.status == 401 or _is_no_key(response)
        rows = found.get("results")
        own = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None
        version: Version | None = None if own is None else "v1"
        if "id" in me and (own is None or me.get("account_status") != "client_1_0"):
            version = "v2"
        country = _word(own.get("country")) if own is not None else ""
        return Probe(
            version=version,
            token_refused=refused,
            account_id=_account_of(me) or _account_of(own or {}),
            country=country.upper() if len(country) == 2 else "",
        )

    async def _ask(self, version: Version, path: str, query: Query = ()) -> Response:
        return await self._send(version, "GET", path, query=query, fates=_PROBED)

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
        """One request to the account's version. A refusal for its content is raised with the field it names."""
        version = await self.version()
        allowed = {**_REFUSED, **(fates or {})}
        response = await self._send(
            version, method, path, query=query, body=body, writes=writes, bulk=bulk, fates=allowed
        )
        if _is_no_key(response):
            raise errors.NeedsOperator("The vendor saw no key.", way_out="Check the account's API key.")
        if response.status in _REFUSED and response.status not in (fates or {}):
            raise refusal_of(response, tuple(self.access.credentials.values()))
        return response

    async def _send(
        self,
        version: Version,
        method: Method,
        path: str,
        *,
        query: Query = (),
        body: Object | None = None,
        writes: bool = False,
        bulk: bool = False,
        fates: Mapping[int, StatusFate],
    ) -> Response:
        headers = {"Accept": "application/json", "Authorization": f"Token {token_of(self.access)}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = Request(
            method=method,
            path=f"/{version}{path}",
            query=query,
            headers=headers,
            body=None if body is None else msgspec.json.encode(body),
            writes=writes,
            bulk=bulk,
            fates=fates,
        )
        home = home_of(self.access.base_url, version)
        if home == HOMES["v1"] and not writes:
            request = replace(request, fates={**fates, 504: "answer"})
            response = await self._wire.send(replace(self.access, base_url=home), self.limits, request)
            if response.status != 504:
                return response
            home, request = _SECOND_HOME, replace(request, fates=fates)
        return await self._wire.send(replace(self.access, base_url=home), self.limits, request)

    # Lists

    async def list_page(
        self, path: str, query: Query, page: int, *, bulk: bool = False, size: int | None = None
    ) -> Listed:
        """One page. One behind the last, which the vendor refuses with 404, is an empty one."""
        asked = (*query, ("page", str(page)), ("page_size", str(size or self.limits.page_size)))
        fates: Mapping[int, StatusFate] = {404: "answer" if page > 1 else "operator", 410: "operator"}
        slashed = f"{path.rstrip('/')}/"  # without it the vendor redirects, or knows no such path
        response = await self.call("GET", slashed, query=asked, bulk=bulk, fates=fates)
        if response.status == 404:
            self._is_missing(response)
            return Listed(rows=())
        found = await answers.json_of(response)
        rows = found.get("results") if isinstance(found, dict) else None
        if not isinstance(found, dict) or not isinstance(rows, list):
            raise errors.Retryable("The vendor's answer is not the list that it should be.")
        total = found.get("count")
        counted = total if isinstance(total, int) and not isinstance(total, bool) else None
        return Listed(rows=rows, more=bool(found.get("next")), total=counted)

    async def pages(
        self,
        path: str,
        query: Query = (),
        *,
        bulk: bool = False,
        body: Object | None = None,
        whole: bool = False,
    ) -> AsyncIterator[Sequence[answers.Json]]:
        """The pages of a list to its end. With `whole` a second page that repeats the first raises."""
        at: Cursor | None = Cursor()
        while at is not None:
            listed = await self.list_page(path, query, at.page, bulk=bulk)
            second = at.page == 2
            fresh, at = at.after(listed)
            if fresh:
                yield listed.rows
            elif whole and second and listed.rows:
                raise rest.CutList("The vendor repeats the first page of a list; the rest of it cannot be read.")

    def _refusal(self, found: Object) -> str:
        """A 200 without an id that holds only words is something on the way, or a vendor in trouble."""
        if "id" in found or "results" in found:
            return ""
        said = next((found[key] for key in ("error", "detail", "message") if found.get(key)), None)
        return answers.flat(said) if said is not None else ""

    async def object_of(self, response: Response, *, writes: bool = False, or_word: bool = False) -> Object:
        """As of any vendor; but words instead of a record leave a write in doubt: no page knows such a refusal."""
        try:
            return await super().object_of(response, writes=writes, or_word=or_word)
        except errors.Rejected as problem:
            raise errors.InDoubt(f"{problem.message} The write may have happened.") from None


def home_of(base_url: str, version: Version) -> str:
    """The address of a version: the vendor's own where the account is the vendor's, else as it is given."""
    host = (_host(base_url)).lower()
    if any(host == each or host.endswith(f".{each}") for each in _VENDORS):
        return HOMES[version]
    return base_url


def _host(base_url: str) -> str:
    try:
        return urlsplit(base_url).hostname or ""
    except ValueError:
        raise BadAddress("The base URL cannot be read.", way_out="Leave it out for Clientify's own.") from None


def refusal_of(response: Response, secrets: Sequence[str]) -> errors.Rejected:
    """A refusal for its content: `{"field": ["reason"]}`, a bare list of texts, or an object with words."""
    if answers.is_page(response):
        return errors.Rejected(f"The vendor answered {response.status}: (a page instead of an answer)")
    try:
        said: answers.Json = msgspec.json.decode(response.body)
    except (ValueError, RecursionError):
        return errors.Rejected(f"The vendor answered {response.status}.")
    field = ""
    if isinstance(said, dict):
        words = next((said[key] for key in ("detail", "message", "error") if said.get(key)), None)
        if words is None:
            field = next((key for key in said if key.isidentifier() and len(key) <= 64), "")
            words = said
        said = words
    text = answers.redact(" ".join(answers.flat(said).split())[:300], secrets)
    return errors.Rejected(f"The vendor answered {response.status}: {text}", field=answers.redact(field, secrets))


def _is_no_key(response: Response) -> bool:
    """404 is also what the vendor answers to a call whose key it did not see."""
    if response.status != 404 or answers.is_page(response):
        return False
    return _NO_KEY.search(answers.words_of(response, ())[0]) is not None


async def _object_in(response: Response) -> Object:
    """The object that an answer holds; {} for what is none: another site may stand at the address.

    Raises NeedsOperator for a login page.
    """
    try:
        found = await answers.json_of(response)
    except errors.Retryable:
        return {}
    return found if isinstance(found, dict) else {}


def _version_in(text: str) -> Version | None:
    """A version as a setting names it; None for anything else."""
    return "v1" if text == "v1" else "v2" if text == "v2" else None


async def account_in(response: Response) -> str:
    """The number of the account in an answered list of its users, "" for none."""
    rows = (await _object_in(response)).get("results")
    return (
        _word(rows[0].get("company_id")) if isinstance(rows, list) and rows and isinstance(rows[0], dict) else ""
    )


def _account_of(found: Object) -> str:
    """The number of the account, which every key of it shows; "" where only settings are shown."""
    return _word(found.get("company_id")) or _word(found.get("id"))


def _word(value: answers.Json) -> str:
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
