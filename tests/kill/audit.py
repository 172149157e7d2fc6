"""The judgement at the end of a run: what was doubled, what is missing, what differs and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from shared.flows.catalog import asunto_bitfactura_sugester as asuntos
from shared.flows.spec import End
from shared.model.normal import normal
from shared.model.record import CUSTOMER, DEAL
from shared.store.rows import Binding, Waiting
from tests.kill import declared
from tests.kill.books import Books, unlogged
from tests.kill.bridges import Bridge
from tests.kill.people import Client, Invoice, People
from tests.kill.vendors import Json

Kind = Literal[
    "doubled",
    "came back",
    "missing",
    "unbound",
    "bound twice",
    "different",
    "other number",
    "lost edit",
    "late edit lost",
    "hook not in the log",
    "change not looked at",
    "bug",
    "flow paused",
    "not quiet",
    "ended",
]

# An edit that comes so long after the other side's, which had been carried over before, is no conflict.
LATE: Final = timedelta(minutes=2)
_FOUND_AGAIN: Final = "The counterpart had been made before a crash or a lost answer"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """Something that must not be, in one sentence, with what the store and the vendors tell of it."""

    kind: Kind
    says: str
    evidence: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`explained` are differences that a waiting row names; `persons` are rows put before a person, by reason.

    `found_again` are creates whose outcome nobody knew and that were found, by the way they were looked for.
    `shown_doubles` are clients made by people at both ends that Puente carried over all the same, and says so.
    `never_met` are records that were made again after a person deleted them before Puente had learned, from an
    answer or by a look, that its create was carried out: nothing tells them from a create that was not.
    """

    violations: Sequence[Violation]
    explained: Sequence[str]
    shown_doubles: Sequence[str]
    never_met: Sequence[str]
    persons: Mapping[str, int]
    clients: int
    invoices: int
    pairs: int
    counts: Mapping[str, int] = field(default_factory=dict)
    found_again: Mapping[str, int] = field(default_factory=dict)

    @property
    def by_kind(self) -> dict[str, int]:
        return dict(Counter(each.kind for each in self.violations))


def judge(
    books: Books,
    people: People,
    hooks: Mapping[int, tuple[str, str, str]],
    ends: Sequence[str],
    *,
    bridge: Bridge,
    look_ups: str = "",
) -> Verdict:
    """Compare what people did with what is there now."""
    audit = _Audit(books, people, bridge)
    violations = [
        *audit.state(),
        *(Violation(kind="ended", says=each) for each in ends),
        *(Violation(kind="hook not in the log", says=each) for each in unlogged(books, hooks)),
        *audit.changes(),
        *audit.bound_twice(),
        *audit.strangers(),
        *(each for client in people.clients.values() for each in audit.client(client)),
        *(each for invoice in people.invoices.values() for each in audit.invoice(invoice)),
    ]
    return Verdict(
        violations=violations,
        explained=audit.explained,
        shown_doubles=audit.shown_doubles,
        never_met=audit.never_met,
        persons=dict(Counter(row.reason for row in books.waits if row.needs_person)),
        clients=len(people.clients),
        invoices=len(people.invoices),
        pairs=sum(len(each) for each in books.pairs.values()),
        counts={"accepted hooks": len(hooks), "log entries": len(books.entries)},
        found_again=dict(Counter(_found_again(books, bridge, look_ups))),
    )


