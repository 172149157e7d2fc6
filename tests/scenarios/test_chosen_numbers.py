"""Customers that are made in Factusol get a number of our choice: one, whoever else chooses and whatever fails.

The engine on a store of its own, with the sandbox's BitFactura as the other side.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared import errors
from shared.clock import time_ordered_ids
from shared.connectors import bitfactura, factusol
from shared.connectors.contract import Access, Session
from shared.connectors.http import sending_by
from shared.flows import chosen
from shared.flows.context import EngineSettings, FlowContext, Look, Outcome
from shared.flows.engine import Engine
from shared.flows.spec import End, Side, TwoWay
from shared.keys import Ring, StoreKeys, generate_ring
from shared.model.record import CUSTOMER
from shared.store import bindings, intents, schema, sweeps
from shared.store.database import Database
from shared.store.rows import Account, Binding, Bridge, FlowRow, Intent, Sweep, Workspace
from tests.contracts.factusol_bench import Vendor, vendor_opened

SPEC = TwoWay(
    name="customer_bitfactura_factusol",
    says="Clients, both ways",
    entity=CUSTOMER,
    left=End(bitfactura.CONNECTOR, "clients"),
    right=End(factusol.CONNECTOR, "clients"),
    match_on=("tax_no", "email"),
)
LONG = timedelta(days=3650)
# An intent's deadline and the time that a write may not be shown yet.
LATE = timedelta(seconds=80)


@dataclass(kw_only=True)
class Pair:
    """One live flow between BitFactura (left) and Factusol (right)."""

    vendor: Vendor
    database: Database
    flow: FlowContext
    made: int = field(default=0)

    def engine(self, owner: str = "one") -> Engine:
        """A process of its own."""
        clock = self.vendor.clock
        settings = EngineSettings(index_max_age=LONG)
        return Engine(
            database=self.database, clock=clock, new_id=time_ordered_ids(clock), owner=owner, settings=settings
        )

    async def client(self, **fields: object) -> str:
        """A client that the owner of BitFactura makes."""
        self.made += 1
        client = {"name": f"Cliente {self.made}", "email": f"c{self.made}@shop.example", "city": "Jaén", **fields}
        answer = await self.vendor.http.post(
            "/seed", json={"system": "bitfactura", "resource": "clients", "records": [client]}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ids"][0])

    async def look(self, record_id: str, side: Side = Side.LEFT, *, engine: Engine | None = None) -> Outcome:
        look = Look(side=side, record_id=record_id, origin="change")
        return await (engine or self.engine()).handle(self.flow, look)

    async def binding(self, left_id: str) -> Binding | None:
        return await self.database.read(
            lambda connection: bindings.find(connection, "bridge", "customer", "", "left", left_id)
        )

    async def number_of(self, left_id: str) -> str:
        found = await self.binding(left_id)
        assert found is not None
        return found.right_id

    async def intent(self, left_id: str) -> Intent | None:
        subject = intents.create_subject("bridge", "customer", "", "left", left_id)
        return await self.database.read(lambda connection: intents.by_subject(connection, subject))

    async def held(self) -> list[str]:
        where = chosen.scope(self.flow, Side.RIGHT)
        return await self.database.read(lambda connection: intents.held_ids(connection, where))

    async def names(self) -> list[str]:
        return sorted(str(row["NOFCLI"]) for row in (await self.vendor.rows()).values())


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with vendor_opened() as vendor:
        database = Database(f"sqlite:///{tmp_path}/store.db")
        try:
            await schema.migrate(database)
            flow = flow_between(vendor)
            now = vendor.clock.now()
            for side in Side:
                account = flow.accounts[side].id
                await database.run(
                    lambda connection, account=account: sweeps.ensure(  # type: ignore[misc]
                        connection, "acme", account, "clients", now=now
                    )
                )
                row: Sweep | None = await database.read(
                    lambda connection, account=account: sweeps.find(connection, account, "clients")  # type: ignore[misc]
                )
                assert row is not None
                await database.run(
                    lambda connection, row=row: sweeps.save(connection, row, complete_at=now, seen_until=now)  # type: ignore[misc]
                )
            yield Pair(vendor=vendor, database=database, flow=flow)
        finally:
            await database.close()


def flow_between(vendor: Vendor) -> FlowContext:
    keys = StoreKeys(Ring.parse(generate_ring(), setting="PUENTE_STORE_KEYS")).new_workspace_keys()
    workspace = Workspace(
        id="acme", shard=0, title="Acme", country="ES", locale="es", time_zone="Europe/Madrid", keys=keys
    )
    accounts: dict[Side, Account] = {}
    sessions: dict[Side, Session] = {}
    for side in Side:
        connector = SPEC.end(side).connector
        at = vendor.sandbox.systems[connector.name]
        accounts[side] = Account(
            id=f"acme.{connector.name}",
            workspace_id="acme",
            system=connector.name,
            base_url=at["base_url"],
            identity=connector.name,
            credentials={"token": at["token"]},
            settings={"seconds_per_call": "2"},
            generation=1,
        )
        access = Access(
            account=accounts[side].id,
            base_url=at["base_url"],
            credentials={"token": at["token"]},
            settings={"seconds_per_call": "2"},
        )
        sessions[side] = connector.open(access, vendor.wire)
    return FlowContext(
        row=FlowRow(
            id="flow",
            workspace_id="acme",
            bridge_id="bridge",
            spec=SPEC.name,
            entity="customer",
            state="live",
            state_before_pause=None,
            pause_reason=None,
            options={},
            live_since=vendor.clock.now(),
        ),
        spec=SPEC,
        bridge=Bridge(
            id="bridge", workspace_id="acme", left_account="acme.bitfactura", right_account="acme.factusol"
        ),
        workspace=workspace,
        accounts=accounts,
        sessions=sessions,
    )


async def test_a_new_client_gets_the_next_number(pair: Pair) -> None:
    await pair.vendor.seed({"CODCLI": 1043, "NOFCLI": "DEL MOSTRADOR"})
    client = await pair.client()
    outcome = await pair.look(client)
    assert (outcome.kind, outcome.other_id) == ("created", "1044")
    assert await pair.number_of(client) == "1044"
    assert await pair.intent(client) is None
    assert await pair.held() == []
    assert (await pair.look(client)).kind in {"nothing", "echo"}
    assert len(await pair.vendor.rows()) == 2


@pytest.mark.parametrize("word", ["BDExisteRegistro", "BDEscribirRegistroError"])
async def test_a_number_that_the_program_takes_meanwhile_is_given_up(pair: Pair, word: str) -> None:
    await pair.vendor.turn("duplicate_word", word)
    await pair.vendor.turn("number_taken", times=2)
    client = await pair.client()
    assert (await pair.look(client)).kind == "created"
    assert await pair.number_of(client) == "3"
    rows = await pair.vendor.rows()
    assert rows["3"]["NOFCLI"] == "Cliente 1"
    assert sorted(rows) == ["1", "2", "3"]
    assert await pair.held() == []


async def test_when_every_number_is_taken_the_change_waits_without_an_intent(pair: Pair) -> None:
    await pair.vendor.turn("number_taken")
    client = await pair.client()
    with pytest.raises(errors.Taken):
        await pair.look(client)
    assert await pair.intent(client) is None
    assert await pair.held() == []
    await pair.vendor.off("number_taken")
    assert (await pair.look(client)).kind == "created"
    assert (await pair.names()).count("Cliente 1") == 1


async def test_a_create_without_an_answer_is_found_by_its_number(pair: Pair) -> None:
    client = await pair.client()
    await pair.vendor.turn("create_then_drop", times=1, match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await pair.look(client)
    held = await pair.intent(client)
    assert held is not None
    assert held.target_id == "1"
    assert await pair.held() == ["1"]
    other = await pair.client()
    assert (await pair.look(other)).other_id == "2"
    await pair.vendor.advance(LATE)
    assert (await pair.look(client, engine=pair.engine("two"))).kind == "created"
    assert await pair.number_of(client) == "1"
    assert await pair.names() == ["Cliente 1", "Cliente 2"]
    assert await pair.held() == []


async def test_both_sides_edited_what_nobody_knew_to_be_a_pair(pair: Pair) -> None:
    client = await pair.client()
    await pair.vendor.turn("create_then_drop", times=1, match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await pair.look(client)
    await pair.vendor.program("PUT", "/clientes/1", TELCLI="953000001")
    left = pair.flow.session(Side.LEFT)
    await left.update("clients", client, {"street": "Calle Nueva 1"})
    await pair.vendor.advance(LATE)
    await pair.look(client)
    row = (await pair.vendor.rows())["1"]
    assert (row["DOMCLI"], row["TELCLI"]) == ("Calle Nueva 1", "953000001")
    shown = await left.read("clients", client)
    assert shown is not None
    assert shown.fields["phone"] == "+34953000001"
    assert len(await pair.vendor.rows()) == 1


async def test_a_number_taken_while_nobody_knew_is_not_taken_for_ours(pair: Pair) -> None:
    """The write never arrived, and the program gave the number to somebody else meanwhile."""
    client = await pair.client()
    await pair.vendor.turn("server_error", times=1, match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await pair.look(client)
    assert await pair.vendor.rows() == {}
    await pair.vendor.program("POST", "/clientes", NOFCLI="DEL MOSTRADOR", NIFCLI="B76123454")
    assert list(await pair.vendor.rows()) == ["1"]
    await pair.vendor.advance(LATE)
    assert (await pair.look(client)).kind == "created"
    assert await pair.number_of(client) == "2"
    assert await pair.names() == ["Cliente 1", "DEL MOSTRADOR"]
    assert await pair.held() == []


async def test_a_write_that_never_arrived_is_sent_again_under_its_number(pair: Pair) -> None:
    client = await pair.client()
    await pair.vendor.turn("server_error", times=1, match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await pair.look(client)
    await pair.vendor.advance(LATE)
    assert (await pair.look(client)).kind == "created"
    assert await pair.number_of(client) == "1"
    assert await pair.names() == ["Cliente 1"]


async def test_a_row_is_not_carried_back_while_its_maker_is_not_done(pair: Pair) -> None:
    client = await pair.client()
    await pair.vendor.turn("create_then_drop", times=1, match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await pair.look(client)
    assert (await pair.look("1", Side.RIGHT)).kind == "waits"
    await pair.vendor.advance(LATE)
    await pair.look(client)
    assert (await pair.look("1", Side.RIGHT)).kind in {"nothing", "echo"}


async def test_what_we_made_and_a_person_deleted_before_it_was_noted_does_not_come_back(pair: Pair) -> None:
    client = await pair.client()
    await pair.vendor.turn("create_then_drop", times=1, match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await pair.look(client)
    assert (await pair.look("1", Side.RIGHT)).kind == "waits"  # it was listed
    await pair.vendor.program("DELETE", "/clientes/1")
    await pair.vendor.advance(LATE)
    assert (await pair.look("1", Side.RIGHT)).kind == "gone"
    assert (await pair.look(client)).kind == "counterpart gone"
    assert await pair.vendor.rows() == {}
    assert await pair.held() == []


async def test_a_source_deleted_while_its_create_was_in_doubt_leaves_no_orphan_pair(pair: Pair) -> None:
    client = await pair.client()
    await pair.vendor.turn("create_then_drop", times=1, match="EscribirRegistro")
    with pytest.raises(errors.InDoubt):
        await pair.look(client)
    answer = await pair.vendor.http.post(
        "/owner", json={"system": "bitfactura", "method": "DELETE", "path": f"/clients/{client}.json", "body": {}}
    )
    assert answer.status_code == 200
    await pair.vendor.advance(LATE)
    outcome = await pair.look(client)
    assert (outcome.kind, outcome.other_id) == ("gone", "1")
    assert await pair.names() == ["Cliente 1"]


async def test_two_processes_never_choose_one_number(pair: Pair) -> None:
    """Each with sessions and a memory of its own, many clients at once, the program in between."""
    clients = [await pair.client() for _ in range(16)]
    sessions = {**pair.flow.sessions, Side.RIGHT: pair.vendor.session()}
    other = replace(pair, flow=replace(pair.flow, sessions=sessions))
    one, two = pair.engine("one"), pair.engine("two")

    async def until_made(who: Pair, engine: Engine, client: str) -> None:
        for _ in range(20):
            try:
                await who.look(client, engine=engine)
            except errors.Retryable:
                await pair.vendor.advance(timedelta(seconds=1))
                continue
            if await pair.binding(client) is not None:
                return
            await pair.vendor.advance(LATE)
        pytest.fail("never made")

    await pair.vendor.turn("number_taken", times=3)
    looks = [until_made(pair, one, client) for client in clients]
    looks += [until_made(other, two, client) for client in clients]
    await asyncio.gather(*looks)
    numbers = [await pair.number_of(client) for client in clients]
    assert len(set(numbers)) == 16
    made = [name for name in await pair.names() if name.startswith("Cliente")]
    assert made == sorted(f"Cliente {number}" for number in range(1, 17))
    assert await pair.held() == []


async def test_a_write_after_its_deadline_is_not_sent(pair: Pair) -> None:
    session = pair.flow.session(Side.RIGHT)
    with sending_by(pair.vendor.clock.now() - timedelta(seconds=1)), pytest.raises(errors.Retryable) as late:
        await session.create("clients", {"name": "Tarde"}, reference="1")
    assert not isinstance(late.value, errors.InDoubt)
    assert await pair.vendor.rows() == {}
