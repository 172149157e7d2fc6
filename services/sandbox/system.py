"""What one vendor declares, and what its handlers get to work with."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl

from services.sandbox.accounts import Account
from services.sandbox.storage import Fields, Record, Table
from services.sandbox.switches import Switch
from services.sandbox.wire import Answer, int_of

if TYPE_CHECKING:
    from services.sandbox.world import World

Action = Literal["list", "read", "create", "update", "delete", "other"]
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

    @property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", self.template)
        return re.compile(
            "".join(
                re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/.]+)" for index, part in enumerate(parts)
            )
        )


class Routes:
    """Fixed paths first, then those with an id in them."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._fixed = {(r.method, r.template): r for r in routes if "{" not in r.template}
        self._open = [(r, r.pattern) for r in routes if "{" in r.template]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed, {}
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
    """One table of the page. With `wrapper` set a person can add records and edit the `fields`."""

    resource: str
    title: str
    columns: tuple[str, ...]
    path: str = ""
    wrapper: str = ""
    fields: tuple[str, ...] = ()
    actions: tuple[PanelAction, ...] = ()


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
