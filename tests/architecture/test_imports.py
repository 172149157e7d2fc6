"""Who may import whom: the contracts of `[tool.importlinter]` hold, and they cover what they speak of."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from shared.connectors.registry import CONNECTORS

ROOT = Path(__file__).resolve().parents[2]


def contracts() -> dict[str, dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {each["id"]: each for each in project["tool"]["importlinter"]["contracts"]}


def modules_of(package: str) -> set[str]:
    """The modules and packages right below a package, as dotted names."""
    folder = ROOT.joinpath(*package.split("."))
    files = {each.stem for each in folder.glob("*.py")} - {"__init__"}
    packages = {each.name for each in folder.iterdir() if (each / "__init__.py").is_file()}
    return {f"{package}.{name}" for name in files | packages}


def lint(contract: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo", "--contract", contract],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("contract", sorted(contracts()))
def test_the_contract_is_kept(contract: str) -> None:
    done = lint(contract)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_every_vendor_is_named_in_the_contracts_about_vendors() -> None:
    vendors = {each for each in modules_of("shared.connectors") if each.rpartition(".")[2] in CONNECTORS}
    assert len(vendors) == len(CONNECTORS)
    assert set(contracts()["vendors-apart"]["modules"]) == vendors
    assert set(contracts()["vendors-by-hand"]["protected_modules"]) == vendors


def test_every_module_of_the_engine_is_kept_from_the_catalog() -> None:
    engine = modules_of("shared.flows") - {"shared.flows.catalog"}
    assert set(contracts()["catalog-on-top"]["source_modules"]) == engine


def test_every_kafka_module_of_the_log_is_a_home_of_aiokafka() -> None:
    named = {each for each in modules_of("shared.eventlog") if each.rpartition(".")[2].startswith("kafka")}
    homes = set(contracts()["home-of-aiokafka"]["allowed_importers"])
    assert homes == named | {"shared.eventlog.topics"}
