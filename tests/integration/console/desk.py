"""The console over HTTP, without a browser: a whole Puente behind it, and people of every role before it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import httpx
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from services.console.app import PAGES, create_app
from services.console.context import Console
from services.console.main import console_on
from services.console.settings import ConsoleSettings
from shared.store.users import EVERYWHERE, Role
from tests.scenarios.conftest import settings_for
from tests.scenarios.world import WORKSPACE, World
from tests.support.receivers import Inbox, web_server

HOST: Final = "http://console.example"
PASSWORD: Final = "tres palabras largas"
# Who works here: (name, where, role). Otto's business is another one.
PEOPLE: Final[tuple[tuple[str, str, Role], ...]] = (
    ("ana", EVERYWHERE, "admin"),
    ("berta", WORKSPACE, "admin"),
    ("olga", WORKSPACE, "operator"),
    ("vera", WORKSPACE, "viewer"),
    ("otto", "other", "admin"),
)


def routes(method: str) -> list[str]:
    """The patterns of the console's routes for a method, as they stand in its modules."""
    return [
        route.path
        for module in PAGES
        for route in module.router.routes
        if isinstance(route, APIRoute) and method in (route.methods or ())
    ]


class Removed:
    """The app, where one route can be as if its handler did nothing and sent the browser home."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gone: tuple[str, re.Pattern[str]] | None = None

    @contextmanager
    def without(self, method: str, pattern: str) -> Iterator[None]:
        self._gone = (method, compile_path(pattern)[0])
        try:
            yield
        finally:
            self._gone = None

    def around(self, app: ASGIApp) -> Removed:
        """The same for another app."""
        other = Removed(app)
        other._gone = self._gone
        return other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_gone = self._gone is not None and scope["type"] == "http" and self._gone[0] == scope["method"]
        if is_gone and self._gone is not None and self._gone[1].match(scope["path"]):
            await RedirectResponse("/", status_code=303)(scope, receive, send)
            return
        await self._app(scope, receive, send)


@dataclass(kw_only=True)
class Desk:
    """What runs. `as_` is a browser of somebody: cookies, and the word of the session in a header."""

    world: World
    console: Console
    app: Removed
    chat: Inbox
    people: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    _stack: AsyncExitStack
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def fresh(self, word: str) -> str:
        """A name that nothing here has yet."""
        return f"{word} {next(self._numbers)}"

    def stranger(self) -> httpx.AsyncClient:
        """A browser of nobody. Closed with the desk."""
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=HOST, timeout=30)
        self._stack.push_async_callback(client.aclose)
        return client

    async def log_in(self, name: str, password: str = PASSWORD) -> httpx.AsyncClient:
        """A browser of somebody who has logged in."""
        client = self.stranger()
        answer = await client.post("/login", data={"name": name, "password": password})
        assert answer.status_code == 303, answer.text
        found = await self.console.people.who(client.cookies["puente_session"])
        assert found is not None
        client.headers["x-csrf"] = found[0].csrf
        return client

    async def as_(self, name: str) -> httpx.AsyncClient:
        if name not in self.people:
            self.people[name] = await self.log_in(name)
        return self.people[name]


@asynccontextmanager
async def open_desk(
    folder: Path, settings: ConsoleSettings | None = None, *, live: bool = True
) -> AsyncIterator[Desk]:
    """A console on a connected world; with `live` its flows are live and everybody of PEOPLE can log in."""
    async with AsyncExitStack() as stack:
        chat = await stack.enter_async_context(web_server())
        address = folder / "chat"
        address.parent.mkdir(parents=True, exist_ok=True)
        address.write_text(f"{chat.url}/chat", encoding="utf-8")
        world = await stack.enter_async_context(World.opened(settings_for(folder, alert_chat_url_file=address)))
        if live:
            await world.connect()
            await world.go_live()
        console = await stack.enter_async_context(
            console_on(world.parts, world.log, settings or ConsoleSettings(port=0))
        )
        desk = Desk(world=world, console=console, app=Removed(create_app(console)), chat=chat, _stack=stack)
        if live:
            for name, where, role in PEOPLE:
                await console.people.add(name, PASSWORD, {where: role}, locale="en")
        yield desk


def filled(pattern: str, values: Mapping[str, str]) -> str:
    """A route's path with its names filled in; names without a value stand as `x`."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: values.get(found[1], "x"), pattern)
