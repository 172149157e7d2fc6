"""A bare ASGI vendor: enough of Factusol and Clientify for a first load of the second bridge.

`python -m tests.bench.shop_vendor PORT COUNT`. Factusol lists COUNT clients of the present year and answers the
questions that a connector asks about a table; Clientify has nobody, makes contacts and finds them again by their
number, tax number or e-mail. Paths: the vendors' own, below `/factusol` and `/clientify`; `/counts` tells what was
called. Whatever it does not know is answered with 404 and counted as `other`.
"""

from __future__ import annotations

import base64
import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tests.bench.bare import serve

TEXTS = (
    "NOFCLI",
    "NOCCLI",
    "NIFCLI",
    "EMACLI",
    "TELCLI",
    "MOVCLI",
    "FAXCLI",
    "WEBCLI",
    "DOMCLI",
    "CPOCLI",
    "POBCLI",
)
COLUMNS = ("CODCLI", "CCOCLI", "IFICLI", "FALCLI", "FUMCLI", *TEXTS, "PROCLI", "PAICLI", "OBSCLI")

_LISTED = re.compile(r"SELECT TOP (\d+) ([A-Z, ]+) FROM F_CLI WHERE CODCLI > (-?\d+) ORDER BY CODCLI")
_AFTER = re.compile(r"SELECT COUNT\(\*\) AS HOWMANY FROM F_CLI(?: WHERE CODCLI > (-?\d+))?")


def client(number: int) -> dict[str, Any]:
    """A row of F_CLI, as a program that writes capitals keeps it."""
    return dict.fromkeys(COLUMNS, "") | {
        "CODCLI": number,
        "CCOCLI": number,
        "IFICLI": 1,
        "NOFCLI": f"TALLERES ANAGA {number} S.L.",
        "NIFCLI": f"B{number:08d}",
        "EMACLI": f"taller{number}@anaga.example",
        "TELCLI": "922 123 456 ext. 12 / 600 123 456",
        "DOMCLI": "C/ DEL DRAGO 4",
        "CPOCLI": "38001",
        "POBCLI": "SANTA CRUZ DE TENERIFE",
        "PROCLI": "SANTA CRUZ DE TENERIFE",
        "PAICLI": "724",
        "FALCLI": "2025-01-08T00:00:00",
        "FUMCLI": "2026-03-02T00:00:00",
    }


