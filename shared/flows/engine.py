"""The engine: one function brings the other side to agree with one record.

    handle(flow, look, row in hand)
      lock the record keys -> read the source (or take the row in hand) -> binding, else match -> echo or stale?
      -> merge -> plan -> intent -> write -> what it shows now -> one transaction

The consumer, due waiting rows, sweeps, loads and repairs all call it. Known reasons to put a change aside become
a waiting row here; errors leave as they are and become a fate in the runner.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shared import errors
from shared.clock import Clock, NewId
from shared.connectors.contract import Row
from shared.flows import deleted, documents, idfield, joining, pairs
from shared.flows.context import EngineSettings, FlowContext, Kind, Look, Outcome, gone_state, is_gone
from shared.flows.desk import Desk, Waits
from shared.flows.lanes import Lanes
from shared.flows.spec import Document, Side
from shared.store import budgets, index
from shared.store.database import Database
from shared.store.rows import Binding
from shared.store.settlement import Settlement
from shared.store.standing import Standing

_TRIES = 5
# A listed row is believed only if its pair was certainly not settled since the list was asked for.
_LISTING_MARGIN = timedelta(seconds=5)


class Engine:
    """Brings pairs to agree. Safe with any number of engines on one store: each promise is kept by the store."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        new_id: NewId,
        owner: str,
        settings: EngineSettings | None = None,
        lanes: Lanes | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._owner = owner
        self._settings = settings or EngineSettings()
        self._lanes = lanes or Lanes()

    @property
    def settings(self) -> EngineSettings:
        return self._settings

    async def handle(
        self,
        flow: FlowContext,
        look: Look,
        row_in_hand: Row | None = None,
        *,
        standing: Standing | None = None,
    ) -> Outcome:
        """Look at one record of one flow and bring its counterpart to agree. `standing` was looked up just now.

        Raises Retryable, Rejected or NeedsOperator; then nothing was settled and the caller decides the fate.
        """
        own_key = flow.key(look.side, look.record_id)
        for _ in range(_TRIES):
            desk = self._desk(flow, look)
            binding = await desk.binding(standing)
            standing = None
            keys = [own_key]
            if binding is not None:
                keys.append(flow.key(look.side.other, binding.id_of(look.side.other.value)))
            waited = self._lanes.busy(keys)
            async with self._lanes.hold(keys):
                if waited:
                    again = await desk.binding()
                    if (again is None) != (binding is None) or (
                        again is not None and binding is not None and again.id != binding.id
                    ):
                        continue
                    binding = again
                try:
                    return await self._settle(desk, binding, row_in_hand)
                except errors.Lost:
                    row_in_hand = None
                except errors.OwnFieldMissing:
                    await idfield.make_again(desk)
                    return await desk.wait(idfield.being_filled(desk))
                except Waits as waits:
                    return await desk.wait(waits)
        raise errors.Retryable("Other processes keep changing this pair.")

    def _desk(self, flow: FlowContext, look: Look) -> Desk:
        return Desk(
            flow,
            look,
            database=self._database,
            clock=self._clock,
            new_id=self._new_id,
            owner=self._owner,
            settings=self._settings,
        )

    async def _settle(self, desk: Desk, binding: Binding | None, row_in_hand: Row | None) -> Outcome:
        flow, look = desk.flow, desk.look
        if binding is not None and binding.state in {"detached", "forgotten", "merged"}:
            return await self._ended(
                desk, binding, "kept apart", f"The pair is {binding.state}.", Settlement(now=desk.now)
            )
        row = _believable(row_in_hand, binding, look) or await _read_source(desk, binding)
        if row is None:
            return await self._gone(desk, binding)
        desk.remarks = flow.remarks(look.side, row)
        if not flow.writes:
            return await desk.settle(
                "not live",
                f"The flow is in state {flow.row.state}: nothing is written.",
                save=Settlement(now=desk.now, seen=[desk.seen(look.side, row)]),
            )
        if isinstance(flow.spec, Document) and look.side is Side.RIGHT:
            return await documents.look_at_target(desk, binding, row)
        if binding is None:
            return await joining.join(desk, row)
        if is_gone(binding, look.side):
            return await pairs.returned(desk, binding, row)
        if binding.state != "active":
            save = Settlement(now=desk.now, seen=[desk.seen(look.side, row)])
            says = "The other record was deleted; it is not made again."
            return await self._ended(desk, binding, "counterpart gone", says, save)
        if isinstance(flow.spec, Document):
            return await documents.follow(desk, binding, row)
        return await pairs.agree(desk, binding, row)

    async def _ended(self, desk: Desk, binding: Binding, kind: Kind, says: str, save: Settlement) -> Outcome:
        """Settle a look of a pair that is carried no more, and with it a write that was on its way to it."""
        held, _ = await pairs.open_intent(desk, binding)
        save = replace(save, close=[held] if held is not None else [])
        return await desk.settle(kind, says, other_id=binding.id_of(desk.look.side.other.value), save=save)

    async def _gone(self, desk: Desk, binding: Binding | None) -> Outcome:
        """The vendor's word is that the record does not exist (any more). Deletions never cross."""
        flow, look, now = desk.flow, desk.look, desk.now
        key = (flow.accounts[look.side].id, flow.resource_name(look.side), look.record_id)
        if binding is None:
            ended = await deleted.deleted_before_bound(desk) or await deleted.source_deleted_before_bound(desk)
            if ended is not None:
                return ended
            return await desk.settle("gone", "The record is not there.", save=Settlement(now=now, forget=[key]))
        visible = binding.created_at + flow.visible_after(look.side)
        if now < visible:
            raise Waits("stale", "The record was made moments ago and is not shown yet.", until=visible)
        if is_gone(binding, look.side):
            save = Settlement(now=now, forget=[key])
            return await self._ended(desk, binding, "gone", "The record is still gone.", save)
        held, binding = await pairs.open_intent(desk, binding)
        heir = await self._heir(desk)
        outcome = await desk.settle(
            "gone",
            "The record was deleted; its counterpart stays and is no longer written.",
            other_id=binding.id_of(look.side.other.value),
            save=Settlement(
                now=now,
                base_change=desk.change_base(binding, binding.base, state=gone_state(binding, look.side)),
                forget=[key],
                close=[held] if held is not None else [],
            ),
        )
        if heir:
            other = binding.id_of(look.side.other.value)
            says = (
                f"{flow.resource_name(look.side)} {look.record_id} is gone and {heir} has the same tax number: "
                f"perhaps they were merged. Join {heir} with {other}, or dismiss."
            )
            return await desk.wait(Waits("merged", says, candidates=[heir]), other_id=other)
        return outcome

    async def _heir(self, desk: Desk) -> str:
        """The one other record of this side with the same tax number: what a merge at the vendor leaves."""
        flow, look = desk.flow, desk.look
        account, resource = flow.accounts[look.side].id, flow.resource_name(look.side)

        async def unit(connection: object) -> str:
            keys = (await index.keys_of(connection, account, resource, [look.record_id]))[look.record_id]  # type: ignore[arg-type]
            if "tax_no" not in keys:
                return ""
            same = await index.with_key(connection, account, resource, "tax_no", keys["tax_no"])  # type: ignore[arg-type]
            others = [record_id for record_id in same if record_id != look.record_id]
            return others[0] if len(others) == 1 else ""

        found: str = await desk.read(unit)
        return found


async def _read_source(desk: Desk, binding: Binding | None) -> Row | None:
    """Read the record. What a hook tells of records that we do not know may take a share of the calls only, also
    when it comes again after it was put aside: else whoever forges hooks would only have to wait."""
    if binding is None and desk.look.origin in {"change", "waiting"}:
        with budgets.reading_unbound():
            return await desk.read_source()
    return await desk.read_source()


def _believable(row: Row | None, binding: Binding | None, look: Look) -> Row | None:
    """The row in hand, unless its pair was settled after (or just before) the list was asked for."""
    if row is None or row.gone or look.listed_at is None:
        return None
    if binding is not None and binding.updated_at + _LISTING_MARGIN >= look.listed_at:
        return None
    return row
