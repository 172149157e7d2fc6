"""P2c: where one change's CPU goes in sync, part by part: its process's own time, without the log and the sockets'
other ends.

Each part is timed alone, so that its code stays in the processor's caches: the sum is a lower bound. The
store's steps are timed in full groups and in small ones, since what a transaction costs is shared.
"""

from __future__ import annotations

import asyncio
import logging as std_logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from shared.clock import Clock
from shared.connectors.contract import Access, Limits, Request, Response, Row
from shared.connectors.registry import CONNECTORS
from shared.flows.context import FlowContext, Look
from shared.flows.desk import look_up
from shared.flows.merge import changed_fields
from shared.flows.pairs import usable_base
from shared.flows.spec import Side, TwoWay
from shared.runtime import logging, parts
from shared.runtime.consumer import job_of
from shared.runtime.runner import Runner
from shared.runtime.workspaces import Workspaces, must_get
from shared.store.intents import OpenUpdate, update_subject
from shared.store.rows import Attempt, Binding, Intent, PairBase
from shared.store.settlement import BaseChange, Settlement
from shared.store.standing import LookUp, Standing
from tests.bench import figures, vendor
from tests.bench.changes import start_vendor
from tests.bench.figures import Findings
from tests.bench.installation import Installation, bind, installed
from tests.bench.servers import Servers
from tests.bench.settings import Effort

_NAMES = tuple(f"w{number}" for number in range(16))
_PAIRS = 64
_LANES = 48
_TIMES = 40
_ALONE = 1000