class Vendor:
    """The ASGI app."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._counts = {"reads": 0, "writes": 0, "pages": 0, "created": 0, "doubles": 0}
        self._counts |= {"searches": 0, "other": 0}
        self._contacts: dict[str, bytes] = {}
        self._by_key: dict[str, list[str]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = self._answer(
            scope["method"], scope["path"], dict(parse_qsl(scope["query_string"].decode())), body
        )
        self._counts["other"] += answer is None
        content = answer if isinstance(answer, bytes) else msgspec.json.encode(answer or {"detail": "Not found."})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200 if answer else 404, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> object:
        if path == "/counts":
            return self._counts
        if path == "/factusol/login/Autenticar":
            return {"resultado": _token(), "respuesta": "OK"}
        if path == "/factusol/admin/LanzarConsulta":
            return self._asked(msgspec.json.decode(body))
        if path == "/clientify/v2/contacts/":
            return self._made(msgspec.json.decode(body)) if method == "POST" else self._listed(query)
        if method == "GET" and path.startswith("/clientify/v2/contacts/"):
            self._counts["reads"] += 1
            return self._contacts.get(path.split("/")[4])
        return self._around(method, path)

    def _around(self, method: str, path: str) -> object:
        """What is asked once in a session."""
        if method != "GET":
            return None
        match path:
            case "/clientify/v2/me/":
                return {"id": 7, "company_id": 3, "account_status": "client_2_0"}
            case "/clientify/v2/custom-fields/":
                field = {"id": 1, "name": "factusol_id", "content_type": "contacts | contact", "field_type": 3}
                return _page([field])
            case "/clientify/v1/settings/my-account/":
                return _page(
                    [{"language": "es", "country": "ES", "time_zone": "Europe/Madrid", "currency": "EUR"}]
                )
        return None

    # Factusol

    def _asked(self, given: Mapping[str, Any]) -> object:
        query = str(given["consulta"])
        if given["ejercicio"] != str(date.today().year):  # noqa: DTZ011 - the year where the bench runs
            return {"resultado": "", "respuesta": "BDNoExiste"}
        self._counts["pages"] += 1
        if "INFORMATION_SCHEMA" in query:
            return _rows([{"NAME": name, "LENGTH": None} for name in COLUMNS])
        if found := _LISTED.fullmatch(query):
            first, names = int(found[3]) + 1, found[2].split(", ")
            numbers = range(max(first, 1), min(max(first, 1) + int(found[1]), self._count + 1))
            return _rows([{name: row[name] for name in names} for row in map(client, numbers)])
        if found := _AFTER.fullmatch(query):
            return _rows([{"HOWMANY": max(self._count - max(int(found[1] or 0), 0), 0)}])
        self._counts["other"] += 1
        return {"resultado": None, "respuesta": "OK"}

    # Clientify

    def _listed(self, query: Mapping[str, str]) -> object:
        wanted = next((query[name] for name in ("cf_factusol_id", "query") if name in query), None)
        self._counts["pages" if wanted is None else "searches"] += 1
        if wanted is None:
            page, size = int(query.get("page", "1")), int(query.get("page_size", "20"))
            ids = list(self._contacts)[(page - 1) * size : page * size]
            return _envelope([self._contacts[each] for each in ids], len(self._contacts), page * size)
        ids = self._by_key.get(wanted.casefold(), [])
        return _envelope([self._contacts[each] for each in ids], len(ids), len(ids))

    def _made(self, given: dict[str, Any]) -> object:
        self._counts["created"] += 1
        record_id = str(len(self._contacts) + 140_000_000)
        for kind in ("emails", "phones", "addresses"):
            given[kind] = [{"id": place, **each} for place, each in enumerate(given.get(kind, []), 1)]
        number = given["custom_fields"][0]["value"]
        self._counts["doubles"] += number in self._by_key
        keys = [number, given["taxpayer_identification_number"], *(each["email"] for each in given["emails"])]
        for key in keys:
            self._by_key.setdefault(key.casefold(), []).append(record_id)
        at = "2026-11-20T09:15:02.100001+01:00"
        shown = {"id": int(record_id), "last_name": "", "tags": [], "channel": "integrations-api", "created": at}
        shown |= {"remarks": "", "description": "", "websites": []}
        made = msgspec.json.encode({**shown, **given, "modified": at})
        self._contacts[record_id] = made
        return made


def _token() -> str:
    now = int(time.time())
    parts = ({"alg": "none"}, {"iat": now, "exp": now + 180, "role": "AdminUser"})
    return (
        ".".join(base64.urlsafe_b64encode(msgspec.json.encode(each)).decode().rstrip("=") for each in parts) + ".s"
    )


def _rows(rows: Sequence[Mapping[str, Any]]) -> object:
    listed = [[{"columna": name, "dato": value} for name, value in row.items()] for row in rows]
    return {"resultado": listed or None, "respuesta": "OK"}


def _page(rows: Sequence[object]) -> object:
    return {"count": len(rows), "next": None, "previous": None, "results": list(rows)}


def _envelope(rows: Sequence[bytes], total: int, end: int) -> bytes:
    """A page of contacts that are JSON already."""
    head = msgspec.json.encode({"count": total, "next": "more" if end < total else None, "previous": None})
    return head[:-1] + b',"results":[' + b",".join(rows) + b"]}"


def main() -> None:
    port, count = int(sys.argv[1]), int(sys.argv[2])
    serve(Vendor(count), port)


if __name__ == "__main__":
    main()
