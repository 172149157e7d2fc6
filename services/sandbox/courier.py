"""Delivers hooks as the vendors do: later, several at once, in no promised order, not again after a failure."""

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import aiohttp
import msgspec
import yarl

from services.sandbox.accounts import Account
from services.sandbox.storage import Fields, Record
from services.sandbox.switches import Switch

if TYPE_CHECKING:
    from services.sandbox.world import World

State = Literal["pending", "delivered", "failed", "lost", "skipped"]

KEPT_DELIVERIES = 2000
STALE_AFTER = 1.0
"""Seconds that an idle connection is kept: fewer than any receiver keeps it, so none closes under a delivery."""

HOOK_SWITCHES: tuple[Switch, ...] = (
    Switch(
        name="hook_delay",
        default=0.05,
        meaning="Longest wait in seconds between a save and its delivery; each takes a random part of it.",
    ),
    Switch(
        name="hook_failures_before_off",
        default=5,
        meaning="Failed deliveries in a row after which the vendor switches a webhook row off; 0 for never.",
    ),
    Switch(
        name="hook_retries",
        default=0,
        meaning="How often a failed delivery is sent again, each pause twice as long as the one before.",
    ),
    Switch(name="hook_timeout", default=10.0, meaning="Seconds that the vendor waits for the receiver."),
    Switch(name="hook_concurrency", default=16, meaning="Deliveries of one webhook row under way at once."),
    Switch(
        name="hook_content_type",
        default="application/json",
        choices=(
            "application/json",
            "text/plain; charset=utf-8",
            "application/x-www-form-urlencoded",
            "none",
        ),
        meaning="Content type that a delivery declares; the body is JSON whatever it says.",
    ),
)


@dataclass(kw_only=True)
class Delivery:
    id: int
    system: str
    account: str
    hook_id: int
    kind: str
    url: str
    body: bytes
    headers: dict[str, str]
    raised_at: datetime
    state: State = "pending"
    status: int | None = None
    attempts: int = 0
    detail: str = ""


