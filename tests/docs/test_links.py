"""Every link between pages leads somewhere, headings included, and every page is reached from the README."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from tests.docs import pages

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_MARKDOWN = sorted(name for name in pages.pages() if name.endswith(".md"))


def links(name: str) -> list[str]:
    """The links of a page that stay inside the project, as (path of the project)#(anchor)."""
    found = []
    for target in _LINK.findall(pages.pages()[name]):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        whole = PurePosixPath(name).parent / path if path else PurePosixPath(name)
        parts: list[str] = []
        for part in whole.parts:
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        found.append("/".join(parts) + (f"#{anchor}" if anchor else ""))
    return found


@pytest.mark.parametrize("name", _MARKDOWN)
def test_the_links_of_a_page_lead_somewhere(name: str) -> None:
    for link in links(name):
        path, _, anchor = link.partition("#")
        assert (pages.ROOT / path).exists(), f"{name} links to {path}, which is not there"
        if anchor:
            assert anchor in pages.anchors(pages.page(path)), f"{name} links to {link}: there is no such heading"


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[str] = set()
    pending = ["README.md"]
    while pending:
        name = pending.pop()
        if name in reached or not name.endswith(".md"):
            continue
        reached.add(name)
        pending += [link.partition("#")[0] for link in links(name)]
    assert set(_MARKDOWN) == reached


def test_every_decision_has_the_four_parts() -> None:
    folder = pages.ROOT / "deploy" / "decisions"
    for path in sorted(folder.glob("0*.md")):
        headings = re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], path.name
        assert f"]({path.name})" in pages.page("deploy/decisions/README.md")
