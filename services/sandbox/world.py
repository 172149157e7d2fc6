"""All state of the sandbox: accounts, clock, seeded randomness, switches, faults, counts, hooks."""

import asyncio
import random
import string
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

from services.sandbox.accounts import Account
from services.sandbox.clock import VendorClock, utc_now
from services.sandbox.courier import Courier
from services.sandbox.faults import FaultBoard
from services.sandbox.pace import Pace
from services.sandbox.storage import Record
from services.sandbox.switches import SwitchBoard
from services.sandbox.system import System

DEFAULT_ACCOUNT = "demo"
SECRET_LENGTH = 20


class World:
    """One sandbox. The same `seed` makes the same tokens and ids; without one they are new each time."""

    def __init__(
        self,
        systems: Sequence[System],
        *,
        seed: int | None = None,
        clock: Callable[[], datetime] = utc_now,
        speed: float = 1.0,
    ) -> None:
        self.systems = {system.name: system for system in systems}
        self.clock = VendorClock(clock, speed)
        self.random = random.Random(seed)  # noqa: S311 - made-up tokens that a test must be able to repeat
        self.switches = SwitchBoard({system.name: system.switches for system in systems})
        self.faults = FaultBoard()
        self.stats: dict[str, dict[str | None, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.pace: dict[tuple[str, str], Pace] = {}
        """How fast each account is called, by system and name."""
        self.origin = "http://127.0.0.1:8090"
        """Where the sandbox is served; set by whoever serves it."""
        self.courier = Courier(self)
        self._ids: Counter[tuple[str, str]] = Counter()
        self._accounts: dict[str, dict[str, Account]] = {system.name: {} for system in systems}
        self._tasks: set[asyncio.Task[None]] = set()
        for system in systems:
            self.add_account(system.name, DEFAULT_ACCOUNT)

    # Accounts

    def add_account(self, system: str, name: str | None = None) -> Account:
        """A fresh account. Raises KeyError for an unknown system, ValueError for a name that is taken."""
        accounts = self._accounts[system]
        if name is None:
            name = f"account-{len(accounts) + 1}"
            while name in accounts:
                name += "x"
        if name in accounts or not name or "/" in name:
            raise ValueError(f"{system} cannot have another account {name!r}")
        account = Account(
            system=system,
            name=name,
            number=self.next_id(system, "accounts"),
            secret=self.new_secret(),
            login=f"owner@{name}.example",
            password=self.new_secret(12),
        )
        accounts[name] = account
        return account

    def account(self, system: str, name: str | None = None) -> Account:
        """The named account, else the system's first. Raises KeyError when there is none."""
        return self._accounts[system][DEFAULT_ACCOUNT if name is None else name]

    def accounts(self, system: str) -> list[Account]:
        return list(self._accounts[system].values())

    def token(self, account: Account) -> str:
        """The credential that a user would paste."""
        return self.systems[account.system].token(account)

    def account_of_token(self, system: str, token: str) -> Account | None:
        """The account of a token in either form, `SECRET` or `SECRET/ACCOUNT`."""
        secret, slash, name = token.rpartition("/")
        if slash:
            account = self._accounts[system].get(name)
            return account if account is not None and account.secret == secret else None
        return next((a for a in self._accounts[system].values() if a.secret == token), None)

    # Ids and secrets

    def next_id(self, system: str, resource: str) -> int:
        """Ids go up, over all accounts of a system, and no two resources start at the same number."""
        self._ids[system, resource] += 1
        start = zlib.crc32(f"{system}/{resource}".encode()) % 90_000_000 + 10_000_000
        return start + self._ids[system, resource]

    def new_secret(self, length: int = SECRET_LENGTH) -> str:
        return "".join(self.random.choices(string.ascii_letters + string.digits, k=length))

    # What happens

    def count(self, system: str, account: str | None, label: str) -> None:
        self.stats[system][account][label] += 1
        if account is not None:
            self.pace.setdefault((system, account), Pace()).note(self.clock.now().timestamp())

    def counts(self, account: str | None = None) -> dict[str, dict[str, int]]:
        """Requests per system and "METHOD /path/template"; of one account when it is named."""
        result = {}
        for system in self.systems:
            of_accounts = self.stats[system]
            chosen = of_accounts.values() if account is None else [of_accounts.get(account, Counter())]
            total: Counter[str] = Counter()
            for counter in chosen:
                total.update(counter)
            result[system] = dict(sorted(total.items()))
        return result

    def raise_hooks(self, account: Account, kind: str, record: Record) -> None:
        """Deliver `kind` to every active row of the account that asks for it."""
        system = self.systems[account.system]
        if not system.hooks_enabled(self, account):
            return
        for hook in account.tables["webhooks"].live():
            if system.hook_wants(hook, kind) and hook.fields.get("active"):
                body = system.hook_body(self, account, hook, kind, record)
                self.courier.send(account, hook, kind, body)

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` when the vendors' clock has moved on by `seconds`."""

        async def wait_and_act() -> None:
            await self.clock.sleep(seconds)
            action()

        self.start(asyncio.create_task(wait_and_act()))

    def start(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def reset(self, what: set[str]) -> None:
        """Forget `data`, `faults` (with switches), `stats`, `hooks` (rows and deliveries). Tokens stay."""
        if "data" in what:
            for task in self._tasks:
                task.cancel()
        for accounts in self._accounts.values():
            for account in accounts.values():
                account.clear(data="data" in what, hooks="hooks" in what)
        if "faults" in what:
            self.faults.reset()
            self.switches.reset()
        if "stats" in what:
            self.stats.clear()
            self.pace.clear()
        if "hooks" in what:
            self.courier.forget()

    async def aclose(self) -> None:
        """Stop everything that is still under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.courier.aclose()
