"""The one HTTP client: what leaves this process, what may come back, and which error a vendor's answer is.

aiohttp stays inside this file. No exception of it leaves, since they print URLs and some vendors take their token
in the URL; ours are built from scratch and redacted.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import aiohttp
import aiohttp.abc
from yarl import URL

from shared import errors, failpoints
from shared.clock import Clock, machine_seconds
from shared.connectors import answers
from shared.connectors.answers import json_of, redact
from shared.connectors.budgets import PacedBudget, UnlimitedBudget, budget_key
from shared.connectors.contract import Access, Budget, Limits, Request, Response, StatusFate
from shared.connectors.outgoing import AddressRefused, BadAddress, OutgoingRules, networks_in
from shared.meters import CallOutcome, Meters
from shared.tracing import NOTHING, Traces

__all__ = [
    "FATES",
    "AddressRefused",
    "BadAddress",
    "HttpWire",
    "NotSent",
    "OutgoingRules",
    "PacedBudget",
    "UnlimitedBudget",
    "budget_key",
    "json_of",
    "networks_in",
    "redact",
]

MAX_BODY: Final = 20 * 1024 * 1024
DEFAULT_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=15)

# Shorter than the idle timeout of the servers in use (5 s at the least): a kept connection that the server is just
# closing costs a read a second try, and a write its certainty.
_KEEP_ALIVE: Final = 4.0

FATES: Final[Mapping[int, StatusFate]] = {
    400: "rejected",
    401: "operator",
    402: "operator",
    403: "operator",
    404: "answer",  # "no such record" or "no such address": only the caller knows
    408: "retryable",
    409: "rejected",
    410: "answer",
    421: "retryable",
    422: "rejected",
    423: "retryable",
    425: "retryable",
    429: "throttled",
}

NotSentReason = Literal["name", "connection", "certificate", "timeout"]


class NotSent(errors.Retryable):
    """Nothing of the request left: no connection came about."""

    def __init__(self, message: str, *, reason: NotSentReason, way_out: str = "") -> None:
        super().__init__(message, way_out=way_out)
        self.reason = reason


class _NotAllowedError(OSError):
    """Raised inside the resolver, where aiohttp lets only OSError through."""


class _DroppedError(aiohttp.ClientError):
    """A connection that ended during a call. Not one of the errors after which aiohttp sends again by itself."""


_send_by: ContextVar[datetime | None] = ContextVar("send_by", default=None)


@contextmanager
def sending_by(moment: datetime) -> Iterator[None]:
    """Writes made inside, by this task, are not sent after this moment, nor is their answer awaited any longer."""
    token = _send_by.set(moment)
    try:
        yield
    finally:
        _send_by.reset(token)


@dataclass(slots=True)
class _Flight:
    """Whether a connection was in hand: from then on something may have left."""

    connected: bool = False
    writes: bool = False


_flight: ContextVar[_Flight | None] = ContextVar("flight", default=None)


class _CheckedResolver(aiohttp.abc.AbstractResolver):
    """Resolves once and lets a name through only if every one of its addresses may be called."""

    def __init__(self, rules: OutgoingRules, *, plain: bool) -> None:
        self._rules = rules
        self._plain = plain
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not all(
            self._rules.permits(ip_address(each["host"].split("%")[0]), plain=self._plain) for each in found
        ):
            raise _NotAllowedError
        return found

    async def close(self) -> None:
        await self._inner.close()


async def _no_second_send(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """aiohttp repeats GET, PUT and DELETE by itself on a kept connection that the server closed.

    Such a write may have been done. It decides by the type of the error, so another type leaves it to us.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as problem:
        raise _DroppedError from problem


async def _body_left(_session: aiohttp.ClientSession, _context: object, _params: object) -> None:
    flight = _flight.get()
    if flight is not None and flight.writes:
        failpoints.reach("write sent")


def _traces() -> list[aiohttp.TraceConfig]:
    """Only a rig has any: with one, aiohttp makes a value of every step of a call."""
    if not failpoints.armed():
        return []
    config = aiohttp.TraceConfig()
    config.on_request_chunk_sent.append(_body_left)
    return [config]


