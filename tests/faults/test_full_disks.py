"""No room left: under the door's spool (a limit on file sizes) and under the store (a limit on pages).

Nothing that was accepted is lost, what cannot be kept is refused with a time to come back, health says so, and
room is all that is needed to go on. Under the log: `tests/integration/ingress/test_log_away.py`.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from shared.store.database import Database
from tests.integration.ingress.test_process import HOOK, WHERE, body, entries_in, environment, started
from tests.integration.ingress.wire import ask, post
from tests.scenarios.world import World
from tests.support.ports import free_ports
from tests.support.processes import Process, Processes
from tests.support.waiting import until

SOON = timedelta(seconds=30)
ROOM = 200 * 1024
UNLIMITED = resource.RLIM_INFINITY


def limit_files(process: Process, largest: int) -> None:
    """No file that this running process writes may grow beyond `largest` bytes."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (largest, hard))


async def test_a_door_without_room_refuses_and_goes_on_when_there_is_some(
    processes: Processes, tmp_path: Path
) -> None:
    port, dead = free_ports(2)
    env = environment(tmp_path, port, f"kafka://127.0.0.1:{dead}/puente.changes")
    door = await started(processes, "door", env)
    limit_files(door, ROOM)
    accepted = []
    for client in range(1, 2000):
        reply = await post(port, WHERE, body(client))
        if reply.status != 200:
            break
        accepted.append(str(reply.json["id"]))
    full = await ask(port, "GET", "/readyz")
    assert (reply.status, reply.headers["retry-after"]) == (503, "30")
    assert len(accepted) > 10
    assert (full.status, full.json["ready"], full.json["gaps"]) == (503, False, 1)
    assert len(list((tmp_path / "data").rglob("gaps/*.json"))) == 1

    # Room, and nothing else: the next hook is kept, and the door is ready again.
    limit_files(door, UNLIMITED)
    later = await post(port, WHERE, body(1))
    room = await ask(port, "GET", "/readyz")
    assert (later.status, room.status, room.json["gaps"]) == (200, 200, 1)
    assert door.stop() == 0

    again = await started(processes, "with-log", env | {"PUENTE_LOG_URL": f"sqlite:///{tmp_path}/log"})

    async def is_forwarded() -> bool:
        state = (await ask(port, "GET", "/readyz")).json
        return state["spooled"] == 0 and state["gaps"] == 0

    await until(is_forwarded, within=SOON, what="the spool and the gap are in the log")
    assert again.stop() == 0
    changes = [entry.change for entry in await entries_in(tmp_path / "log")]
    assert {*accepted, str(later.json["id"])} == {each.id for each in changes if each.what != "gap"}
    (gap,) = [each for each in changes if each.what == "gap"]
    assert (gap.workspace, gap.account) == (HOOK.workspace, HOOK.account)


@contextmanager
def full(database: Database, pages: int) -> Iterator[None]:
    """The store's file may not grow: every connection is told so before it is used."""
    allowed = pages

    def limit(connection: Any, _record: object, _proxy: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count = {allowed}")
        cursor.close()

    event.listen(database.engine.sync_engine, "checkout", limit)
    try:
        yield
    finally:
        allowed = 1_000_000_000


async def pages_of(database: Database) -> int:
    return int(await database.read(lambda connection: connection.scalar(text("PRAGMA page_count"))))


async def test_a_store_without_room_waits_and_settles_everything_when_there_is_some(world: World) -> None:
    await world.left.make(name="Talleres Anaga S.L.", email="taller@anaga.example")
    await world.quiet()
    assert world.sync is not None
    sync = world.sync
    await world.control.forget_calls()
    with full(world.parts.database, await pages_of(world.parts.database)):
        for number in range(30):
            await world.left.make(name=f"Cliente {number:03}", email=f"c{number}@empresa.example")
        await world.control.drained()
        await until(lambda: sync.store_away, within=SOON, what="sync says that its store is away")
        for _ in range(20):
            assert not sync.ready
            await asyncio.sleep(0.1)
        # Each record was read once and then waits; nobody asks the vendor again and again meanwhile.
        assert sum((await world.control.calls("bitfactura")).values()) <= 30
    await world.quiet()
    assert sync.ready
    assert len(await world.right.all()) == 31
    assert await world.doubled() == []
    assert await world.differences() == []
    assert await world.asks() == []
