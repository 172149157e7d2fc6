"""The world of the second bridge: a shop with Factusol at its desk and Clientify for its salespeople."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from shared.flows.spec import TwoWay
from shared.model import phones
from shared.model.normal import normal
from shared.model.record import CUSTOMER, Value
from shared.operations import administration, hooking, matching_report, views
from shared.store import sweeps
from shared.store.matches import Report
from tests.scenarios.owners import Control, Json, Owner
from tests.scenarios.world import UNHURRIED, WORKSPACE, World

FLOW: Final = "customer_factusol_clientify"

# What both sides show of a client, by the names that the sandbox stores it under.
COLUMNS: Final = {
    "name": "NOFCLI",
    "tax_no": "NIFCLI",
    "email": "EMACLI",
    "phone": "TELCLI",
    "mobile_phone": "MOVCLI",
    "street": "DOMCLI",
    "post_code": "CPOCLI",
    "city": "POBCLI",
    "province": "PROCLI",
    "note": "OBSCLI",
    "www": "WEBCLI",
}
FORM: Final = {
    "name": "first_name",
    "tax_no": "taxpayer_identification_number",
    "email": "email",
    "phone": "phone",
    "street": "street",
    "post_code": "postal_code",
    "city": "city",
    "province": "state",
    "note": "remarks",
    "www": "website",
}


@dataclass(frozen=True, kw_only=True)
class Desk(Owner):
    """Whoever sits at the desktop program. Fields are named as Puente names them, or as columns of F_CLI."""

    async def make(self, resource: str = "clients", **fields: object) -> str:
        made = await self.act("POST", "/programa/clientes", named(fields, COLUMNS))
        return str(made["id"])

    async def edit(self, record_id: str, resource: str = "clients", **fields: object) -> None:
        await self.act("PUT", f"/programa/clientes/{record_id}", named(fields, COLUMNS))

    async def delete(self, record_id: str, resource: str = "clients") -> None:
        await self.act("DELETE", f"/programa/clientes/{record_id}")

    async def all(self, resource: str = "clients", *, year: str = "") -> list[Json]:
        wanted = {"year": year} if year else {}
        found = await self.control.get("records", system=self.system, resource=resource, limit="100000", **wanted)
        return [client_of(each, COLUMNS) for each in found["records"]]

    async def open_year(self, year: str) -> None:
        await self.act("POST", "/programa/ejercicios", {"ejercicio": year})

    async def set_year(self, year: str, state: str) -> None:
        await self.act("PUT", f"/programa/ejercicios/{year}", {"estado": state})


@dataclass(frozen=True, kw_only=True)
class Seller(Owner):
    """Whoever works in Clientify's panel."""

    async def make(self, resource: str = "contacts", **fields: object) -> str:
        made = await self.act("POST", "/panel/contacts", named(fields, FORM))
        return str(made["id"])

    async def edit(self, record_id: str, resource: str = "contacts", **fields: object) -> None:
        await self.act("PUT", f"/panel/contacts/{record_id}", named(fields, FORM))

    async def delete(self, record_id: str, resource: str = "contacts") -> None:
        await self.act("DELETE", f"/panel/contacts/{record_id}")

    async def all(self, resource: str = "contacts") -> list[Json]:
        found = await self.control.get("records", system=self.system, resource="contacts", limit="100000")
        return [contact_of(each) for each in found["records"]]

    async def fields(self) -> list[Json]:
        """The custom fields of the account."""
        answer = await self.control.get("records", system=self.system, resource="custom-fields")
        return list(answer["records"])


