"""An installation of whichever version it is started from: both vendors, the door, two live workspaces.

`python -m tests.faults.host` in the folder of a version prints one JSON line when all stands, and stays up until
SIGTERM. It uses only what every version since the first has. Sync is for others to start.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import asdict, dataclass

from shared.runtime.settings import load_settings
from tests.faults.neighbour import Neighbour
from tests.scenarios.world import World

CLIENTS = 20


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the host says of itself."""

    sandbox: str
    control: str
    public_url: str


async def run() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with World.opened(load_settings()) as world:
        await world.connect(hooks=("bitfactura", "sugester"))
        records = [{"name": f"Antes {n:03}", "email": f"antes{n}@empresa.example"} for n in range(CLIENTS)]
        await world.control.seed("bitfactura", "clients", *records)
        await world.go_live()
        await Neighbour.settled(world)
        await world.quiet()
        await world.stop_sync()
        told = Told(
            sandbox=world.sandbox.url,
            control=world.sandbox.control,
            public_url=world.public_url,
        )
        sys.stdout.write(json.dumps(asdict(told)) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(run()))
