"""Factusol: what pieces of SQL find, what they do not, and how rows look."""

import pytest

from tests.sandbox.factusol_support import Factusol, rows
from tests.sandbox.support import Control

THREE = (
    {"CODCLI": 3, "NOFCLI": "Ñandú S.L.", "EMACLI": "n@x.example", "FUMCLI": "2026-11-19", "DT1CLI": 2.5},
    {"CODCLI": 7, "NOFCLI": "Óptica O'Hara", "NIFCLI": "B12345674", "FUMCLI": "2026-11-20T00:00:00"},
    {"CODCLI": 9, "NOFCLI": "talleres", "TARCLI": 2},
)


async def numbers(fs: Factusol, condition: str) -> list[int]:
    return [row["CODCLI"] for row in await fs.load(condition)]


# CargaTabla


async def test_rows_are_lists_of_pairs_with_all_columns(fs: Factusol) -> None:
    await fs.seed(*THREE)
    said = await fs.post("CargaTabla", tabla="F_CLI", filtro="CODCLI = 3")
    assert said["respuesta"] == "OK"
    (row,) = said["resultado"]
    assert row[0] == {"columna": "CODCLI", "dato": 3}
    assert len(row) == 212
    values = rows(said)[0]
    assert (values["FUMCLI"], values["FALCLI"]) == ("2026-11-19T00:00:00", "1900-01-01T00:00:00")
    assert (values["DT1CLI"], values["NIFCLI"], values["FAVCLI"], values["ATVCLI"]) == (2.5, "", "N", 1)


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("1=1", [3, 7, 9]),
        ("CODCLI != 3", [7, 9]),
        ("CODCLI > 3 AND CODCLI < 9", [7]),
        ("CODCLI = '7'", [7]),
        ("NOFCLI LIKE '%ÑANDÚ%'", [3]),
        ("NOFCLI = 'ñandú s.l.  '", [3]),
        ("NOFCLI = 'nandu s.l.'", []),
        ("NOFCLI = 'Óptica O''Hara'", [7]),
        ("UPPER(NOFCLI) = 'TALLERES'", [9]),
        ("CODCLI IN (3, 9)", [3, 9]),
        ("FUMCLI >= '2026-11-20'", [7]),
        ("FUMCLI >= '2026-11-19' OR FALCLI >= '2026-11-19'", [3, 7]),
        ("FUMCLI > '2026-11-19 08:30:00'", [7]),
        ("FUMCLI = '2026-11-19T00:00:00'", [3]),
        ("FUMCLI LIKE '2026-11-19%'", [3]),
        ("1=1 ORDER BY CODCLI DESC", [9, 7, 3]),
    ],
)
async def test_filters_that_work(fs: Factusol, condition: str, found: list[int]) -> None:
    await fs.seed(*THREE)
    assert await numbers(fs, condition) == found


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "   ",
        "CIFCLI = 'B12345674'",
        "NOMCLI LIKE '%a%'",
        "1=1 LIMIT 1",
        "WHERE 1=1",
        "CODCLI =",
        "FUMCLI > 'ayer'",
        "FUMCLI >= #2026-11-19#",
        'NOFCLI = "talleres"',
        "rowid = 3",
        "NADA(CODCLI) = 1",
        "SELECT 1",
        "1=1; DELETE FROM F_CLI",
        "EXISTS (SELECT * FROM sqlite_master)",
        "CODCLI = 'no''",
    ],
)
async def test_whatever_is_wrong_finds_nothing(fs: Factusol, condition: str) -> None:
    await fs.seed(*THREE)
    said = await fs.post("CargaTabla", tabla="F_CLI", filtro=condition)
    assert said == {"resultado": None, "respuesta": "OK"}
    assert len(await fs.load("1=1")) == 3


async def test_unknown_table_is_an_empty_one(fs: Factusol) -> None:
    said = await fs.post("CargaTabla", tabla="F_NADA", filtro="1=1")
    assert (
        said == await fs.post("CargaTabla", tabla="F_ART", filtro="1=1") == {"resultado": None, "respuesta": "OK"}
    )


