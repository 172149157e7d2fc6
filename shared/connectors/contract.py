"""What a connector promises: transport is declared, meaning is coded.

A connector is one `Connector` value: its resources, limits and hooks as data, two pure functions per resource
(wire to model, model to wire), the pure `changes_in`, and a way to open a `Session` on an account. The engine
knows nothing else of a vendor.

Promises of every session, each of them a test of the connector suite:

1. `read` answers None only when the vendor's own word for "no such record" was received; anything doubtful
   raises.
2. A refusal for its content raises Rejected with the vendor's words and the field; credentials and rights raise
   NeedsOperator; too many calls raise Throttled; everything else that may pass raises Retryable.
3. A write whose answer did not arrive raises InDoubt. It is never sent again from inside the session.
4. Nothing that the vendor sends (HTML, wrong types, ten megabytes, redirects, half a body) raises anything else.
5. `page` ends: a short, empty or repeated page is the last one.
6. Row ids are strings, money is Decimal, times are aware.
7. No credential appears in an exception, a log line or a repr.
8. A column that `lacks` names is in no row, and a write that names it raises Rejected, with its name and the
   reason, before anything is sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal, Protocol

from shared import errors
from shared.model import letters, phones
from shared.model.record import EntityType, Fields, Value
from shared.model.text import Text


class LookUp(Enum):
    """How a record that we made is found again when the answer to its creation was lost."""

    REFERENCE = "reference"  # the vendor searches by our reference: exactly one
    NATURAL_KEY = "natural key"  # the record has a key of its own that we know beforehand: exactly one
    CHOSEN_KEY = "chosen key"  # we choose the new record's id, and save it, before it is made: exactly one
    SCAN = "scan"  # our reference is read back in lists: exactly one, if visible within `visible_after`
    NONE = "none"  # nothing can be found again: at most one, and a person is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one field of the model stands in one resource of a vendor.

    `max_length` is in characters. `shown` is False for a value that the vendor takes and does not read back (it
    is never compared). `clearable` is False where an empty value is ignored by the vendor. `one_number` holds one
    telephone number in its international form; words and further numbers stay where they are. `caseless` text is
    kept in upper case by the program or by its users, and `code_page` names the letters that it has: what differs
    in that alone is the same, and is no edit.
    """

    max_length: int | None = None
    shown: bool = True
    writable: bool = True
    upper: bool = False
    clearable: bool = True
    one_number: bool = False
    caseless: bool = False
    code_page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of record of a vendor.

    `update` says whether a write may name only what changed. `answers` says whether the answer to a write shows
    the whole record or must be followed by a read. `searchable` names the fields whose search the vendor offers
    (every hit is checked again). `changed_first` means that a list can be read newest change first.
    `own_field` names the field of the model that stands in a field which Puente adds to the vendor's account, ""
    where nothing is added: `Session.ensure_field` makes it.
    `change_grain` is how coarse the vendor's time of change is: a day where it knows no time of day.
    """

    name: str
    entity: EntityType
    columns: Mapping[str, Column]
    look_up: LookUp
    visible_after: timedelta
    update: Literal["partial", "replace"] = "partial"
    create_answers: Literal["all", "part"] = "part"
    update_answers: Literal["all", "part"] = "all"
    verify_delete: Literal["read", "list", "trust"] = "read"
    searchable: frozenset[str] = frozenset()
    change_time: Literal["trusted", "hint", "none"] = "hint"
    changed_first: bool = False
    change_grain: timedelta = timedelta(0)
    writable: bool = True
    own_field: str = ""

    def fit(self, name: str, value: Value) -> Value:
        """The value as this resource can hold it: cut to length, upper case, its characters. Never made up."""
        column = self.columns[name]
        if isinstance(value, str):
            if column.code_page:
                value = letters.in_code_page(value, column.code_page)
            if column.one_number:
                value = phones.first(value)
            if column.upper:
                value = value.upper()
            if column.max_length is not None and len(value) > column.max_length:
                value = value[: column.max_length].rstrip()
        return value

    def worn(self, name: str, value: Value) -> Value:
        """The value as it may look after some time in this resource: as it fits, in capitals, in its code page.

        Two values that wear down to the same are the same to whoever compares with this side.
        """
        column = self.columns[name]
        value = self.fit(name, value)
        return value.upper() if isinstance(value, str) and column.caseless else value

    def wears(self, name: str) -> bool:
        """Whether this resource may show a value in another form than it was given, length apart."""
        column = self.columns[name]
        return column.caseless or bool(column.code_page)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record as a side shows it now.

    `reference` is our reference if the record carries one. `gone` is True for a row that the vendor lists as
    deleted. `changed_at` is the vendor's word, to the second, and no order.
    """

    record_id: str
    fields: Fields = field(repr=False)  # names, addresses and links that open documents stay out of logs
    changed_at: datetime | None = None
    reference: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A listed record that could not be mapped; `record_id` is "" where not even the id could be read."""

    record_id: str
    problem: errors.Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list. `next` is None after the last one, else an opaque cursor for the next call.

    `total` is the number of records in the whole list where the vendor tells it. `cut` means that the list has, or
    may have, more records than can be read: the vendor ignores which page is asked for.
    """

    rows: Sequence[Row]
    unreadable: Sequence[Unreadable] = ()
    next: str | None = None
    total: int | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one hook body says: this record of this resource changed; perhaps that it was deleted."""

    resource: str
    record_id: str
    deletion: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HookKind:
    """A kind of hook that a system can send. `bulk` marks a burst of everything, answered by one load."""

    resource: str
    deletion: bool = False
    bulk: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryBody:
    """A hook as this system would send it, for a record id: of which kind, and the body without its secret."""

    kind: str
    body: Callable[[str], Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRules:
    """How a system's hooks are told apart and trusted.

    `secret_key` is the top-level key of the JSON body in which the vendor echoes the secret that we registered
    ("" if it echoes none). `extra_paths` are URL endings behind the token that the vendor's help makes users
    paste. `when_unstored` is the status to answer when nothing can be stored (410 never). With `one_slot` a vendor
    has one row a kind, so that a row of somebody else stands in the way of ours. `canary` is what we post to our
    own door to see that the way is open.
    """

    kinds: Mapping[str, HookKind]
    secret_key: str = ""
    extra_paths: Sequence[str] = ()
    when_unstored: int = 503
    one_slot: bool = False
    canary: CanaryBody | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Calls that a vendor bears. `keyed_by` says what shares one budget."""

    per_minute: int
    concurrent: int = 4
    keyed_by: Literal["account", "base_url", "app"] = "account"
    timeout: timedelta = timedelta(seconds=30)
    page_size: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach one account. `credentials` never appear in a repr."""

    account: str
    base_url: str
    credentials: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    country: str = "ES"
    time_zone: str = "Europe/Madrid"
    system: str = ""


CheckState = Literal["ok", "failed", "not checked", "warning"]
CheckName = Literal[
    "host",
    "certificate",
    "token",
    "version",
    "manufacturer",
    "client",
    "database",
    "password",
    "year",
    "columns",
    "numbers",
    "read",
    "write",
    "own field",
    "prefix",
    "hooks",
    "shipped link",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding of `account check` and `doctor`: what was looked at, how it stands, where to mend it.

    `remember` are settings that it found out: they are kept with the account, under names that no user gives.
    """

    name: CheckName
    state: CheckState
    says: Text
    way_out: Text | None = None
    remember: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnField:
    """How the field that Puente adds to a vendor's records stands; `name` is the vendor's name for it.

    "missing": it was only looked for. "wrong type": a person made it otherwise. "refused": the vendor does not let
    us make it, and `way_out` says how a person does.
    """

    name: str
    state: Literal["there", "made", "missing", "wrong type", "refused"]
    says: Text
    way_out: Text | None = None

    @property
    def usable(self) -> bool:
        return self.state in {"there", "made"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredHook:
    """A hook row at the vendor. `url` may hold a token: it never goes to a log."""

    hook_id: str
    hook_kind: str
    url: str = field(repr=False)
    active: bool = True


class Session(Protocol):
    """One account of one vendor, open. All times out by themselves; see the promises above."""

    def lacks(self, resource: str) -> Mapping[str, Text]:
        """The columns that this account has not got although its system has them, each with the reason.

        Told by the account's settings alone, as its checks left them: without a call, without raising, the same
        for as long as the session is open, and mostly none. Where the settings do not tell, a column that may be
        lacking is lacking.
        """
        ...

    async def read(self, resource: str, record_id: str) -> Row | None: ...

    async def page(
        self,
        resource: str,
        cursor: str | None = None,
        *,
        newest_change_first: bool = False,
        changed_since: datetime | None = None,
        bulk: bool = False,
    ) -> Page:
        """One page of the list, oldest record first unless told otherwise. `bulk` yields to live calls.

        `changed_since` allows to leave out what was not changed since, where the vendor can tell.
        """
        ...

    async def search(self, resource: str, field_name: str, value: str) -> Sequence[Row]:
        """What the vendor answers to a search; the caller checks each hit. Only for `searchable` fields."""
        ...

    async def by_reference(self, resource: str, reference: str, hint: Fields) -> Sequence[Row]:
        """The records that carry our reference or the natural key in `hint` (the fields that were sent)."""
        ...

    async def create(self, resource: str, fields: Fields, *, reference: str) -> Row:
        """Make a record that carries our reference. The answer may show a part of the fields only.

        Where the key is chosen by us the reference is that key. A record that is there and shows what was sent is
        taken for made; one that shows anything else raises Taken.
        """
        ...

    async def choose_key(self, resource: str, taken: Collection[str]) -> str:
        """An id for a record that is about to be made, for resources whose ids are chosen by whoever writes.

        `taken` are ids that others have chosen and perhaps not written yet. No promise that it stays free.
        """
        ...

    async def update(
        self, resource: str, record_id: str, fields: Fields, *, whole: Fields | None = None
    ) -> Row | None:
        """Write `fields`; `whole` is the record as it shall be, for vendors that replace. None: it is gone."""
        ...

    async def ensure_field(self, resource: str, name: str, *, make: bool = True) -> OwnField:
        """See that the vendor has the field that Puente adds for the model's field `name`.

        Listed first, made where it is missing (unless `make` is False), and believed only when it is listed. While
        it is missing `create` raises OwnFieldMissing before anything is sent; a create that met the loss shows the
        field empty in its answer, and an update of the field raises.
        """
        ...

    async def hooks(self) -> Sequence[RegisteredHook] | None:
        """The hook rows of the account, ours and others; None where the vendor has no API for them."""
        ...

    async def register_hook(self, hook_kind: str, url: str, secret: str) -> RegisteredHook: ...

    async def activate_hook(self, hook: RegisteredHook, secret: str) -> RegisteredHook: ...

    async def remove_hook(self, hook: RegisteredHook) -> None: ...

    def checks(self) -> AsyncIterator[Check]:
        """The checks of activation in order; the first failure that makes the rest meaningless ends them."""
        ...

    def link(self, resource: str, record_id: str) -> str:
        """The page where a person opens this record in the vendor's own program."""
        ...

    async def close(self) -> None: ...


class Budget(Protocol):
    """Calls leased from the installation's store. `take` returns when one call may be made."""

    async def take(self, access: Access, limits: Limits, *, bulk: bool) -> None: ...

    async def punish(self, access: Access, limits: Limits, pause: timedelta) -> None:
        """The vendor asked for a pause: nobody calls that budget before it is over."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One value that a user pastes when adding an account. `alone` is True for one that stands for all others."""

    name: str
    label: Text
    secret: bool = True
    alone: bool = False


class Connector(Protocol):
    """One vendor's product."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def resources(self) -> Mapping[str, Resource]: ...

    @property
    def hooks(self) -> HookRules: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def credentials(self) -> Sequence[Credential]: ...

    def identity(self, access: Access) -> str:
        """The vendor identity (prefix, company, division) that may exist once per installation."""
        ...

    def changes_in(self, hook_kind: str, body: bytes) -> Sequence[Told]:
        """Read an authentic body. Pure. Raises Rejected, naming the field, for one that cannot be read."""
        ...

    def open(self, access: Access, wire: Wire) -> Session: ...


class Time(Protocol):
    """The time as the process has it (`shared/clock.py`), as far as connectors ask for it."""

    def now(self) -> datetime: ...

    async def sleep(self, duration: timedelta) -> None: ...


class Wire(Protocol):
    """The one HTTP client, as a connector sees it (`connectors/http.py`), with the time as the process has it."""

    @property
    def clock(self) -> Time: ...

    async def send(self, access: Access, limits: Limits, request: Request) -> Response: ...


StatusFate = Literal["answer", "rejected", "operator", "throttled", "retryable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call. `path` is below the account's base URL and percent-encoded.

    `writes` decides what a lost answer means. `fates` is what a vendor's statuses mean where the usual
    table (`http.FATES`) does not fit; "answer" hands the response to the caller.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    query: Sequence[tuple[str, str]] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    writes: bool = False
    bulk: bool = False
    fates: Mapping[int, StatusFate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer that arrived whole. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