class AnsweringWire:
    """A wire without a socket: the bare vendor answers in this process, and its own time counts too."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._vendor = vendor.Vendor(0)

    async def send(self, access: Access, limits: Limits, request: Request) -> Response:
        answer = await self._vendor.answered(request.method, request.path, "", request.body or b"")
        return Response(status=200, headers={}, body=msgspec.json.encode(answer))


@dataclass(frozen=True, kw_only=True)
class _Bench:
    here: Installation
    flow: FlowContext
    row: Row
    """What the left vendor shows of client 1: edited."""
    base: PairBase

    @property
    def units(self) -> Sequence[LookUp]:
        looks = (Look(side=Side.LEFT, record_id=str(number), origin="change") for number in range(1, _PAIRS + 1))
        return [look_up(self.flow, look) for look in looks]


async def a_change_in_parts(servers: Servers, effort: Effort, findings: Findings) -> None:
    """Microseconds of CPU for each part of a change."""
    found: dict[str, list[float]] = {}
    for _ in range(effort.repeats):
        async with _bench(servers) as bench:
            for size in (_PAIRS, 8):
                for name, took in (await _store(bench, size)).items():
                    found.setdefault(f"the store: {name}, {size} together", []).append(took)
            for name, took in [*_alone(bench).items(), *(await _calls(bench)).items()]:
                found.setdefault(name, []).append(took)
            whole = await _whole(bench.here)
            found.setdefault(f"all but the calls and the log, {_LANES} looks at once", []).append(whole)
    for name, values in found.items():
        findings.add(figures.Row(figure="P2c", what=name, unit="µs", values=values))


@asynccontextmanager
async def _bench(servers: Servers) -> AsyncIterator[_Bench]:
    with servers.processes() as started:
        async with servers.database() as store:
            url = await start_vendor(started, 0)
            log_url = f"sqlite:///{started.folder / 'log.db'}"
            async with installed(
                started.folder, log_url=log_url, store_url=store, workspaces=_NAMES, vendor_url=url
            ) as here:
                for name in _NAMES:
                    await bind(here, name, range(1, _PAIRS + 1))
                used = await must_get(here.parts.workspaces, _NAMES[0])
                flow = next(each for each in used.flows.values() if each.row.entity == "customer")
                row = await flow.session(Side.LEFT).read("clients", "1")
                asked = look_up(flow, Look(side=Side.LEFT, record_id="1", origin="change"))
                pair = (await here.parts.database.grouped(asked)).binding
                assert row is not None
                assert pair is not None
                with _logging():
                    yield _Bench(here=here, flow=flow, row=row, base=pair.base)


@contextmanager
def _logging() -> Iterator[None]:
    """Log as the service does, to nowhere."""
    before = std_logging.getLogger().handlers[:]
    with Path(os.devnull).open("w") as nowhere:
        logging.configure(stream=nowhere)
        yield
    structlog.reset_defaults()
    std_logging.getLogger().handlers[:] = before


async def _store(bench: _Bench, size: int) -> dict[str, float]:
    """The three transactions of a change of a bound pair, `size` changes sharing each."""
    database, units = bench.here.parts.database, bench.units[:size]
    took = {"look-up": 0.0, "intent": 0.0, "settlement": 0.0}

    async def timed(name: str, work: Awaitable[Any]) -> Any:
        began = time.process_time()
        done = await work
        took[name] += time.process_time() - began
        return done

    for turn in range(_TIMES + 1):
        if turn == 1:
            took = dict.fromkeys(took, 0.0)  # the first one prepares the statements
        found: Sequence[Standing] = await timed("look-up", database.read(partial(LookUp.together, units=units)))
        bindings = [each.binding for each in found if each.binding is not None]
        opening = [OpenUpdate(held=None, binding=each, intent=_intent(bench, each)) for each in bindings]
        await timed("intent", database.run(partial(OpenUpdate.together, units=opening)))
        settling = [_settlement(bench, each) for each in opening]
        await timed("settlement", database.run(partial(Settlement.together, units=settling)))
    return {name: seconds / _TIMES / size * 1e6 for name, seconds in took.items()}


def _intent(bench: _Bench, binding: Binding) -> Intent:
    now = bench.here.parts.clock.now()
    return Intent(
        id=bench.here.parts.new_id(),
        workspace_id=bench.flow.workspace.id,
        flow_id=bench.flow.row.id,
        subject=update_subject(binding.id),
        kind="update",
        side="left",
        source_id=binding.left_id,
        target_id=binding.right_id,
        reference=binding.reference,
        sent={"right.city": "x" * 22},
        owner="bench",
        version=1,
        opened_at=now,
        deadline=now,
    )


def _settlement(bench: _Bench, opened: OpenUpdate) -> Settlement:
    assert opened.binding is not None
    assert opened.intent is not None
    flow, now, binding = bench.flow, bench.here.parts.clock.now(), opened.binding
    row = replace(bench.row, record_id=binding.left_id)
    attempt = Attempt(
        id=bench.here.parts.new_id(),
        workspace_id=flow.workspace.id,
        flow_id=flow.row.id,
        account_id=flow.accounts[Side.LEFT].id,
        resource="clients",
        record_id=binding.left_id,
        other_id=binding.right_id,
        at=now,
        took_ms=5,
        origin="change",
        outcome="applied",
        says="Wrote city to Sugester.",
        fields=("city",),
        change_ids=(bench.here.parts.new_id(),),
        detail=b"x" * 900,
    )
    return Settlement(
        now=now,
        attempt=attempt,
        base_change=BaseChange(binding=binding, expected=binding.version + 1, base=binding.base),
        seen=[flow.seen(Side.LEFT, row, now)],
        close=[opened.intent],
    )


def _alone(bench: _Bench) -> dict[str, float]:
    """What needs neither store nor vendor."""
    spec, parts_ = bench.flow.spec, bench.here.parts
    assert isinstance(spec, TwoWay)
    kept = usable_base(bench.base, bench.flow.map_version, parts_.clock.now())
    wire = vendor.client(1, vendor.AFTER)
    session: Any = bench.flow.session(Side.LEFT)
    sealed = msgspec.json.encode(wire)
    log = structlog.get_logger("puente.bench")

    def hashed() -> None:
        flow = bench.flow.for_one_look()
        digest = flow.digester(spec.entity)
        changed_fields(spec.shared_fields(), bench.row.fields, kept, Side.LEFT, digest, doubt_previous=False)
        flow.seen(Side.LEFT, bench.row, parts_.clock.now())

    work: dict[str, Callable[[], object]] = {
        "a record out of the vendor's JSON": lambda: session._rest.resources["clients"].row(wire, session.access),
        "hashes of a look: the edit test, what was seen": hashed,
        "the line in the log": lambda: log.info("sync.attempted", flow="f", record="1", outcome="applied"),
        "the attempt's detail sealed": lambda: bench.flow.workspace.keys.seal(sealed, context="bench"),
    }
    found: dict[str, float] = {}
    for name, part in work.items():
        began = time.process_time()
        for _ in range(_ALONE):
            part()
        found[name] = (time.process_time() - began) / _ALONE * 1e6
    return found


async def _calls(bench: _Bench) -> dict[str, float]:
    """The two calls of a change, over HTTP."""
    left, right = bench.flow.session(Side.LEFT), bench.flow.session(Side.RIGHT)

    async def read(number: int) -> None:
        await left.read("clients", str(number))

    async def write(number: int) -> None:
        await right.update("clients", str(number + vendor.RIGHT_ID), {"city": vendor.AFTER})

    return {
        "a call over HTTP that reads": await _side_by_side(read, range(1, _ALONE)),
        "a call over HTTP that writes": await _side_by_side(write, range(1, _ALONE)),
    }


async def _whole(here: Installation) -> float:
    """Changes of bound pairs through the runner, their vendor answering at once."""
    opened = here.parts
    workspaces = Workspaces(
        database=opened.database,
        store_keys=opened.keys.store,
        connectors=CONNECTORS,
        wire=AnsweringWire(opened.clock),
        clock=opened.clock,
    )
    runner = Runner(
        engine=parts.engine_of(opened),
        workspaces=workspaces,
        database=opened.database,
        clock=opened.clock,
        new_id=opened.new_id,
    )
    changes = [here.change(name, number) for number in range(2, _PAIRS + 1) for name in _NAMES]

    async def applied(at: int) -> None:
        [outcome] = await runner.run(job_of(changes[at]))
        if outcome.kind != "applied":
            raise AssertionError(f"a change ended as {outcome.kind!r}: {outcome.says}")

    warm = len(changes) // 5
    await _side_by_side(applied, range(warm))
    return await _side_by_side(applied, range(warm, len(changes)))


async def _side_by_side(work: Callable[[int], Awaitable[None]], numbers: Sequence[int]) -> float:
    """Microseconds of CPU for each of these, `_LANES` of them at once."""
    left = iter(numbers)

    async def lane() -> None:
        for number in left:
            await work(number)

    began = time.process_time()
    await asyncio.gather(*(lane() for _ in range(_LANES)))
    return (time.process_time() - began) / len(numbers) * 1e6