class _Audit:
    def __init__(self, books: Books, people: People, bridge: Bridge) -> None:
        self.explained: list[str] = []
        self.shown_doubles: list[str] = []
        self.never_met: list[str] = []
        self._books = books
        self._people = people
        self._bridge = bridge
        self._sides = tuple(bridge.sides)
        self._left, self._right = self._sides
        self._by_marker = {side: _grouped(books.clients[side], "email") for side in self._sides}
        self._pair_of = {
            side: {pair.left_id if side == self._left else pair.right_id: pair for pair in books.pairs["customer"]}
            for side in self._sides
        }
        self._deals = _grouped(books.deals, "name")
        self._deal_by_id = {str(each["id"]): each for each in books.deals}
        self._invoice_pairs = {pair.left_id: pair for pair in books.pairs["invoice"]}

    # The whole

    def state(self) -> Iterator[Violation]:
        status = self._books.status
        if not status.quiet:
            says = (
                f"lag {status.lag}, intents {status.intents}, waiting {dict(status.waiting)}, {status.running} run"
            )
            yield Violation(kind="not quiet", says=says, evidence=[_row(r) for r in self._books.waits][:20])
        for flow in status.paused:
            yield Violation(kind="flow paused", says=f"{flow.id}: {flow.pause_reason}")
        for row in self._books.waits:
            if row.reason == "bug":
                yield Violation(kind="bug", says=_row(row), evidence=self._story_of_row(row))

    def changes(self) -> Iterator[Violation]:
        """Every change in the log was part of an attempt, or waits."""
        known = self._books.seen_changes
        unnamed = [e for e in self._books.entries if e.change.what != "gap" and e.change.id not in known]
        missed = [e for e in unnamed if not self._books.is_within(e.change)]
        for entry in missed[:20]:
            change = entry.change
            says = f"{change.system} {change.hook_kind} {change.record_id} {change.id} at {entry.position}"
            story = self._books.story(change.system, change.resource, change.record_id)
            yield Violation(kind="change not looked at", says=f"{len(missed)} in all; {says}", evidence=story)

    def bound_twice(self) -> Iterator[Violation]:
        """A record of either side is in one pair at most, whatever its state."""
        for entity, pairs in self._books.pairs.items():
            for side, ids in (("left", [p.left_id for p in pairs]), ("right", [p.right_id for p in pairs])):
                for record_id, many in Counter(ids).items():
                    if many > 1:
                        yield Violation(kind="bound twice", says=f"{entity} {side} {record_id} in {many} pairs")

    def strangers(self) -> Iterator[Violation]:
        """Clients without an e-mail, which people at the desk saved under a number that Puente had chosen: each of
        them, by its name, is once in the CRM."""
        names = {str(each.get("name")) for each in self._by_marker[self._left].get("", ())}
        found = Counter(str(each.get("name")) for each in self._by_marker[self._right].get("", ()))
        for name, many in found.items():
            if many > 1 and name in names:
                yield Violation(kind="doubled", says=f"{name} is {many} times in {self._right}")

    def _resource(self, side: str) -> str:
        return self._bridge.sides[side].resource

    # Clients

    def client(self, client: Client) -> Iterator[Violation]:
        found = {side: self._by_marker[side].get(client.marker, []) for side in self._sides}
        for side in self._sides:
            if len(found[side]) > 1:
                yield from self._several(client, side, found)
        if client.deleted_on or not client.ids:
            return
        live = {side: [each for each in found[side] if not each["deleted"]] for side in self._sides}
        for side in self._sides:
            if not live[side]:
                says = f"{client.marker}, made in {sorted(client.made_on)}, is not in {side}"
                yield from self._unless_explained("missing", says, found)
        if live[self._left] and live[self._right]:
            yield from self._pair(client, live[self._left][0], live[self._right][0], found)

    def _several(self, client: Client, side: str, found: Mapping[str, Sequence[Json]]) -> Iterator[Violation]:
        """Several records of one client on one side. One that a person made and deleted before anybody joined it
        to the other side is unknown to Puente: then the other side's is rightly carried over."""
        unknown = [
            each
            for each in found[side]
            if each["deleted"] and side in client.made_on and str(each["id"]) not in self._pair_of[side]
        ]
        ids = [each["id"] for each in found[side]]
        if len(ids) - len(unknown) < 2:
            return
        says = f"{client.marker} is {len(ids)} times in {side}: {ids}"
        unmet = [each for each in found[side] if each["deleted"] and not self._was_met(side, each)]
        rest = [each for each in found[side] if each not in unknown and each not in unmet]
        if side in client.deleted_on and len(rest) < 2:
            self.never_met.append(says)
            return
        kind: Kind = "came back" if side in client.deleted_on else "doubled"
        rows = [row for row in self._rows(found) if row.needs_person]
        if rows and len(client.made_on) == len(self._sides):
            # People made it at both ends before either end could be known at the other, and Puente says so.
            self.shown_doubles.append(f"{says}: {'; '.join(_row(row) for row in rows)}")
            return
        yield Violation(kind=kind, says=says, evidence=self._stories(found))

    def _was_met(self, side: str, record: Json) -> bool:
        """Whether Puente knew of a record: it is in a pair, was read while there, or was named a counterpart."""
        record_id = str(record["id"])
        own = self._books.told.get((f"{side}/{self._resource(side)}", record_id), ())
        return (
            record_id in self._pair_of[side]
            or any(each.outcome != "gone" for each in own)
            or any(each.other_id == record_id for told in self._books.told.values() for each in told)
        )

    def _pair(
        self, client: Client, left: Json, right: Json, found: Mapping[str, Sequence[Json]]
    ) -> Iterator[Violation]:
        pair = self._pair_of[self._left].get(str(left["id"]))
        if pair is None or pair.right_id != str(right["id"]) or pair.state != "active":
            says = f"{client.marker}: {left['id']} and {right['id']} are not one active pair: {_pair_text(pair)}"
            yield from self._unless_explained("unbound", says, found)
            return
        number = self._bridge.number_field
        if number and str(right.get(number)) != str(left["id"]):
            says = f"{client.marker}: {right['id']} shows {right.get(number)!r} and not {left['id']!r}"
            yield from self._unless_explained("other number", says, found)
        for name in self._bridge.flow.shared_fields():
            values = [self._bridge.plain(name, each.get(name)) for each in (left, right)]
            if values[0] != values[1]:
                shown = f"{left.get(name)!r} and {right.get(name)!r}; people wrote {client.wrote.get(name)}"
                says = f"{client.marker} ({left['id']}-{right['id']}) {name}: {shown}"
                yield from self._unless_explained("different", says, found)
            elif name in client.wrote:
                yield from self._stands(client, name, left, found)

    def _stands(
        self, client: Client, name: str, left: Json, found: Mapping[str, Sequence[Json]]
    ) -> Iterator[Violation]:
        """Both sides show the last value of one side; of the later one, where the two were no conflict."""
        wrote = client.wrote[name]
        shown = self._bridge.plain(name, left.get(name))
        last = {side: self._bridge.plain(name, value) for side, (value, _at) in wrote.items()}
        says = f"{client.marker} {name} shows {left.get(name)!r}; people wrote {wrote}"
        if shown not in last.values():
            yield from self._unless_explained("lost edit", says, found)
            return
        ordered = sorted(wrote.items(), key=lambda each: each[1][1])
        (_, (_, first_at)), (side, (_, last_at)) = ordered[0], ordered[-1]
        carried = self._carried(found, name, after=first_at, before=last_at)
        if carried and last_at - first_at >= LATE and shown != last[side]:
            yield from self._unless_explained("late edit lost", says, found)

    def _carried(
        self, found: Mapping[str, Sequence[Json]], name: str, *, after: datetime, before: datetime
    ) -> bool:
        """Whether the field was written between these moments: then the one edit met the other side without it."""
        told = [
            attempt
            for side in self._sides
            for each in found[side]
            for attempt in self._books.told.get((f"{side}/{self._resource(side)}", str(each["id"])), ())
        ]
        return any(after < each.at < before and name in each.fields for each in told)

    # Documents

    def invoice(self, invoice: Invoice) -> Iterator[Violation]:
        deals = self._deals.get(f"Factura {invoice.number}", [])
        story = self._books.story(self._left, "invoices", str(invoice.id))
        if len(deals) > 1:
            says = f"{invoice.number} ({invoice.id}) has {len(deals)} Asuntos: {[each['id'] for each in deals]}"
            yield Violation(kind="doubled", says=says, evidence=story)
        row = self._books.row_of(self._left, "invoices", str(invoice.id))
        pair = self._invoice_pairs.get(str(invoice.id))
        deal = self._deal_by_id.get(pair.right_id) if pair is not None else None
        if not deals:
            if not invoice.cancelled:
                yield from self._or_row("missing", f"{invoice.number} ({invoice.id}) has no Asunto", row, story)
            return
        if pair is None or deal is None:
            says = f"{invoice.number} ({invoice.id}) and its Asunto {deals[0]['id']} are no pair"
            yield from self._or_row("unbound", says, row, story)
            return
        for name, wanted, shown in self._deal_differences(invoice, deal):
            says = f"{invoice.number} ({invoice.id}-{pair.right_id}) {name}: {shown!r} and not {wanted!r}"
            yield from self._or_row("different", says, row, story)

    def _deal_differences(self, invoice: Invoice, deal: Json) -> Iterator[tuple[str, object, object]]:
        price = DEAL.fields["price"]
        gross, shown = (normal(price, str(each), country="ES") for each in (invoice.gross, deal.get("price")))
        if gross != shown:
            yield "price", gross, shown
        status = "paid" if invoice.paid else "canceled" if invoice.cancelled else "issued"
        text = asuntos._STATUSES["es"][status]
        status_id = deal.get("status_id")
        now = self._books.deal_statuses.get(int(status_id)) if status_id is not None else None
        if now != text:
            yield "status", text, now
        client = self._people.clients[invoice.client]
        pair = self._pair_of[self._left].get(str(client.ids.get(self._left)))
        wanted = pair.right_id if pair is not None else None
        if str(deal.get("client_id")) != wanted:
            yield "client", wanted, deal.get("client_id")

    # How

    def _unless_explained(self, kind: Kind, says: str, found: Mapping[str, Sequence[Json]]) -> Iterator[Violation]:
        rows = self._rows(found)
        if rows:
            self.explained.append(f"{says}: {'; '.join(_row(row) for row in rows)}")
            return
        yield Violation(kind=kind, says=says, evidence=self._stories(found))

    def _rows(self, found: Mapping[str, Sequence[Json]]) -> list[Waiting]:
        named = [(side, str(each["id"])) for side in self._sides for each in found[side]]
        rows = [self._books.row_of(side, self._resource(side), record_id) for side, record_id in named]
        return [row for row in rows if row is not None]

    def _or_row(self, kind: Kind, says: str, row: Waiting | None, story: Sequence[str]) -> Iterator[Violation]:
        if row is not None:
            self.explained.append(f"{says}: {_row(row)}")
            return
        yield Violation(kind=kind, says=says, evidence=story)

    def _stories(self, found: Mapping[str, Sequence[Json]]) -> list[str]:
        lines: list[str] = []
        for side in self._sides:
            for each in found[side]:
                record_id = str(each["id"])
                lines.append(
                    f"{side} {record_id}: {_short(each)} {_pair_text(self._pair_of[side].get(record_id))}"
                )
                lines += [f"  {line}" for line in self._books.story(side, self._resource(side), record_id)]
        return lines

    def _story_of_row(self, row: Waiting) -> list[str]:
        return self._books.story(row.account_id.partition(".")[2], row.resource, row.record_id)


