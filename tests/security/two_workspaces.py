"""Two workspaces side by side, acme and zeta, each with a bridge, set up alike by the command line."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cli.main import main
from services.console.app import create_app
from services.console.context import Console
from services.console.main import console_on
from services.console.settings import ConsoleSettings
from shared.clock import SystemClock
from shared.runtime import parts
from shared.runtime.settings import load_settings
from shared.store import bindings, tables, waiting
from shared.store.database import Database
from shared.store.rows import Binding, PairBase, Waiting
from shared.store.users import Role
from tests.integration.cli.rig import PUENTE, SOON
from tests.integration.console.desk import HOST, PASSWORD
from tests.support.processes import Processes

T = TypeVar("T")
ACME, ZETA = "acme", "zeta"
RECORD: Final = "424242"
"""A client on the left of either workspace, which waits and is in a pair with `OTHER`."""
OTHER: Final = "757575"


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """Two systems that are joined, their flow of clients, and what `puente why` calls a client on the left."""

    left: str
    right: str
    customers: str
    record: str = "client"
    secret: str = "token"
    """Which credential is the whole access to the left system."""

    @property
    def words(self) -> Mapping[str, str]:
        return {"left": self.left, "right": self.right, "customers": self.customers, "record": self.record}


BRIDGES: Final = (
    Bridge(left="bitfactura", right="sugester", customers="customer_bitfactura_sugester"),
    Bridge(left="factusol", right="clientify", customers="customer_factusol_clientify"),
)


@dataclass(kw_only=True)
class Both:
    """Two workspaces that are set up alike."""

    bridge: Bridge
    store_url: str
    control: str
    monkeypatch: pytest.MonkeyPatch
    names: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    """The replay that each workspace has begun."""
    seen: str = ""

    def run(self, *arguments: str, stdin: str = "") -> int:
        """One command in this process; what it printed is in `seen`."""
        self.monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        printed = io.BytesIO()
        shown = io.TextIOWrapper(printed, encoding="utf-8", write_through=True)
        with redirect_stdout(shown), redirect_stderr(shown):
            code = main([*arguments, "--json"])
        self.seen = printed.getvalue().decode()
        assert "Traceback" not in self.seen, self.seen
        return code

    def rows_of(self, workspace: str) -> dict[str, list[str]]:
        """Every row of one workspace, of every table."""
        return asyncio.run(self.rows(workspace))

    async def rows(self, workspace: str) -> dict[str, list[str]]:
        """As `rows_of`, for a test that is in a loop."""
        return await self.read(lambda connection: _rows(connection, workspace))

    async def read(self, unit: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        database = Database(self.store_url)
        try:
            return await database.read(unit)
        finally:
            await database.close()

    def secrets(self, workspace: str) -> list[str]:
        return [self.names[f"{workspace} {side} token"] for side in ("left", "right")]

    @asynccontextmanager
    async def console(self) -> AsyncIterator[Pages]:
        """The console on the same store, in this process."""
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(parts.opened(load_settings()))
            log = await stack.enter_async_context(parts.opened_log(opened))
            console = await stack.enter_async_context(console_on(opened, log, ConsoleSettings(port=0)))
            yield Pages(console=console, app=create_app(console), stack=stack)


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The console, and browsers of people who have logged in."""

    console: Console
    app: FastAPI
    stack: AsyncExitStack

    async def log_in(self, name: str, roles: Mapping[str, Role]) -> httpx.AsyncClient:
        await self.console.people.add(name, PASSWORD, roles, locale="en")
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=HOST, timeout=30)
        self.stack.push_async_callback(client.aclose)
        assert (await client.post("/login", data={"name": name, "password": PASSWORD})).status_code == 303
        found = await self.console.people.who(client.cookies["puente_session"])
        assert found is not None
        client.headers["x-csrf"] = found[0].csrf
        return client


async def _rows(connection: AsyncConnection, workspace: str) -> dict[str, list[str]]:
    found = {}
    for table in tables.metadata.sorted_tables:
        rows = (await connection.execute(select(table))).mappings().all()
        found[table.name] = sorted(repr(dict(row)) for row in rows if _belongs(table, dict(row), workspace))
    return found


