"""A second workspace with accounts of its own at the same vendors: what befalls the first must not reach it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from shared.operations import administration, hooking, matching_report
from shared.runtime.workspaces import Used
from tests.scenarios.owners import Json, Owner
from tests.scenarios.world import CUSTOMERS, UNHURRIED, World
from tests.support.waiting import until

# Its shard is in the other half of the topic than the first workspace's: two processes hold one each.
NAME = "barrio"
SOON = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class OtherOwner(Owner):
    """The shop owner of an account that is not the sandbox's first."""

    account: str = NAME

    async def act(self, method: str, path: str, body: Json | None = None) -> Any:
        asked = {"system": self.system, "account": self.account, "method": method, "path": path}
        answer = await self.control.post("owner", {**asked, "body": body or {}})
        assert answer["status"] in (200, 201, 204), answer
        return answer["body"]

    async def all(self, resource: str = "clients") -> list[Json]:
        found = await self.control.get("records", system=self.system, resource=resource, account=self.account)
        records: list[Json] = found["records"]
        return records


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """The flow of clients of the second workspace, live, with one pair. `left` is BitFactura's owner."""

    world: World
    left: OtherOwner
    right: OtherOwner
    left_id: str

    @classmethod
    async def settled(cls, world: World) -> Self:
        """Made next to a world whose sync runs."""
        await administration.add_workspace(world.parts, NAME, title="Barrio")
        for system in ("bitfactura", "sugester"):
            access = await world.control.post("accounts", {"system": system, "account": NAME})
            used = await world.used(NAME)
            account = administration.new_account(
                world.parts,
                used,
                system,
                base_url=access["base_url"],
                credentials={"token": access["token"]},
                settings=dict(UNHURRIED),
            )
            await administration.save_account(world.parts, used, account)
        await administration.add_bridge(world.parts, await world.used(NAME), "bitfactura", "sugester")
        used = await world.used(NAME)
        account = used.directory.accounts[f"{NAME}.bitfactura"]
        for line in await hooking.register(world.parts, used, account, world.public_url):
            assert line.state == "registered", line
        await _go_live(world, used)
        left = OtherOwner(control=world.control, system="bitfactura")
        right = OtherOwner(control=world.control, system="sugester")
        left_id = await left.make(name="Quesería Teno", email="queso@teno.example", city="Buenavista")
        await right.has("Quesería Teno", within=SOON)
        return cls(world=world, left=left, right=right, left_id=left_id)

    async def carries(self, city: str) -> None:
        """An edit of this workspace settles now, whatever happens next door."""
        await self.left.edit(self.left_id, city=city)

        async def is_there() -> bool:
            return [each["city"] for each in await self.right.all()] == [city]

        await until(is_there, within=SOON, what=f"the neighbour's edit to {city} is carried")


async def _go_live(world: World, used: Used) -> None:
    flow = administration.flow_of(used, CUSTOMERS)
    await matching_report.make(world.parts, used, flow.id)
    await matching_report.approve(world.parts, await world.used(NAME), flow.id, actor="owner")
    flow = administration.flow_of(await world.used(NAME), CUSTOMERS)
    await administration.start_load(world.parts, flow, side="left", then_side="right", since=None)

    async def is_live() -> bool:
        return administration.flow_of(await world.used(NAME), CUSTOMERS).state == "live"

    await until(is_live, within=SOON, what="the neighbour's flow is live")