async def test_what_no_rows_looks_like(fs: Factusol) -> None:
    for how, shown in (("empty_list", []), ("empty_text", "")):
        await fs.turn("no_rows", value=how)
        assert (await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["resultado"] == shown
    await fs.turn("no_rows", value="missing")
    assert await fs.post("LanzarConsulta", consulta="SELECT CODCLI FROM F_CLI") == {"respuesta": "OK"}


async def test_functions_in_filters(fs: Factusol) -> None:
    await fs.seed(*THREE)
    condition = "LEN(NOFCLI) = 8"
    assert await numbers(fs, condition) == []
    await fs.turn("filter_functions", value="all")
    assert await numbers(fs, condition) == [9]


async def test_most_rows_of_a_read(fs: Factusol) -> None:
    await fs.seed(*THREE)
    await fs.turn("most_rows", value=2)
    assert (await fs.post("CargaTabla", tabla="F_CLI", filtro="1=1"))["respuesta"] == "KO"
    assert (await fs.post("LanzarConsulta", consulta="SELECT CODCLI FROM F_CLI"))["respuesta"] == "KO"
    assert len(await fs.query("SELECT TOP 2 CODCLI FROM F_CLI")) == 2


# LanzarConsulta


async def test_queries(fs: Factusol, control: Control) -> None:
    await fs.seed(*THREE)
    await control.seed("factusol", "F_TAR", {"CODTAR": 2, "DESTAR": "Mayor"})
    assert await fs.query("SELECT TOP 2 CODCLI, NIFCLI FROM F_CLI WHERE CODCLI > 3 ORDER BY CODCLI") == [
        {"CODCLI": 7, "NIFCLI": "B12345674"},
        {"CODCLI": 9, "NIFCLI": ""},
    ]
    assert await fs.query("select top 1 codcli from f_cli order by codcli desc") == [{"CODCLI": 9}]
    assert await fs.query("SELECT MAX(CODCLI) AS n FROM F_CLI") == [{"N": 9}]
    assert await fs.query("SELECT COUNT(*) AS N, COUNT(NIFCLI) AS M FROM dbo.F_CLI WHERE 1=0") == [
        {"N": 0, "M": 0}
    ]
    joined = "SELECT c.CODCLI, t.DESTAR FROM F_CLI c INNER JOIN F_TAR t ON t.CODTAR = c.TARCLI"
    assert await fs.query(joined) == [{"CODCLI": 9, "DESTAR": "Mayor"}]
    assert len(await fs.query(joined.replace("INNER", "LEFT"))) == 3
    inner = "SELECT CODCLI, (SELECT TOP 1 NOFCLI FROM F_CLI WHERE CODCLI > 3 ORDER BY CODCLI) AS A FROM F_CLI"
    assert {row["A"] for row in await fs.query(inner)} == {"Óptica O'Hara"}
    dated = "SELECT CODCLI FROM F_CLI WHERE FUMCLI > CAST('2026-11-19' AS date)"
    assert await fs.query(dated) == [{"CODCLI": 7}]
    assert len((await fs.query("SELECT TOP 1 * FROM F_CLI"))[0]) == 212
    quoted = "SELECT TOP 1 CODCLI FROM F_CLI WHERE NOFCLI <> 'TOP 5 SELECT ('' LIMIT 9' ORDER BY CODCLI"
    assert await fs.query(quoted) == [{"CODCLI": 3}]


async def test_keyset_paging_reaches_everything(fs: Factusol) -> None:
    await fs.seed(*({"CODCLI": n, "NOFCLI": f"C{n}"} for n in range(1, 1201)))
    last, found = 0, []
    query = "SELECT TOP 500 CODCLI FROM F_CLI WHERE CODCLI > {} ORDER BY CODCLI"
    while page := await fs.query(query.format(last)):
        found += [row["CODCLI"] for row in page]
        last = found[-1]
    assert found == list(range(1, 1201))


async def test_column_without_an_alias(fs: Factusol) -> None:
    await fs.seed(*THREE)
    assert await fs.query("SELECT CODCLI, MAX(FUMCLI) FROM F_CLI") == [
        {"CODCLI": 7, "Column2": "2026-11-20T00:00:00"}
    ]
    await fs.turn("unnamed_column", value="empty")
    assert await fs.query("SELECT MAX(CODCLI) FROM F_CLI") == [{"": 9}]


async def test_catalogue_views(fs: Factusol) -> None:
    query = (
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, ORDINAL_POSITION FROM INFORMATION_SCHEMA.COLUMNS "
        "WHERE TABLE_NAME='F_CLI' ORDER BY ORDINAL_POSITION"
    )
    found = await fs.query(query)
    assert len(found) == 212
    assert found[2] == {"TABLE_NAME": "F_CLI", "COLUMN_NAME": "NIFCLI", "DATA_TYPE": "nvarchar",
                        "ORDINAL_POSITION": 3}  # fmt: skip
    assert {"NAME": "F_CLI"} in await fs.query("SELECT name FROM sysobjects WHERE xtype='U'")
    await fs.turn("catalogue_views", value=False)
    assert await fs.query(query) == await fs.query("SELECT name FROM sysobjects") == []


@pytest.mark.parametrize(
    "query",
    [
        "SELECT COUNT(*) AS N FROM F_NADA",
        "SELECT NADA FROM F_CLI",
        "SELECT COUNT(*) AS N FROM F_CLI WHERE NADA = 1",
        "SELECT * FROM F_CLI LIMIT 1",
        "SELECT FROM",
        "SELECT name FROM sqlite_master",
        "SELECT CODCLI FROM F_CLI; DROP TABLE F_CLI",
        "SELECT load_extension('x')",
    ],
)
async def test_queries_that_cannot_run(fs: Factusol, query: str) -> None:
    await fs.seed(*THREE)
    assert await fs.post("LanzarConsulta", consulta=query) == {"resultado": None, "respuesta": "OK"}
    await fs.turn("bad_sql", value="KO")
    assert (await fs.post("LanzarConsulta", consulta=query))["respuesta"] == "KO"
    await fs.turn("bad_sql", value="http_500")
    answer = await fs.ask("POST", "/admin/LanzarConsulta", {"ejercicio": fs.year, "consulta": query})
    assert (answer.status_code, set(answer.json()["Errores"])) == (500, {"Excepcion"})
    assert len(await fs.load("1=1")) == 3


@pytest.mark.parametrize("statement", ["DELETE FROM F_CLI", "UPDATE F_CLI SET NOFCLI='x'", "DROP TABLE F_CLI", ""])
async def test_only_select_is_run(fs: Factusol, statement: str) -> None:
    await fs.seed(*THREE)
    said = await fs.post("LanzarConsulta", consulta=statement)
    assert said == {"resultado": "", "respuesta": "KO"}
    assert len(await fs.load("1=1")) == 3


# LeerRegistro


async def test_one_record_by_its_path(fs: Factusol) -> None:
    await fs.seed(*THREE)
    base = f"/admin/LeerRegistro/{fs.year}/F_CLI"
    for condition in ("CODCLI%3D7", "CODCLI=7", "NIFCLI%20%3D%20%27B12345674%27", "NOFCLI LIKE '%/%' OR CODCLI=7"):
        (row,) = rows((await fs.ask("GET", f"{base}/{condition}")).json())
        assert row["CODCLI"] == 7
    for condition in ("CODCLI%3D99", "NADA%3D1"):
        assert (await fs.ask("GET", f"{base}/{condition}")).json() == {"resultado": None, "respuesta": "OK"}
    await fs.turn("single_record", value="row")
    said = (await fs.ask("GET", f"{base}/CODCLI%3D7")).json()
    assert said["resultado"][0] == {"columna": "CODCLI", "dato": 7}


# Forms of values


async def test_numbers_may_be_texts(fs: Factusol) -> None:
    await fs.seed(*THREE)
    await fs.turn("numbers_as", value="text")
    row = await fs.client(3)
    assert (row["CODCLI"], row["DT1CLI"], row["IVACLI"]) == ("3", "2.5", "0")
    assert await fs.query("SELECT MAX(CODCLI) AS N FROM F_CLI") == [{"N": "9"}]


async def test_blank_texts_may_be_null(fs: Factusol) -> None:
    await fs.seed(*THREE)
    await fs.turn("blank_text", value="null")
    assert (await fs.client(3))["NIFCLI"] is None


async def test_blank_between_date_and_time(fs: Factusol) -> None:
    await fs.seed(*THREE)
    await fs.turn("times_with", value="blank")
    assert (await fs.client(3))["FUMCLI"] == "2026-11-19 00:00:00"


async def test_columns_of_other_versions(fs: Factusol) -> None:
    await fs.seed(*THREE)
    await fs.turn("columns", value="older")
    row = await fs.client(3)
    assert len(row) == 207
    assert "HUMCLI" not in row
    assert await fs.load("HUMCLI > '2000-01-01' OR 1=1") == []
    assert await fs.insert(CODCLI=20, HUMCLI="1900-01-01T10:00:00") == "BDEscribirRegistroError"
    await fs.turn("columns", value="extra")
    assert len(await fs.client(3)) == 215
    await fs.turn("columns", on=False)
    assert len(await fs.client(3)) == 212
