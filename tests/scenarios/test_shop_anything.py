"""Anything may happen at the shop: random edits, creates, deletions on both sides while both vendors fail.

Then the faults end, everything is listed, and at rest both sides agree field by field; nothing was made twice."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.scenarios.conftest import NewShop
from tests.scenarios.owners import Owner
from tests.scenarios.shop import FLOW, Shop

# PUENTE_TEST_SEEDS=100 tries that many stories.
SEEDS = range(int(os.environ.get("PUENTE_TEST_SEEDS", "6")))
STEPS = 60
LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"

# Those of the first bridge, on either system; hooks come from Clientify alone. Then what only this pair can do.
EITHER: tuple[tuple[str, dict[str, object]], ...] = (
    ("server_error", {"times": 2}),
    ("rate_limit_silent", {"times": 1}),
    ("create_then_drop", {"times": 1}),
    ("create_late", {"times": 1, "seconds": 4}),
    ("stale_read", {"times": 3, "seconds": 2}),
    ("stale_search", {"times": 2, "seconds": 2}),
)
FAULTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    *((system, fault, more) for system in ("factusol", "clientify") for fault, more in EITHER),
    ("clientify", "hooks_lost", {"times": 2}),
    ("clientify", "hooks_doubled", {"times": 2}),
    ("clientify", "hooks_reordered", {"times": 2, "seconds": 0.1}),
    ("clientify", "unavailable", {"times": 2}),
    ("clientify", "rate_limit", {"times": 1}),
    ("factusol", "error_with_200", {"times": 2}),
    ("factusol", "token_expired", {"times": 1}),
    ("factusol", "number_taken", {"times": 1}),
)
CITIES = ("Jaen", "UBEDA", "Baeza", "LINARES", "Andujar")


@dataclass
class Chance:
    """What the people of a story do, decided by a seed."""

    shop: Shop
    dice: random.Random
    changes_version: bool = False
    made: int = 0
    deleted: set[str] = field(default_factory=set)

    async def step(self) -> None:
        acts = [self.make, self.edit, self.edit, self.edit, self.fail, self.wait, self.delete]
        if self.changes_version:
            acts.append(self.change_version)
        await self.dice.choice(acts)()

    def owner(self) -> Owner:
        return self.dice.choice((self.shop.left, self.shop.right))

    async def make(self) -> None:
        """A person with a valid NIF, so that a contact is a client at once."""
        self.made += 1
        number = 10_000_000 + self.made
        await self.owner().make(
            name=f"Cliente {self.made}",
            tax_no=f"{number}{LETTERS[number % 23]}",
            email=f"c{self.made}@empresa.example",
            city=self.dice.choice(CITIES),
        )

    async def edit(self) -> None:
        owner = self.owner()
        records = [each for each in await owner.all() if str(each["name"]).upper().startswith("CLIENTE ")]
        if records:
            number = self.dice.randrange(10_000)
            values = {
                "phone": f"953 0{number:05}",
                "city": self.dice.choice(CITIES),
                "street": f"Calle {number}",
                "post_code": f"2{number:04}",
                "email": f"e{number}@empresa.example",
                "province": f"Provincia {number}",
                "www": f"www{number}.example",
            }
            name = self.dice.choice(sorted(values))
            await owner.edit(str(self.dice.choice(records)["id"]), **{name: values[name]})

    async def delete(self) -> None:
        owner = self.owner()
        records = [each for each in await owner.all() if each["name"].startswith("Cliente ")]
        if len(records) > 4 and self.dice.random() < 0.3:
            record = self.dice.choice(records)
            self.deleted.add(record["name"])
            await owner.delete(str(record["id"]))

    async def fail(self) -> None:
        system, fault, more = self.dice.choice(FAULTS)
        await self.shop.control.turn(system, fault, **more)

    async def change_version(self) -> None:
        await self.shop.use_version(self.dice.choice(("v1", "v2")))

    async def wait(self) -> None:
        if self.dice.random() < 0.5:
            await self.shop.pass_time(seconds=self.dice.choice((1, 20, 301)))
        else:
            await self.shop.control.drained()


@pytest.mark.parametrize("seed", SEEDS)
async def test_at_rest_both_programs_agree_and_nothing_was_made_twice(new_shop: NewShop, seed: int) -> None:
    shop = await new_shop()
    # Only version 2 has hooks. Every third account changes its version time and again, and ends with web sites.
    await shop.connect(hooks=("clientify",) if seed % 2 else (), api="v2" if seed % 2 or seed % 3 == 1 else "v1")
    await shop.go_live()
    dice = random.Random(seed)  # noqa: S311 - the story shall be repeatable
    chance = Chance(shop, dice, changes_version=seed % 3 == 0)
    for _ in range(STEPS):
        await chance.step()
    if chance.changes_version:
        await shop.use_version("v1")
    await shop.control.post("reset", {"what": ["faults"]})
    for _ in range(2):
        await shop.pass_time(minutes=5)
        await shop.quiet(within=timedelta(seconds=120))
    await shop.sweep(full=True)
    await shop.sweep(full=True)
    assert [row.says for row in await shop.asks()] == []
    assert await shop.differences() == []
    assert await shop.doubled() == []
    wanted = {f"Cliente {number + 1}" for number in range(chance.made)}
    for owner in (shop.left, shop.right):
        assert wanted - {each["name"] for each in await owner.all()} <= chance.deleted
    assert (await shop.flow(FLOW)).state == "live"
