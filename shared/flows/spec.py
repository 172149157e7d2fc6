"""What a flow is: one entity kept in step across a bridge. A flow reads as one page of declarations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal, Self

from shared.connectors.contract import Connector, Resource
from shared.model.record import EntityType, Fields

Options = Mapping[str, object]

CreateWhen = Callable[[Fields, Options, str], str]
"""Why a record is not carried over yet, "" if it is: (its fields, the flow's options, the workspace's country)."""


class Side(Enum):
    """One of the two ends of a bridge."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class OnGone(Enum):
    """What a deletion at one side does. It never deletes at the other."""

    MARK_GONE = "mark gone"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a flow: which resource of which system."""

    connector: Connector
    resource_name: str

    @property
    def resource(self) -> Resource:
        return self.connector.resources[self.resource_name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A setting of a flow that the shop owner may change. `kind` says how its text is read.

    `among` are the only words that it may hold; empty where any will do.
    """

    name: str
    kind: Literal["words", "word", "flag"]
    default: object
    says: str
    among: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdField:
    """A field of one side that shows the id of the other side's record, for people and for whoever searches there.

    It is filled on every pair and searched first. It is no edit: where it says something else than the binding, a
    person is asked.
    """

    side: Side
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSpec:
    """What both kinds of flow share. `map_version` grows when the same source would be written differently.

    `lacking` are fields that the systems have and this pair of accounts has not: none in the catalogue, where a
    flow stands for all accounts.
    """

    name: str
    says: str
    left: End
    right: End
    match_on: tuple[str, ...]
    role: str = ""
    map_version: int = 1
    on_gone: OnGone = OnGone.MARK_GONE
    options: tuple[Option, ...] = ()
    lacking: frozenset[str] = frozenset()

    def without(self, lacking: Collection[str]) -> Self:
        """This flow as two accounts carry it of which one has not got these fields."""
        return replace(self, lacking=frozenset(lacking)) if lacking else self

    def end(self, side: Side) -> End:
        return self.left if side is Side.LEFT else self.right

    def side_of(self, system: str, resource: str) -> Side | None:
        """Which side a record of this system and resource is on; None if it is not of this flow."""
        for side in Side:
            end = self.end(side)
            if end.connector.name == system and end.resource_name == resource:
                return side
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoWay(FlowSpec):
    """The same entity on both sides, edited on either.

    `winner` names the side whose value stands when both sides changed the same field; `default_winner` for all
    others. `may_clear` are the fields in which an emptied value empties the other side too. By the side where a
    record would be made, `create_when` says what it waits for.
    """

    entity: EntityType
    winner: Mapping[str, Side] = field(default_factory=dict)
    default_winner: Side = Side.LEFT
    may_clear: tuple[str, ...] = ()
    create_when: Mapping[Side, CreateWhen] = field(default_factory=dict)
    id_field: IdField | None = None
    _shared: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        left, right = self.left.resource.columns, self.right.resource.columns
        both = (name for name in self.entity.fields if name in left and name in right)
        object.__setattr__(self, "_shared", tuple(name for name in both if name not in self.lacking))

    def shared_fields(self) -> tuple[str, ...]:
        """The fields that both ends have, in the order of the entity."""
        return self._shared

    def winner_of(self, name: str, options: Options) -> Side:
        chosen = options.get("winner")
        if isinstance(chosen, Mapping) and name in chosen:
            return Side(chosen[name])
        return self.winner.get(name, self.default_winner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(FlowSpec):
    """Made once on the right from a record on the left, never a second; then followed one way.

    `make` turns the left record into the right one's fields (links still hold left ids; `links` names the entity
    whose binding translates each). `wanted` says why an unbound record is not made ("" = it is). `issued_on` is
    the field that holds its date.
    """

    entity: EntityType
    source_entity: EntityType
    make: Callable[[Fields, Options], Fields]
    wanted: Callable[[Fields, Options], str]
    links: Mapping[str, str]
    issued_on: str

    def shared_fields(self) -> tuple[str, ...]:
        columns = self.right.resource.columns
        return tuple(name for name in self.entity.fields if name in columns and name not in self.lacking)


Flow = TwoWay | Document
