"""One account at one vendor: its secrets and everything that it stores."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from services.sandbox.storage import Fields, Table


class Store(Protocol):
    """What one vendor keeps in a form of its own."""

    def clear(self) -> None: ...


@dataclass(kw_only=True, eq=False)
class Account:
    """`name` is the vendor's prefix; the token decides which account a request means."""

    system: str
    name: str
    number: int
    secret: str
    login: str
    password: str
    tables: defaultdict[str, Table] = field(default_factory=lambda: defaultdict(Table))
    settings: Fields = field(default_factory=dict)
    counters: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    sums: dict[str, tuple[int, dict[int, str]]] = field(default_factory=dict)
    """Cached sums over a table, with the revision of the table that they were made from."""
    stores: dict[str, Store] = field(default_factory=dict)

    @property
    def prefixed_token(self) -> str:
        return f"{self.secret}/{self.name}"

    def clear(self, *, data: bool, hooks: bool) -> None:
        for name, table in self.tables.items():
            if hooks if name == "webhooks" else data:
                table.clear()
        if data:
            self.counters.clear()
            self.sums.clear()
            for store in self.stores.values():
                store.clear()
