"""Factusol: rows written through the API and by the desktop program, and what both do to the change date."""

import asyncio

import httpx
import pytest

from tests.sandbox.factusol_support import Factusol, pairs
from tests.sandbox.support import SOON, Control
from tests.support.waiting import until

NULL_DATE = "1900-01-01T00:00:00"


async def test_insert_and_update_keep_the_rest(fs: Factusol) -> None:
    written = {"CODCLI": 1044, "NOFCLI": "TALLERES", "CPOCLI": "01001", "FALCLI": "2026-11-20T00:00:00"}
    assert await fs.insert(written) == "OK"
    row = await fs.client(1044)
    assert {name: row[name] for name in written} == written
    assert (row["NIFCLI"], row["TARCLI"], row["FUMCLI"], row["FAVCLI"]) == ("", 0, NULL_DATE, "N")
    assert await fs.update(CODCLI=1044, TELCLI="953000001") == "OK"
    assert await fs.update(CODCLI="1044", NOFCLI=None) == "OK"
    row = await fs.client(1044)
    assert (row["NOFCLI"], row["TELCLI"], row["CPOCLI"]) == ("", "953000001", "01001")


async def test_values_as_texts(fs: Factusol) -> None:
    assert await fs.insert(CODCLI="12", DT1CLI="2.5", TELCLI=953, FUMCLI="2026-11-20 00:00:00", IVACLI="") == "OK"
    row = await fs.client(12)
    assert (row["CODCLI"], row["DT1CLI"], row["TELCLI"], row["IVACLI"]) == (12, 2.5, "953", 0)


@pytest.mark.parametrize(
    "bad",
    [
        {"NOMCLI": "x"},
        {"CIFCLI": ""},
        {"POBCLI": "x" * 31},
        {"TARCLI": "dos"},
        {"TARCLI": 2**31},
        {"IVACLI": 70000},
        {"DT1CLI": "1,5x"},
        {"FALCLI": "20/11/2026"},
        {"FALCLI": "mañana"},
        {"NOFCLI": ["x"]},
    ],
)
async def test_one_bad_column_refuses_the_row(fs: Factusol, bad: dict[str, object]) -> None:
    await fs.seed({"CODCLI": 1, "NOFCLI": "A"})
    assert await fs.insert(bad, CODCLI=2, NOFCLI="B") == "BDEscribirRegistroError"
    assert await fs.update(bad, CODCLI=1, NOCCLI="B") == "BDActualizarRegistroError"
    assert [(row["CODCLI"], row["NOCCLI"]) for row in await fs.load("1=1")] == [(1, "")]


async def test_row_without_its_key_or_of_an_unknown_table(fs: Factusol) -> None:
    assert await fs.insert(NOFCLI="A") == await fs.insert(table="F_NADA", CODNAD=1) == "BDEscribirRegistroError"
    assert await fs.update(NOFCLI="A") == await fs.update(table="F_NADA", X=1) == "BDActualizarRegistroError"
    twice = [*pairs({"CODCLI": 1}), *pairs({"codcli": 2})]
    said = await fs.post("EscribirRegistro", tabla="F_CLI", registro=twice)
    assert said["respuesta"] == "BDEscribirRegistroError"
    answer = await fs.ask("POST", "/admin/EscribirRegistro", {"ejercicio": fs.year, "tabla": "F_CLI"})
    assert answer.status_code == 400


async def test_taken_key(fs: Factusol) -> None:
    await fs.seed({"CODCLI": 5, "NOFCLI": "first"})
    assert await fs.insert(CODCLI=5, NOFCLI="second") == "BDExisteRegistro"
    await fs.turn("duplicate_word", value="BDEscribirRegistroError")
    assert await fs.insert(CODCLI=5, NOFCLI="second") == "BDEscribirRegistroError"
    assert (await fs.client(5))["NOFCLI"] == "first"


async def test_tax_numbers_and_emails_are_not_unique(fs: Factusol) -> None:
    for number in (1, 2):
        assert await fs.insert(CODCLI=number, NIFCLI="B12345674", EMACLI="a@x.example") == "OK"
    assert len(await fs.load("NIFCLI = 'B12345674'")) == 2


async def test_update_of_a_row_that_is_not_there(fs: Factusol) -> None:
    assert await fs.update(CODCLI=9, NOFCLI="A") == "BDActualizarRegistroError"
    await fs.turn("update_of_missing", value="nothing")
    assert await fs.update(CODCLI=9, NOFCLI="A") == "OK"
    assert await fs.load("1=1") == []


async def test_keys_of_two_columns(fs: Factusol) -> None:
    assert await fs.insert(table="F_STO", ARTSTO="A1", ALMSTO="GEN", ACTSTO=5) == "OK"
    assert await fs.insert(table="F_STO", ARTSTO="A1", ALMSTO="GEN", ACTSTO=5) == "BDExisteRegistro"
    assert await fs.update(table="F_STO", ARTSTO="A1", ALMSTO="GEN", ACTSTO=7) == "OK"
    (row,) = await fs.load("ARTSTO = 'A1'", "F_STO")
    assert row["ACTSTO"] == 7.0


