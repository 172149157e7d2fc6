"""Raw HTTP against Clientify, in either version of its API."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.sandbox.support import Control, Json

ALL = "id,first_name,last_name,emails,phones,addresses,custom_fields,taxpayer_identification_number,tags,modified"


@dataclass(frozen=True, kw_only=True)
class Clientify:
    """Asks as a client of one account would; paths are relative to the version."""

    http: httpx.AsyncClient
    control: Control
    base_url: str
    token: str
    account: str
    version: str = "v1"

    async def ask(self, method: str, path: str, body: object = None, **params: object) -> httpx.Response:
        headers = {"Authorization": f"Token {self.token}"}
        url = f"{self.base_url}/{self.version}{path}"
        query = {name: str(value) for name, value in params.items()}
        return await self.http.request(method, url, json=body, headers=headers, params=query or None)

    async def get(self, path: str, **params: object) -> Any:
        answer = await self.ask("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def find(self, path: str, **params: object) -> list[int]:
        """Ids of the records of one page."""
        return [row["id"] for row in (await self.get(path, **params))["results"]]

    async def post(self, path: str, body: object, status: int = 201) -> Any:
        answer = await self.ask("POST", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def put(self, path: str, body: object, status: int = 200) -> Any:
        answer = await self.ask("PUT", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def delete(self, path: str) -> int:
        answer = await self.ask("DELETE", path)
        assert answer.content == b"" or answer.status_code != 204
        return answer.status_code

    async def contact(self, **fields: object) -> Json:
        made: Json = await self.post("/contacts/", {"first_name": "Rocio", **fields})
        return made

    async def refused(self, method: str, path: str, body: object = None, status: int = 400) -> Any:
        answer = await self.ask(method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    # Around

    async def turn(self, switch: str, **rest: object) -> None:
        await self.control.turn("clientify", switch, **rest)

    async def seed(self, *contacts: Json) -> list[int]:
        return await self.control.seed("clientify", "contacts", *contacts)

    async def panel(self, method: str, path: str, body: object = None) -> Json:
        """What a person does in the panel; status and body."""
        act = {"system": "clientify", "method": method, "path": f"/panel{path}", "body": body or {}}
        done: Json = await self.control.post("owner", act)
        return done

    async def define(self, name: str = "factusol_id", **more: object) -> int:
        """A custom field of contacts, made by a person."""
        made = await self.panel("POST", "/custom-fields", {"name": name, **more})
        assert made["status"] == 201, made
        return int(made["body"]["id"])


def values(contact: Json) -> dict[str, str]:
    """Custom fields by name."""
    return {entry["field"]: entry["value"] for entry in contact["custom_fields"]}
