"""What one vendor declares, and what its handlers get to work with."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeVar
from urllib.parse import parse_qsl

from services.sandbox.accounts import Account
from services.sandbox.storage import Fields, Record, Table
from services.sandbox.switches import Switch
from services.sandbox.wire import (
    ERROR_HTML,
    GATEWAY_HTML,
    HTML_TYPE,
    LOGIN_HTML,
    Answer,
    BadJsonError,
    error,
    int_of,
    json_answer,
    not_found,
    parse_object,
)

if TYPE_CHECKING:
    from services.sandbox.world import World

T = TypeVar("T")
Action = Literal["list", "read", "create", "update", "delete", "login", "other"]
ListFault = Literal["empty", "endless"]


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """One request as it came in. `path` is the vendor's own, below the origin."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes

    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.raw_query, keep_blank_values=True)

    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None


@dataclass(frozen=True, kw_only=True)
class Call:
    """An authenticated request of one account."""

    world: "World"
    account: Account
    now: datetime
    path: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    body: Fields = field(default_factory=dict)
    as_of: datetime | None = None
    """Reads show the state of this moment; None for the present."""
    list_fault: ListFault | None = None
    token_in_body: bool = False
    quiet: bool = False
    """Raise no hooks."""
    owner: bool = False
    """A person does it in the vendor's own program."""

    def param(self, name: str) -> str | None:
        """A parameter from the JSON body, else from the query, as Rails merges them; the last one counts."""
        value = self.body.get(name)
        if isinstance(value, str | int | float | bool):
            return str(value).lower() if isinstance(value, bool) else str(value)
        found = [given for key, given in self.query if key == name]
        return found[-1] if found else None

    def filled(self, name: str) -> str | None:
        """A parameter that is there and not empty; an empty filter filters nothing."""
        return self.param(name) or None

    def params(self, name: str) -> list[str]:
        """All values of `name[]`."""
        given = self.body.get(name)
        if isinstance(given, list):
            return [str(value) for value in given]
        return [value for key, value in self.query if key == f"{name}[]"]

    @property
    def record_id(self) -> int | None:
        return int_of(self.path.get("id"))

    def table(self, name: str) -> Table:
        return self.account.tables[name]

    def flag(self, switch: str) -> bool:
        return bool(self.world.switches.value(self.account.system, switch, self.account.name))

    def choice(self, switch: str) -> str:
        return str(self.world.switches.value(self.account.system, switch, self.account.name))

    def amount(self, switch: str) -> float:
        return float(self.world.switches.value(self.account.system, switch, self.account.name))

    def next_id(self, resource: str) -> int:
        return self.world.next_id(self.account.system, resource)

    def raise_hooks(self, kind: str, record: Record) -> None:
        if not self.quiet:
            self.world.raise_hooks(self.account, kind, record)


@dataclass(frozen=True, kw_only=True)
class Route:
    method: str
    template: str
    action: Action
    handler: Callable[[Call], Answer]
    open: bool = False
    """Needs no token; the handler gets the system's first account."""
    free_text: str = ""
    """The parameter that may hold anything, slashes and dots too."""

    def pattern(self, flags: re.RegexFlag) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.template)
        for index, name in enumerate(parts):
            inner = ".+" if name == self.free_text else "[^/.]+"
            parts[index] = re.escape(name) if index % 2 == 0 else f"(?P<{name}>{inner})"
        return re.compile("".join(parts), flags | re.DOTALL)


class Routes:
    """Fixed paths first, then those with an id in them. `loose` ones overlook case and a slash at the end."""

    def __init__(self, routes: tuple[Route, ...], *, loose: bool = False) -> None:
        self._loose = loose
        flags = re.IGNORECASE if loose else re.NOFLAG
        self._fixed = {(r.method, self._key(r.template)): r for r in routes if "{" not in r.template}
        self._open = [(r, r.pattern(flags)) for r in routes if "{" in r.template]

    def _key(self, path: str) -> str:
        return path.rstrip("/").lower() if self._loose else path

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        fixed = self._fixed.get((method, self._key(path)))
        if fixed is not None:
            return fixed, {}
        if self._loose:
            path = path.rstrip("/")
        for route, pattern in self._open:
            if route.method == method and (found := pattern.fullmatch(path)):
                return route, found.groupdict()
        return None


