"""What the door answers: prepared once, sent as raw ASGI messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from starlette.types import Message, Send

from services import problems

Outcome = Literal[
    "accepted",  # in the log
    "spooled",  # in the spool, on its way to the log
    "unreadable",  # authentic, kept as it is, for a parser that learns it
    "nothing",  # authentic, and it names no record
    "unstored",  # neither log nor spool took it: a gap is remembered
    "unknown",  # no such hook, or a wrong secret
    "limited",  # too many refusals for this address
    "bad_body",  # nothing in it that could carry the secret
    "encoded",  # a Content-Encoding
    "too_large",
    "too_slow",
    "wrong_method",
    "disconnected",
]
"""A closed set: it is a metric's label."""

_RETRY_UNSTORED: Final = b"30"
_CLOSE: Final = (b"connection", b"close")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, as the two messages of ASGI that send it. After one that `lingers` more of the body may come."""

    status: int
    start: Message
    body: Message
    lingers: bool = False

    async def send(self, send: Send) -> None:
        await send(self.start)
        await send(self.body)


def make(
    status: int, content: bytes, media_type: bytes, *more: tuple[bytes, bytes], lingers: bool = False
) -> Answer:
    """An answer with a known length."""
    headers = [(b"content-type", media_type), (b"content-length", str(len(content)).encode()), *more]
    return Answer(
        status=status,
        start={"type": "http.response.start", "status": status, "headers": headers},
        body={"type": "http.response.body", "body": content},
        lingers=lingers,
    )


def _no(
    status: int, name: str, detail: str, *more: tuple[bytes, bytes], field: str = "", lingers: bool = False
) -> Answer:
    content = problems.body(status, name, detail, field=field)
    return make(status, content, problems.MEDIA_TYPE.encode(), *more, lingers=lingers)


def accepted(change_id: str, count: int) -> Answer:
    """The ids are ours: they need no escaping."""
    return make(200, f'{{"id":"{change_id}","accepted":{count}}}'.encode(), b"application/json")


NOTHING_SAID: Final = make(200, b'{"id":null,"accepted":0}', b"application/json")
UNKNOWN: Final = _no(404, "unknown-hook", "There is no such hook, or its secret is wrong.")
WRONG_METHOD: Final = _no(
    405,
    "wrong-method",
    "A hook is delivered with POST.",
    (b"allow", b"POST"),
    _CLOSE,
    field="method",
    lingers=True,
)
ENCODED: Final = _no(
    415,
    "encoded-body",
    "Send the body as it is, without a Content-Encoding.",
    (b"accept-encoding", b"identity"),
    _CLOSE,
    field="Content-Encoding",
    lingers=True,
)


def too_large(limit: int) -> Answer:
    return _no(413, "too-large", f"A hook's body may have {limit} bytes.", _CLOSE, field="body", lingers=True)


def too_slow(seconds: float) -> Answer:
    return _no(408, "too-slow", f"The body did not arrive within {seconds:g} s.", _CLOSE, field="body")


def bad_body(detail: str, field: str) -> Answer:
    """`field` is "" where it is the whole body that cannot be read."""
    return _no(400, "bad-body", detail, field=field or "body")


def limited(wait: timedelta) -> Answer:
    seconds = str(max(1, -(-wait // timedelta(seconds=1)))).encode()
    detail = "Too many requests from this address named no hook or had a wrong secret."
    return _no(429, "too-many-refusals", detail, (b"retry-after", seconds))


def unstored(status: int) -> Answer:
    """`status` is what the system's connector declares: 503, or what makes that vendor send again."""
    detail = "The change could not be stored; send it again later."
    return _no(status, "not-stored", detail, (b"retry-after", _RETRY_UNSTORED))


class Refused(Exception):
    """A request that is not taken: what is answered, and how it is counted."""

    def __init__(self, answer: Answer, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.answer = answer
        self.outcome: Outcome = outcome
