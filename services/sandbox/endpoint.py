"""One vendor's API as an ASGI application: reads a request, lets the faults at it, answers."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.types import Receive, Scope, Send

from services.sandbox.accounts import Account
from services.sandbox.faults import ActiveFault
from services.sandbox.storage import Fields
from services.sandbox.system import SAID_BY_FAULTS, Call, Incoming, ListFault, Route, Routes, System
from services.sandbox.wire import (
    Answer,
    BadJsonError,
    Dropped,
    Refused,
    error,
    with_wrong_types,
)
from services.sandbox.world import World

BODY_LIMIT = 4 * 1024 * 1024
ABORT_EXTENSION = "sandbox.close"
"""Key of the ASGI scope's extensions under which the server hands over how to close the connection."""

WRITES = frozenset({"create", "update", "delete"})


class VendorEndpoint:
    def __init__(self, world: World, system: System) -> None:
        self._world = world
        self._system = system
        self._dialect = system.dialect
        self._routes = Routes(system.routes, loose=self._dialect.loose_paths)
        self._desk = Routes(system.desk, loose=self._dialect.loose_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            incoming = await _read(scope, receive)
            answer = await self._answer(incoming, receive)
        except Refused as refused:
            answer = refused.answer
        except Dropped:
            await _close(scope, receive)
            return
        await _send(answer, send, head=scope["method"] == "HEAD")

    def act(self, account: Account, method: str, path: str, body: Fields) -> Answer:
        """What a person does in the vendor's own pages: no token, no faults, not counted."""
        path, _, raw_query = path.partition("?")
        asked = Incoming(method=method, path=path, raw_query=raw_query, headers={}, body=b"")
        found = self._desk.find(method, path) or self._routes.find(method, path)
        if found is None:
            return self._dialect.unknown_path(self._world, asked)
        route, params = found
        call = Call(
            world=self._world,
            account=account,
            now=self._world.clock.now(),
            path=params,
            query=tuple(asked.query()),
            body=body,
            owner=True,
        )
        try:
            return route.handler(call)
        except Refused as refused:
            return refused.answer

    # The way of one request

    async def _answer(self, incoming: Incoming, receive: Receive) -> Answer:
        found = self._routes.find(incoming.method, incoming.path)
        body, account, refused = self._sign_in(incoming, found[0] if found else None)
        name = account.name if account else None
        template = found[0].template if found else "(unknown)"
        self._world.count(self._system.name, name, f"{incoming.method} {template}")
        where = f"{incoming.method} {incoming.path}"
        failed = await self._fail_early(incoming, found[0] if found else None, account, where, receive)
        if failed is not None:
            return failed
        if found is None:
            return self._dialect.unknown_path(self._world, incoming)
        if refused is not None:
            raise refused
        if account is None:
            return self._dialect.unknown_path(self._world, incoming)
        self._keep_to_the_rate(account)
        answer = self._handle(incoming, found[0], found[1], account, body, where)
        if self._take("truncated", account, where):
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        if self._take("wrong_types", account, where):
            return with_wrong_types(answer)
        return answer

    def _sign_in(self, incoming: Incoming, route: Route | None) -> tuple[Fields, Account | None, Refused | None]:
        body: Fields = {}
        unreadable: Refused | None = None
        try:
            body = self._dialect.parse(incoming)
        except BadJsonError as problem:
            unreadable = Refused(self._dialect.bad_body(self._world, problem))
            if self._dialect.token_in_body:
                return {}, None, unreadable
        if route is not None and route.open:
            return body, self._world.account(self._system.name), unreadable
        try:
            return body, self._system.sign_in(self._world, incoming, body), unreadable
        except Refused as refused:
            return body, None, refused

    def _handle(
        self,
        incoming: Incoming,
        route: Route,
        params: dict[str, str],
        account: Account,
        body: Fields,
        where: str,
    ) -> Answer:
        call = Call(
            world=self._world,
            account=account,
            now=self._world.clock.now(),
            path=params,
            query=tuple(incoming.query()),
            body=body,
            as_of=self._as_of(route, account, where),
            list_fault=self._list_fault(route, account, where),
            token_in_body="authorization" not in incoming.headers
            and not any(key == "api_token" for key, _ in incoming.query()),
        )
        if route.action == "create":
            late = self._take("create_late", account, where)
            if late is not None:
                self._world.later(late.seconds, lambda: self._create_late(route, call))
                raise Dropped
            if self._system.rival is not None and self._take("number_taken", account, where):
                self._system.rival(call)
        answer = route.handler(call)
        if route.action == "create" and self._take("create_then_drop", account, where):
            raise Dropped
        return answer

    def _create_late(self, route: Route, call: Call) -> None:
        try:
            route.handler(replace(call, now=self._world.clock.now()))
        except Refused:
            return  # nobody is there any more to be told

    # Faults

    async def _fail_early(
        self,
        incoming: Incoming,
        route: Route | None,
        account: Account | None,
        where: str,
        receive: Receive,
    ) -> Answer | None:
        """What a fault answers instead of the vendor; None when the request goes on."""
        slow = self._take("slow", account, where)
        if slow is not None:
            await self._world.clock.sleep(slow.seconds)
        hang = self._take("hang", account, where)
        if hang is not None:
            await self._hang(hang, receive)
            raise Dropped
        for name in SAID_BY_FAULTS:
            fault = self._take(name, account, where)
            if fault is not None:
                return self._dialect.said_by(name)(fault.seconds)
        if account is not None and self._take("token_revoked", account, where):
            return self._system.revoked(self._world, account, incoming)
        logs_in = route is not None and route.action == "login"
        if account is not None and not logs_in and self._take("token_expired", account, where):
            return (self._system.expired or self._system.revoked)(self._world, account, incoming)
        if route is not None and route.action in WRITES and self._take("token_read_only", account, where):
            return self._system.read_only()
        return None

    async def _hang(self, hang: ActiveFault, receive: Receive) -> None:
        """Until the client leaves, the fault is switched off, or its seconds (if any) are over."""
        gone = asyncio.ensure_future(_until_disconnected(receive))
        started = self._world.clock.now()
        try:
            while not gone.done() and self._world.faults.present(hang):
                if hang.seconds and self._world.clock.now() - started >= timedelta(seconds=hang.seconds):
                    return
                await asyncio.wait([gone], timeout=0.02)
        finally:
            gone.cancel()

    def _as_of(self, route: Route, account: Account, where: str) -> datetime | None:
        name = {"read": "stale_read", "list": "stale_search"}.get(route.action)
        stale = self._take(name, account, where) if name else None
        if stale is None:
            return None
        return max(stale.since, self._world.clock.now() - timedelta(seconds=stale.seconds))

    def _list_fault(self, route: Route, account: Account, where: str) -> ListFault | None:
        if route.action != "list":
            return None
        if self._take("list_empty", account, where):
            return "empty"
        return "endless" if self._take("list_endless", account, where) else None

    def _keep_to_the_rate(self, account: Account) -> None:
        limit = int(float(self._world.switches.value(self._system.name, "requests_per_second", account.name)))
        if not limit:
            return
        second = int(self._world.clock.now().timestamp())
        if account.counters["rate:second"] != second:
            account.counters["rate:second"], account.counters["rate:used"] = second, 0
        account.counters["rate:used"] += 1
        if account.counters["rate:used"] > limit:
            raise Refused(self._dialect.said_by("rate_limit")(1.0))

    def _take(self, name: str, account: Account | None, where: str) -> ActiveFault | None:
        return self._world.faults.take(self._system.name, name, account.name if account else None, where)


# ASGI


async def _read(scope: Scope, receive: Receive) -> Incoming:
    """Raises Refused(413) for a body over the limit, Dropped when the client left."""
    chunks = bytearray()
    more = True
    while more:
        message: MutableMapping[str, object] = await receive()
        if message["type"] == "http.disconnect":
            raise Dropped
        chunk = message.get("body", b"")
        chunks += chunk if isinstance(chunk, bytes) else b""
        if len(chunks) > BODY_LIMIT:
            raise error(413, "Request Entity Too Large")
        more = bool(message.get("more_body"))
    root: str = scope.get("root_path", "")
    path: str = scope["path"]
    return Incoming(
        method=scope["method"],
        path=path.removeprefix(root),
        raw_query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        body=bytes(chunks),
    )


async def _send(answer: Answer, send: Send, *, head: bool) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})


async def _until_disconnected(receive: Callable[[], Awaitable[MutableMapping[str, object]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _close(scope: Scope, receive: Receive) -> None:
    """Close the connection without a byte. Needs the sandbox's own server, which hands over the transport."""
    close: Callable[[], None] | None = scope.get("extensions", {}).get(ABORT_EXTENSION)
    if close is None:
        raise ConnectionAbortedError("this server cannot close a connection without an answer")
    close()
    await _until_disconnected(receive)
