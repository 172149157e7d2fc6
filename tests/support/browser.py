"""The Chromium of the machine, driven by Playwright without a window."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.support.requirements import Unavailable

VARIABLE = "PUENTE_TEST_BROWSER"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> Path:
    """The program named in the environment, else the first known one on PATH. Raises `Unavailable`."""
    named = os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise FileNotFoundError(f"{VARIABLE} names {named}, which is no file")
        return Path(named)
    for name in _NAMES:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise Unavailable(f"no Chromium on PATH ({', '.join(_NAMES)}), and {VARIABLE} names none")


@asynccontextmanager
async def launched(program: Path) -> AsyncIterator[Browser]:
    """A headless browser in a process of its own, closed at the end."""
    # Chromium refuses its sandbox to root, as which continuous integration often runs.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()
