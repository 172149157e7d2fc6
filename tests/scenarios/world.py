"""One whole Puente in this process: sandbox, door and sync over real HTTP, set up as a user would.

`World.opened` starts the servers; `connect` adds accounts, bridge and hooks; `go_live` makes the matching report,
approves it and loads both sides. Then the people of the story act (`left`, `right`), and `quiet` waits until
Puente has nothing left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

import httpx
from pydantic import SecretStr

from services.ingress import main as ingress
from services.ingress.settings import Settings as DoorSettings
from services.sandbox.server import Sandbox
from services.sandbox.server import running as sandbox_running
from shared import errors
from shared.eventlog.port import EventLog
from shared.flows.catalog import FLOWS
from shared.flows.spec import TwoWay
from shared.model.normal import normal
from shared.model.record import CUSTOMER, Value
from shared.operations import administration, hooking, matching_report, views
from shared.operations.hooking import HookLine
from shared.operations.views import Status
from shared.runtime.parts import Parts, opened, opened_log, sync_of
from shared.runtime.settings import Settings, key_rings
from shared.runtime.sync import Rhythm, Sync
from shared.runtime.workspaces import Used
from shared.store import attempts, bindings, directory, sweeps, waiting
from shared.store.rows import Account, Attempt, Binding, FlowRow, Load, SideName, Sweep, Waiting
from tests.scenarios.owners import Control, Json, Owner
from tests.support.clocks import ShiftedClock
from tests.support.waiting import until

WORKSPACE = "acme"
CUSTOMERS = "customer_bitfactura_sugester"
ASUNTOS = "asunto_bitfactura_sugester"
SOON = timedelta(seconds=60)
QUICK = Rhythm(due=timedelta(milliseconds=25), timers=timedelta(milliseconds=25))
# Budgets are the vendors' affair; stories are not about them.
UNHURRIED: Mapping[str, str] = {"calls_per_minute": "600000", "calls_at_once": "16", "seconds_per_call": "4"}
_JUMP = timedelta(milliseconds=5)
_LOOK = timedelta(milliseconds=30)
# Looking costs as much as working: at long work it is done seldom.
_LONG = timedelta(minutes=1)
_SELDOM = timedelta(seconds=1)
# The log or the store does not answer for a moment: then it is not known to be quiet.
_AWAY = (errors.Retryable,)


@dataclass
class World:
    """See the module. `left` is BitFactura's shop owner, `right` Sugester's."""

    settings: Settings
    clock: ShiftedClock
    sandbox: Sandbox
    control: Control
    parts: Parts
    log: EventLog
    public_url: str
    left: Owner
    right: Owner
    _stack: AsyncExitStack
    _syncing: asyncio.Task[None] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    sync: Sync | None = None

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings, *, clock: ShiftedClock | None = None) -> AsyncIterator[Self]:
        """Start everything but sync; ends it all in order."""
        clock = clock or ShiftedClock()
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(control_client())
            sandbox = await stack.enter_async_context(sandbox_running(seed=7))
            parts = await stack.enter_async_context(opened(settings, clock=clock, migrate=True))
            log = await stack.enter_async_context(opened_log(parts))
            public = await stack.enter_async_context(_door(settings, log, clock))
            control = Control(http=http, url=sandbox.control)
            left, right = cls.people(control)
            world = cls(
                settings=settings,
                clock=clock,
                sandbox=sandbox,
                control=control,
                parts=parts,
                log=log,
                public_url=public,
                left=left,
                right=right,
                _stack=stack,
            )
            stack.push_async_callback(world.stop_sync)
            yield world

    @classmethod
    def people(cls, control: Control) -> tuple[Owner, Owner]:
        return Owner(control=control, system="bitfactura"), Owner(control=control, system="sugester")

    # Setting up

    async def connect(self, *, hooks: Iterable[str] = ("bitfactura",), workspace: str = WORKSPACE) -> None:
        """Workspace, both accounts, the bridge, and the hooks of the systems named."""
        for system in hooks:
            if system == "sugester":
                await self.control.turn(system, "webhooks")
                await self.control.turn(system, "webhooks_api")
        await administration.add_workspace(self.parts, workspace, title="Acme")
        for system in ("bitfactura", "sugester"):
            access = self.sandbox.systems[system]
            used = await self.used(workspace)
            more = {"hooks_api": "yes"} if system == "sugester" and system in hooks else {}
            account = administration.new_account(
                self.parts,
                used,
                system,
                base_url=access["base_url"],
                credentials={"token": access["token"]},
                settings={**UNHURRIED, **more},
            )
            await administration.save_account(self.parts, used, account)
        await administration.add_bridge(self.parts, await self.used(workspace), "bitfactura", "sugester")
        used = await self.used(workspace)
        for system in hooks:
            account = used.directory.accounts[f"{workspace}.{system}"]
            for line in await hooking.register(self.parts, used, account, self.public_url):
                assert line.state == "registered", line

    async def go_live(
        self,
        flows: Sequence[str] = (CUSTOMERS, ASUNTOS),
        *,
        since: str | None = None,
        within: timedelta = timedelta(seconds=60),
    ) -> None:
        """Report, approval and load of these flows; both directions for customers. Starts sync."""
        if self._syncing is None:
            self.start_sync()
        for name in flows:
            flow = await self.flow(name)
            await matching_report.make(self.parts, await self.used(), flow.id)
            await matching_report.approve(self.parts, await self.used(), flow.id, actor="owner")
            await self.load(name, since=since)
        await self.quiet(within=within)
        for name in flows:
            await self.until_state(name, "live")
        await self.control.forget_calls()

    async def load(self, name: str, *, since: str | None = None) -> None:
        then: SideName | None = "right" if isinstance(FLOWS[name], TwoWay) else None
        await administration.start_load(
            self.parts, await self.flow(name), side="left", then_side=then, since=since
        )

    async def used(self, workspace: str = WORKSPACE) -> Used:
        """The workspace as it stands now."""
        found = await self.parts.workspaces.get(workspace, look_every=timedelta(0))
        assert found is not None
        return found

    async def flow(self, name: str) -> FlowRow:
        return administration.flow_of(await self.used(), name)

    async def account(self, system: str) -> Account:
        return (await self.used()).directory.accounts[f"{WORKSPACE}.{system}"]

    # Sync

    def start_sync(self) -> None:
        self._stop = asyncio.Event()
        self.sync = sync_of(self.parts, self.log, rhythm=QUICK)
        self._syncing = asyncio.create_task(self.sync.run(self._stop))

    async def stop_sync(self) -> None:
        """Stop as a deploy does: what runs is settled. Raises what sync died of."""
        if self._syncing is not None:
            self._stop.set()
            syncing, self._syncing = self._syncing, None
            await syncing

    # Time

    async def pass_time(self, **much: float) -> None:
        """Let time pass for Puente and for the vendors alike, in one moment: no call sees one clock without the
        other."""
        self.sandbox.world.clock.advance(timedelta(**much))
        self.clock.advance(timedelta(**much))

    async def sweep(self, *, full: bool = False, only: str = "") -> None:
        """As if the next sweeps were due now, of one system or of both; returns when Puente is quiet again."""
        await self.ask_for_sweeps(full=full, only=only)
        await self.quiet()

    async def ask_for_sweeps(self, *, full: bool = False, only: str = "") -> None:
        for account in (await self.used()).directory.accounts.values():
            if only and account.system != only:
                continue
            await self.parts.database.run(
                lambda connection, account=account: sweeps.request(  # type: ignore[misc]
                    connection, account.id, None, now=self.clock.now(), full=full
                )
            )

    async def status(self) -> Status:
        return await views.status(self.parts, self.log, WORKSPACE)

    async def quiet(self, *, within: timedelta = SOON) -> Status:
        """Wait until nothing is left to do without a person. Where all that is left is waiting for its time, that
        time is made to come."""
        settled = 0

        async def is_quiet() -> Status | None:
            nonlocal settled
            if self._syncing is not None and self._syncing.done():
                self._syncing.result()
            await self.control.drained()
            status = await self.status()
            settled = settled + 1 if status.quiet else 0
            if not status.quiet:
                await self._jump(status)
            return status if settled >= 2 else None

        try:
            return await until(
                is_quiet,
                within=within,
                what="Puente is quiet",
                every=_SELDOM if within > _LONG else _LOOK,
                ignoring=_AWAY,
            )
        except AssertionError as late:
            raise AssertionError(f"{late}\n{await self.status()}\n{await self.waits()}") from None

    async def _jump(self, status: Status) -> None:
        """Move time on to what is due next, if nothing is being done now."""
        times = await self._next_times(status)
        if times and min(times) > self.clock.now():
            await self.pass_time(seconds=(min(times) - self.clock.now() + _JUMP).total_seconds())

    async def _next_times(self, status: Status) -> list[datetime]:
        """When each thing that is left is due; empty while something is being done."""
        if status.lag or status.running_runs:
            return []
        times = [row.not_before for row in await self.waits() if not row.needs_person]
        listing: list[Sweep | Load] = [*status.running_sweeps, *status.running_loads]
        for each in listing:
            if each.problem is None:
                return []
            times.append(each.next_at)  # it failed, and is tried again
        return times

    # Looking

    async def waits(self, *, reason: str = "") -> list[Waiting]:
        rows = await self.parts.database.read(
            lambda connection: waiting.of_workspace(connection, WORKSPACE, limit=1000)
        )
        return [row for row in rows if reason in {"", row.reason}]

    async def asks(self) -> list[Waiting]:
        """What a person is asked."""
        return [row for row in await self.waits() if row.needs_person]

    async def bindings(self, entity: str = "customer") -> list[Binding]:
        bridge = next(iter((await self.used()).directory.bridges))
        return await self.parts.database.read(
            lambda connection: bindings.page(connection, bridge, entity, "", after="", limit=10_000)
        )

    async def story(self, owner: Owner, record_id: str, resource: str = "clients") -> list[Attempt]:
        """The attempts of a record, oldest first."""
        account = await self.account(owner.system)
        rows = await self.parts.database.read(
            lambda connection: attempts.of_record(connection, account.id, resource, record_id)
        )
        return sorted(rows, key=lambda each: each.id)

    async def resume(self, name: str) -> None:
        flow = await self.flow(name)
        assert await self.parts.database.run(lambda connection: directory.resume_flow(connection, flow))

    async def choose(self, name: str, **options: object) -> None:
        """The shop owner changes settings of a flow."""
        flow = await self.flow(name)
        chosen = {**flow.options, **options}
        await self.parts.database.run(lambda connection: directory.set_flow(connection, flow, options=chosen))
        await self.used()

    async def until_state(self, name: str, state: str) -> None:
        async def is_so() -> bool:
            return (await self.flow(name)).state == state

        await until(is_so, within=SOON, what=f"{name} is {state}")

    async def until_waiting(self, many: int) -> None:
        async def is_so() -> bool:
            return len(await self.waits()) == many

        await until(is_so, within=SOON, what=f"{many} changes wait")

    async def listed(self, system: str, resource: str) -> Sweep:
        """Until a sweep of this resource has ended, well or not; how it stands then."""
        account = await self.account(system)
        asked = self.clock.now()

        async def ended() -> Sweep | None:
            row = await self.parts.database.read(lambda connection: sweeps.find(connection, account.id, resource))
            over = row is not None and row.next_at > asked and (row.problem or row.started_at is None)
            return row if over else None

        return await until(ended, within=SOON, what=f"{resource} of {system} were listed")

    async def retry(self, reason: str) -> None:
        """A person's word: what was put before them for this reason is tried again."""
        rows = [row.id for row in await self.waits(reason=reason)]
        assert rows
        await self.parts.database.run(lambda connection: waiting.retry(connection, rows, self.clock.now()))

    async def all_hooks(self, system: str) -> list[HookLine]:
        """Every hook that an account should have, those set by hand too."""
        account = await self.account(system)
        connector = self.parts.workspaces.connectors[system]
        return hooking.wanted(self.parts, account, connector, self.public_url)

    async def hooks_of(self, system: str) -> list[HookLine]:
        """The hooks as registered."""
        return await hooking.register(self.parts, await self.used(), await self.account(system), self.public_url)

    async def differences(self, *, ignoring: Iterable[str] = ()) -> list[str]:
        """Where the two records of an active pair of clients show different values, one line each."""
        lefts = {str(each["id"]): each for each in await self.left.all()}
        rights = {str(each["id"]): each for each in await self.right.all()}
        found = []
        for pair in await self.bindings():
            if pair.state != "active":
                continue
            one, two = lefts.get(pair.left_id), rights.get(pair.right_id)
            if one is None or two is None:
                found.append(f"{pair.left_id}-{pair.right_id}: a record is missing")
                continue
            found += [
                f"{pair.left_id}-{pair.right_id} {name}: {one[name]!r} and {two[name]!r}"
                for name in shared_client_fields()
                if name not in ignoring and _normal(name, one[name]) != _normal(name, two[name])
            ]
        return found

    async def doubled(self) -> list[str]:
        """Names of clients that one side holds more than once."""
        found = []
        for owner in (self.left, self.right):
            names = [each["name"] for each in await owner.all()]
            found += [f"{owner.system}: {name}" for name in sorted(set(names)) if names.count(name) > 1]
        return found


