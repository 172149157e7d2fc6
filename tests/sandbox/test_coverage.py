"""The table of the sandbox's README: which test shows which quirk, unknown, switch and fault."""

import ast
import re
from pathlib import Path

from services.sandbox import faults
from services.sandbox.catalog import SYSTEMS

HERE = Path(__file__).parent
README = Path(faults.__file__).parent / "README.md"


def tables() -> dict[str, dict[str, list[str]]]:
    """Per section: the first cell of each row (without backticks) -> the tests in its second cell."""
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in README.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        row = re.fullmatch(r"\| (.+?) \| (.+) \|", line)
        if row and "::" in row.group(2):
            tests = re.findall(r"`(\w+::\w+)`", row.group(2))
            found.setdefault(section, {})[row.group(1).strip("`")] = tests
    return found


def existing_tests() -> set[str]:
    names = set()
    for path in HERE.glob("test_*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and node.name.startswith("test_"):
                names.add(f"{path.stem}::{node.name}")
    return names


def test_every_named_test_exists() -> None:
    named = {test for rows in tables().values() for tests in rows.values() for test in tests}
    assert named - existing_tests() == set()
    assert all(tests for rows in tables().values() for tests in rows.values())


def test_every_switch_has_a_row() -> None:
    switches = {f"{system.name}.{switch.name}" for system in SYSTEMS for switch in system.switches}
    assert set(tables()["Switches"]) == switches


def test_every_fault_has_a_row() -> None:
    assert set(tables()["Faults"]) == set(faults.BY_NAME)


def test_every_quirk_has_a_row() -> None:
    numbers = [int(row.partition(".")[0]) for row in tables()["BitFactura: quirks"]]
    assert numbers == list(range(1, 25))


def test_sandbox_imports_nothing_of_the_bridge() -> None:
    for path in README.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "shared" for name in names), path
