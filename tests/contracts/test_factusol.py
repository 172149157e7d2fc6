"""What is true of Factusol alone: tokens, words, answers that lie by being empty, numbers that we choose."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from shared import errors
from shared.connectors import factusol
from shared.connectors.contract import Access, Limits, Request, Response, Row, Time
from shared.connectors.factusol import CLIENTS
from shared.connectors.factusol.session import FactusolSession
from tests.contracts.connector_bench import as_fields
from tests.contracts.factusol_bench import MADRID, Vendor, vendor_opened

ANAGA = {
    "name": "Talleres Anaga S.L.",
    "tax_no": "B76123454",
    "email": "taller@anaga.example",
    "phone": "+34922000001",
    "street": "Calle del Drago 4",
    "post_code": "38001",
    "city": "Santa Cruz de Tenerife",
    "country": "ES",
}


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with vendor_opened() as found:
        yield found


async def made(session: FactusolSession, **fields: str) -> Row:
    number = await session.choose_key("clients", ())
    return await session.create("clients", {**ANAGA, **fields}, reference=number)


# Tokens


async def test_a_token_is_renewed_before_its_end_and_not_at_every_call(vendor: Vendor) -> None:
    session = vendor.session()
    for _ in range(4):
        await session.read("clients", "1")
    assert (await vendor.calls())["Autenticar"] == 1
    await vendor.advance(timedelta(seconds=140))
    await session.read("clients", "1")
    assert (await vendor.calls())["Autenticar"] == 1
    await vendor.advance(timedelta(seconds=15))
    await session.read("clients", "1")
    assert (await vendor.calls())["Autenticar"] == 2


@pytest.mark.parametrize("said", ["200", "401"])
async def test_an_expired_token_costs_one_login_and_the_same_request_again(vendor: Vendor, said: str) -> None:
    await vendor.turn("expired_answer", said)
    session = vendor.session()
    row = await made(session)
    vendor.clock.advance(timedelta(seconds=-60))  # our clock says that the token has some time left
    for act in ("read", "update"):
        await vendor.http.post("/clock", json={"advance": 181})
        before = await vendor.calls()
        if act == "read":
            assert await session.read("clients", row.record_id) is not None
        else:
            assert await session.update("clients", row.record_id, {"city": "Jaén"}) is not None
        after = await vendor.calls()
        assert after["Autenticar"] == before["Autenticar"] + 1
    assert after["ActualizarRegistro"] == 2
    assert (await vendor.rows())[row.record_id]["POBCLI"] == "Jaén"


@pytest.mark.parametrize("said", ["200", "401"])
async def test_a_refusal_after_a_fresh_login_needs_an_operator_and_ends_there(vendor: Vendor, said: str) -> None:
    await vendor.turn("expired_answer", said)
    session = vendor.session()
    await session.read("clients", "1")
    await vendor.turn("token_read_only")
    with pytest.raises(errors.NeedsOperator) as refused:
        await made(session)
    assert refused.value.way_out
    assert (await vendor.calls())["EscribirRegistro"] == 2
    assert await vendor.rows() == {}


@dataclass(kw_only=True)
class Sleepy:
    """A wire on a machine that falls asleep, once, before the call that follows a login."""

    vendor: Vendor
    asleep_after: int

    @property
    def clock(self) -> Time:
        return self.vendor.clock

    async def send(self, access: Access, limits: Limits, request: Request) -> Response:
        logins = (await self.vendor.calls()).get("Autenticar", 0)
        if logins == self.asleep_after and not request.path.endswith("Autenticar"):
            self.asleep_after = 0
            await self.vendor.advance(timedelta(minutes=5))
        return await self.vendor.wire.send(access, limits, request)


@pytest.mark.parametrize("said", ["200", "401"])
async def test_a_fresh_token_that_runs_out_on_the_way_is_no_lack_of_rights(vendor: Vendor, said: str) -> None:
    await vendor.turn("expired_answer", said)
    wire = Sleepy(vendor=vendor, asleep_after=2)
    session = factusol.CONNECTOR.open(vendor.access(), wire)
    await session.read("clients", "1")
    await vendor.turn("token_expired", times=1)
    with pytest.raises(errors.Retryable):
        await session.read("clients", "1")
    assert await session.read("clients", "1") is None
    assert (await vendor.calls())["Autenticar"] == 3


@pytest.mark.parametrize("word", ["Unauthorized", "BDNoExiste", "http_401"])
async def test_a_login_that_is_refused_is_not_tried_again(vendor: Vendor, word: str) -> None:
    await vendor.turn("login_failed_word", word)
    session = vendor.session({"token": f"{vendor.token}x"})
    with pytest.raises(errors.NeedsOperator):
        await session.read("clients", "1")
    assert await vendor.calls() == {"Autenticar": 1}


async def test_a_login_answered_ko_may_pass(vendor: Vendor) -> None:
    await vendor.turn("error_with_200", times=2, match="Autenticar")
    assert await vendor.session().read("clients", "1") is None
    await vendor.turn("login_failed_word", "KO")
    with pytest.raises(errors.Retryable) as refused:
        await vendor.session({"token": f"{vendor.token}x"}).read("clients", "1")
    assert not isinstance(refused.value, errors.NeedsOperator)


async def test_many_calls_at_once_share_one_login(vendor: Vendor) -> None:
    session = vendor.session()
    await asyncio.gather(*(session.read("clients", str(number)) for number in range(1, 9)))
    assert (await vendor.calls())["Autenticar"] == 1


# Words


async def test_ko_is_asked_again_after_its_pauses(vendor: Vendor) -> None:
    session = vendor.session()
    await session.read("clients", "1")
    began = vendor.clock.monotonic()
    await vendor.turn("error_with_200", times=3, match="LanzarConsulta")
    assert await session.read("clients", "1") is None
    assert 7.5 <= vendor.clock.monotonic() - began < 30
    await vendor.turn("error_with_200", match="LanzarConsulta")
    with pytest.raises(errors.Retryable) as refused:
        await session.read("clients", "1")
    assert not isinstance(refused.value, errors.InDoubt)


async def test_ko_to_a_write_is_in_doubt_once_its_pauses_are_over(vendor: Vendor) -> None:
    session = vendor.session()
    await vendor.turn("error_with_200", match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await made(session)
    await vendor.turn("error_with_200", times=2, match="EscribirRegistro")
    row = await made(session)
    assert row.fields["name"] == ANAGA["name"]
    assert len(await vendor.rows()) == 1


# Answers that lie by being empty


@pytest.mark.parametrize("act", ["read", "page", "changes", "search", "update"])
async def test_an_empty_answer_is_never_believed_without_its_count(vendor: Vendor, act: str) -> None:
    session = vendor.session()
    row = await made(session)
    await vendor.turn("list_empty")
    acts: Mapping[str, Callable[[], Awaitable[object]]] = {
        "read": lambda: session.read("clients", row.record_id),
        "page": lambda: session.page("clients"),
        "changes": lambda: session.page("clients", newest_change_first=True),
        "search": lambda: session.search("clients", "tax_no", "B76123454"),
        "update": lambda: session.update("clients", row.record_id, {"name": "Otro"}),
    }
    with pytest.raises(errors.Retryable):
        await acts[act]()
    await vendor.off("list_empty")
    assert (await vendor.rows())[row.record_id]["NOFCLI"] == ANAGA["name"]


@pytest.mark.parametrize("bad_sql", ["empty", "KO", "http_500"])
async def test_a_column_that_went_away_makes_nobody_gone(vendor: Vendor, bad_sql: str) -> None:
    """The program was put back to an older version while the columns were known."""
    await vendor.turn("bad_sql", bad_sql)
    session = vendor.session()
    row = await made(session)
    session.columns._found = {str(vendor.year): {"CODCLI": None, "XXXCLI": None}}
    with pytest.raises(errors.Retryable):
        await session.read("clients", row.record_id)
    with pytest.raises(errors.Retryable):
        await session.page("clients")
    session.columns.forget()
    assert await session.read("clients", row.record_id) is not None


@pytest.mark.parametrize("rows", [0, 1])
async def test_columns_are_found_without_a_catalogue(vendor: Vendor, rows: int) -> None:
    await vendor.turn("catalogue_views", value=False)
    if rows:
        await vendor.seed({"NOFCLI": "UNO"})
    session = vendor.session()
    names = await session.columns.of(str(vendor.year))
    assert set(names) >= {"CODCLI", "NOFCLI", "NIFCLI", "FUMCLI"}
    assert (await made(session)).fields["city"] == ANAGA["city"]


async def test_columns_of_an_unheard_of_version_are_not_touched(vendor: Vendor) -> None:
    for version in ("older", "extra"):
        await vendor.turn("columns", version)
        session = vendor.session()
        row = await made(session, name=f"Con {version}")
        assert (await session.read("clients", row.record_id)) == row


# Numbers


async def test_numbers_chosen_at_once_differ_and_those_that_others_chose_are_left(vendor: Vendor) -> None:
    await vendor.seed({"CODCLI": 1043, "NOFCLI": "UNO"})
    session = vendor.session()
    chosen = [await session.choose_key("clients", ["1045"]) for _ in range(3)]
    assert chosen == ["1044", "1046", "1047"]


async def test_numbers_of_a_range(vendor: Vendor) -> None:
    await vendor.seed({"CODCLI": 1043, "NOFCLI": "UNO"}, {"CODCLI": 5001, "NOFCLI": "DOS"})
    assert await vendor.session(numbers="5000-5003").choose_key("clients", ()) == "5002"
    assert await vendor.session(numbers="7000-7003").choose_key("clients", ()) == "7000"
    with pytest.raises(errors.NeedsOperator, match="used up"):
        await vendor.session(numbers="5000-5003").choose_key("clients", ["5002", "5003"])
    for wrong in ("many", "5-1", "0-9", "1-99999999999"):
        with pytest.raises(errors.NeedsOperator, match="numbers"):
            await vendor.session(numbers=wrong).choose_key("clients", ())


@pytest.mark.parametrize("word", ["BDExisteRegistro", "BDEscribirRegistroError"])
async def test_a_number_that_somebody_else_took_is_told_by_its_content(vendor: Vendor, word: str) -> None:
    await vendor.turn("duplicate_word", word)
    await vendor.turn("number_taken", times=1)
    session = vendor.session()
    with pytest.raises(errors.Taken):
        await session.create("clients", ANAGA, reference="1044")
    row = await session.create("clients", ANAGA, reference=await session.choose_key("clients", ()))
    again = await session.create("clients", ANAGA, reference=row.record_id)
    assert again == row
    assert sorted(await vendor.rows()) == ["1044", row.record_id]


@pytest.mark.parametrize("form", ["upper", "question_marks", "refuse", "kept"])
async def test_our_own_row_is_known_again_whatever_was_made_of_its_text(vendor: Vendor, form: str) -> None:
    if form != "kept":
        await vendor.turn("text_case" if form == "upper" else "code_page", form)
    session = vendor.session()
    whole = {
        **ANAGA,
        "name": "Cafés Łódź — Ñandú " + "é" * 200,
        "city": "Sant Cugat del Vallès, al costat del riu",
    }
    fields = as_fields({name: CLIENTS.fit(name, value) for name, value in whole.items()})
    await vendor.turn("create_then_drop", times=1, match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await session.create("clients", fields, reference="7")
    row = await session.create("clients", fields, reference="7")
    assert row.record_id == "7"
    assert len(await vendor.rows()) == 1


async def test_a_row_that_is_refused_for_its_content_is_the_records_fault(vendor: Vendor) -> None:
    session = vendor.session()
    await session.columns.of(str(vendor.year))
    session.columns._found[str(vendor.year)] = {
        **session.columns._found[str(vendor.year)],
        "NOFCLI": None,
    }
    with pytest.raises(errors.Rejected) as refused:
        await session.create("clients", {"name": "x" * 300}, reference="7")
    assert refused.value.way_out
    assert await vendor.rows() == {}


# Writing


@pytest.mark.parametrize("missing", ["error", "nothing"])
async def test_an_update_of_a_row_that_is_not_there_makes_none(vendor: Vendor, missing: str) -> None:
    await vendor.turn("update_of_missing", missing)
    session = vendor.session()
    assert await session.update("clients", "55", {"city": "Jaén"}) is None
    assert await session.update("clients", "55", {"name": "Uno"}) is None
    assert await vendor.rows() == {}


async def test_what_stands_beside_the_first_address_and_number_is_kept(vendor: Vendor) -> None:
    (number,) = await vendor.seed(
        {
            "NOFCLI": "FERRETERIA",
            "NOCCLI": "FERRETERIA",
            "EMACLI": "uno@f.example; dos@f.example",
            "TELCLI": "953 000 001 / 600 000 002 Luis",
            "PAICLI": "ESPAÑA",
            "OBSCLI": "de toda la vida",
        }
    )
    session = vendor.session()
    changes = {"email": "tres@f.example", "phone": "+34953000009", "country": "PT", "name": "Ferretería Luis"}
    shown = await session.update("clients", number, changes)
    assert shown is not None
    row = (await vendor.rows())[number]
    assert row["EMACLI"] == "tres@f.example;dos@f.example"
    assert row["TELCLI"] == "953000009 / 600 000 002 Luis"
    assert row["PAICLI"] == "PORTUGAL"
    assert (row["NOFCLI"], row["NOCCLI"]) == ("Ferretería Luis", "Ferretería Luis")
    assert row["OBSCLI"] == "de toda la vida"
    assert shown.fields["email"] == "tres@f.example"
    assert shown.fields["country"] == "PT"


@pytest.mark.parametrize(("there", "written"), [("724", "620"), ("ES", "PT"), ("España", "Portugal"), ("", "620")])
async def test_a_new_customers_country_is_written_as_the_others_are(
    vendor: Vendor, there: str, written: str
) -> None:
    await vendor.seed({"NOFCLI": "UNO", "PAICLI": there})
    row = await made(vendor.session(), country="PT")
    assert (await vendor.rows())[row.record_id]["PAICLI"] == written
    assert row.fields["country"] == "PT"


@pytest.mark.parametrize("value", ["O'Hara; DROP TABLE F_CLI --", "'' OR 1=1 --", "%"])
async def test_a_value_is_never_a_piece_of_the_question(vendor: Vendor, value: str) -> None:
    await vendor.seed(*({"NOFCLI": f"UNO {n}", "NIFCLI": f"B{n}"} for n in range(3)))
    session = vendor.session()
    assert await session.search("clients", "tax_no", value) == []
    with pytest.raises(errors.Rejected):
        await session.search("clients", "email", "a\x00b")
    row = await made(session, name=value)
    assert row.fields["name"] == value
    for odd in ("1 OR 1=1", "-1", "1;2", "99999999999"):
        with pytest.raises(errors.Rejected):
            await session.read("clients", odd)


# What changed


async def test_changes_are_listed_by_their_day_and_new_numbers_without_one_beside_them(vendor: Vendor) -> None:
    session = vendor.session()
    old = [{"NOFCLI": f"VIEJO {n}", "FUMCLI": "2020-01-02"} for n in range(3)]
    await vendor.seed(*old, {"NOFCLI": "SIN FECHA"})
    changed = await vendor.program("POST", "/clientes", NOFCLI="DEL MOSTRADOR")
    page = await session.page("clients", newest_change_first=True)
    assert page.rows[0].fields["name"] == "DEL MOSTRADOR"
    assert "SIN FECHA" in {row.fields["name"] for row in page.rows}
    (newest,) = (row for row in page.rows if row.record_id == str(changed["body"]["id"]))
    assert newest.changed_at is not None
    assert timedelta(0) <= vendor.clock.now() - newest.changed_at < timedelta(days=1)


@pytest.mark.parametrize("day", ["01", "02"])
async def test_a_month_of_which_only_its_first_is_kept_counts_until_today(vendor: Vendor, day: str) -> None:
    months = (f"{vendor.year}-06-{day}", f"{vendor.year}-04-01")
    await vendor.seed(*({"NOFCLI": f"C {n}", "FUMCLI": months[n % 2]} for n in range(6)))
    page = await vendor.session().page("clients", newest_change_first=True)
    found = [row.changed_at.astimezone(MADRID).date() for row in page.rows if row.changed_at is not None]
    today = vendor.clock.now().astimezone(MADRID).date()
    told = [today] * 3 + [date(vendor.year, 4, 30)] * 3
    kept = [date(vendor.year, 6, 2)] * 3 + [date(vendor.year, 4, 1)] * 3
    assert found == (told if day == "01" else kept)


async def test_a_long_list_of_changes_of_one_day_is_read_to_its_end(vendor: Vendor) -> None:
    day = {"FUMCLI": f"{vendor.year}-06-10"}
    ids = await vendor.seed(*({"NOFCLI": f"C {n}", **day} for n in range(1203)))
    session = vendor.session()
    met: list[str] = []
    cursor = None
    while True:
        page = await session.page("clients", cursor, newest_change_first=True)
        met += [row.record_id for row in page.rows]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(met) == sorted(ids)


# Activation


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, ""),
        ({"manufacturer": "abc"}, "manufacturer"),
        ({"client": ""}, "client"),
        ({"manufacturer": "CLIENT", "client": "MANUFACTURER"}, "manufacturer"),
        ({"database": "fs001"}, "database"),
        ({"database": "1"}, "database"),
        ({"database": "nada"}, "database"),
        ({"password": "ENCODED"}, "password"),
        ({"password": "wrong"}, "password"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
async def test_the_value_that_is_wrong_is_named(
    vendor: Vendor, change: Mapping[str, str], named: str, packed: bool
) -> None:
    right = dict(zip(("manufacturer", "client", "database", "password"), vendor.token.split(":", 3), strict=True))
    words = {
        "CLIENT": right["client"],
        "MANUFACTURER": right["manufacturer"],
        "ENCODED": base64.b64encode(right["password"].encode()).decode(),
    }
    given = right | {name: words.get(value, value) for name, value in change.items()}
    credentials = {"token": ":".join(given.values())} if packed else given
    found = [each async for each in vendor.session(credentials).checks()]
    failed = [each for each in found if each.state == "failed"]
    assert [each.name for each in failed] == ([named] if named else [])
    for each in failed:
        assert each.way_out is not None
        assert right["password"] not in f"{each.says} {each.way_out}"
    if not named:
        assert {each.name: each.state for each in found}["read"] == "ok"
    assert await vendor.rows() == {}


@pytest.mark.parametrize("change", [{"manufacturer": "991"}, {"client": "99999"}, {"database": "FS777"}])
async def test_where_every_form_is_right_the_three_that_are_no_secrets_are_shown(
    vendor: Vendor, change: Mapping[str, str]
) -> None:
    """The vendor says of a login only that it failed: whoever typed it sees which number is not theirs."""
    right = dict(zip(("manufacturer", "client", "database", "password"), vendor.token.split(":", 3), strict=True))
    given = {**right, **change}
    (failed,) = [each async for each in vendor.session(given).checks() if each.state == "failed"]
    for text in (failed.says.en, failed.says.es):
        assert all(given[name] in text for name in ("manufacturer", "client", "database"))
        assert given["password"] not in text


async def test_the_year_and_the_numbers_are_checked(vendor: Vendor) -> None:
    states = {each.name: each async for each in vendor.session(year="1999", numbers="9-1").checks()}
    assert states["year"].state == "failed"
    assert str(vendor.year) in states["year"].says.en
    states = {each.name: each async for each in vendor.session(numbers="9-1").checks()}
    assert (states["year"].state, states["numbers"].state) == ("ok", "failed")
