"""Whatever stands in a body: an authentic one is kept, a forged one is refused, and none gets a 5xx.

`make fuzz N=10000` looks for longer, and for other examples each time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from shared.connectors.registry import CONNECTORS
from shared.eventlog.port import Entry
from shared.keys import Hook
from shared.runtime import unreadable
from tests.integration.ingress import rig
from tests.integration.ingress.wire import Reply, post
from tests.scenarios.world import World
from tests.security.bodies import Hostile, Recorded, hostile_bodies, recorded, with_secret

MANY = int(os.environ.get("PUENTE_FUZZ", "0"))
QUIET = settings(
    max_examples=MANY or 150,
    derandomize=not MANY,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Standing:
    """A door of all real systems that stays open from one example to the next."""

    def __init__(self, runner: asyncio.Runner, door: rig.Opened) -> None:
        self._runner = runner
        self._door = door
        self.kept = 0

    def send(self, hook: Hook, body: bytes, *, forged: bool = False) -> Reply:
        keys = rig.OTHER_KEYS if forged else rig.DOOR_KEYS
        where = f"/hooks/{hook.system}/{keys.token(hook)}"
        return self._runner.run(post(self._door.port, where, body))

    def new_entries(self) -> list[Entry]:
        """What came into the log since this was last asked."""
        entries = self._runner.run(self._door.entries())
        new = entries[self.kept :]
        self.kept = len(entries)
        return new


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Standing]:
    systems = [each for each in CONNECTORS.values() if each.hooks.kinds]
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        door = runner.run(stack.enter_async_context(rig.door(tmp_path, connectors=systems, burst=10**6)))
        yield Standing(runner, door)
        runner.run(stack.aclose())


def hook_of(of: Recorded) -> Hook:
    return Hook(system=of.system, workspace="w1", account=f"w1.{of.system}", hook_kind=of.hook_kind, generation=1)


def test_there_are_bodies_of_every_vendor_with_hooks() -> None:
    assert {each.system for each in recorded()} == {
        name for name, connector in CONNECTORS.items() if connector.hooks.kinds
    }


@QUIET
@given(hostile=hostile_bodies())
def test_an_authentic_body_is_kept_whatever_it_says(standing: Standing, hostile: Hostile) -> None:
    hook = hook_of(hostile.of)
    body = hostile.raw(rig.DOOR_KEYS.secret(hook))
    reply = standing.send(hook, body)
    entries = standing.new_entries()
    if not hostile.carries:
        assert reply.status == 400
        assert reply.json["field"]
        assert entries == []
        return
    assert reply.status == 200, reply.body
    assert len(entries) == reply.json["accepted"]
    bulk = CONNECTORS[hook.system].hooks.kinds[hook.hook_kind].bulk
    assert entries or bulk, "an authentic body left nothing behind"
    if entries:
        first = entries[0].change
        assert first.workspace == "w1"
        assert unreadable.body_of(rig.LOG_KEYS, first) == body
        assert first.what != "unreadable" or unreadable.why(CONNECTORS, rig.LOG_KEYS, first).strip()


@QUIET
@given(hostile=hostile_bodies())
def test_a_forged_body_is_refused_whatever_it_says(standing: Standing, hostile: Hostile) -> None:
    hook = hook_of(hostile.of)
    secret = rig.DOOR_KEYS.secret(hook)
    tries = [standing.send(hook, hostile.raw(secret), forged=True)]
    if CONNECTORS[hook.system].hooks.secret_key:
        other = Hook(system=hook.system, workspace="w2", account="w2.x", hook_kind=hook.hook_kind, generation=1)
        tries += [standing.send(hook, hostile.raw(wrong)) for wrong in ("", "x", rig.DOOR_KEYS.secret(other))]
    assert {reply.status for reply in tries} <= {400, 404}
    assert standing.new_entries() == []


async def test_unreadable_bodies_wait_with_their_reason_and_hinder_nobody(world: World) -> None:
    """A person sees a row for each; the client that changes meanwhile arrives, and so does the next hook."""
    lines = {line.hook_kind: line for line in await world.all_hooks("bitfactura")}
    line = lines["client:update"]
    of = Recorded(system="bitfactura", hook_kind="client:update", body={})
    bad = {
        "body": with_secret(of, {"client": {"name": "no id"}}, line.secret),
        "client_id": with_secret(of, {"client_id": [1]}, line.secret),
        "client": with_secret(of, {"client": "text"}, line.secret),
    }
    for body in bad.values():
        assert (await world.control.http.post(line.url, json=body)).status_code == 200
    broken = b'{"api_token":"' + line.secret.encode() + b'","client":'
    assert (await world.control.http.post(line.url, content=broken)).status_code == 200
    made = await world.left.make(name="Panadería Güímar", email="pan@guimar.example")
    await world.quiet()
    assert await world.left.shows(made) is not None
    assert (await world.right.only())["name"] == "Panadería Güímar"
    rows = await world.waits(reason="unreadable")
    assert len(rows) == len(bad) + 1
    said = "\n".join(row.says for row in rows)
    for word in ("client_id is no record id", "client is not an object", "not JSON"):
        assert word in said
    assert all(row.needs_person for row in rows)
    assert line.secret not in said
    assert (await world.status()).quiet
