"""Fiscal years with the clock: the new one opened late or early, both open in January, the old one closed."""

from collections.abc import AsyncIterator

import pytest

from shared import errors
from shared.connectors.contract import Row
from shared.connectors.factusol.session import FactusolSession
from tests.contracts.connector_bench import everything, rows_of
from tests.contracts.factusol_bench import Values, Vendor, vendor_opened


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """Forty customers, in the middle of a year."""
    async with vendor_opened() as found:
        await found.program("POST", "/ejercicios", ejercicio=str(found.year))
        await found.seed(*(client(number) for number in range(1, 41)), year=str(found.year))
        yield found


def client(number: int, **more: object) -> Values:
    return {
        "CODCLI": number,
        "NOFCLI": f"CLIENTE {number}",
        "NIFCLI": f"B{number:07d}",
        "TELCLI": "953000001",
        **more,
    }


async def opened(vendor: Vendor) -> str:
    """A person opens the year after the newest one."""
    listed = (await vendor.program("GET", "/ejercicios"))["body"]
    year = str(max(int(each["ejercicio"]) for each in listed) + 1)
    await vendor.program("POST", "/ejercicios", ejercicio=year)
    return year


async def state(vendor: Vendor, year: str, estado: str) -> None:
    await vendor.program("PUT", f"/ejercicios/{year}", estado=estado)


async def all_rows(session: FactusolSession) -> dict[str, Row]:
    pages = await everything(session, "clients")
    rows = {row.record_id: row for row in rows_of(pages)}
    changed = {
        row.record_id: row for row in rows_of(await everything(session, "clients", newest_change_first=True))
    }
    assert all(rows[each] == changed[each] for each in changed)
    return rows


async def test_until_the_new_year_is_opened_the_old_one_goes_on(vendor: Vendor) -> None:
    session = vendor.session()
    before = await all_rows(session)
    assert len(before) == 40
    await vendor.go_to(1, 3, years=1)
    assert await all_rows(session) == before
    assert await session.update("clients", "7", {"city": "Jaén"}) is not None
    found = {each.name: each async for each in session.checks()}
    assert found["year"].state == "warning"
    await opened(vendor)
    again = await all_rows(vendor.session())
    assert again.keys() == before.keys()
    assert again["7"].fields["city"] == "Jaén"


@pytest.mark.parametrize("closed", ["read_only", "KO", "BDNoExiste"])
async def test_a_change_of_year_changes_no_record(vendor: Vendor, closed: str) -> None:
    """Opened on a day of January, both used for a while, the old one closed: nothing gone, nothing edited."""
    await vendor.turn("closed_year", closed)
    session = vendor.session()
    before = await all_rows(session)
    old = str(vendor.year)
    await vendor.go_to(1, 8, years=1)
    new = await opened(vendor)
    await vendor.go_to(1, 9)
    assert await all_rows(session) == before
    shown = await session.update("clients", "7", {"city": "Jaén"})
    assert shown is not None
    assert [(await vendor.rows(year))["7"]["POBCLI"] for year in (old, new)] == ["Jaén", "Jaén"]
    number = await session.choose_key("clients", ())
    made = await session.create("clients", {"name": "NUEVO", "tax_no": "B76123454"}, reference=number)
    assert number == "41"
    for year in (old, new):
        assert (await vendor.rows(year))["41"]["NOFCLI"] == "NUEVO"
    whole = before | {"7": shown, "41": made}
    assert await all_rows(session) == whole
    await state(vendor, old, "closed")
    assert await all_rows(session) == whole
    shown = await session.update("clients", "8", {"city": "Úbeda"})
    assert shown is not None
    whole |= {"8": shown}
    assert await all_rows(session) == whole
    await vendor.go_to(4, 1)
    assert await all_rows(session) == whole
    assert await all_rows(vendor.session()) == whole
    assert await session.read("clients", "999") is None


async def test_a_customer_of_one_year_only_is_not_gone_while_both_are_open(vendor: Vendor) -> None:
    session = vendor.session()
    await vendor.go_to(12, 20)
    old = str(vendor.year)
    await opened(vendor)  # early: what is made in December is not in it
    await vendor.program("POST", "/clientes", CODCLI=41, NOFCLI="DE DICIEMBRE", ejercicio=old)
    await vendor.go_to(1, 5, years=1)
    assert (await all_rows(session))["41"].fields["name"] == "DE DICIEMBRE"
    shown = await session.update("clients", "41", {"city": "Jaén"})
    assert shown is not None
    assert shown.fields["city"] == "Jaén"
    assert await session.choose_key("clients", ()) == "42"