def control_client() -> httpx.AsyncClient:
    """For the sandbox's control API. It lets idle connections go before the server, which does so after 5 s, may
    close one under a request."""
    return httpx.AsyncClient(timeout=30, limits=httpx.Limits(keepalive_expiry=2))


def shared_client_fields() -> tuple[str, ...]:
    """The fields that a client has on both sides."""
    flow = FLOWS[CUSTOMERS]
    assert isinstance(flow, TwoWay)
    return flow.shared_fields()


def _normal(name: str, stored: Value) -> str:
    return normal(CUSTOMER.fields[name], stored, country="ES")


def shown(record: Json, *names: str) -> tuple[object, ...]:
    return tuple(record[name] for name in names)


@asynccontextmanager
async def _door(settings: Settings, log: EventLog, clock: ShiftedClock) -> AsyncIterator[str]:
    """The ingress of all systems on a free port; its public URL."""
    rings = key_rings(settings)
    stop = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def announce(host: str, port: int) -> None:
        ready.set_result(f"http://{host}:{port}")

    door = DoorSettings(
        log_url=settings.effective_log_url,
        data=settings.data / "door",
        door_keys=SecretStr(rings["door_keys"]),
        log_keys=SecretStr(rings["log_keys"]),
        port=0,
        host="127.0.0.1",
    )
    serving = asyncio.create_task(ingress.serve(door, log=log, machine=clock, stop=stop, on_ready=announce))
    serving.add_done_callback(lambda _: ready.cancel())
    try:
        with suppress(asyncio.CancelledError):
            yield await ready
    finally:
        stop.set()
        await serving
