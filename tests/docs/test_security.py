"""SECURITY.md names a proof for every item of OWASP's API list, and every proof that it names is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

_PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
_ROWS = {found[1]: found[0] for found in re.finditer(r"^\| (API\d+), .*$", _PAGE, re.MULTILINE)}
_NAMED = sorted({name for row in _ROWS.values() for name in re.findall(r"`(tests/[^`]+)`", row)})


def test_every_item_has_a_row_with_a_proof() -> None:
    assert _ROWS.keys() == {f"API{number}" for number in range(1, 11)}
    assert all("`tests/" in row for row in _ROWS.values())


@pytest.mark.parametrize("name", _NAMED)
def test_a_proof_that_is_named_is_there(name: str) -> None:
    path, _, inside = name.partition("::")
    tree = ast.parse((Path(ROOT) / path).read_text("utf-8"))
    found = {
        node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not inside or inside in found
