"""The desk: how the engine reads and saves. Each method is one transaction or one vendor call with its record."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from shared import errors, failpoints
from shared.clock import Clock, NewId
from shared.connectors.contract import Row
from shared.flows.context import EngineSettings, FlowContext, Kind, Look, Outcome
from shared.flows.spec import Side
from shared.model.normal import NORMALISER
from shared.store import intents, waiting
from shared.store.database import Database
from shared.store.grouping import Grouped
from shared.store.rows import Attempt, Binding, Intent, PairBase, Reason, Seen, Waiting
from shared.store.settlement import BaseChange, Settlement
from shared.store.standing import LookUp, Standing


@dataclass(frozen=True, slots=True)
class Waits(Exception):
    """Raised inside the engine to put a change aside; becomes a waiting row in `Desk.wait`.

    `blocked_on` names the record (flow, side, id) whose binding makes the row due before `until`. With `in_front`
    that record is looked at first: perhaps nothing told of it, or it was there before.
    """

    reason: Reason
    says: str
    until: datetime | None = None
    blocked_on: tuple[FlowContext, Side, str] | None = None
    candidates: Sequence[str] = ()
    in_front: bool = False


class Desk:
    """Saving and remembering for one look; made anew for each."""

    def __init__(
        self,
        flow: FlowContext,
        look: Look,
        *,
        database: Database,
        clock: Clock,
        new_id: NewId,
        owner: str,
        settings: EngineSettings,
    ) -> None:
        self.flow = flow.for_one_look()
        self.look = look
        self.clock = clock
        self.new_id = new_id
        self.owner = owner
        self.settings = settings
        self.started = clock.monotonic()
        self.began_at = clock.now()
        self.story: dict[str, Any] = {}
        self.remarks: Mapping[str, str] = {}
        self.more_to_do = False  # what waits is kept until a later word of this look
        self._database = database
        self._standing: Standing | None = None

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def read(self, unit: Callable[[Any], Awaitable[Any]]) -> Any:
        return await self._database.read(unit)

    async def run(self, unit: Callable[[Any], Awaitable[Any]]) -> Any:
        return await self._database.run(unit)

    async def grouped(self, unit: Grouped[Any]) -> Any:
        """As `run`, in one transaction with what other looks ask for meanwhile."""
        return await self._database.grouped(unit)

    async def binding(self, standing: Standing | None = None) -> Binding | None:
        """The pair as it is bound now, or as `standing`, which was just looked up, says."""
        if standing is None:
            fresh: Standing = await self._database.grouped(look_up(self.flow, self.look))
            standing = fresh
        self._standing = standing
        return standing.binding

    async def open_intents(self, binding: Binding | None) -> Sequence[Intent]:
        """The open update of the pair and the open create of this record.

        That there was none when the record was looked up is believed: whoever opens an update moves the binding's
        version, whoever opens a create holds the only one there can be, and then this look can save nothing. One
        that was open then may be over by now.
        """
        known = self._standing
        if known is not None and _id_of(known.binding) == _id_of(binding) and not known.intents:
            return []
        subjects = look_up(self.flow, self.look).subjects(binding)
        found: Sequence[Intent] = await self.read(lambda connection: intents.by_subjects(connection, subjects))
        return found

    @property
    def person_insists(self) -> bool:
        """Whether a person asked for exactly this look, knowing what stood in its way."""
        waits = self.look.waiting
        return self.look.origin == "person" or (waits is not None and waits.reason == "retry" and waits.tries == 0)

    @property
    def entity(self) -> str:
        """Bindings belong to the left end's entity, whatever it becomes on the right."""
        return self.flow.spec.left.resource.entity.name

    async def read_source(self) -> Row | None:
        return await self.read_side(self.look.side, self.look.record_id)

    async def read_side(self, side: Side, record_id: str) -> Row | None:
        """What the vendor shows now; None if it says that there is no such record."""
        row = await self.flow.session(side).read(self.flow.resource_name(side), record_id)
        self.note("read", side, row.fields if row is not None else None)
        return None if row is None or row.gone else row

    def note(self, what: str, side: Side, fields: Mapping[str, Any] | None) -> None:
        """Keep for the attempt's sealed detail what was read or written."""
        shown = None if fields is None else {name: _plain(value) for name, value in fields.items()}
        self.story.setdefault(what, {})[side.value] = shown

    def seen(self, side: Side, row: Row) -> Seen:
        return self.flow.seen(side, row, self.now)

    async def settle(
        self,
        kind: Kind,
        says: str = "",
        *,
        other_id: str = "",
        fields: Sequence[str] = (),
        save: Settlement | None = None,
    ) -> Outcome:
        """Save what follows from this look, with its attempt, in one transaction."""
        settlement = save or Settlement(now=self.now)
        if other_id and self.look.waiting is not None and self.look.waiting.reason == "wanted":
            # Whoever asked for this look may have missed the moment in which the record was bound. One that is not
            # bound wakes nobody: they would ask for it again at once, and so on.
            own_key = self.flow.key(self.look.side, self.look.record_id)
            settlement = replace(settlement, wake=[*settlement.wake, own_key])
        settlement = replace(
            settlement,
            attempt=self._attempt(kind, says, other_id, fields),
            clear=None if self.more_to_do else self.look.waiting,
        )
        await self._database.grouped(settlement)
        if settlement.new_binding is not None:
            failpoints.reach("binding saved")
        if settlement.base_change is not None:
            failpoints.reach("base saved")
        return Outcome(kind=kind, says=says, other_id=other_id, fields=fields)

    async def wait(self, waits: Waits, *, other_id: str = "") -> Outcome:
        """Put the change aside: a waiting row and an attempt that says why."""
        first = waits.blocked_on
        blocked_on = first[0].key(first[1], first[2]) if first is not None else None
        row = self.waiting_row(waits.reason, waits.says, until=waits.until, blocked_on=blocked_on)
        if waits.candidates:
            row = replace(row, detail=self._seal({"candidates": list(waits.candidates)}, row.id))
        kind: Kind = "needs a person" if row.needs_person else "waits"
        settlement = Settlement(
            now=self.now,
            wait=row,
            in_front=self._in_front(*first) if first is not None and waits.in_front else None,
            attempt=self._attempt(kind, waits.says, other_id, ()),
        )
        await self._database.grouped(settlement)
        failpoints.reach("waiting saved")
        return Outcome(kind=kind, says=waits.says, other_id=other_id, until=row.not_before)

    def _in_front(self, flow: FlowContext, side: Side, record_id: str) -> Waiting:
        """A look at the record that this one waits for, due now: its own hook may have been lost."""
        now = self.now
        return Waiting(
            id=self.new_id(),
            workspace_id=flow.workspace.id,
            flow_id=flow.row.id,
            account_id=flow.accounts[side].id,
            resource=flow.resource_name(side),
            record_id=record_id,
            reason="wanted",
            not_before=now,
            first_seen=now,
            updated_at=now,
            change_ids=tuple(self.look.change_ids),
            says=f"{self.flow.resource_name(self.look.side)} {self.look.record_id} needs it.",
        )

    def next_try(self) -> datetime:
        """When to look again at a change that waits for something which may also wake it."""
        tries = self.look.waiting.tries if self.look.waiting is not None else 0
        return waiting.next_try(tries, self.now, jitter=jitter())

    def waiting_row(
        self, reason: Reason, says: str, *, until: datetime | None = None, blocked_on: str | None = None
    ) -> Waiting:
        look, flow, now = self.look, self.flow, self.now
        old = look.waiting
        tries = old.tries + 1 if old is not None else 1
        return Waiting(
            id=old.id if old is not None else self.new_id(),
            workspace_id=flow.workspace.id,
            flow_id=flow.row.id,
            account_id=flow.accounts[look.side].id,
            resource=flow.resource_name(look.side),
            record_id=look.record_id,
            reason=reason,
            not_before=until or now,
            first_seen=old.first_seen if old is not None else self.began_at,
            updated_at=now,
            tries=tries,
            change_ids=tuple(look.change_ids),
            deletion=look.deletion,
            mode="repair" if look.repair else "nudge",
            blocked_on=blocked_on,
            says=says,
        )

    async def open_update(
        self, binding: Binding, sent: Mapping[Side, Mapping[str, str]], *, held: Intent | None
    ) -> tuple[Binding, Intent]:
        """Commit the intent of an update and move the binding's version: whoever read the old one starts over."""
        now = self.now
        deadline = now + self.settings.attempt_limit
        flat = {f"{side.value}.{name}": value for side, hashes in sent.items() for name, value in hashes.items()}
        intent = Intent(
            id=self.new_id(),
            workspace_id=self.flow.workspace.id,
            flow_id=self.flow.row.id,
            subject=intents.update_subject(binding.id),
            kind="update",
            side=self.look.side.value,
            source_id=self.look.record_id,
            target_id=binding.id_of(self.look.side.other.value),
            reference=binding.reference,
            sent=flat,
            owner=self.owner,
            version=1,
            opened_at=now,
            deadline=deadline,
        )
        guards = self.settings.guards
        await self._database.grouped(
            intents.OpenUpdate(
                held=held,
                binding=binding if guards.compare_and_set else None,
                intent=intent if guards.intent else None,
            )
        )
        failpoints.reach("intent saved")
        version = binding.version + 1 if guards.compare_and_set else binding.version
        return replace(binding, version=version), intent

    async def close_intent(self, intent: Intent | None) -> None:
        """The write certainly did not happen: nothing is open any more."""
        if intent is not None and self.settings.guards.intent:
            await self._database.run(lambda connection: intents.close(connection, intent))

    def send_by(self, intent: Intent) -> datetime:
        """Until when this write may be sent and answered: then somebody else may take it over at any moment."""
        return intent.deadline - timedelta(seconds=1)

    def deadline_passed(self, intent: Intent) -> bool:
        return self.now >= self.send_by(intent)

    def change_base(self, binding: Binding, base: PairBase, **more: Any) -> BaseChange:
        expected = binding.version
        return BaseChange(binding=binding, expected=expected, base=base, **more)

    def empty_base(self) -> PairBase:
        return PairBase(normaliser=NORMALISER, map_version=self.flow.map_version)

    def _attempt(self, kind: Kind, says: str, other_id: str, fields: Sequence[str]) -> Attempt:
        look, flow = self.look, self.flow
        attempt_id = self.new_id()
        says = " ".join([says, *(f"{name}: {wrong}" for name, wrong in self.remarks.items())]).strip()
        detail = self._seal(self.story, attempt_id) if self.settings.keep_details and self.story else None
        return Attempt(
            id=attempt_id,
            workspace_id=flow.workspace.id,
            flow_id=flow.row.id,
            account_id=flow.accounts[look.side].id,
            resource=flow.resource_name(look.side),
            record_id=look.record_id,
            other_id=other_id,
            at=self.began_at,
            took_ms=round((self.clock.monotonic() - self.started) * 1000),
            origin=look.origin,
            outcome=kind,
            says=says,
            fields=tuple(fields),
            change_ids=tuple(look.change_ids),
            detail=detail,
        )

    def _seal(self, content: object, context: str) -> bytes:
        return self.flow.workspace.keys.seal(msgspec.json.encode(content), context=context)


def _id_of(binding: Binding | None) -> str | None:
    return binding.id if binding is not None else None


def look_up(flow: FlowContext, look: Look) -> LookUp:
    """What to ask the store before a record is looked at."""
    return LookUp(
        flow_id=flow.row.id,
        account_id=flow.accounts[look.side].id,
        resource=flow.resource_name(look.side),
        record_id=look.record_id,
        bridge_id=flow.bridge.id,
        entity=flow.spec.left.resource.entity.name,
        role=flow.spec.role,
        side=look.side.value,
    )


def jitter() -> float:
    """Spreads retries; nothing depends on its value."""
    return random.random()  # noqa: S311 - no secret is made from it


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | str) else str(value)


def stale_until(desk: Desk, written_at: datetime, side: Side) -> datetime:
    return written_at + desk.flow.visible_after(side)


def in_doubt_error(problem: errors.InDoubt, intent: Intent, now: datetime) -> errors.InDoubt:
    """The same doubt, with the time from which the write may be looked for."""
    wait = max(intent.deadline - now, timedelta(seconds=1))
    return errors.InDoubt(problem.message, retry_after=wait, way_out=problem.way_out)