async def test_delete_is_a_get(fs: Factusol) -> None:
    await fs.seed({"CODCLI": 1}, {"CODCLI": 2}, {"CODCLI": 3})
    gone = await fs.ask("GET", f"/admin/BorrarRegistros/{fs.year}/F_CLI/CODCLI%3D1")
    assert gone.json() == {"resultado": "", "respuesta": "OK"}
    assert (await fs.post("BorrarRegistro", tabla="F_CLI", filtro="CODCLI = 2"))["respuesta"] == "OK"
    assert (await fs.post("BorrarRegistro", tabla="F_CLI", filtro="NADA = 2"))["respuesta"] == "OK"
    assert [row["CODCLI"] for row in await fs.load("1=1")] == [3]
    assert await fs.load("CODCLI = 1") == []


# Texts


async def test_long_text_is_refused_or_cut(fs: Factusol) -> None:
    assert await fs.insert(CODCLI=1, POBCLI="x" * 31) == "BDEscribirRegistroError"
    await fs.turn("long_text", value="truncate")
    assert await fs.insert(CODCLI=1, POBCLI="x" * 31, OBSCLI="y" * 5000) == "OK"
    row = await fs.client(1)
    assert (row["POBCLI"], len(row["OBSCLI"])) == ("x" * 30, 5000)


async def test_capitals(fs: Factusol) -> None:
    await fs.insert(CODCLI=1, NOFCLI="Ñandú", OBSCLI="Nota")
    await fs.turn("text_case", value="upper")
    await fs.insert(CODCLI=2, NOFCLI="Ñandú", OBSCLI="Nota")
    assert [(row["NOFCLI"], row["OBSCLI"]) for row in await fs.load("1=1")] == [
        ("Ñandú", "Nota"),
        ("ÑANDÚ", "Nota"),
    ]


async def test_code_page(fs: Factusol) -> None:
    await fs.insert(CODCLI=1, NOFCLI="Łódź €")
    await fs.turn("code_page", value="question_marks")
    await fs.insert(CODCLI=2, NOFCLI="Łódź €")
    await fs.turn("code_page", value="refuse")
    assert await fs.insert(CODCLI=3, NOFCLI="Łódź €") == "BDEscribirRegistroError"
    assert await fs.insert(CODCLI=3, NOFCLI="Ñandú €") == "OK"
    assert [row["NOFCLI"] for row in await fs.load("1=1")] == ["Łódź €", "?ód? €", "Ñandú €"]


# The desktop program


async def test_program_numbers_with_the_highest_plus_one(fs: Factusol) -> None:
    await fs.seed({"CODCLI": 41})
    made = await fs.program("POST", "/clientes", {"NOFCLI": "TALLERES"})
    assert (made["status"], made["body"]["CODCLI"], made["body"]["CCOCLI"]) == (201, 42, 42)
    changed = await fs.program("PUT", "/clientes/42", {"TELCLI": "953"})
    assert (changed["body"]["NOFCLI"], changed["body"]["TELCLI"]) == ("TALLERES", "953")
    assert (await fs.program("GET", "/clientes/42"))["body"]["TELCLI"] == "953"
    assert await fs.insert(CODCLI=42) == "BDExisteRegistro"
    assert (await fs.program("DELETE", "/clientes/42"))["body"] == {"deleted": True}
    for act in (("GET", "/clientes/42"), ("PUT", "/clientes/42"), ("PUT", "/clientes/x")):
        assert (await fs.program(*act))["status"] == 404
    for bad in ({"NADA": 1}, {"CODCLI": 41}, {"ejercicio": "1999"}):
        assert (await fs.program("POST", "/clientes", bad))["status"] == 422
    assert (await fs.ask("POST", "/programa/clientes", {})).status_code == 404


async def test_number_taken_by_another_writer(fs: Factusol) -> None:
    await fs.turn("number_taken", times=1)
    assert await fs.insert(CODCLI=7, NOFCLI="ours") == "BDExisteRegistro"
    assert (await fs.client(7))["NOFCLI"] == "CLIENTE DE MOSTRADOR 7"
    assert await fs.insert(CODCLI=8, NOFCLI="ours") == "OK"


# When a client changed


async def changed(fs: Factusol) -> tuple[str, str, str]:
    """FUMCLI of a client that the API wrote, of one that it wrote with a date, of one made at the desk."""
    for number in (1, 2, 3):
        await fs.ask("GET", f"/admin/BorrarRegistros/{fs.year}/F_CLI/CODCLI%3D{number}")
    await fs.insert(CODCLI=1)
    await fs.insert(CODCLI=2, FUMCLI="2026-01-15")
    await fs.program("POST", "/clientes", {"CODCLI": 3})
    first, second, third = [row["FUMCLI"] for row in await fs.load("1=1")]
    return first, second, third


