"""axe-core in the page: what a person with a screen reader, a keyboard or weak eyes would stumble over."""

from __future__ import annotations

from typing import Any, Final, cast

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

# WCAG 2.0 and 2.1 at the levels A and AA, and what axe calls good practice beside them.
_RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice")
_AXE: Final = Axe()
_TOO_WIDE: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def stumbles(page: Page) -> list[str]:
    """One line for each element that breaks a rule, in the light and in the dark form of the page."""
    found: list[str] = []
    # The dark form differs in its colours alone.
    for scheme, only in (("light", {"runOnly": list(_RULES)}), ("dark", {"runOnly": ["color-contrast"]})):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        results = await _AXE.run(page, options={**only, "resultTypes": ["violations"]})
        response = cast("dict[str, Any]", results.response)
        assert response["passes"], "axe looked at nothing"
        found += [
            f"{rule['id']} ({rule['impact']}, {scheme}): {rule['help']}: {node['html'][:200]}"
            for rule in response["violations"]
            for node in rule["nodes"]
        ]
    await page.emulate_media(color_scheme="light")
    return found


async def stumbles_and_width(page: Page) -> list[str]:
    """The same, and whether the page is wider than its window: on a telephone half of it would not be seen."""
    found, wide = await stumbles(page), await page.evaluate(_TOO_WIDE)
    return [*found, f"{wide} px too wide"] if wide > 1 else found