class Shop(World):
    """See the module. Hooks come from Clientify alone."""

    @classmethod
    def people(cls, control: Control) -> tuple[Owner, Owner]:
        return Desk(control=control, system="factusol"), Seller(control=control, system="clientify")

    async def connect(
        self, *, hooks: Iterable[str] = ("clientify",), workspace: str = WORKSPACE, **settings: str
    ) -> None:
        """Workspace, accounts, bridge with its field, and the hooks."""
        await administration.add_workspace(self.parts, workspace, title="Acme")
        for system in ("factusol", "clientify"):
            access = self.sandbox.systems[system]
            used = await self.used(workspace)
            connector = administration.connector_of(self.parts, system)
            account = administration.new_account(
                self.parts,
                used,
                system,
                base_url=access["base_url"],
                credentials={connector.credentials[0].name: access["token"]},
                settings={**UNHURRIED, **settings},
            )
            await administration.save_account(self.parts, used, account)
        bridge = await administration.add_bridge(self.parts, await self.used(workspace), "factusol", "clientify")
        for field in await administration.ensure_fields(self.parts, await self.used(workspace), bridge):
            assert field.usable, field
        used = await self.used(workspace)
        for system in hooks:
            account = used.directory.accounts[f"{workspace}.{system}"]
            for line in await hooking.register(self.parts, used, account, self.public_url):
                assert line.state == "registered", line

    async def go_live(
        self,
        flows: Sequence[str] = (FLOW,),
        *,
        since: str | None = None,
        within: timedelta = timedelta(seconds=120),
    ) -> None:
        await super().go_live(flows, since=since, within=within)

    async def not_yet(self) -> dict[str, int]:
        """How many contacts wait to be clients, by what they wait for."""
        found = await views.resting(self.parts, await self.used())
        return {why: many for each in found for why, many in each.why.items()}

    async def noted(self) -> dict[str, list[str]]:
        """Which records show a value that cannot be right, by field."""
        found: dict[str, list[str]] = {}
        for each in await views.noted(self.parts, await self.used()):
            found.setdefault(each.field, []).extend(each.records)
        left = {pair.right_id: pair.left_id for pair in await self.bindings()}
        return {name: sorted({left.get(each, each) for each in ids}) for name, ids in found.items()}

    async def report(self) -> Report:
        """What a load would do."""
        return await matching_report.make(self.parts, await self.used(), (await self.flow(FLOW)).id)

    async def listed_counts(self, system: str, resource: str) -> Mapping[str, int]:
        """What the last sweep of a resource counted."""
        account = await self.account(system)
        row = await self.parts.database.read(lambda connection: sweeps.find(connection, account.id, resource))
        assert row is not None
        return row.counts

    async def retry_all(self, reason: str) -> None:
        """As `retry`, where nothing may be left to retry."""
        if await self.waits(reason=reason):
            await self.retry(reason)

    async def looked_at(self) -> list[int]:
        """How often each record of a pair was looked at, after a listing of everything."""
        await self.sweep(full=True)
        pairs = sorted(await self.bindings(), key=lambda pair: pair.left_id)
        here = [len(await self.story(self.left, pair.left_id)) for pair in pairs]
        return [*here, *[len(await self.story(self.right, pair.right_id, "contacts")) for pair in pairs]]

    async def use_version(self, version: str) -> None:
        """The account of Clientify becomes one of version 1, or of version 2."""
        account = await self.account("clientify")
        changed = replace(account, settings={**account.settings, "api": version})
        await administration.change_account(self.parts, await self.used(), changed)

    @property
    def panel(self) -> Seller:
        assert isinstance(self.right, Seller)
        return self.right

    @property
    def desk(self) -> Desk:
        assert isinstance(self.left, Desk)
        return self.left

    async def differences(self, *, ignoring: Iterable[str] = ()) -> list[str]:
        """Where a contact shows something else than its client, as far as either can hold it; one line each."""
        lefts = {str(each["id"]): each for each in await self.left.all()}
        rights = {str(each["id"]): each for each in await self.right.all()}
        flow = (await self.used()).flows[(await self.flow(FLOW)).id].spec
        assert isinstance(flow, TwoWay)
        found = []
        for pair in await self.bindings():
            if pair.state != "active":
                continue
            one, two = lefts.get(pair.left_id), rights.get(pair.right_id)
            if one is None or two is None:
                found.append(f"{pair.left_id}-{pair.right_id}: a record is missing")
                continue
            if two["other_id"] != pair.left_id:
                found.append(f"{pair.left_id}-{pair.right_id}: the number is {two['other_id']!r}")
            found += [
                f"{pair.left_id}-{pair.right_id} {name}: {one[name]!r} and {two[name]!r}"
                for name in (*COLUMNS, "country")
                if name in flow.shared_fields()
                and name not in ignoring
                and plain(flow, name, one[name]) != plain(flow, name, two[name])
            ]
        return found


def plain(flow: TwoWay, name: str, value: Value) -> str:
    """A value as both sides can hold it: the first number, cut to the shorter column, in capitals."""
    if CUSTOMER.fields[name].kind == "phone":
        value = phones.international(str(value or ""), ("ES",))
    for end in (flow.left, flow.right, flow.left):
        value = end.resource.worn(name, value)
    return normal(CUSTOMER.fields[name], value, country="ES")


def named(fields: dict[str, object], names: dict[str, str]) -> Json:
    return {names.get(name, name): value for name, value in fields.items()}


def client_of(record: Json, names: dict[str, str]) -> Json:
    shown = {name: record[column] for name, column in names.items()}
    numbers = {"724": "ES", "620": "PT", "250": "FR", "": ""}
    country = str(record["PAICLI"] or "")
    return {**record, **shown, "country": numbers.get(country, country), "id": record["id"]}


def contact_of(record: Json) -> Json:
    shown = {name: record[key] for name, key in FORM.items()}
    mine = [each["value"] for each in record["custom_fields"] if each["field"] == "factusol_id"]
    mobile = [each["phone"] for each in record["phones"] if each["type"] == 2]
    countries = {"Spain": "ES", "España": "ES", "Portugal": "PT", "France": "FR", "": ""}
    return {
        **record,
        **shown,
        "name": f"{record['first_name']} {record['last_name']}".strip(),
        "mobile_phone": mobile[0] if mobile else "",
        "country": countries.get(record["country_name"], record["country_name"]),
        "other_id": mine[0] if mine else "",
    }
