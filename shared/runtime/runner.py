"""The runner: one change in, one fate out. The only place where an error becomes a fate.

settled (applied, echo, nothing to do), waiting (with a reason and a time), buried (a person is needed) or the flow
paused. A bug buries its one change with the traceback; the process stops only when bugs appear in many workspaces.
"""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import structlog

from shared import errors
from shared.clock import Clock, NewId, machine_seconds
from shared.connectors.contract import Row
from shared.flows.context import FlowContext, Look, Origin, Outcome
from shared.flows.desk import look_up
from shared.flows.engine import Engine
from shared.flows.spec import Side
from shared.meters import Meters
from shared.runtime.workspaces import Used, Workspaces
from shared.store import directory, waiting
from shared.store.database import Database, StoreUnreachable
from shared.store.rows import PauseCause, Reason, Waiting
from shared.store.standing import Standing
from shared.tracing import Traces, trace_id_of, trace_of

_log = structlog.get_logger("puente.sync")

# Reasons that a new word from the vendor may cure at once; the others keep their time and the change folds in.
CURED_BY_NEWS: frozenset[Reason] = frozenset(
    {"recheck", "rejected", "bug", "ambiguous", "bound elsewhere", "in doubt", "other id"}
)
# Where a look comes from that gives way to those that something told of just now.
BULK: frozenset[Origin] = frozenset({"load", "sweep"})
_REJECTED_WINDOW = 100
_REJECTED_LEAST = 20
_BUGS_IN_A_ROW = 3
_BUGGY_WORKSPACES = 5
_BUG_WINDOW = timedelta(minutes=10)
_BUG_PAUSE = timedelta(minutes=2)
# How far a vendor's clock may be behind ours.
_CLOCKS_DIFFER = timedelta(minutes=2)

FateKind = Literal["settled", "waits", "needs a person", "paused", "unknown"]


class TooManyBugs(errors.PuenteError):
    """Bugs appear in many workspaces at once: the process is wrong, not the data. It stops, uncommitted."""


@dataclass(slots=True, kw_only=True)
class Job:
    """One record to look at. `flow_id` narrows it to one flow. Later changes of the record are joined into it."""

    workspace_id: str
    account_id: str
    resource: str
    record_id: str
    origin: Origin
    flow_id: str = ""
    change_ids: list[str] = field(default_factory=list)
    deletion: bool = False
    repair: bool = False
    waiting: Waiting | None = None
    row: Row | None = None
    listed_at: datetime | None = None
    told_at: datetime | None = None
    traceparents: list[str] = field(default_factory=list)

    @property
    def is_bulk(self) -> bool:
        """Whether it gives way: a list named it, and the next list would name it again."""
        return self.origin in BULK

    @property
    def trace_id(self) -> str:
        """The trace of the first of its changes; "" for a look that no change asked for."""
        if self.traceparents:
            return trace_id_of(self.traceparents[0])
        return trace_id_of(trace_of(self.change_ids[0])) if self.change_ids else ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.account_id, self.resource, self.record_id, self.flow_id)

    def join(self, later: Job) -> None:
        """Take a later change of the same record along: one look serves both. A row in hand is older: dropped."""
        self.origin = later.origin if self.is_bulk else self.origin
        self.change_ids += [name for name in later.change_ids if name not in self.change_ids]
        self.deletion = self.deletion or later.deletion
        self.repair = self.repair or later.repair
        self.waiting = later.waiting or self.waiting
        self.row, self.listed_at = (later.row, later.listed_at) if later.row is not None else (None, None)
        self.traceparents += later.traceparents
        self.told_at = max(filter(None, (self.told_at, later.told_at)), default=None)


