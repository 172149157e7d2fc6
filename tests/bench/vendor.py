"""A bare ASGI vendor: enough of BitFactura and Sugester for a bound client to be read and written.

`python -m tests.bench.vendor PORT DELAY_MS`. It remembers nothing: client N of BitFactura always shows one edit
that a fresh pair does not know, client N of Sugester what was last sent. Paths: `/WORKSPACE/bitfactura/clients/N.json`,
`/WORKSPACE/sugester/app/clients/N.json`; `/stats` tells when what was called, `/reset` forgets it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import msgspec
import uvicorn

RIGHT_ID = 1_000_000
"""Client N of BitFactura is bound to client N + RIGHT_ID of Sugester."""

BEFORE = "Santa Cruz de Tenerife"
AFTER = "San Cristóbal de La Laguna"


def client(number: int, city: str) -> dict[str, Any]:
    """A client as both products show it; the same person on both sides for the same number."""
    return {
        "id": number,
        "name": f"Talleres Anaga {number} S.L.",
        "shortcut": f"anaga-{number}",
        "company": True,
        "first_name": None,
        "last_name": None,
        "tax_no": f"B{number:08d}",
        "register_number": None,
        "email": f"taller{number}@anaga.example",
        "phone": "+34 922 123 456",
        "mobile_phone": "+34 600 123 456",
        "fax": None,
        "www": "https://anaga.example",
        "street": "Calle del Drago",
        "street_no": "4",
        "post_code": "38001",
        "city": city,
        "province": None,
        "country": "ES",
        "use_delivery_address": False,
        "delivery_address": None,
        "bank": "Banco del Teide",
        "bank_account": "ES91 2100 0418 4502 0005 1332",
        "note": "Revisión anual en marzo.",
        "description": None,
        "external_id": None,
        "created_at": "2025-01-08T09:00:00.000+01:00",
        "updated_at": "2026-03-02T09:00:00.000+01:00",
        "deleted": False,
    }


class Vendor:
    """The ASGI app. `reads` and `writes` hold the monotonic time of each call."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._reads: list[float] = []
        self._writes: list[float] = []
        self._other = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = await self._answer(scope["method"], scope["path"], body)
        status = 200 if answer is not None else 404
        content = msgspec.json.encode(answer if answer is not None else {"code": "error", "message": "not found"})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, method: str, path: str, body: bytes) -> object:
        if path == "/stats":
            return {"reads": self._reads, "writes": self._writes, "other": self._other}
        if path == "/counts":
            first = self._reads[0] if self._reads else None
            return {"reads": len(self._reads), "writes": len(self._writes), "first": first}
        if path == "/reset":
            self._reads, self._writes, self._other = [], [], 0
            return {}
        _, _, ending = path.rpartition("/clients/")
        number = ending.removesuffix(".json")
        if not number.isdigit():
            self._other += 1
            return [] if path.endswith("/clients.json") else None
        if self._delay:
            await asyncio.sleep(self._delay)
        if method == "GET":
            self._reads.append(time.monotonic())
            return client(int(number), AFTER if int(number) < RIGHT_ID else BEFORE)
        self._writes.append(time.monotonic())
        shown = client(int(number) % RIGHT_ID, BEFORE) | {"id": int(number)}
        return shown | msgspec.json.decode(body)["client"]


def main() -> None:
    port, delay_ms = int(sys.argv[1]), float(sys.argv[2])
    uvicorn.run(
        Vendor(delay_ms / 1000),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=60,
    )


if __name__ == "__main__":
    main()
