"""A fresh sandbox for every test, asked by raw HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from services.sandbox.server import Sandbox, running
from tests.sandbox.support import Control, Hooks, Receiver, Vendor


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(seed=7) as served:
        yield served


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def bf(sandbox: Sandbox, http: httpx.AsyncClient) -> Vendor:
    return Vendor(http=http, system="bitfactura", **sandbox.systems["bitfactura"])


@pytest.fixture
def sg(sandbox: Sandbox, http: httpx.AsyncClient) -> Vendor:
    return Vendor(http=http, system="sugester", **sandbox.systems["sugester"])


@pytest.fixture
def control(sandbox: Sandbox, http: httpx.AsyncClient) -> Control:
    return Control(http=http, url=sandbox.control)


@pytest.fixture
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
