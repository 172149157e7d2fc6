"""Every key is rotated and the old ones retired while a solo runs and clients keep coming."""

from __future__ import annotations

import asyncio
import itertools
import re
from pathlib import Path

import aiohttp
import pytest

from shared import keyfile
from tests.integration.cli import rig
from tests.integration.cli.rig import Place, settled
from tests.support.processes import Processes

REFUSED = re.compile(r'puente_door_requests_total\{outcome="(?!accepted)(\w+)"[^}]*\} (?!0\.0)(\S+)')


class Clients:
    """Somebody who types one client after the other into BitFactura."""

    def __init__(self, place: Place) -> None:
        self.names: list[str] = []
        self._place = place
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self._type())

    async def _type(self) -> None:
        for number in itertools.count():
            name = f"Client {number}"
            await self._place.owner("bitfactura", "POST", "/clients.json", {"client": {"name": name}})
            self.names.append(name)
            if await self._stopped():
                return

    async def _stopped(self) -> bool:
        try:
            return await asyncio.wait_for(self._stop.wait(), 0.3)
        except TimeoutError:
            return False

    async def end(self) -> None:
        self._stop.set()
        await self._task

    async def some_more(self) -> None:
        """Wait until a few that are typed in from now on are on the other side."""
        wanted = len(self.names) + 2

        async def there() -> bool:
            return len(self.names) >= wanted and set(self.names[:wanted]) <= await carried_by(self._place)

        await settled(there, what="clients that came after the last step are in Sugester")


async def carried_by(place: Place) -> set[str]:
    return {each["name"] for each in await place.records("sugester", "clients")}


async def page(url: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        return await answer.text()


async def rotated_under_load(place: Place, door: str, key_file: Path) -> None:
    await place.build_bridge()
    await place.ask("load", "acme", "--wait")
    old_rows = {row["url"] for row in await place.hook_rows("bitfactura")}
    clients = Clients(place)
    await clients.some_more()
    old = keyfile.read(key_file)

    done = await place.ask("keys", "rotate")
    assert done == {"current": {"door": "k2", "log": "k2", "store": "k2"}, "workspaces": 1}
    await clients.some_more()
    early, sealed = await asyncio.gather(
        place.puente("keys", "retire", "door", "k1", code=2), place.puente("keys", "retire", "log", "k1", code=2)
    )
    assert "puente doctor acme" in early.err
    assert "bodies in the log" in sealed.err
    assert (await place.ask("doctor", "acme"))["failed"] == 0
    new_rows = {row["url"] for row in await place.hook_rows("bitfactura")}
    assert new_rows.isdisjoint(old_rows)
    assert len(new_rows) == len(old_rows)
    await asyncio.gather(
        place.puente("keys", "retire", "door", "k1"), place.puente("keys", "retire", "store", "k1")
    )
    held = {each["ring"]: (each["current"], each["others"]) for each in (await place.ask("keys", "list"))["rings"]}
    assert held == {"door": ("k2", []), "log": ("k2", ["k1"]), "store": ("k2", [])}
    await clients.some_more()
    await clients.end()
    # Nothing was refused, nothing could not be read, nothing waits; then the old token opens nothing any more.
    assert REFUSED.findall(await page(f"{door}/metrics")) == []
    quiet = await place.ask("sync", "acme", "--wait")
    assert (quiet["quiet"], quiet["needs_person"], quiet["paused"]) == (True, 0, [])
    assert set(clients.names) == await carried_by(place)
    async with aiohttp.ClientSession() as client, client.post(next(iter(old_rows)), json={}) as answer:
        assert answer.status in {401, 404}
    assert keyfile.read(key_file)["store_keys"] not in old["store_keys"]


@pytest.mark.timeout(400)
async def test_keys_of_one_machine_rotate_while_it_runs(processes: Processes, tmp_path: Path) -> None:
    place = await rig.one_machine(processes, tmp_path)
    await rotated_under_load(place, place.pages["solo"], tmp_path / "data" / "keys")
    assert place.services[0].stop() == 0
    assert "Traceback" not in place.services[0].errors()