class _TellingConnector(aiohttp.TCPConnector):
    """Tells the call of this task that its connection is in hand. A trace of aiohttp can too, and costs more."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        flight = _flight.get()
        if flight is not None:
            flight.connected = True
        return connection


@lru_cache(maxsize=64)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds)


@dataclass(frozen=True, slots=True)
class _Failure:
    """How a call ended without a whole answer."""

    kind: Literal["refused", "name", "certificate", "connection", "timeout", "dropped", "oversize", "bad url"]
    connected: bool


class HttpWire:
    """The wire of every connector. One per process; close it with `aclose`."""

    def __init__(
        self,
        clock: Clock,
        budget: Budget,
        allow: OutgoingRules | None = None,
        *,
        ca_file: Path | None = None,
        max_body: int = MAX_BODY,
        meters: Meters | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._clock = clock
        self._budget = budget
        self._rules = allow or OutgoingRules()
        self._checked_base = lru_cache(maxsize=4096)(self._rules.checked_base)
        self._ca_file = ca_file
        self._max_body = max_body
        self._meters = meters or Meters()
        self._traces = traces
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}

    @property
    def clock(self) -> Clock:
        return self._clock

    async def __aenter__(self) -> HttpWire:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def send(self, access: Access, limits: Limits, request: Request) -> Response:
        """One call within the account's budget. See the status table `FATES` for what becomes which error."""
        url = self._address(access, request)
        asked_at = self._clock.monotonic()
        await self._budget.take(access, limits, bulk=request.bulk)
        key = budget_key(access, limits)
        async with self._slots.setdefault(key, asyncio.Semaphore(limits.concurrent)):
            # Asked as late as can be: waiting for the budget and for a slot takes its time.
            limits = self._within(limits, request)
            outcome = await self._watched(url, limits, request, access, asked_at)
        if isinstance(outcome, _Failure):
            raise _error_of(outcome, access, limits, request)
        return await self._judged(access, limits, request, outcome)

    async def _watched(
        self, url: URL, limits: Limits, request: Request, access: Access, asked_at: float
    ) -> Response | _Failure:
        """The call, counted, and with its span where traces are on."""
        sent_at = self._clock.monotonic()
        traces = self._traces
        with (
            NOTHING
            if traces is None
            else traces.call(
                system=access.system, account=access.account, method=request.method, writes=request.writes
            ) as traced
        ):
            outcome = await self._call(url, limits, request)
            if isinstance(outcome, _Failure) and outcome.kind == "dropped" and not request.writes:
                # Most likely a kept connection that the server was closing: a read may be asked again at once.
                outcome = await self._call(url, limits, request)
            counted = _counted(outcome, request)
            if traced is not None:
                traced.tell(outcome=counted, waited_ms=round((sent_at - asked_at) * 1000))
                if isinstance(outcome, Response):
                    traced.tell(status=outcome.status)
                if counted != "answered":
                    traced.failed(counted)
        self._meters.called(
            access.system,
            counted,
            writes=request.writes,
            waited_seconds=sent_at - asked_at,
            took_seconds=self._clock.monotonic() - sent_at,
        )
        return outcome

    def _within(self, limits: Limits, request: Request) -> Limits:
        """The limits of a call that must be over by a moment. Raises NotSent when that has passed."""
        moment = _send_by.get() if request.writes else None
        if moment is None:
            return limits
        left = moment - self._clock.now()
        if left <= timedelta(0):
            raise NotSent("The time for this write was over before it was sent.", reason="timeout")
        return replace(limits, timeout=min(limits.timeout, left))

    def _address(self, access: Access, request: Request) -> URL:
        base = self._checked_base(access.base_url)
        query = "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in request.query)
        return URL(f"{base}{request.path}" + (f"?{query}" if query else ""), encoded=True)

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        session = self._sessions.get(scheme)
        if session is None:
            context = ssl.create_default_context()
            if self._ca_file is not None:
                context.load_verify_locations(cafile=self._ca_file)
            connector = _TellingConnector(
                resolver=_CheckedResolver(self._rules, plain=scheme == "http"),
                ssl=context,
                limit=0,
                keepalive_timeout=_KEEP_ALIVE,
            )
            session = self._sessions[scheme] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),  # accounts of one vendor must never share a login
                trace_configs=_traces(),
                middlewares=(_no_second_send,),
                headers={"User-Agent": "puente"},
            )
        return session

    async def _call(self, url: URL, limits: Limits, request: Request) -> Response | _Failure:
        flight = _Flight(writes=request.writes)
        _flight.set(flight)
        kind: Literal["refused", "name", "certificate", "connection", "timeout", "dropped", "oversize", "bad url"]
        try:
            async with self._session(url.scheme).request(
                request.method,
                url,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                timeout=_timeout(machine_seconds(self._clock, limits.timeout)),
            ) as answer:
                body = await self._body(answer)
                if body is not None:
                    headers = {name.lower(): value for name, value in answer.headers.items()}
                    return Response(status=answer.status, headers=headers, body=body)
            kind = "oversize"
        except aiohttp.ClientConnectorDNSError as problem:
            kind = "refused" if isinstance(problem.os_error, _NotAllowedError) else "name"
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError):
            kind = "certificate"
        except aiohttp.ClientConnectorError:
            kind = "connection"
        except aiohttp.InvalidURL:
            kind = "bad url"
        except TimeoutError:
            kind = "timeout"
        except (aiohttp.ClientError, OSError, ValueError):
            kind = "dropped"
        return _Failure(kind, flight.connected)

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes | None:
        """The whole body, or None when it is larger than we take; the rest is then never read."""
        received = bytearray()
        async for piece in answer.content.iter_any():
            received += piece
            if len(received) > self._max_body:
                answer.close()
                return None
        return bytes(received)

    async def _judged(self, access: Access, limits: Limits, request: Request, response: Response) -> Response:
        secrets = tuple(access.credentials.values())
        fate = _fate(request, response)
        if fate == "answer":
            return response
        pause = self._asked_pause(response)
        if fate == "throttled":
            await self._budget.punish(access, limits, pause or DEFAULT_PAUSE)
            raise errors.Throttled("The vendor asks for fewer calls.", retry_after=pause or DEFAULT_PAUSE)
        if pause is not None and response.status == 503:
            await self._budget.punish(access, limits, pause)
        raise answers.error_of(request, response, fate, secrets=secrets, pause=pause)

    def _asked_pause(self, response: Response) -> timedelta | None:
        """Retry-After as seconds or as an HTTP date, within reason; None where there is none to read."""
        text = response.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            seconds = float(text[:9])
        else:
            try:
                moment = parsedate_to_datetime(text)
            except (ValueError, OverflowError):
                return None
            if moment.tzinfo is None:
                return None
            seconds = (moment - self._clock.now()).total_seconds()
        return min(max(timedelta(seconds=seconds), timedelta(seconds=1)), LONGEST_PAUSE)


