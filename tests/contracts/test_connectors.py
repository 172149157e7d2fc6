"""The promises of `shared/connectors/contract.py`, on every registered connector against the sandbox."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
import pytest_asyncio

from services.sandbox.catalog import SYSTEMS
from services.sandbox.switches import Switch
from shared import errors
from shared.connectors.contract import LookUp, Resource, Row
from shared.connectors.registry import CONNECTORS
from shared.model.normal import normal
from shared.model.record import Fields
from tests.contracts.connector_bench import (
    PROFILES,
    WRITTEN,
    Bench,
    as_fields,
    benches_of,
    everything,
    rows_of,
    written_to,
)

SUITED = {name: each for name, each in CONNECTORS.items() if name in PROFILES}
RESOURCES = [(name, each) for name, connector in SUITED.items() for each in connector.resources.values()]
WRITABLE = [(name, each) for name, each in RESOURCES if each.writable]


def _id(value: object) -> str | None:
    return value.name if isinstance(value, Resource) else None


every_system = pytest.mark.parametrize("system", sorted(SUITED))
every_resource = pytest.mark.parametrize(("system", "resource"), RESOURCES, ids=_id)
every_writable = pytest.mark.parametrize(("system", "resource"), WRITABLE, ids=_id)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def benches() -> AsyncIterator[Mapping[str, Bench]]:
    async with benches_of(SUITED) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def bench(benches: Mapping[str, Bench], system: str) -> Bench:
    """A vendor without records and faults."""
    await benches[system].reset()
    return replace(benches[system], settings=dict(benches[system].settings))


async def made(bench: Bench, resource: Resource, **fields: object) -> Row:
    """A record that a flow creates; a deal gets a client of its own."""
    session = bench.session()
    wanted: dict[str, object] = {**written_to(resource)}
    if "client" in resource.columns:
        client = await session.create("clients", {"name": "Cliente del asunto"}, reference="pu-client")
        wanted["client"] = client.record_id
    return await session.create(
        resource.name, as_fields({**wanted, **fields}), reference=bench.profile.references[0]
    )


def assert_shows(row: Row, fields: Fields, resource: Resource) -> None:
    for name, value in fields.items():
        if resource.columns[name].shown:
            kind = resource.entity.fields[name]
            shown, wanted = (
                normal(kind, resource.worn(name, each), country="ES") for each in (row.fields[name], value)
            )
            assert shown == wanted, name


# 1. read answers None only for the vendor's own "no such record"


@every_resource
async def test_a_record_that_never_was_reads_as_none(bench: Bench, resource: Resource) -> None:
    assert await bench.session().read(resource.name, "999999999") is None


@every_writable
async def test_a_deleted_record_reads_as_none_and_its_update_is_none(bench: Bench, resource: Resource) -> None:
    row = await made(bench, resource)
    await bench.delete(resource.name, row.record_id)
    session = bench.session()
    assert await session.read(resource.name, row.record_id) is None
    assert await session.update(resource.name, row.record_id, {"name": "Otro"}) is None


@every_resource
@pytest.mark.parametrize("fault", ["login_page", "server_error", "error_with_200", "rate_limit", "token_revoked"])
async def test_a_failing_vendor_never_says_that_a_record_is_gone(
    bench: Bench, resource: Resource, fault: str
) -> None:
    await bench.fault(fault)
    with pytest.raises((errors.Retryable, errors.NeedsOperator)):
        await bench.session().read(resource.name, "999999999")
    with pytest.raises((errors.Retryable, errors.NeedsOperator)):
        await bench.session().page(resource.name)


@every_resource
async def test_an_id_that_is_none_is_refused_before_it_is_sent(bench: Bench, resource: Resource) -> None:
    before = await bench.calls()
    for odd in ("", "../clients", "1?x=1", "a b", "1%2f"):
        with pytest.raises(errors.Rejected):
            await bench.session().read(resource.name, odd)
    assert await bench.calls() == before


# 2. what a refusal becomes


@every_writable
async def test_a_refusal_for_its_content_names_the_field_and_the_vendors_words(
    bench: Bench, resource: Resource
) -> None:
    if not bench.profile.refused:
        return  # it says neither the field nor why, and takes a customer without a name
    with pytest.raises(errors.Rejected) as refused:
        await made(bench, resource, name="")
    assert refused.value.field == "name"
    assert bench.profile.refused in refused.value.message


@every_system
@pytest.mark.parametrize("fault", ["token_revoked", "login_page"])
async def test_a_token_that_is_not_accepted_needs_an_operator(bench: Bench, fault: str) -> None:
    await bench.fault(fault)
    session = bench.session()
    for call in (
        session.read(bench.customers, "1"),
        session.page(bench.customers),
        session.create(
            bench.customers,
            written_to(bench.connector.resources[bench.customers]),
            reference=bench.profile.references[0],
        ),
        session.update(bench.customers, "1", bench.profile.change),
    ):
        with pytest.raises(errors.NeedsOperator) as refused:
            await call
        assert refused.value.way_out


@every_system
async def test_a_token_without_the_right_to_write_needs_an_operator(bench: Bench) -> None:
    await bench.fault("token_read_only")
    assert not (await bench.session().page(bench.customers)).rows
    with pytest.raises(errors.NeedsOperator):
        await bench.session().create(
            bench.customers,
            written_to(bench.connector.resources[bench.customers]),
            reference=bench.profile.references[0],
        )


@every_system
async def test_too_many_calls_are_throttled_for_as_long_as_the_vendor_says(bench: Bench) -> None:
    await bench.fault("rate_limit", seconds=7, times=1)
    with pytest.raises(errors.Throttled) as throttled:
        await bench.session().page(bench.customers)
    assert throttled.value.retry_after is not None
    assert throttled.value.retry_after.total_seconds() == 7
    await bench.fault("rate_limit_silent", times=1)
    with pytest.raises(errors.Throttled) as throttled:
        await bench.session().page(bench.customers)
    assert throttled.value.retry_after is not None


@every_system
async def test_a_vendor_that_does_not_answer_in_time_may_be_asked_again(bench: Bench) -> None:
    await bench.fault("hang")
    with pytest.raises(errors.Retryable) as late:
        await bench.session(seconds_per_call="1").page(bench.customers)
    assert not isinstance(late.value, errors.InDoubt)


# 3. a write whose answer did not arrive is in doubt, and is not sent again


@every_writable
@pytest.mark.parametrize("fault", ["create_then_drop", "create_late", "server_error"])
async def test_a_create_without_an_answer_is_in_doubt_and_sent_once(
    bench: Bench, resource: Resource, fault: str
) -> None:
    await made(bench, resource)  # what else it needs (a client, a status) is there now
    before = len(await bench.records(resource.name))
    client = (await bench.session().page(bench.customers)).rows[0].record_id
    fields = dict(written_to(resource))
    if "client" in resource.columns:
        fields["client"] = client
    session = bench.session()
    await session.page(resource.name)
    await bench.fault(fault, match=bench.profile.create_path.format(resource=resource.name), seconds=0.05)
    with pytest.raises(errors.InDoubt):
        await session.create(resource.name, fields, reference=bench.profile.references[1])
    await bench.fault(fault, on=False)
    assert len(await bench.records(resource.name)) <= before + 1


@every_writable
async def test_what_was_made_without_an_answer_is_found_by_our_reference(bench: Bench, resource: Resource) -> None:
    if resource.look_up is LookUp.NONE:
        pytest.fail("a resource that cannot be looked up needs a test of its own")
    first = await made(bench, resource)
    fields = {**written_to(resource)}
    if "client" in resource.columns:
        fields |= {"client": first.fields["client"], "link": "https://acme.vendor.example/invoice/other"}
    if resource.own_field:
        fields[resource.own_field] = "second"
    path = bench.profile.create_path.format(resource=resource.name)
    await bench.fault("create_then_drop", match=path, times=1)
    session = bench.session()
    with pytest.raises(errors.InDoubt):
        await session.create(resource.name, fields, reference=bench.profile.references[1])
    found = await session.by_reference(resource.name, bench.profile.references[1], fields)
    assert len(found) == 1
    assert found[0].record_id != first.record_id
    assert_shows(found[0], fields, resource)
    nobody = {**fields, "link": "https://acme.vendor.example/invoice/nobody"} if "link" in fields else fields
    if resource.own_field:
        nobody = {**fields, resource.own_field: "nobody"}
    assert await session.by_reference(resource.name, bench.profile.references[2], nobody) == []


# 5. lists end


@every_resource
@pytest.mark.parametrize("fault", ["list_endless", "list_empty"])
@pytest.mark.parametrize("newest_change_first", [False, True])
async def test_a_list_ends_also_where_the_vendor_repeats_itself(
    bench: Bench, resource: Resource, fault: str, newest_change_first: bool
) -> None:
    if resource.writable:
        await made(bench, resource)
    await bench.fault(fault)
    if bench.profile.proves_empty and fault == "list_empty":
        with pytest.raises(errors.Retryable):
            await bench.session().page(resource.name, newest_change_first=newest_change_first)
        return
    pages = await everything(bench.session(), resource.name, newest_change_first=newest_change_first)
    assert len(pages) <= 3


@every_system
@pytest.mark.parametrize("count", [0, 1, 9, 10, 25, 100, 101, 230])
@pytest.mark.parametrize("per_page_ignored", [False, True])
async def test_every_record_is_listed_once_whatever_the_size_of_a_page(
    bench: Bench, count: int, per_page_ignored: bool
) -> None:
    if per_page_ignored:
        if "per_page_ignored" not in switches(bench.system):
            return
        await bench.fault("per_page_ignored")
    ids = (
        await bench.seed(bench.customers, *({bench.profile.seed_name: f"Cliente {n}"} for n in range(count)))
        if count
        else []
    )
    for newest_change_first in (False, True):
        pages = await everything(bench.session(), bench.customers, newest_change_first=newest_change_first)
        assert sorted(row.record_id for row in rows_of(pages)) == sorted(ids)
        assert not any(page.unreadable for page in pages)


@every_system
async def test_a_list_that_can_be_read_newest_change_first_is(bench: Bench) -> None:
    if not bench.connector.resources[bench.customers].changed_first:
        return
    of = bench.profile
    ids = await bench.seed(bench.customers, *({of.seed_name: f"Cliente {n}", **of.seeded} for n in range(5)))
    await bench.http.post("/clock", json={"advance": 60})
    await bench.session().update(bench.customers, ids[1], {"note": "cambiado"})
    page = await bench.session().page(bench.customers, newest_change_first=True)
    assert page.rows[0].record_id == ids[1]
    times = [row.changed_at for row in page.rows if row.changed_at is not None]
    assert times == sorted(times, reverse=True)
    assert len(times) == 5


@every_system
async def test_a_cursor_is_read_by_another_session_after_a_restart(bench: Bench) -> None:
    many = bench.connector.limits.page_size + 50
    await bench.seed(bench.customers, *({bench.profile.seed_name: f"Cliente {n}"} for n in range(many)))
    first = await bench.session().page(bench.customers, bulk=True)
    assert first.next is not None
    second = await bench.session().page(bench.customers, first.next, bulk=True)
    assert len({row.record_id for row in (*first.rows, *second.rows)}) == many
    with pytest.raises(errors.Rejected):
        await bench.session().page(bench.customers, "not a cursor")


# 6. values


@every_writable
async def test_a_record_reads_back_as_it_was_written(bench: Bench, resource: Resource) -> None:
    answered = await made(bench, resource)
    session = bench.session()
    row = await session.read(resource.name, answered.record_id)
    assert row is not None
    assert_shows(row, written_to(resource), resource)
    assert_plain(row)
    assert_shows(answered, answered.fields, resource)
    listed = rows_of(await everything(session, resource.name))
    assert [each.fields for each in listed if each.record_id == row.record_id] == [row.fields]


def assert_plain(row: Row) -> None:
    assert isinstance(row.record_id, str)
    assert not any(
        isinstance(value, (float, int)) and not isinstance(value, bool) for value in row.fields.values()
    )
    if row.changed_at is not None:
        assert row.changed_at.utcoffset() is not None
        assert row.changed_at.microsecond == 0


@every_writable
async def test_an_update_changes_only_what_it_names_and_can_empty_a_field(
    bench: Bench, resource: Resource
) -> None:
    row = await made(bench, resource)
    emptied = "note" if "note" in resource.columns else "description"
    session = bench.session()
    answered = await session.update(resource.name, row.record_id, {"name": "Nuevo nombre", emptied: None})
    assert answered is not None
    shown = await session.read(resource.name, row.record_id)
    assert shown is not None
    expected = {**written_to(resource), "name": "Nuevo nombre", emptied: None}
    assert_shows(shown, as_fields(expected), resource)
    if resource.update_answers == "all":
        assert answered.fields == shown.fields


@every_writable
async def test_a_value_as_fit_makes_it_is_taken_and_shown(bench: Bench, resource: Resource) -> None:
    name = resource.fit("name", "Ñ" * 400)
    row = await made(bench, resource, name=name)
    shown = await bench.session().read(resource.name, row.record_id)
    assert shown is not None
    assert shown.fields["name"] == name


@every_writable
async def test_a_field_that_the_vendor_lacks_is_refused_by_name(bench: Bench, resource: Resource) -> None:
    with pytest.raises(errors.Rejected) as refused:
        await made(bench, resource, shoe_size="44")
    assert refused.value.field == "shoe_size"


@every_system
async def test_private_persons_are_written_and_read(bench: Bench) -> None:
    columns = bench.connector.resources[bench.customers].columns
    whole = {"name": "Rosa Peña", "company": False, "first_name": "Rosa", "last_name": "Peña"}
    person = {name: value for name, value in whole.items() if name in columns and columns[name].writable}
    session = bench.session()
    row = await session.create(bench.customers, as_fields({**person}), reference=bench.profile.references[0])
    shown = await session.read(bench.customers, row.record_id)
    assert shown is not None
    assert {name: shown.fields[name] for name in person} == person


@every_resource
async def test_columns_are_fields_of_the_entity(system: str, resource: Resource) -> None:
    assert set(resource.columns) <= set(resource.entity.fields)
    assert resource.searchable <= set(resource.columns)
    assert CONNECTORS[system].resources[resource.name] is resource


@every_resource
async def test_only_searchable_fields_are_searched(bench: Bench, resource: Resource) -> None:
    session = bench.session()
    with pytest.raises(errors.Rejected):
        await session.search(resource.name, "city", "x")
    row = await made(bench, resource) if resource.writable else None
    for name in resource.searchable:
        assert row is not None
        value = WRITTEN[resource.name][name]
        assert isinstance(value, str)
        assert row.record_id in {hit.record_id for hit in await session.search(resource.name, name, value)}


# 7. no credential shows


@every_system
async def test_no_credential_appears_in_an_error_or_a_repr(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    if "echo_url_in_401" in switches(bench.system):
        await bench.fault("echo_url_in_401")
    secret = "S3cr3tS3cr3tS3cr3t"
    for auth in ("body", "query", "header"):
        session = bench.session(token=f"{secret}/demo", auth=auth)
        with pytest.raises(errors.PuenteError) as refused:
            await session.page(bench.customers)
        problem: BaseException | None = refused.value
        while problem is not None:
            assert secret not in f"{problem!r} {problem}"
            problem = problem.__cause__ or problem.__context__
        assert secret not in refused.value.way_out
        assert secret not in repr(bench.access(token=secret))
    assert secret not in caplog.text


# 8. what an account has not got is neither shown nor taken


@every_writable
async def test_a_column_that_an_account_lacks_is_in_no_row_and_refused_unsent(
    bench: Bench, resource: Resource
) -> None:
    for settings in ({}, *bench.profile.variants):
        await bench.reset()
        own = replace(bench, settings={**bench.settings, **settings})
        lacking = own.session().lacks(resource.name)
        assert lacking.keys() <= resource.columns.keys() - {resource.own_field}
        row = await made(own, resource)
        read = await own.session().read(resource.name, row.record_id)
        assert read is not None
        for shown in (row, read, *rows_of(await everything(own.session(), resource.name))):
            assert not lacking.keys() & shown.fields.keys()
        session, calls = own.session(), await bench.calls()
        for name, why in lacking.items():
            with pytest.raises(errors.Rejected) as refused:
                await session.update(resource.name, row.record_id, {name: "x"})
            assert (refused.value.field, refused.value.message) == (name, why.en)
            with pytest.raises(errors.Rejected) as refused:
                await session.create(
                    resource.name, {**written_to(resource), name: "x"}, reference=bench.profile.references[1]
                )
            assert (refused.value.field, refused.value.message) == (name, why.en)
        assert await bench.calls() == calls


# Every switch of the sandbox, either way


def switches(system: str) -> dict[str, Switch]:
    (found,) = (each.switches for each in SYSTEMS if each.name == system)
    return {switch.name: switch for switch in found}


# Switches under which a promise of another kind is tested elsewhere, and why the story below cannot hold.
NOT_HERE = {
    "requests_per_second": "throttles the story itself; throttling has a test of its own",
    "short_text_limit": "a limit under the declared one refuses by content; refusals have a test of their own",
    "page_ignored": "only the first page can be read then; it has a test of its own",
}


def other_values(switch: Switch) -> list[object]:
    if switch.choices:
        return [choice for choice in switch.choices if choice != switch.default]
    return [not switch.default] if isinstance(switch.default, bool) else []


TURNED = [
    (system, name, value, settings)
    for system in sorted(SUITED)
    for name, switch in switches(system).items()
    if name not in NOT_HERE
    for value in other_values(switch)
    for settings in PROFILES[system].variants
    if (name, value, settings.get("api")) not in {("versions", "v2", "v1")}
]


@pytest.mark.parametrize(("system", "name", "value", "settings"), TURNED)
async def test_the_whole_story_holds_with_every_switch_turned(
    bench: Bench, name: str, value: object, settings: Mapping[str, str]
) -> None:
    """Made, found again, edited, listed and missed: on each answer to what the vendors leave open."""
    await bench.fault(name, value=value)
    bench.settings |= settings
    for resource in bench.connector.resources.values():
        session = bench.session()
        if not resource.writable:
            assert rows_of(await everything(session, resource.name)) == []
            continue
        row = await made(bench, resource)
        hint = {**written_to(resource), "client": row.fields.get("client")}
        found = await session.by_reference(resource.name, bench.profile.references[0], hint)
        assert [each.record_id for each in found] == [row.record_id]
        await session.update(resource.name, row.record_id, {"name": "Otro nombre"})
        shown = await session.read(resource.name, row.record_id)
        assert shown is not None
        assert_shows(shown, {**written_to(resource), "name": "Otro nombre"}, resource)
        listed = rows_of(await everything(session, resource.name))
        assert row.record_id in {each.record_id for each in listed}
        assert await session.read(resource.name, "999999999") is None
