"""What no file of the project may hold: names of package indexes, and paths of the machine it was written on."""

from __future__ import annotations

import re

import pytest

from tests.docs import pages

# Put together here, so that this file does not hold them itself.
_HOSTS = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry.npmjs" + ".org",
    "crates" + ".io",
    "proxy.golang" + ".org",
    "repo1.maven" + ".org",
    "repo.maven.apache" + ".org",
    "deb.debian" + ".org",
)
_INDEX_OPTIONS = ("--index" + "-url", "--extra-index" + "-url", "--find" + "-links", "--trusted" + "-host")
_PLACES = ("/wo" + "rk/", "/ro" + "ot/", "/Us" + "ers/", "C:" + "\\")
_HOME = re.compile("/ho" + r"me/(?!appuser)[a-z]")
_TEXT_ABOUT_OPTIONS = {"Makefile"}


def texts() -> list[tuple[str, str]]:
    found = []
    for path in pages.tracked():
        try:
            found.append((str(path.relative_to(pages.ROOT)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # not text
    return found


@pytest.mark.parametrize("host", _HOSTS)
def test_no_file_names_a_package_index(host: str) -> None:
    assert [name for name, text in texts() if host in text] == []


@pytest.mark.parametrize("option", _INDEX_OPTIONS)
def test_no_file_chooses_a_package_index(option: str) -> None:
    assert [name for name, text in texts() if option in text and name not in _TEXT_ABOUT_OPTIONS] == []


@pytest.mark.parametrize("place", _PLACES)
def test_no_file_names_a_place_of_one_machine(place: str) -> None:
    assert [name for name, text in texts() if place in text] == []


def test_no_file_names_somebodys_home() -> None:
    assert [name for name, text in texts() if _HOME.search(text)] == []


def test_no_environment_file_is_kept() -> None:
    kept = {path.name for path in pages.tracked()}
    assert not kept & {".env", "keys"}
    assert ".env" in pages.page(".gitignore").splitlines(), "a .env with secrets could be committed"
