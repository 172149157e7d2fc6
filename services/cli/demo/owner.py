"""The shop owner of the story: acts in both systems' own pages through the sandbox's control API.

What the owner does is not counted there, so every counted request is one of Puente's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from shared import errors
from shared.clock import Clock

_LOOK_SECONDS = 0.01
_ANSWER_SECONDS = 10.0

Record = Mapping[str, Any]


class NotSeen(errors.PuenteError):
    """Something that the story waits for did not happen in its time."""


class Owner:
    """Talks to the control API of one sandbox."""

    def __init__(self, control: str, clock: Clock) -> None:
        parts = urlsplit(control)
        self._host, self._port, self._path = parts.hostname or "127.0.0.1", parts.port or 80, parts.path
        self._clock = clock

    async def act(self, system: str, method: str, path: str, body: Mapping[str, object] | None = None) -> Record:
        """Do in a system what its owner would; the answer's body. Raises NotSeen with the system's reason."""
        asked = {"system": system, "method": method, "path": path, "body": body or {}}
        answer = await self._call("POST", "/owner", asked)
        if not isinstance(answer, dict) or answer["status"] >= 400:
            raise NotSeen(f"{system} refused {method} {path}: {answer}")
        return answer["body"] if isinstance(answer["body"], dict) else {}

    async def seed(self, system: str, resource: str, *records: Mapping[str, object]) -> list[int]:
        """Records that were there before Puente came."""
        asked = {"system": system, "resource": resource, "records": list(records)}
        answer = await self._call("POST", "/seed", asked)
        return list(answer["ids"])

    async def fault(self, system: str, fault: str, *, times: int) -> None:
        """Have a system fail in one way for so many calls."""
        await self._call("POST", "/faults", {"system": system, "fault": fault, "times": times})

    async def records(self, system: str, resource: str) -> Sequence[Record]:
        answer = await self._call("GET", "/records?" + urlencode({"system": system, "resource": resource}))
        return list(answer["records"])

    async def writes(self, system: str) -> int:
        """How many writes of records Puente has sent to a system."""
        counts: Mapping[str, int] = (await self._call("GET", "/stats"))[system]
        return sum(
            count
            for label, count in counts.items()
            if label.split(" ")[0] in {"POST", "PUT", "PATCH"} and "webhooks" not in label
        )

    async def seen(
        self, system: str, resource: str, holds: Callable[[Record], bool], *, within: float, what: str
    ) -> tuple[Record, int]:
        """Wait until a record of a system holds; the record, and after how many milliseconds."""
        began = self._clock.monotonic()
        while True:
            for record in await self.records(system, resource):
                if holds(record):
                    return record, round((self._clock.monotonic() - began) * 1000)
            if self._clock.monotonic() - began > within:
                raise NotSeen(f"Not within {within:g} s: {what}.")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _call(self, method: str, path: str, body: object = None) -> Any:
        """One request to our own sandbox, on a connection of its own. Raises NotSeen for an error answer."""
        content = msgspec.json.encode(body) if body is not None else b""
        head = (
            f"{method} {self._path}{path} HTTP/1.1\r\nHost: {self._host}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                writer.write(head.encode() + content)
                await writer.drain()
                answer = await reader.read()
            finally:
                writer.close()
        top, _, rest = answer.partition(b"\r\n\r\n")
        status = int(top.split(b" ", 2)[1])
        if status >= 400:
            raise NotSeen(f"The sandbox answered {status} to {method} {path}.")
        return msgspec.json.decode(rest)