def _belongs(table: Table, row: Mapping[str, Any], workspace: str) -> bool:
    if "workspace_id" in row:
        return bool(row["workspace_id"] == workspace)
    names = [row[name] for name in ("id", "account_id", "flow_id", "key", "scope") if name in row]
    return any(workspace in str(name).replace(":", ".").split(".") for name in names)


@contextmanager
def set_up(
    bridge: Bridge,
    processes: Processes,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Both]:
    """Both workspaces, on the store of one machine, with a sandbox of the vendors."""
    sandbox = processes.start(*PUENTE, "sandbox", "--port", "0", "--json", name="sandbox")
    sandbox.block_until(lambda: "\n" in sandbox.output(), within=SOON, what="says where it is")
    hello = json.loads(sandbox.output().splitlines()[0])
    monkeypatch.setenv("PUENTE_DATA", str(folder / "data"))
    monkeypatch.setenv("PUENTE_PUBLIC_URL", "http://127.0.0.1:1")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    made = Both(
        bridge=bridge,
        store_url=f"sqlite:///{folder}/data/store.db",
        control=hello["control"],
        monkeypatch=monkeypatch,
    )
    try:
        for workspace in (ACME, ZETA):
            _workspace(made, workspace)
        yield made
    finally:
        root.handlers[:], root.level = handlers, level
        logging.captureWarnings(capture=False)


def _workspace(both: Both, workspace: str) -> None:
    def run(*arguments: str, stdin: str = "") -> None:
        assert both.run(*arguments, stdin=stdin) == 0, both.seen

    run("workspace", "add", workspace)
    for side, system in (("left", both.bridge.left), ("right", both.bridge.right)):
        body = json.dumps({"system": system, "account": f"at-{workspace}"}).encode()
        asked = urllib.request.Request(  # noqa: S310 - the sandbox on this machine
            f"{both.control}/accounts", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(asked) as answer:  # noqa: S310
            access = json.loads(answer.read())
        run("account", "add", workspace, system, "--base-url", access["base_url"], stdin=access["token"])
        both.names |= {
            f"{workspace} {side} url": access["base_url"],
            f"{workspace} {side} token": access["token"],
        }
    run("bridge", "add", workspace, both.bridge.left, both.bridge.right)
    run("match", "approve", workspace)
    run("replay", workspace, "--since", "1h")
    both.runs[workspace] = asyncio.run(both.read(lambda connection: _only(connection, tables.run, workspace)))
    asyncio.run(_with_a_client(both, workspace))


async def _with_a_client(both: Both, workspace: str) -> None:
    """A client that is in a pair, and waits for a person to say whose it is."""
    now = SystemClock().now()
    database = Database(both.store_url)
    try:
        row = Waiting(
            id=f"wait-{workspace}",
            workspace_id=workspace,
            flow_id=f"{workspace}.{both.bridge.customers}",
            account_id=f"{workspace}.{both.bridge.left}",
            resource="clients",
            record_id=RECORD,
            reason="ambiguous",
            not_before=now + timedelta(days=1),
            first_seen=now,
            updated_at=now,
            change_ids=("c1",),
            says=f"Something about a client of {workspace}.",
        )
        pair = Binding(
            id=f"pair-{workspace}",
            workspace_id=workspace,
            bridge_id=await database.read(lambda connection: _only(connection, tables.bridge, workspace)),
            entity="customer",
            role="",
            left_id=RECORD,
            right_id=OTHER,
            state="active",
            version=1,
            base=PairBase(normaliser=1, map_version=1),
            reference="",
            created_at=now,
            updated_at=now,
        )
        await database.run(lambda connection: waiting.put(connection, row))
        await database.run(lambda connection: bindings.add(connection, pair))
    finally:
        await database.close()


async def _only(connection: AsyncConnection, table: Table, workspace: str) -> str:
    """The id of a workspace's only row of a table."""
    found = await connection.execute(select(table.c.id).where(table.c.workspace_id == workspace))
    return str(found.scalar_one())
