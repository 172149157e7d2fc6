"""Two sync processes on one Kafka group and one PostgreSQL: killed, frozen past their session and woken."""

from __future__ import annotations

from datetime import timedelta

import psutil
import pytest

from tests.crashes.rig import Rig
from tests.crashes.test_kills import TALLERES, creates
from tests.support.processes import Process
from tests.support.waiting import until

SOON = timedelta(seconds=60)


async def freezes(process: Process) -> None:
    """Until a failpoint has stopped it."""

    def is_stopped() -> bool:
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED

    await until(is_stopped, within=SOON, what=f"{process.name} is frozen")


async def lets_go(process: Process) -> None:
    """Until a woken process has noticed, or was told, that its shards are no longer its own."""
    await process.line(r"stood still|shards\.revoked", within=SOON)


async def pair(rig: Rig) -> tuple[str, str]:
    """A client on both sides, made while nothing went wrong."""
    calm = await rig.start("calm")
    left_id = await rig.left.make(**TALLERES, city="Adeje")
    await rig.quiet()
    assert calm.stop() == 0
    await rig.control.forget_calls()
    return left_id, str((await rig.right.only())["id"])


async def test_another_process_finishes_what_a_killed_one_began(grown_rig: Rig) -> None:
    # Whichever of the two holds the workspace dies at its first write; the other has nothing left to write.
    failpoints = "write answered:kill:1"
    both = [await grown_rig.start(name, failpoints=failpoints) for name in ("first", "second")]
    await grown_rig.left.make(**TALLERES)
    await until(lambda: sum(each.running for each in both) == 1, within=SOON, what="one of them is dead")
    await grown_rig.quiet()
    assert sum(each.running for each in both) == 1
    assert await creates(grown_rig) == 1
    assert len(await grown_rig.right.all()) == 1
    assert await grown_rig.differences() == []


async def edit_twice_around_a_freeze(rig: Rig, *, without: str = "") -> tuple[object, object]:
    """A process decides on an edit and is frozen; another carries the next edit; the first one wakes."""
    left_id, _ = await pair(rig)
    first = await rig.start("first", failpoints="decided:freeze:1", without=without)
    await rig.left.edit(left_id, city="Arona")
    await freezes(first)
    await rig.left.edit(left_id, city="Garachico")
    await rig.start("second", without=without)

    async def is_carried() -> bool:
        return bool((await rig.right.only())["city"] == "Garachico")

    await until(is_carried, within=SOON, what="the second process carries the newer edit")
    first.thaw()
    await lets_go(first)
    await rig.quiet()
    await rig.sweep()
    return (await rig.left.only())["city"], (await rig.right.only())["city"]


async def test_a_frozen_process_that_wakes_does_not_write_what_it_had_decided(grown_rig: Rig) -> None:
    assert await edit_twice_around_a_freeze(grown_rig) == ("Garachico", "Garachico")


async def test_without_compare_and_set_a_woken_process_overwrites_a_newer_edit(grown_rig: Rig) -> None:
    _, right = await edit_twice_around_a_freeze(grown_rig, without="compare_and_set")
    assert right == "Arona"


async def test_a_process_frozen_past_its_deadline_does_not_make_a_second_record(grown_rig: Rig) -> None:
    first = await grown_rig.start("first", failpoints="intent saved:freeze:1")
    await grown_rig.left.make(**TALLERES)
    await freezes(first)
    await grown_rig.start("second")
    await grown_rig.jump()

    async def is_made() -> bool:
        return len(await grown_rig.right.all()) == 1

    await until(is_made, within=SOON, what="the second process made the client")
    first.thaw()
    await lets_go(first)
    await grown_rig.quiet()
    await grown_rig.sweep()
    assert await creates(grown_rig) == 1
    assert await grown_rig.doubled() == []
    assert await grown_rig.differences() == []


async def make_on_both_sides_around_a_freeze(rig: Rig, *, without: str = "") -> list[str]:
    """BitFactura's client is about to be made in Sugester when its process is frozen; there its owner makes the
    same one, which the other process meets. The first one wakes in time to send its write."""
    first = await rig.start("first", failpoints="intent saved:freeze:1", without=without)
    await rig.left.make(**TALLERES)
    await freezes(first)
    await rig.right.make(**TALLERES, phone="+34 922 000 111")
    await rig.start("second", without=without)
    await rig.ask_for_sweeps()
    right_id = str((await rig.right.only())["id"])

    async def is_met() -> bool:
        return bool(await rig.story(rig.right, right_id))

    await until(is_met, within=SOON, what="the second process met Sugester's client")
    first.thaw()
    await lets_go(first)
    await rig.quiet()
    await rig.sweep()
    return await rig.doubled()


async def test_the_same_client_made_on_both_sides_meets_itself(patient_rig: Rig) -> None:
    assert await make_on_both_sides_around_a_freeze(patient_rig) == []
    assert await creates(patient_rig) == 0
    assert len(await patient_rig.bindings()) == 1
    assert await patient_rig.differences() == []


async def test_without_match_keys_the_same_client_made_on_both_sides_is_doubled(patient_rig: Rig) -> None:
    assert await make_on_both_sides_around_a_freeze(patient_rig, without="match_keys") != []


@pytest.fixture
def patient_rig(grown_rig: Rig) -> Rig:
    """With attempts so long that a frozen one is still in time when it wakes."""
    grown_rig.settings = grown_rig.settings.model_copy(update={"attempt_seconds": 60.0})
    return grown_rig