async def test_who_sets_fumcli(fs: Factusol, control: Control) -> None:
    today = f"{(await control.get('clock'))['now'][:10]}T00:00:00"
    written = "2026-01-15T00:00:00"
    first_of_month = f"{today[:8]}01T00:00:00"
    expected = {
        "program": (NULL_DATE, written, today),
        "everyone": (today, today, today),
        "nobody": (NULL_DATE, written, NULL_DATE),
        "month": (NULL_DATE, first_of_month, first_of_month),
        "lies": (NULL_DATE, NULL_DATE, NULL_DATE),
    }
    for how, shown in expected.items():
        await fs.turn("fumcli", value=how)
        assert await changed(fs) == shown, how


async def test_time_of_a_change_is_a_column_of_its_own(fs: Factusol) -> None:
    made = (await fs.program("POST", "/clientes", {"NOFCLI": "A"}))["body"]
    assert made["FUMCLI"] == made["FALCLI"]
    assert made["FUMCLI"].endswith("T00:00:00")
    assert made["HUMCLI"].startswith("1900-01-01T")
    before = made["FALCLI"]
    await fs.control.advance(2 * 86_400)
    edited = (await fs.program("PUT", "/clientes/1", {"NOFCLI": "B"}))["body"]
    assert edited["FALCLI"] == before < edited["FUMCLI"]


# Faults


async def test_transient_ko(fs: Factusol) -> None:
    await fs.signed_in()
    await fs.turn("error_with_200", times=2)
    words = [(await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["respuesta"] for _ in range(3)]
    assert words == ["KO", "KO", "OK"]


async def test_token_expires_in_the_middle(fs: Factusol) -> None:
    await fs.signed_in()
    await fs.turn("token_expired", times=1)
    assert (await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["respuesta"] == "Unauthorized"
    assert await fs.load("1=1") == []


async def test_revoked_and_read_only(fs: Factusol) -> None:
    await fs.signed_in()
    await fs.turn("token_read_only")
    assert await fs.load("1=1") == []
    assert await fs.insert(CODCLI=1) == "Unauthorized"
    await fs.turn("token_revoked")
    assert (await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["respuesta"] == "Unauthorized"
    assert (await fs.login()).json()["respuesta"] == "Unauthorized"


async def test_create_that_gets_no_answer(fs: Factusol, control: Control) -> None:
    await fs.signed_in()
    await fs.turn("create_then_drop", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await fs.insert(CODCLI=1, NOFCLI="A")
    assert (await fs.client(1))["NOFCLI"] == "A"
    await fs.turn("create_late", seconds=60, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await fs.insert(CODCLI=2, NOFCLI="B")
    assert len(await control.records("factusol", "clients")) == 1
    await control.advance(60)

    async def there() -> bool:
        return len(await control.records("factusol", "clients")) == 2

    await until(there, within=SOON, what="the late row")


async def test_stale_answers(fs: Factusol, control: Control) -> None:
    await fs.insert(CODCLI=1, NOFCLI="old")
    await fs.insert(CODCLI=2, NOFCLI="gone")
    await fs.turn("stale_search", seconds=60)
    await fs.turn("stale_read", seconds=60)
    await fs.update(CODCLI=1, NOFCLI="new")
    await fs.insert(CODCLI=3)
    await fs.post("BorrarRegistro", tabla="F_CLI", filtro="CODCLI = 2")
    assert [row["NOFCLI"] for row in await fs.load("1=1")] == ["old", "gone"]
    assert await fs.query("SELECT MAX(CODCLI) AS N FROM F_CLI") == [{"N": 2}]
    read = (await fs.ask("GET", f"/admin/LeerRegistro/{fs.year}/F_CLI/CODCLI=3")).json()
    assert read["resultado"] is None
    await control.advance(61)
    assert [row["CODCLI"] for row in await fs.load("1=1")] == [1, 3]


async def test_empty_and_endless_lists(fs: Factusol) -> None:
    await fs.seed({"CODCLI": 1}, {"CODCLI": 2})
    await fs.turn("list_empty")
    assert await fs.load("1=1") == await fs.query("SELECT CODCLI FROM F_CLI") == []
    await fs.turn("list_empty", on=False)
    await fs.turn("list_endless")
    page = "SELECT TOP 5 CODCLI FROM F_CLI WHERE CODCLI > {} ORDER BY CODCLI"
    for last in (0, 2):
        assert [row["CODCLI"] for row in await fs.query(page.format(last))] == [1, 2, 1, 2, 1]


async def test_others_write_meanwhile(fs: Factusol) -> None:
    """Many writers that choose the same numbers: each number is given once."""
    await fs.signed_in()
    words = await asyncio.gather(*(fs.insert(CODCLI=1 + n % 5, NOFCLI=f"w{n}") for n in range(20)))
    assert sorted(words).count("OK") == 5
    assert len(await fs.load("1=1")) == 5