class Runner:
    """Runs jobs. Safe to call for many records side by side; the engine's lanes order those that meet."""

    def __init__(
        self,
        *,
        engine: Engine,
        workspaces: Workspaces,
        database: Database,
        clock: Clock,
        new_id: NewId,
        meters: Meters | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._meters = meters or Meters()
        self._traces = traces
        self._fates: dict[str, deque[bool]] = {}
        self._bugs: dict[str, int] = {}
        self._buggy: dict[str, datetime] = {}

    async def run(self, job: Job) -> list[Outcome]:
        """Settle one job in every flow that it concerns.

        Raises StoreUnreachable (nothing is settled; try again when the store is back) and TooManyBugs.
        """
        used = await self._workspaces.get(job.workspace_id)
        if used is None:
            return []
        outcomes: list[Outcome] = []
        for flow, side in used.flows_of(job.account_id, job.resource):
            if job.flow_id in {"", flow.row.id}:
                outcome = await self._run_flow(used, flow, side, job)
                if outcome is not None:
                    outcomes.append(outcome)
        return outcomes

    async def _run_flow(self, used: Used, flow: FlowContext, side: Side, job: Job) -> Outcome | None:
        look = Look(
            side=side,
            record_id=job.record_id,
            origin=job.origin,
            change_ids=tuple(job.change_ids),
            deletion=job.deletion,
            repair=job.repair,
            waiting=job.waiting,
            listed_at=job.listed_at,
            told_at=job.told_at,
        )
        standing: Standing | None = None
        if look.waiting is None:
            standing = await self._database.grouped(look_up(flow, look))
            row = standing.waiting
            if row is not None:
                if await self._folds(row, flow, look, job.row):
                    return Outcome(kind="waits", says=row.says, until=row.not_before)
                # What waited is taken along whole: its changes, a deletion that was told, a repair asked for.
                look = replace(
                    look,
                    waiting=row,
                    change_ids=(
                        *row.change_ids,
                        *(name for name in look.change_ids if name not in row.change_ids),
                    ),
                    deletion=look.deletion or row.deletion,
                    repair=look.repair or row.mode == "repair",
                )
        if flow.row.state == "paused":
            return await self._put(flow, look, "paused", f"The flow is paused: {flow.row.pause_reason or ''}")
        started = self._clock.monotonic()
        outcome = await self._traced(used, flow, look, job, standing)
        self._meters.attempted(flow.row.spec, outcome.kind, since_told=self._since_told(job, outcome))
        _log.info(
            "sync.attempted",
            flow=flow.row.id,
            side=side.value,
            record=job.record_id,
            other=outcome.other_id,
            origin=job.origin,
            outcome=outcome.kind,
            took_ms=round((self._clock.monotonic() - started) * 1000),
            until=outcome.until.isoformat() if outcome.until is not None else None,
            trace_id=job.trace_id or None,
        )
        return outcome

    async def _traced(
        self, used: Used, flow: FlowContext, look: Look, job: Job, standing: Standing | None
    ) -> Outcome:
        """The look, with its span where traces are on; then every line of the log inside tells the trace too."""
        traces = self._traces
        if traces is None:
            return await self._look(used, flow, look, job.row, standing)
        span = traces.look(
            job.traceparents,
            look.change_ids,
            workspace=job.workspace_id,
            flow=flow.row.spec,
            side=look.side.value,
            account=job.account_id,
            record=job.record_id,
            origin=job.origin,
            changes=len(look.change_ids),
        )
        told = {"trace_id": job.trace_id} if job.trace_id else {}
        with structlog.contextvars.bound_contextvars(**told), span as traced:
            outcome = await self._look(used, flow, look, job.row, standing)
            if traced is not None:
                traced.tell(outcome=outcome.kind, other=outcome.other_id)
        return outcome

    def _since_told(self, job: Job, outcome: Outcome) -> timedelta | None:
        if job.told_at is None or job.origin != "change" or outcome.kind in {"waits", "needs a person"}:
            return None
        return self._clock.now() - job.told_at

    async def _folds(self, row: Waiting, flow: FlowContext, look: Look, listed: Row | None) -> bool:
        """Join this look into a row that waits, unless the news may cure it or its time has come."""
        if look.origin in {"person", "replay"}:
            return False
        is_news = look.origin == "change" or (listed is not None and _changed_since(listed, row))
        if is_news and row.reason in CURED_BY_NEWS:
            return False
        if look.origin in {"sweep", "load"} and row.needs_person:
            return True
        if not row.needs_person and row.not_before <= self._clock.now() and flow.row.state != "paused":
            return False
        joined = replace(
            row, change_ids=tuple(look.change_ids), deletion=look.deletion, updated_at=self._clock.now()
        )
        return await self._database.run(lambda connection: waiting.fold(connection, joined))

    async def _look(
        self, used: Used, flow: FlowContext, look: Look, row: Row | None, standing: Standing | None
    ) -> Outcome:
        try:
            # A look that waits in the store holds nobody up: it may read a whole list to find what it had made.
            limit = self._engine.settings.attempt_limit * (1 if look.origin == "change" else 10)
            async with asyncio.timeout(machine_seconds(self._clock, limit)):
                outcome = await self._engine.handle(flow, look, row, standing=standing)
        except StoreUnreachable:
            raise
        except TimeoutError:
            late = errors.Retryable("The attempt took longer than an attempt may take.")
            return await self._wait(flow, look, "retry", late)
        except errors.Throttled as problem:
            return await self._wait(flow, look, "throttled", problem)
        except errors.Retryable as problem:
            return await self._wait(flow, look, "retry", problem)
        except errors.Rejected as problem:
            says = problem.message if not problem.field else f"{problem.field}: {problem.message}"
            outcome = await self._put(flow, look, "rejected", _joined(says, problem.way_out))
            await self._count(flow, rejected=True)
            return outcome
        except errors.NeedsOperator as problem:
            await self._pause(flow, _joined(problem.message, problem.way_out), "refused")
            return await self._put(flow, look, "paused", problem.message)
        except errors.Lost as problem:
            return await self._wait(flow, look, "retry", errors.Retryable(problem.message))
        except Exception as problem:  # noqa: BLE001 - the one place: a bug costs its one change, not the rest
            outcome = await self._bury(flow, look, problem)
            self._count_bug(flow.workspace.id)
            return outcome
        self._bugs.pop(flow.row.id, None)
        if outcome.kind not in {"waits", "needs a person"}:
            await self._count(flow, rejected=False)
        return outcome

    async def _wait(self, flow: FlowContext, look: Look, reason: Reason, problem: errors.Retryable) -> Outcome:
        tries = look.waiting.tries if look.waiting is not None else 0
        now = self._clock.now()
        if problem.retry_after is not None:
            until = now + problem.retry_after
        else:
            until = waiting.next_try(tries, now, jitter=random.random())  # noqa: S311 - it spreads retries
        return await self._put(flow, look, reason, _joined(problem.message, problem.way_out), until=until)

    async def _put(
        self,
        flow: FlowContext,
        look: Look,
        reason: Reason,
        says: str,
        *,
        until: datetime | None = None,
        detail: bytes | None = None,
    ) -> Outcome:
        now = self._clock.now()
        old = look.waiting
        row = Waiting(
            id=old.id if old is not None else self._new_id(),
            workspace_id=flow.workspace.id,
            flow_id=flow.row.id,
            account_id=flow.accounts[look.side].id,
            resource=flow.resource_name(look.side),
            record_id=look.record_id,
            reason=reason,
            not_before=until or now,
            first_seen=old.first_seen if old is not None else now,
            updated_at=now,
            tries=old.tries + 1 if old is not None else 1,
            change_ids=tuple(look.change_ids),
            deletion=look.deletion,
            mode="repair" if look.repair else "nudge",
            says=says[:2000],
            detail=detail,
        )
        await self._database.run(lambda connection: waiting.put(connection, row))
        return Outcome(kind="needs a person" if row.needs_person else "waits", says=says, until=row.not_before)

    async def _bury(self, flow: FlowContext, look: Look, problem: Exception) -> Outcome:
        """A bug: bury this one change with its traceback; three in a row pause the flow of this workspace."""
        trace = "".join(traceback.format_exception(problem))
        _log.error("sync.bug", flow=flow.row.id, record=look.record_id, exc_info=problem)
        waiting_id = look.waiting.id if look.waiting is not None else ""
        sealed = flow.workspace.keys.seal(
            trace.encode(), context=f"bug|{flow.row.id}|{look.record_id}|{waiting_id}"
        )
        says = f"Our own error ({type(problem).__name__}); please report it."
        outcome = await self._put(flow, look, "bug", says, detail=sealed)
        self._bugs[flow.row.id] = self._bugs.get(flow.row.id, 0) + 1
        if self._bugs[flow.row.id] >= _BUGS_IN_A_ROW:
            self._bugs.pop(flow.row.id)
            says = f"{_BUGS_IN_A_ROW} of our own errors in a row; look at `puente waiting list`."
            await self._pause(flow, says, "bug")
        return outcome

    def _count_bug(self, workspace_id: str) -> None:
        now = self._clock.now()
        self._buggy = {name: at for name, at in self._buggy.items() if now - at < _BUG_WINDOW}
        self._buggy[workspace_id] = now
        if len(self._buggy) >= _BUGGY_WORKSPACES:
            raise TooManyBugs(f"Bugs in {len(self._buggy)} workspaces within {_BUG_WINDOW}.")

    async def contain(self, workspace_id: str, what: str, work: Awaitable[None]) -> None:
        """Run a piece of work that is no job (a listing). A bug in it becomes Retryable: it costs its workspace a
        delay and nobody else anything. Raises TooManyBugs as `run` does."""
        try:
            await work
        except errors.PuenteError:
            raise
        except Exception as problem:
            _log.error("sync.bug", workspace=workspace_id, what=what, exc_info=problem)
            self._count_bug(workspace_id)
            says = f"Our own error ({type(problem).__name__}) in a {what}; please report it."
            raise errors.Retryable(says, retry_after=_BUG_PAUSE) from problem

    async def _count(self, flow: FlowContext, *, rejected: bool) -> None:
        """When most of the last changes were rejected, we are wrong and not the data: the flow pauses."""
        fates = self._fates.setdefault(flow.row.id, deque(maxlen=_REJECTED_WINDOW))
        fates.append(rejected)
        if rejected and len(fates) >= _REJECTED_LEAST and sum(fates) * 2 > len(fates):
            count, total = sum(fates), len(fates)
            fates.clear()
            await self._pause(flow, f"{count} of the last {total} changes were rejected.", "rejected")

    async def _pause(self, flow: FlowContext, reason: str, cause: PauseCause) -> None:
        paused = await self._database.run(
            lambda connection: directory.pause_flow(connection, flow.row, reason, cause)
        )
        if paused:
            _log.warning("flow.paused", flow=flow.row.id, reason=reason)


def _changed_since(listed: Row, row: Waiting) -> bool:
    """Whether a listed record was changed after it was put aside, by the vendor's word."""
    return listed.changed_at is not None and listed.changed_at > row.updated_at - _CLOCKS_DIFFER


def _joined(says: str, way_out: str) -> str:
    return f"{says} {way_out}".strip()


def worst(outcomes: Sequence[Outcome]) -> str:
    """The word by which a load or sweep counts a record that concerned several flows."""
    if not outcomes:
        return "nothing"
    order = ("needs a person", "waits", "created", "applied", "bound", "gone")
    for kind in order:
        if any(outcome.kind == kind for outcome in outcomes):
            return kind
    return outcomes[0].kind


logging.getLogger("puente").addHandler(logging.NullHandler())