async def test_what_was_edited_in_december_is_not_taken_back_by_a_year_opened_before(vendor: Vendor) -> None:
    session = vendor.session()
    await vendor.go_to(12, 10)
    old = str(vendor.year)
    new = await opened(vendor)
    await vendor.go_to(12, 20)
    await vendor.program("PUT", "/clientes/7", POBCLI="Jaén", ejercicio=old)
    before = await all_rows(session)
    assert before["7"].fields["city"] == "Jaén"
    await vendor.go_to(1, 5, years=1)
    assert await all_rows(session) == before
    # Our own write makes the row of the new year the later one: it takes the city along.
    shown = await session.update("clients", "7", {"street": "Calle Nueva 1"})
    assert shown is not None
    assert (shown.fields["city"], shown.fields["street"]) == ("Jaén", "Calle Nueva 1")
    assert (await vendor.rows(new))["7"]["POBCLI"] == "Jaén"
    await vendor.program("PUT", "/clientes/7", POBCLI="Baeza", ejercicio=new)
    row = await session.read("clients", "7")
    assert row is not None
    assert row.fields["city"] == "Baeza"


async def test_a_number_that_both_years_gave_to_different_customers_is_two_customers(vendor: Vendor) -> None:
    session = vendor.session()
    old = str(vendor.year)
    await vendor.go_to(1, 8, years=1)
    new = await opened(vendor)
    await vendor.program("POST", "/clientes", CODCLI=41, NOFCLI="DEL NUEVO", NIFCLI="B1", ejercicio=new)
    await vendor.go_to(1, 9)
    await vendor.program("POST", "/clientes", CODCLI=41, NOFCLI="DEL VIEJO", NIFCLI="B2", ejercicio=old)
    assert (await all_rows(session))["41"].fields["name"] == "DEL NUEVO"
    await session.update("clients", "41", {"city": "Jaén"})
    assert (await vendor.rows(old))["41"]["POBCLI"] == ""
    assert (await vendor.rows(new))["41"]["POBCLI"] == "Jaén"


async def test_a_new_year_without_the_customers_is_not_taken_for_their_end(vendor: Vendor) -> None:
    await vendor.turn("new_year", "empty")
    session = vendor.session()
    before = await all_rows(session)
    old = str(vendor.year)
    await vendor.go_to(1, 8, years=1)
    new = await opened(vendor)
    await vendor.program("POST", "/clientes", NOFCLI="EL PRIMERO DEL NUEVO", ejercicio=new)
    assert await all_rows(session) == before
    assert await all_rows(vendor.session()) == before
    found = {each.name: each async for each in session.checks()}
    assert found["year"].state == "warning"
    assert new in found["year"].says.en
    await vendor.turn("closed_year", "BDNoExiste")
    await state(vendor, old, "closed")
    with pytest.raises(errors.Retryable) as refused:
        await vendor_again(session)
    assert refused.value.way_out
    rows = await all_rows(vendor.session(year=new))
    assert [row.fields["name"] for row in rows.values()] == ["EL PRIMERO DEL NUEVO"]


async def vendor_again(session: FactusolSession) -> None:
    await session.page("clients")


@pytest.mark.parametrize("word", ["BDNoExiste", "KO"])
async def test_a_year_that_is_away_is_not_replaced_by_last_years_customers(vendor: Vendor, word: str) -> None:
    session = vendor.session()
    old = str(vendor.year)
    await vendor.go_to(1, 8, years=1)
    new = await opened(vendor)
    await vendor.go_to(6, 1)
    before = await all_rows(session)
    await vendor.program("PUT", "/clientes/7", POBCLI="Baeza", ejercicio=new)
    await vendor.turn("closed_year", word)
    await state(vendor, new, "closed")
    with pytest.raises((errors.Retryable, errors.NeedsOperator)):
        await session.read("clients", "7")
    if word == "KO":
        with pytest.raises(errors.Retryable):
            await vendor.session().read("clients", "7")
    await state(vendor, new, "open")
    row = await session.read("clients", "7")
    assert row is not None
    assert row.fields["city"] == "Baeza"
    assert (await vendor.rows(old)).keys() == before.keys()


async def test_a_fixed_year_that_is_not_there_offers_one_that_is(vendor: Vendor) -> None:
    session = vendor.session(year=str(vendor.year - 3))
    with pytest.raises(errors.NeedsOperator) as refused:
        await session.read("clients", "1")
    assert str(vendor.year) in refused.value.way_out
    with pytest.raises(errors.NeedsOperator):
        await vendor.session(year="next").read("clients", "1")
    with pytest.raises(errors.NeedsOperator):
        await vendor.session(year_overlap="always").read("clients", "1")


async def test_no_year_at_all_needs_an_operator(vendor: Vendor) -> None:
    await vendor.go_to(6, 1, years=3)
    with pytest.raises(errors.NeedsOperator) as refused:
        await vendor.session().read("clients", "1")
    assert str(vendor.year - 3) in refused.value.way_out


async def test_pages_of_two_years_meet_every_customer_once(vendor: Vendor) -> None:
    session = vendor.session()
    old = str(vendor.year)
    await vendor.seed(*(client(number) for number in range(41, 1301)), year=old)
    await vendor.go_to(1, 8, years=1)
    new = await opened(vendor)
    await vendor.seed(*(client(number) for number in range(2001, 2011)), year=new)
    await vendor.seed(*(client(number) for number in range(1301, 1841)), year=old)
    listed = rows_of(await everything(session, "clients"))
    numbers = [int(row.record_id) for row in listed]
    assert numbers == [*range(1, 1841), *range(2001, 2011)]