def _fate(request: Request, response: Response) -> StatusFate | None:
    fate = request.fates.get(response.status) or FATES.get(response.status)
    return "answer" if fate is None and 200 <= response.status < 300 else fate


def _counted(outcome: Response | _Failure, request: Request) -> CallOutcome:
    """How a call is counted. A vendor that reports an error with status 200 counts as having answered."""
    if isinstance(outcome, _Failure):
        if not outcome.connected or outcome.kind in {"refused", "bad url"}:
            return "unreachable"
        return "timeout" if outcome.kind == "timeout" else "dropped"
    match _fate(request, outcome):
        case "answer":
            return "answered"
        case "throttled":
            return "throttled"
        case "operator":
            return "denied"
        case "rejected":
            return "rejected"
    return "rejected" if 400 <= outcome.status < 500 and outcome.status != 408 else "failed"


def _error_of(failure: _Failure, access: Access, limits: Limits, request: Request) -> errors.PuenteError:
    host = urlsplit(access.base_url).hostname or "the vendor"
    match failure.kind:
        case "refused":
            return AddressRefused(host)
        case "bad url":
            return BadAddress("The account's base URL cannot be used.", way_out="Check the base URL.")
        case "name":
            return NotSent(f"The name {host} cannot be resolved.", reason="name")
        case "certificate":
            return NotSent(f"The certificate of {host} is not valid.", reason="certificate")
        case "connection":
            return NotSent(f"{host} cannot be reached.", reason="connection")
        case "timeout" if not failure.connected:
            return NotSent(f"{host} did not accept a connection in time.", reason="timeout")
    said = {
        "timeout": f"{host} did not answer within {limits.timeout.total_seconds():g} s",
        "oversize": f"{host} answered more than we take",
    }.get(failure.kind, f"{host} broke the connection during the call")
    if request.writes and (failure.connected or failure.kind == "oversize"):
        return errors.InDoubt(f"{said}; the write may have happened.")
    return errors.Retryable(f"{said}.")