@dataclass(frozen=True, kw_only=True)
class PanelAction:
    """A button of the page: a request that the shop owner makes, with `{id}` in its path."""

    label: str
    method: str
    path: str
    body: Fields = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One table of the page. With `fields` a person can add records and edit those, inside the `wrapper` if any.

    `path` with `suffix` makes a record; `path`, a slash, the id and `suffix` is one.
    """

    resource: str
    title: str
    columns: tuple[str, ...]
    path: str = ""
    suffix: str = ".json"
    wrapper: str = ""
    fields: tuple[str, ...] = ()
    actions: tuple[PanelAction, ...] = ()


_TOO_MANY = {"code": "error", "message": "Demasiadas peticiones"}

SAID_BY_FAULTS: Mapping[str, Callable[[float], Answer]] = {
    "rate_limit": lambda seconds: json_answer(_TOO_MANY, 429, **{"Retry-After": f"{seconds:g}"}),
    "rate_limit_silent": lambda _: Answer(status=429),
    "server_error": lambda _: Answer(status=500, body=ERROR_HTML, content_type=HTML_TYPE),
    "unavailable": lambda _: Answer(status=503, body=GATEWAY_HTML, content_type=HTML_TYPE),
    "error_with_200": lambda _: json_answer({"code": "error", "message": "No se ha podido realizar"}),
    "login_page": lambda _: Answer(body=LOGIN_HTML, content_type=HTML_TYPE),
}
"""What each of the simplest faults answers, given its seconds."""


def _json_body(incoming: Incoming) -> Fields:
    return parse_object(incoming.body)


def _bad_body(world: "World", problem: BadJsonError) -> Answer:
    return error(400, f"Error occurred while parsing request parameters: {problem}").answer


def _unknown_path(world: "World", incoming: Incoming) -> Answer:
    return not_found().answer


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a vendor reads requests and words its refusals. The defaults are what the invoicing vendors share."""

    parse: Callable[[Incoming], Fields] = _json_body
    """Raises BadJsonError."""
    bad_body: Callable[["World", BadJsonError], Answer] = _bad_body
    token_in_body: bool = True
    """A body that cannot be read is refused before the token is looked at."""
    loose_paths: bool = False
    unknown_path: Callable[["World", Incoming], Answer] = _unknown_path
    faults: Mapping[str, Callable[[float], Answer]] = field(default_factory=dict)
    """Where this vendor words `SAID_BY_FAULTS` in its own way."""

    def said_by(self, fault: str) -> Callable[[float], Answer]:
        return self.faults.get(fault) or SAID_BY_FAULTS[fault]


def prefixed_token(account: Account) -> str:
    return account.prefixed_token


def _same_kind(hook: Record, kind: str) -> bool:
    return hook.fields.get("kind") == kind


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which records of a resource somebody wants to see; the last `limit` of them."""

    year: str | None = None
    deleted: Literal["no", "also", "only"] = "no"
    limit: int | None = None

    def last(self, rows: list[T]) -> list[T]:
        return rows if self.limit is None else rows[-self.limit :]


Shelf = Callable[["World", Account, str, Wanted], tuple[list[Fields], int]]
"""The wanted records of a resource, and how many there are without the limit."""


@dataclass(frozen=True, kw_only=True)
class System:
    """`seeders` insert one record of a resource as the vendor would; `hook_body` is what a delivery carries."""

    name: str
    title: str
    routes: tuple[Route, ...]
    switches: tuple[Switch, ...]
    hook_kinds: tuple[str, ...]
    seeders: Mapping[str, Callable[[Call, Fields], Record]]
    sign_in: Callable[["World", Incoming, Fields], Account]
    hook_body: Callable[["World", Account, Record, str, Record], Fields]
    hooks_enabled: Callable[["World", Account], bool]
    read_only: Callable[[], Answer]
    """The answer to a write with a token that may only read."""
    revoked: Callable[["World", Account, Incoming], Answer]
    after_hook_saved: Callable[[Call, Record], None]
    panels: tuple[Panel, ...] = ()
    dialect: Dialect = Dialect()
    token: Callable[[Account], str] = prefixed_token
    """The credential that a user would paste."""
    expired: Callable[["World", Account, Incoming], Answer] | None = None
    """The answer to a token whose time is over; None where tokens last."""
    desk: tuple[Route, ...] = ()
    """What a person can do in the vendor's own program and nobody can through the API."""
    shelf: Shelf | None = None
    """Where the records are, if they are not in the account's tables."""
    rival: Callable[[Call], None] | None = None
    """Another writer takes the number of this create first; None where the vendor chooses numbers."""
    hook_wants: Callable[[Record, str], bool] = _same_kind
    save_hook: Callable[[Call, Fields], Record] | None = None
    """Saves a webhook row as the vendor's settings page does; None for the common rows."""
    hook_pause: float = 0.2
    """Seconds before a failed delivery is sent again; each further pause is twice as long."""
    any_answer_delivers: bool = False
    """Whatever a receiver answers, the delivery is over."""
