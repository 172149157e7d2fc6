"""Raw HTTP against Factusol: login, tables, queries, rows."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.sandbox.support import Control, Json

YEAR = "2026"
Values = dict[str, Any]
"""One row: column -> value."""


@dataclass(kw_only=True)
class Factusol:
    """Asks as a client of one account would; the token is got with the first call and kept."""

    http: httpx.AsyncClient
    control: Control
    base_url: str
    token: str
    account: str
    year: str = YEAR
    jwt: str = field(default="", init=False)

    # Login

    def credentials(self, **changes: object) -> Json:
        maker, client, base, password = self.token.split(":", 3)
        return {
            "codigoFabricante": int(maker),
            "codigoCliente": int(client),
            "baseDatosCliente": base,
            "password": base64.b64encode(password.encode()).decode(),
            **changes,
        }

    async def login(self, **changes: object) -> httpx.Response:
        return await self.http.post(f"{self.base_url}/login/Autenticar", json=self.credentials(**changes))

    async def signed_in(self) -> str:
        answer = (await self.login()).json()
        assert answer["respuesta"] == "OK", answer
        self.jwt = answer["resultado"]
        return self.jwt

    def payload(self) -> Json:
        """What the token says, without any proof."""
        middle = self.jwt.split(".")[1]
        found: Json = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return found

    # Calls

    async def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        if not self.jwt:
            await self.signed_in()
        headers = {"Authorization": f"Bearer {self.jwt}"}
        return await self.http.request(method, self.base_url + path, json=body, headers=headers)

    async def post(self, path: str, **body: object) -> Json:
        answer = await self.ask("POST", f"/admin/{path}", {"ejercicio": self.year, **body})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def load(self, condition: str, table: str = "F_CLI") -> list[Values]:
        return rows(await self.post("CargaTabla", tabla=table, filtro=condition))

    async def query(self, text: str) -> list[Values]:
        return rows(await self.post("LanzarConsulta", consulta=text))

    async def insert(self, row: Values | None = None, /, table: str = "F_CLI", **columns: object) -> str:
        """The word that came back."""
        said = await self.post("EscribirRegistro", tabla=table, registro=pairs({**columns, **(row or {})}))
        assert said["resultado"] == ""
        return str(said["respuesta"])

    async def update(self, row: Values | None = None, /, table: str = "F_CLI", **columns: object) -> str:
        said = await self.post("ActualizarRegistro", tabla=table, registro=pairs({**columns, **(row or {})}))
        assert said["resultado"] == ""
        return str(said["respuesta"])

    async def client(self, number: int) -> Values:
        (row,) = await self.load(f"CODCLI = {number}")
        return row

    # Around

    async def turn(self, switch: str, **rest: object) -> None:
        await self.control.turn("factusol", switch, **rest)

    async def seed(self, *clients: Values) -> list[int]:
        return await self.control.seed("factusol", "clients", *clients)

    async def program(self, method: str, path: str, body: object = None) -> Json:
        """What a person does at the desk; status and body."""
        act = {"system": "factusol", "method": method, "path": f"/programa{path}", "body": body or {}}
        done: Json = await self.control.post("owner", act)
        return done


def pairs(columns: Values) -> list[Json]:
    return [{"columna": name, "dato": value} for name, value in columns.items()]


def rows(answer: Json) -> list[Values]:
    assert answer["respuesta"] == "OK", answer
    return [{pair["columna"]: pair["dato"] for pair in row} for row in answer["resultado"] or []]