def _found_again(books: Books, bridge: Bridge, look_ups: str) -> Iterator[str]:
    """The look-up of each create that was found again after a crash or a lost answer, by what was made from."""
    known = _look_ups(bridge, look_ups)
    for (kind, _record), told in books.told.items():
        yield from (known.get(kind, "") for each in told if each.says.startswith(_FOUND_AGAIN))


def _look_ups(bridge: Bridge, look_ups: str) -> dict[str, str]:
    """How the counterpart of a record of each kind is looked for."""
    other = {(system, resource): kind for system, resource, kind in declared.read(look_ups)}

    def told(end: End) -> str:
        kind = other.get((end.connector.name, end.resource_name), end.resource.look_up)
        return f"{end.connector.title} {end.resource_name} by {kind.value}"

    ends = [(bridge.flow.left, bridge.flow.right)]
    if bridge.documents is not None:
        ends.append((bridge.documents.left, bridge.documents.right))
    both = [*ends, *((right, left) for left, right in ends)]
    return {f"{one.connector.name}/{one.resource_name}": told(other_end) for one, other_end in both}


def _grouped(records: Sequence[Json], name: str) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for each in records:
        found.setdefault(str(each.get(name)), []).append(each)
    return found


def _short(record: Json) -> str:
    names = ("created_at", "updated_at", "deleted", "external_id", *(n for n in CUSTOMER.fields if record.get(n)))
    return " ".join(f"{name}={record.get(name)!r}" for name in names if record.get(name) is not None)


def _pair_text(pair: Binding | None) -> str:
    return "no pair" if pair is None else f"pair {pair.left_id}-{pair.right_id} {pair.state} v{pair.version}"


def _row(row: Waiting) -> str:
    asks = "a person" if row.needs_person else f"until {row.not_before:%H:%M:%S}"
    where = f"{row.account_id} {row.resource} {row.record_id}"
    return f"{where} waits ({row.reason}, {asks}, tries {row.tries}): {row.says}"
