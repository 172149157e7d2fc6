"""What a vendor stores: tables of records with a short history, so that a stale answer can be given later."""

from dataclasses import dataclass, replace
from datetime import datetime

Fields = dict[str, object]
"""One record as the vendor keeps it. Decimals are strings in the vendor's own form, dates are `YYYY-MM-DD`."""

HISTORY = 16
"""States kept per record. A read may only be stale by a fault, which never looks further back than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    id: int
    fields: Fields
    created_at: datetime
    updated_at: datetime
    deleted: bool = False

    def text(self, name: str) -> str:
        """The field as text; empty when unset."""
        value = self.fields.get(name)
        return "" if value is None else str(value)

    def number(self, name: str) -> int | None:
        value = self.fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


class _Row:
    """All states of one record, oldest first, each with the time from which it was visible."""

    __slots__ = ("states",)

    def __init__(self, at: datetime, record: Record) -> None:
        self.states: list[tuple[datetime, Record]] = [(at, record)]

    @property
    def now(self) -> Record:
        return self.states[-1][1]

    def put(self, at: datetime, record: Record) -> None:
        self.states.append((at, record))
        del self.states[:-HISTORY]

    def at(self, when: datetime | None) -> Record | None:
        if when is None:
            return self.now
        for since, record in reversed(self.states):
            if since <= when:
                return record
        return None


class Table:
    """Records of one resource of one account, in the order of their ids."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}
        self.revision = 0
        """Counts changes, so that sums over the table can be cached."""

    def insert(self, record_id: int, fields: Fields, now: datetime) -> Record:
        record = Record(id=record_id, fields=fields, created_at=now, updated_at=now)
        self._rows[record_id] = _Row(now, record)
        self.revision += 1
        return record

    def put(self, record: Record, at: datetime) -> Record:
        self._rows[record.id].put(at, record)
        self.revision += 1
        return record

    def change(self, record: Record, changes: Fields, now: datetime, *, touch: bool = True) -> Record:
        """Store `changes` over the record's newest state. With `touch=False` the change time stays."""
        newest = self._rows[record.id].now
        changed = replace(
            newest, fields={**newest.fields, **changes}, updated_at=now if touch else newest.updated_at
        )
        return self.put(changed, now)

    def delete(self, record: Record, now: datetime) -> Record:
        return self.put(replace(self._rows[record.id].now, deleted=True, updated_at=now), now)

    def get(self, record_id: int | None, as_of: datetime | None = None) -> Record | None:
        """The record unless it is unknown or deleted (at `as_of`, when given)."""
        row = self._rows.get(record_id) if record_id is not None else None
        record = row.at(as_of) if row else None
        return None if record is None or record.deleted else record

    def live(self, as_of: datetime | None = None) -> list[Record]:
        return [r for r in self.everything(as_of) if not r.deleted]

    def everything(self, as_of: datetime | None = None) -> list[Record]:
        """All records, deleted ones too."""
        if as_of is None:
            return [row.now for row in self._rows.values()]
        return [record for row in self._rows.values() if (record := row.at(as_of)) is not None]

    def clear(self) -> None:
        self._rows.clear()
        self.revision += 1
