"""A bare ASGI vendor: enough of BitFactura and Sugester for a bound client to be read and written.

`python -m tests.bench.vendor PORT DELAY_MS`. It keeps no records: client N of BitFactura, when read, always shows
one edit that a fresh pair does not know, client N of Sugester what was just sent. A workspace named `load-COUNT`
lists COUNT clients at BitFactura, unedited, and none at Sugester, where they may be made. Paths:
`/WORKSPACE/bitfactura/clients/N.json` and `/WORKSPACE/sugester/app/clients/N.json`; `/counts` and `/written` tell
what was called and when.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tests.bench.bare import serve

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
    """The ASGI app. Times are monotonic, which all processes of a machine share."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._writes: list[tuple[str, float]] = []
        self._counts = {"reads": 0, "writes": 0, "pages": 0, "created": 0, "doubles": 0, "other": 0}
        # What was made, by list: a look-up after a lost answer must be able to find it.
        self._made: dict[str, dict[str, dict[str, Any]]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = await self.answered(scope["method"], scope["path"], scope["query_string"].decode(), body)
        status = 200 if answer is not None else 404
        content = msgspec.json.encode(answer if answer is not None else {"code": "error", "message": "not found"})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def answered(self, method: str, path: str, query: str, body: bytes) -> object:
        if path == "/counts":
            return self._counts
        if path == "/written":
            return self._writes
        if self._delay:
            await asyncio.sleep(self._delay)
        if path.endswith("/clients.json"):
            return self._page(path, dict(parse_qsl(query))) if method == "GET" else self._create(path, body)
        number = path.rpartition("/clients/")[2].removesuffix(".json")
        if not number.isdigit():
            self._counts["other"] += 1
            return None
        return self._read(int(number)) if method == "GET" else self._write(path, int(number), body)

    def _read(self, number: int) -> object:
        self._counts["reads"] += 1
        return client(number % RIGHT_ID, AFTER if number < RIGHT_ID else BEFORE) | {"id": number}

    def _write(self, path: str, number: int, body: bytes) -> object:
        self._counts["writes"] += 1
        self._writes.append((path, time.monotonic()))
        shown = client(number % RIGHT_ID, BEFORE) | {"id": number}
        return shown | msgspec.json.decode(body)["client"]

    def _page(self, path: str, query: Mapping[str, str]) -> object:
        self._counts["pages"] += 1
        workspace = path.split("/")[1]
        listed = int(workspace.rpartition("-")[2]) if workspace.startswith("load-") and "bitfactura" in path else 0
        if "email" in query or "tax_no" in query:
            return []
        size = int(query.get("per_page", "100"))
        first = (int(query.get("page", "1")) - 1) * size + 1
        if not listed:
            return list(self._made.get(path, {}).values())[first - 1 : first - 1 + size]
        return [client(number, BEFORE) for number in range(first, min(first + size, listed + 1))]

    def _create(self, path: str, body: bytes) -> object:
        given = msgspec.json.decode(body)["client"]
        made = self._made.setdefault(path, {})
        self._counts["created"] += 1
        self._counts["doubles"] += given["tax_no"] in made
        number = int(given["tax_no"][1:])
        record = client(number, BEFORE) | given | {"id": number + RIGHT_ID}
        made[given["tax_no"]] = record
        return record


def main() -> None:
    port, delay_ms = int(sys.argv[1]), float(sys.argv[2])
    serve(Vendor(delay_ms / 1000), port)


if __name__ == "__main__":
    main()
