"""A sync service whose clock can be moved: the product's own, started with the rig's clock.

SIGUSR1 moves the clock on by `JUMP`, as if so much time had passed. `RIG_AHEAD` is how far ahead it starts, in
seconds. Everything else comes from the settings in the environment.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta

from services.sync import main as service
from shared.runtime import logging, parts
from shared.runtime.settings import load_settings
from tests.support.clocks import ShiftedClock

JUMP = timedelta(seconds=20)
AHEAD = "RIG_AHEAD"


async def run() -> None:
    settings = load_settings()
    logging.configure(level="INFO", form="text")
    clock = ShiftedClock(timedelta(seconds=float(os.environ.get(AHEAD, "0"))))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: clock.advance(JUMP))
    async with parts.opened(settings, clock=clock) as opened, parts.opened_log(opened) as log:
        await service.serve(opened, log, stop)


if __name__ == "__main__":
    sys.exit(asyncio.run(run()))