class Courier:
    def __init__(self, world: "World") -> None:
        self._world = world
        self._numbers = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None
        self._slots: dict[tuple[str, int, int], asyncio.Semaphore] = {}
        self._failures: dict[tuple[str, int], int] = {}
        self._held: dict[tuple[str, str], asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT_DELIVERIES)

    def send(self, account: Account, hook: Record, kind: str, body: Fields, *, in_order: bool = False) -> None:
        """Put one delivery on its way. `in_order` ones start without the random wait."""
        delivery = Delivery(
            id=next(self._numbers),
            system=account.system,
            account=account.name,
            hook_id=hook.id,
            kind=kind,
            url=hook.text("url"),
            body=msgspec.json.encode(body),
            headers=_own_headers(hook),
            raised_at=self._world.clock.now(),
        )
        self.deliveries.append(delivery)
        faults = self._world.faults
        if faults.take(account.system, "hooks_lost", account.name, kind):
            delivery.state = "lost"
            return
        wait = 0.0 if in_order else self._number(account, "hook_delay") * self._world.random.random()
        delayed = faults.take(account.system, "hooks_delayed", account.name, kind)
        if delayed is not None:
            wait += delayed.seconds
        copies = 2 if faults.take(account.system, "hooks_doubled", account.name, kind) else 1
        for _ in range(copies):
            task = asyncio.create_task(self._deliver(account, delivery, wait))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @property
    def pending(self) -> int:
        return len(self._tasks)

    async def drain(self, seconds: float) -> int:
        """Wait until nothing is under way, at most `seconds` of real time. The number that is left."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._tasks and (left := deadline - loop.time()) > 0:
            await asyncio.wait(set(self._tasks), timeout=left)
            await asyncio.sleep(0)  # let the finished ones leave the set
        return self.pending

    def forget(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.deliveries.clear()
        self._failures.clear()

    def forgive(self, account: Account, hook_id: int) -> None:
        """A saved row starts counting failures anew."""
        self._failures.pop((account.system, hook_id), None)

    async def aclose(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    # One delivery

    async def _deliver(self, account: Account, delivery: Delivery, wait: float) -> None:
        if wait > 0:
            await self._world.clock.sleep(wait)
        reordered = self._world.faults.take(account.system, "hooks_reordered", account.name, delivery.kind)
        if reordered is not None:
            await self._let_the_next_one_pass(account, reordered.seconds)
        async with self._slot(account, delivery.hook_id):
            await self._send_with_retries(account, delivery)
        if reordered is not None:
            held = self._held.pop((account.system, account.name), None)
            if held is not None:
                held.set()

    async def _let_the_next_one_pass(self, account: Account, seconds: float) -> None:
        """The first one waits; the second goes ahead of it and lets it go afterwards."""
        key = (account.system, account.name)
        if key in self._held:
            return
        passed = self._held[key] = asyncio.Event()
        timer = asyncio.ensure_future(self._world.clock.sleep(seconds))
        waiting = asyncio.ensure_future(passed.wait())
        try:
            await asyncio.wait([timer, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            waiting.cancel()
            if self._held.get(key) is passed:
                del self._held[key]

    def _slot(self, account: Account, hook_id: int) -> asyncio.Semaphore:
        width = max(1, int(self._number(account, "hook_concurrency")))
        key = (account.system, hook_id, width)
        if key not in self._slots:
            self._slots[key] = asyncio.Semaphore(width)
        return self._slots[key]

    async def _send_with_retries(self, account: Account, delivery: Delivery) -> None:
        retries = int(self._number(account, "hook_retries"))
        pause = self._world.systems[account.system].hook_pause
        for attempt in range(retries + 1):
            if not self._row_is_on(account, delivery.hook_id):
                delivery.state, delivery.detail = "skipped", "the webhook row is switched off"
                return
            if await self._post(account, delivery):
                delivery.state = "delivered"
                self._failures.pop((account.system, delivery.hook_id), None)
                return
            delivery.state = "failed"
            self._count_failure(account, delivery.hook_id)
            if attempt < retries:
                delivery.state = "pending"
                await self._world.clock.sleep(pause * 2**attempt)

    def _row_is_on(self, account: Account, hook_id: int) -> bool:
        hook = account.tables["webhooks"].get(hook_id)
        return hook is not None and bool(hook.fields.get("active"))

    def _count_failure(self, account: Account, hook_id: int) -> None:
        key = (account.system, hook_id)
        self._failures[key] = self._failures.get(key, 0) + 1
        limit = int(self._number(account, "hook_failures_before_off"))
        hook = account.tables["webhooks"].get(hook_id)
        if limit and self._failures[key] >= limit and hook is not None:
            account.tables["webhooks"].change(hook, {"active": False}, self._world.clock.now())

    async def _post(self, account: Account, delivery: Delivery) -> bool:
        """True when the receiver answered 2xx in time, or at all where the vendor does not look at the answer."""
        delivery.attempts += 1
        declared = str(self._world.switches.value(account.system, "hook_content_type", account.name))
        headers = {} if declared == "none" else {"Content-Type": declared}
        timeout = aiohttp.ClientTimeout(total=max(0.01, self._number(account, "hook_timeout")))
        try:
            async with self._client().post(
                yarl.URL(delivery.url, encoded=True),
                data=delivery.body,
                headers={**delivery.headers, **headers},
                skip_auto_headers=("Content-Type",),
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                await answer.read()
                delivery.status = answer.status
                delivery.detail = ""
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as problem:
            delivery.status, delivery.detail = None, type(problem).__name__
            return False
        return self._world.systems[account.system].any_answer_delivers or 200 <= delivery.status < 300

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=STALE_AFTER)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session

    def _number(self, account: Account, switch: str) -> float:
        return float(self._world.switches.value(account.system, switch, account.name))


def _own_headers(hook: Record) -> dict[str, str]:
    """The headers that were given when the row was made."""
    given = hook.fields.get("headers")
    return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
