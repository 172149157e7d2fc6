"""A backup made while Puente works, the machine lost, the backup of before restored: nothing is doubled."""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

from tests.integration.cli import rig
from tests.integration.cli.rig import PUENTE, SOON, Json, Place, settled
from tests.support.ports import free_ports
from tests.support.processes import Processes

PASSPHRASE = "correct horse battery"


async def make_client(place: Place, system: str, name: str, **more: str) -> Json:
    path = {"bitfactura": "/clients.json", "sugester": "/app/clients.json"}[system]
    return await place.owner(system, "POST", path, {"client": {"name": name, **more}})


async def names_at(place: Place, system: str) -> list[str]:
    return sorted(each["name"] for each in await place.records(system, "clients"))


async def carried(place: Place, *names: str) -> None:
    async def there() -> bool:
        return set(names) <= set(await names_at(place, "sugester"))

    await settled(there, what=f"{names} are in Sugester")


def rights_in(folder: Path) -> dict[str, str]:
    """Who may do what with each file and folder, where others than the owner may do anything."""
    everything = [folder, *folder.rglob("*")]
    return {str(path): oct(path.stat().st_mode & 0o777) for path in everything if path.stat().st_mode & 0o077}


async def test_a_lost_machine_comes_back_from_its_backup(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path)
    await place.build_bridge()
    await place.ask("load", "acme", "--wait")
    await make_client(place, "bitfactura", "Before", email="before@x.example")
    await carried(place, "Before")

    # While the backup runs, clients come: each of them is in it or is found again.
    meanwhile = [f"Meanwhile {number}" for number in range(6)]
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    file = tmp_path / "puente.backup"
    made, *_ = await asyncio.gather(
        place.ask("backup", str(file), "--passphrase-file", str(secret)),
        *(make_client(place, "bitfactura", name) for name in meanwhile),
    )
    assert (made["keys"], made["bytes"]) == ("sealed", file.stat().st_size)
    assert {"store.db", "log/log.db", "log/offsets.db", "spool/spool.db"} <= set(made["files"])
    data = Path(place.environment["PUENTE_DATA"])
    assert rights_in(data) == {}
    assert rights_in(file) == {}

    # What the backup knows nothing of: made, edited and deleted since.
    await make_client(place, "bitfactura", "Since, with a key", email="since@x.example")
    await make_client(place, "bitfactura", "Since, without")
    await make_client(place, "sugester", "Since, over there", email="there@x.example")
    await place.ask("sync", "acme", "--wait")
    before = {system: await names_at(place, system) for system in ("bitfactura", "sugester")}
    assert before["bitfactura"] == before["sugester"]
    assert place.services[0].stop(by=signal.SIGKILL) != 0
    shutil.rmtree(data)

    restored = await place.ask("restore", str(file), "--passphrase-file", str(secret))
    assert (restored["workspaces"], restored["problems"]) == (["acme"], [])
    assert {each["state"] for each in (await place.ask("flow", "list"))["flows"]} == {"review"}
    assert not [each["counts"] for each in restored["reports"] if each["counts"].get("left/new")]

    await started(processes, place)
    await place.ask("match", "approve", "acme")
    await place.ask("load", "acme", "--wait")
    assert {system: await names_at(place, system) for system in before} == before
    await make_client(place, "bitfactura", "Afterwards")
    await carried(place, "Afterwards")
    assert rights_in(data) == {}


async def started(processes: Processes, place: Place) -> None:
    (port,) = free_ports(1)
    place.environment["PUENTE_PORT"] = str(port)
    solo = processes.start(*PUENTE, "solo", name="again", env=place.environment)
    await solo.answers(f"http://127.0.0.1:{port}/readyz", within=SOON)
