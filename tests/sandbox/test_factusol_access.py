"""Factusol: login, tokens, routes, years, and what a failure looks like."""

import base64

import httpx
import pytest

from tests.sandbox.factusol_support import Factusol, rows
from tests.sandbox.support import Control


async def test_login_gives_a_token_of_three_minutes(fs: Factusol, control: Control) -> None:
    answer = await fs.login()
    assert answer.status_code == 200
    assert set(answer.json()) == {"resultado", "respuesta"}
    await fs.signed_in()
    payload = fs.payload()
    assert (payload["role"], payload["exp"] - payload["nbf"]) == ("AdminUser", 180)
    assert await fs.load("1=1") == []
    await control.advance(170)
    assert await fs.load("1=1") == []
    await control.advance(11)
    late = await fs.ask("POST", "/admin/CargaTabla", {"ejercicio": fs.year, "tabla": "F_CLI", "filtro": "1=1"})
    assert (late.status_code, late.json()) == (200, {"resultado": "", "respuesta": "Unauthorized"})
    await fs.signed_in()
    assert await fs.load("1=1") == []


async def test_token_seconds(fs: Factusol, control: Control) -> None:
    await fs.turn("token_seconds", value=20)
    await fs.signed_in()
    await control.advance(21)
    assert (await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["respuesta"] == "Unauthorized"


async def test_codes_as_numbers_or_texts_and_as_a_form(fs: Factusol, http: httpx.AsyncClient) -> None:
    as_texts = {name: str(value) for name, value in fs.credentials().items()}
    assert (await fs.login(**as_texts)).json()["respuesta"] == "OK"
    form = await http.post(f"{fs.base_url}/login/Autenticar", data=as_texts)
    assert form.json()["respuesta"] == "OK"


@pytest.mark.parametrize(
    "wrong",
    [
        {"codigoFabricante": 991},
        {"codigoCliente": "1"},
        {"baseDatosCliente": "FS002"},
        {"password": base64.b64encode(b"wrong").decode()},
        {"password": "not base64!"},
    ],
)
async def test_wrong_credentials(fs: Factusol, wrong: dict[str, object]) -> None:
    answer = await fs.login(**wrong)
    assert (answer.status_code, answer.json()) == (200, {"resultado": "", "respuesta": "Unauthorized"})


async def test_plain_password_is_refused(fs: Factusol) -> None:
    assert (await fs.login(password=fs.token.rpartition(":")[2])).json()["respuesta"] != "OK"


async def test_word_of_a_failed_login(fs: Factusol) -> None:
    for word in ("KO", "BDNoExiste"):
        await fs.turn("login_failed_word", value=word)
        assert (await fs.login(password="x")).json()["respuesta"] == word
    await fs.turn("login_failed_word", value="http_401")
    assert (await fs.login(password="x")).status_code == 401


async def test_expired_token_may_be_401(fs: Factusol, control: Control) -> None:
    await fs.turn("expired_answer", value="401")
    fs.jwt = "garbage"
    for token in ("garbage", "a.b.c", "é.é"):
        header = {b"Authorization": f"Bearer {token}".encode()}
        answer = await fs.http.post(f"{fs.base_url}/admin/CargaTabla", json={}, headers=header)
        assert answer.status_code == 401
    await fs.signed_in()
    await control.advance(200)
    assert (await fs.ask("POST", "/admin/CargaTabla", {})).status_code == 401


async def test_signature_counts(fs: Factusol, control: Control) -> None:
    other = Factusol(http=fs.http, control=control, **await control.post("accounts", {"system": "factusol"}))
    head, _, signature = (await fs.signed_in()).split(".")
    await other.signed_in()
    fs.jwt = f"{head}.{other.jwt.split('.')[1]}.{signature}"
    assert (await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["respuesta"] == "Unauthorized"


async def test_tokens_live_side_by_side(fs: Factusol) -> None:
    first = await fs.signed_in()
    second = await fs.signed_in()
    assert first != second
    fs.jwt = first
    assert await fs.load("1=1") == []
    await fs.turn("login_ends_older_tokens")
    assert (await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["respuesta"] == "Unauthorized"
    fs.jwt = second
    assert await fs.load("1=1") == []


async def test_without_a_token(fs: Factusol, http: httpx.AsyncClient) -> None:
    for status in (401, 400):
        await fs.turn("missing_token_answer", value=str(status))
        assert (await http.post(f"{fs.base_url}/admin/CargaTabla", json={})).status_code == status
        assert (await http.post(f"{fs.base_url}/admin/Nada", json={})).status_code == 404


async def test_routes_overlook_case_and_a_slash(fs: Factusol, http: httpx.AsyncClient) -> None:
    await fs.seed({"CODCLI": 7, "NOFCLI": "A"})
    for path in ("/LOGIN/autenticar", "/login/Autenticar/"):
        assert (await http.post(fs.base_url + path, json=fs.credentials())).json()["respuesta"] == "OK"
    body = {"ejercicio": fs.year, "tabla": "f_cli", "filtro": "1=1"}
    assert len(rows((await fs.ask("POST", "/ADMIN/cargatabla/", body)).json())) == 1
    read = await fs.ask("GET", f"/admin/leerregistro/{fs.year}/F_CLI/CODCLI%3D7/")
    assert len(rows(read.json())) == 1


async def test_unknown_route_is_404_with_a_message(fs: Factusol) -> None:
    answer = await fs.ask("POST", "/admin/Nada", {})
    assert answer.status_code == 404
    assert set(answer.json()) == {"Message"}


async def test_json_is_read_leniently(fs: Factusol, http: httpx.AsyncClient) -> None:
    await fs.seed({"CODCLI": 7, "NOFCLI": "A"})
    await fs.signed_in()
    body = f"{{'ejercicio': '{fs.year}', 'tabla': 'F_CLI', 'filtro': \"NOFCLI = 'A'\"}}"
    headers = {"Authorization": f"Bearer {fs.jwt}", "Content-Type": "application/json"}
    answer = await http.post(f"{fs.base_url}/admin/CargaTabla", content=body, headers=headers)
    assert len(rows(answer.json())) == 1


@pytest.mark.parametrize("body", [b"{", b"[1]", b"{}", b'{"ejercicio":"2026","tabla":"F_CLI"}', b"\xff"])
async def test_invalid_body_is_400_or_ko(fs: Factusol, http: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {await fs.signed_in()}", "Content-Type": "application/json"}
    answer = await http.post(f"{fs.base_url}/admin/CargaTabla", content=body, headers=headers)
    assert (answer.status_code, set(answer.json())) == (400, {"Message"})
    await fs.turn("invalid_body_answer", value="KO")
    answer = await http.post(f"{fs.base_url}/admin/CargaTabla", content=body, headers=headers)
    assert (answer.status_code, answer.json()["respuesta"]) == (200, "KO")


async def test_a_failure_may_have_a_text(fs: Factusol) -> None:
    assert "mensaje" not in (await fs.login(password="x")).json()
    await fs.turn("says_mensaje")
    assert (await fs.login(password="x")).json()["mensaje"] == "Error: Unauthorized"


async def test_rate_limit_of_its_own(fs: Factusol) -> None:
    await fs.signed_in()
    await fs.turn("requests_per_second", value=1)
    path = f"/admin/LeerRegistro/{fs.year}/F_CLI/CODCLI=1"
    answers = [await fs.ask("GET", path) for _ in range(10)]
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert limited.headers["retry-after"] == "1"


async def test_limit_of_logins(fs: Factusol, control: Control) -> None:
    await fs.turn("logins_per_minute", value=2)
    words = [(await fs.login()).json()["respuesta"] for _ in range(6)]
    assert words[:2] == ["OK", "OK"]
    assert "Unauthorized" in words
    await control.advance(60)
    assert (await fs.login()).json()["respuesta"] == "OK"


async def test_article_images_are_not_known(fs: Factusol) -> None:
    assert (await fs.post("ArticulosImagen"))["respuesta"] == "KO"


# Years


async def test_one_database_a_year(fs: Factusol) -> None:
    await fs.seed({"CODCLI": 7, "NOFCLI": "A"})
    for year in ("1999", "next", str(int(fs.year) + 1)):
        said = await fs.post("CargaTabla", ejercicio=year, tabla="F_CLI", filtro="1=1")
        assert said == {"resultado": "", "respuesta": "BDNoExiste"}
    later = str(int(fs.year) + 1)
    assert (await fs.program("POST", "/ejercicios", {"ejercicio": later}))["status"] == 201
    assert (await fs.program("POST", "/ejercicios", {"ejercicio": later}))["status"] == 422
    opened = Factusol(
        http=fs.http, control=fs.control, base_url=fs.base_url, token=fs.token, account=fs.account, year=later
    )
    assert (await opened.client(7))["NOFCLI"] == "A"
    assert await opened.update(CODCLI=7, NOFCLI="B") == "OK"
    assert ((await fs.client(7))["NOFCLI"], (await opened.client(7))["NOFCLI"]) == ("A", "B")


async def test_the_clock_turns_the_year(fs: Factusol, control: Control) -> None:
    """A new year is not there until a person opens it, and then both are."""
    await fs.seed({"CODCLI": 7, "NOFCLI": "A"})
    await control.advance(366 * 86_400)
    await fs.signed_in()
    assert len(await fs.load("1=1")) == 1
    later = str(int(fs.year) + 1)
    assert (await fs.post("CargaTabla", ejercicio=later, tabla="F_CLI", filtro="1=1"))["respuesta"] == "BDNoExiste"
    await fs.turn("new_year", value="empty")
    await fs.program("POST", "/ejercicios", {"ejercicio": later})
    said = await fs.post("CargaTabla", ejercicio=later, tabla="F_CLI", filtro="1=1")
    assert said == {"resultado": None, "respuesta": "OK"}
    made = await fs.program("POST", "/clientes", {"NOFCLI": "made in the newest year"})
    assert (made["status"], made["body"]["CODCLI"]) == (201, 1)
    elsewhere = await fs.program("POST", "/clientes", {"NOFCLI": "in the old one", "ejercicio": fs.year})
    assert elsewhere["body"]["CODCLI"] == 8
    assert len(await control.records("factusol", "clients")) == 1
    assert len(await control.records("factusol", "clients", year=fs.year)) == 2


async def test_a_closed_year(fs: Factusol) -> None:
    await fs.seed({"CODCLI": 7, "NOFCLI": "A"})
    assert (await fs.program("PUT", f"/ejercicios/{fs.year}", {"estado": "closed"}))["status"] == 200
    assert (await fs.client(7))["NOFCLI"] == "A"
    assert await fs.insert(CODCLI=8) == await fs.update(CODCLI=7, NOFCLI="B") == "KO"
    for word in ("KO", "BDNoExiste"):
        await fs.turn("closed_year", value=word)
        assert (await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["respuesta"] == word
    await fs.program("PUT", f"/ejercicios/{fs.year}", {"estado": "open"})
    assert await fs.insert(CODCLI=8) == "OK"


async def test_a_sick_year_answers_ko(fs: Factusol) -> None:
    await fs.program("PUT", f"/ejercicios/{fs.year}", {"estado": "sick"})
    for said in (
        await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"),
        await fs.post("LanzarConsulta", consulta="SELECT COUNT(*) AS N FROM F_CLI"),
    ):
        assert said == {"resultado": "", "respuesta": "KO"}
    assert (await fs.program("PUT", f"/ejercicios/{fs.year}", {"estado": "?"}))["status"] == 422
    assert (await fs.program("PUT", "/ejercicios/1999", {"estado": "open"}))["status"] == 404
    listed = (await fs.program("GET", "/ejercicios"))["body"]
    assert listed == [{"ejercicio": fs.year, "estado": "sick"}]


async def test_time_zone(fs: Factusol, control: Control) -> None:
    """Half an hour before midnight of Greenwich it is tomorrow in Madrid and today on the islands."""
    now = (await control.get("clock"))["now"]
    hour, minute, second = int(now[11:13]), int(now[14:16]), int(now[17:19])  # written at +01:00
    to_half_past_midnight = 24 * 3600 + 30 * 60 - hour * 3600 - minute * 60 - second
    await control.advance(to_half_past_midnight)
    days = set()
    for number, zone in enumerate(("Europe/Madrid", "UTC"), start=1):
        await fs.turn("time_zone", value=zone)
        days.add((await fs.program("POST", "/clientes", {"CODCLI": number}))["body"]["FALCLI"])
    assert len(days) == 2
