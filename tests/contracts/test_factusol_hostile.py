"""What a broken or odd Factusol answers, row by row: nothing is believed that was not proved, nothing is lost."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from shared import errors
from shared.connectors import factusol
from shared.connectors.contract import Access, Session
from shared.connectors.http import HttpWire, UnlimitedBudget
from tests.contracts.connector_bench import LOOPBACK, PROFILES
from tests.contracts.connector_rawvendor import DROP, RawVendor, answer, raw_vendor
from tests.support.clocks import LeapingClock

HELLO = [answer(json.dumps(each)) for each in PROFILES["factusol"].greeting["read"]]
HELLO_WRITE = [answer(json.dumps(each)) for each in PROFILES["factusol"].greeting["write"]]
GOOD = {
    "CODCLI": 7,
    "NOFCLI": "UNO",
    "NIFCLI": "",
    "POBCLI": "JAEN",
    "PAICLI": "724",
    "FUMCLI": "2026-03-04T00:00:00",
}


def rows(*listed: object) -> bytes:
    """Rows given as columns, or as they are."""
    pairs = [
        [{"columna": name, "dato": value} for name, value in row.items()] if isinstance(row, Mapping) else row
        for row in listed
    ]
    return answer(json.dumps({"resultado": pairs, "respuesta": "OK"}))


def said(word: object, result: object = "") -> bytes:
    return answer(json.dumps({"resultado": result, "respuesta": word}))


NONE = answer('{"resultado": null, "respuesta": "OK"}')
ZERO = rows({"HOWMANY": 0})
OK = said("OK")


@pytest.fixture
async def wire() -> AsyncIterator[HttpWire]:
    async with HttpWire(LeapingClock(), UnlimitedBudget(), LOOPBACK) as found:
        yield found


def session_at(vendor: RawVendor, wire: HttpWire, **settings: str) -> Session:
    access = Access(
        account="a",
        base_url=vendor.base_url,
        credentials={"token": "990:31007:FS001:S3cr3tS3cr3t"},
        settings={"year": "2026", "seconds_per_call": "2", **settings},
    )
    return factusol.CONNECTOR.open(access, wire)


def paths(vendor: RawVendor) -> list[str]:
    return [each.split()[1].decode().rsplit("/", 1)[1] for each in vendor.requests]


async def test_a_row_of_wrong_types_stands_beside_the_good_ones_with_its_column(wire: HttpWire) -> None:
    odd = rows(
        GOOD,
        {**GOOD, "CODCLI": "8", "FUMCLI": "1900-01-01 00:00:00"},
        {**GOOD, "CODCLI": 9, "NOFCLI": ["no"]},
        {**GOOD, "CODCLI": 10, "FUMCLI": "ayer"},
        {**GOOD, "CODCLI": 11, "POBCLI": 5},
        {**GOOD, "CODCLI": None},
        {**GOOD, "CODCLI": True},
        {**GOOD, "CODCLI": 1.5},
        {"NOFCLI": "SIN NUMERO"},
        {**GOOD, "NOFCLI": "OTRA VEZ"},
        {**GOOD, "CODCLI": 12, "NOFCLI": None, "XRGCLI": {"a": 1}},
    )
    async with raw_vendor(*HELLO, odd, ZERO) as vendor:
        page = await session_at(vendor, wire).page("clients")
    assert [row.record_id for row in page.rows] == ["7", "8", "12"]
    assert [row.changed_at is None for row in page.rows] == [False, True, False]
    assert page.rows[2].fields["name"] is None
    assert "email" not in page.rows[0].fields
    named = sorted((each.record_id, each.problem.field) for each in page.unreadable)
    assert named == [("", "CODCLI")] * 4 + [("10", "FUMCLI"), ("11", "POBCLI"), ("9", "NOFCLI")]
    assert page.next is None


@pytest.mark.parametrize(
    "body",
    [
        {"resultado": "text", "respuesta": "OK"},
        {"resultado": {"a": 1}, "respuesta": "OK"},
        {"resultado": [7], "respuesta": "OK"},
        {"resultado": [{"CODCLI": 7}], "respuesta": "OK"},
        {"resultado": [[{"columna": 5, "dato": 7}]], "respuesta": "OK"},
        {"resultado": [[7]], "respuesta": "OK"},
        {"resultado": []},
        {"respuesta": None},
        {"respuesta": 5},
        {"respuesta": ""},
        [],
    ],
    ids=json.dumps,
)
async def test_an_answer_of_another_shape_is_not_taken_for_nothing(wire: HttpWire, body: object) -> None:
    odd = answer(json.dumps(body))
    async with raw_vendor(*HELLO, odd) as vendor:
        with pytest.raises(errors.Retryable):
            await session_at(vendor, wire).read("clients", "7")
    async with raw_vendor(*HELLO, NONE, odd) as vendor:
        with pytest.raises(errors.Retryable):
            await session_at(vendor, wire).read("clients", "7")


@pytest.mark.parametrize("count", [NONE, rows({"HOWMANY": 1}), rows({"HOWMANY": None}), rows({"OTHER": 0}), ZERO])
async def test_nobody_is_gone_unless_zero_are_counted(wire: HttpWire, count: bytes) -> None:
    async with raw_vendor(*HELLO, NONE, count) as vendor:
        session = session_at(vendor, wire)
        if count is ZERO:
            assert await session.read("clients", "7") is None
        else:
            with pytest.raises(errors.Retryable):
                await session.read("clients", "7")
    asked = json.loads(vendor.requests[-1].split(b"\r\n\r\n", 1)[1])["consulta"]
    assert asked == "SELECT COUNT(*) AS HOWMANY FROM F_CLI WHERE CODCLI = 7"


async def test_another_customer_than_the_one_asked_for_is_not_believed(wire: HttpWire) -> None:
    other = rows({**GOOD, "CODCLI": 8})
    async with raw_vendor(*HELLO, other) as vendor:
        with pytest.raises(errors.Retryable):
            await session_at(vendor, wire).read("clients", "7")
    async with raw_vendor(*HELLO_WRITE, OK, other) as vendor:
        with pytest.raises(errors.InDoubt):
            await session_at(vendor, wire).update("clients", "7", {"city": "Jaén"})


@pytest.mark.parametrize("back", [rows({**GOOD, "NOFCLI": ["odd"]}), rows(GOOD)])
async def test_a_write_is_followed_by_a_read_and_an_odd_row_still_has_its_number(
    wire: HttpWire, back: bytes
) -> None:
    async with raw_vendor(*HELLO_WRITE, OK, back) as vendor:
        row = await session_at(vendor, wire).create("clients", {"name": "UNO"}, reference="7")
        assert row.record_id == "7"
        assert paths(vendor)[-2:] == ["EscribirRegistro", "LanzarConsulta"]
    async with raw_vendor(*HELLO_WRITE, OK, back) as vendor:
        shown = await session_at(vendor, wire).update("clients", "7", {"city": "Jaén"})
        assert shown is not None
        assert paths(vendor)[-2:] == ["ActualizarRegistro", "LanzarConsulta"]


@pytest.mark.parametrize("after", [[DROP], [NONE, ZERO], [said("KO")], [said("BDNoExiste")]])
async def test_a_write_that_cannot_be_read_back_is_in_doubt(wire: HttpWire, after: Sequence[bytes]) -> None:
    async with raw_vendor(*HELLO_WRITE, OK, *after) as vendor:
        with pytest.raises(errors.InDoubt):
            await session_at(vendor, wire).create("clients", {"name": "UNO"}, reference="7")


@pytest.mark.parametrize("refusal", ["BDExisteRegistro", "BDEscribirRegistroError", "SomethingNew"])
async def test_whose_number_it_is_is_told_by_the_row_and_not_by_the_word(wire: HttpWire, refusal: str) -> None:
    fields = {"name": "Uno", "city": "Jaen"}
    async with raw_vendor(*HELLO_WRITE, said(refusal), rows(GOOD)) as vendor:
        assert (await session_at(vendor, wire).create("clients", fields, reference="7")).record_id == "7"
    async with raw_vendor(*HELLO_WRITE, said(refusal), rows({**GOOD, "POBCLI": "BAEZA"})) as vendor:
        with pytest.raises(errors.Taken):
            await session_at(vendor, wire).create("clients", fields, reference="7")
    async with raw_vendor(*HELLO_WRITE, said(refusal), NONE, ZERO) as vendor:
        with pytest.raises(errors.PuenteError) as refused:
            await session_at(vendor, wire).create("clients", fields, reference="7")
        assert isinstance(refused.value, errors.Retryable if refusal == "BDExisteRegistro" else errors.Rejected)


async def test_a_write_on_a_kept_connection_that_the_server_closes_is_sent_once(wire: HttpWire) -> None:
    async with raw_vendor(*HELLO_WRITE, DROP) as vendor:
        with pytest.raises(errors.InDoubt):
            await session_at(vendor, wire).create("clients", {"name": "UNO"}, reference="7")
        assert paths(vendor).count("EscribirRegistro") == 1


async def test_no_secret_is_repeated_in_any_form(wire: HttpWire, caplog: pytest.LogCaptureFixture) -> None:
    sent = b"UzNjcjN0UzNjcjN0"  # the password as it goes over the wire
    echo = answer(f'{{"Message": "S3cr3tS3cr3t {sent.decode()} e30.e30.e30"}}', status="400 Bad")
    for before in ([], HELLO):
        async with raw_vendor(*before, echo) as vendor:
            with pytest.raises(errors.PuenteError) as refused:
                await session_at(vendor, wire).read("clients", "7")
            assert sent in vendor.requests[0]
        problem: BaseException | None = refused.value
        while problem is not None:
            for secret in ("S3cr3t", sent.decode(), "e30.e30" if before else "S3cr3t"):
                assert secret not in f"{problem!r} {problem}"
            problem = problem.__cause__ or problem.__context__
    assert "S3cr3t" not in caplog.text


@pytest.mark.parametrize("token", ["", "e30", "a.b.c", "a..c", ".".join(["é" * 9] * 3), 5, None, ["x"]])
async def test_a_token_that_cannot_be_read_is_used_for_as_long_as_tokens_live(
    wire: HttpWire, token: object
) -> None:
    first = said("OK", token)
    async with raw_vendor(first, *HELLO[1:], rows(GOOD), rows(GOOD)) as vendor:
        session = session_at(vendor, wire)
        if not isinstance(token, str) or not token or not token.isascii():
            with pytest.raises(errors.Retryable):
                await session.read("clients", "7")
            return
        assert await session.read("clients", "7") is not None
        assert await session.read("clients", "7") is not None
        assert paths(vendor).count("Autenticar") == 1
