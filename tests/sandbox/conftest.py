"""One sandbox for the whole suite, emptied before every test, and asked by raw HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from inspect import iscoroutinefunction
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from services.sandbox.catalog import SYSTEMS
from services.sandbox.clock import VendorClock
from services.sandbox.control import EVERYTHING
from services.sandbox.server import Sandbox, running
from services.sandbox.world import World
from tests.sandbox.clientify_support import Clientify
from tests.sandbox.factusol_support import Factusol
from tests.sandbox.support import Control, Hooks, Receiver, Vendor

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The server lives in one loop, so every asynchronous test of this folder runs in it."""
    for item in items:
        if HERE in item.path.parents and iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def served() -> AsyncIterator[Sandbox]:
    async with running(World(SYSTEMS, seed=7)) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def sandbox(served: Sandbox) -> Sandbox:
    served.world.reset(set(EVERYTHING))
    served.world.clock = VendorClock()
    return served


@pytest.fixture
def bf(sandbox: Sandbox, http: httpx.AsyncClient) -> Vendor:
    return Vendor(http=http, system="bitfactura", **sandbox.systems["bitfactura"])


@pytest.fixture
def sg(sandbox: Sandbox, http: httpx.AsyncClient) -> Vendor:
    return Vendor(http=http, system="sugester", **sandbox.systems["sugester"])


@pytest.fixture
def fs(sandbox: Sandbox, control: Control, http: httpx.AsyncClient) -> Factusol:
    """The year is the one that the vendor's clock shows."""
    year = str(sandbox.world.clock.today().year)
    return Factusol(http=http, control=control, year=year, **sandbox.systems["factusol"])


@pytest.fixture
def cl(sandbox: Sandbox, control: Control, http: httpx.AsyncClient) -> Clientify:
    return Clientify(http=http, control=control, **sandbox.systems["clientify"])


@pytest.fixture
def cl2(cl: Clientify) -> Clientify:
    """The same account through v2."""
    return replace(cl, version="v2")


@pytest.fixture
def control(sandbox: Sandbox, http: httpx.AsyncClient) -> Control:
    return Control(http=http, url=sandbox.control)


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
def hooks(control: Control, receiver: Receiver) -> Hooks:
    return Hooks(control=control, receiver=receiver)
