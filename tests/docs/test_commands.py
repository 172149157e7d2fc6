"""Every command stands in the operator's table, and every command that a page shows exists."""

from __future__ import annotations

import pytest

from services.cli import console
from shared import errors
from tests.docs import pages
from tests.docs.pages import Command

SHOWN = sorted({(each.page, each.text) for each in pages.commands()})


@pytest.mark.parametrize("words", sorted(pages.leaves()), ids=" ".join)
def test_a_command_is_in_the_table(words: tuple[str, ...]) -> None:
    commands = pages.section(pages.page("docs/operator.md"), "## Commands")
    named = [row[0].strip("`").split() for row in pages.rows(commands)]
    assert any(tuple(each[1 : 1 + len(words)]) == words for each in named), "docs/operator.md does not name it"


@pytest.mark.parametrize(("page", "text"), SHOWN, ids=lambda text: text[:60])
def test_a_command_that_a_page_shows_exists(page: str, text: str) -> None:
    assert pages.mistake_in(Command(page, text)) == ""


def test_a_mistake_would_be_found() -> None:
    assert pages.mistake_in(Command("", "puente acount add")) == "there is no command 'acount'"
    assert "--wiat" in pages.mistake_in(Command("", "puente load acme --wiat"))
    assert pages.mistake_in(Command("", "puente --env-file .env solo # comment")) == ""


def test_every_exit_code_is_named() -> None:
    named = {row[0] for row in pages.rows(pages.section(pages.page("docs/operator.md"), "## Exit codes"))}
    codes = {
        console.DONE,
        console.FAILED,
        console.USAGE,
        console.ASKS,
        console.CREDENTIALS,
        console.UNREACHABLE,
        console.INTERRUPTED,
    }
    assert named == {str(code) for code in codes}


def subclasses(kind: type[errors.PuenteError]) -> set[type[errors.PuenteError]]:
    found = set(kind.__subclasses__())
    return found.union(*(subclasses(each) for each in found)) if found else found


@pytest.mark.parametrize("kind", [errors.PuenteError, *sorted(subclasses(errors.PuenteError), key=str)], ids=str)
def test_every_error_of_the_tree_has_its_code_in_the_runbook(kind: type[errors.PuenteError]) -> None:
    table = list(pages.rows(pages.section(pages.page("deploy/runbook.md"), "## Errors of commands")))
    lineage = {each.__name__ for each in kind.__mro__ if issubclass(each, errors.PuenteError)} - {"PuenteError"}
    if kind.__module__ == errors.__name__:
        assert any(f"`{kind.__name__}`" in row[1] + row[2] for row in table)
    code = str(console.exit_code(kind.__new__(kind)))  # some kinds need more than a message to be made
    wanted = lineage or {"PuenteError"}
    codes = {row[0] for row in table if any(f"`{name}`" in row[1] for name in wanted)} or {str(console.FAILED)}
    assert codes == {code}


def test_the_make_targets_that_pages_show_exist() -> None:
    targets = pages.page("Makefile").partition(".PHONY:")[2].partition("\n")[0].split()
    shown = {
        word[1]
        for text in pages.pages().values()
        for line in text.replace("`", "\n").splitlines()
        if (word := line.split()) and word[0] == "make" and len(word) > 1 and word[1].isalpha()
    }
    assert {"demo", "test"} <= shown <= set(targets)
