"""Are the packages of the lock known to be vulnerable, and may they be used? `make audit`.

`python deploy/audit.py PIP_AUDIT LOCK` runs pip-audit, which asks databases of vulnerabilities about each package.
Its silence is no answer: where the database is out of reach, or knows nothing of a package, pip-audit ends well.
Here that is told apart: 0 nothing is known against any package; 1 something is; 3 it could not be asked.

`python deploy/audit.py licences` looks at the packages installed beside it; 1 where one is not of the kinds below.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, Final

CLEAN, FOUND, UNKNOWN = 0, 1, 3
_SECONDS: Final = 240
_SERVICES: Final = ("pypi", "osv")

# What an Apache-licensed program may stand on without its users being bound to anything further.
PERMITTED: Final = (
    "apache", "bsd", "mit", "isc", "psf", "python software foundation", "python-2.0", "mpl", "mozilla public",
    "lgpl", "lesser general public", "zlib", "unlicense", "public domain", "0bsd", "cc0", "historical permission",
    "postgresql",
)  # fmt: skip
_OURS: Final = "puente"
# Packages whose metadata name none: what the licence file that they ship says.
SHIPPED: Final = {"axe-playwright-python": "MIT, with axe-core under MPL-2.0"}


def verdict(reports: Sequence[Mapping[str, Any]]) -> tuple[int, list[str]]:
    """What reports of pip-audit, one a database, mean together: the exit code, and the lines to print."""
    known: set[str] = set()
    asked: set[str] = set()
    lines: list[str] = []
    for report in reports:
        for each in report.get("dependencies", []):
            asked.add(each["name"])
            if "skip_reason" not in each:
                known.add(each["name"])
            for flaw in each.get("vulns", []):
                mended = ", ".join(flaw.get("fix_versions", [])) or "no version yet"
                lines.append(f"{each['name']} {each['version']}: {flaw['id']}, mended in {mended}")
    if lines:
        return FOUND, sorted(set(lines))
    if not asked or known != asked:
        many = f"{len(asked - known)} of {len(asked)} packages" if asked else "any package"
        return UNKNOWN, [f"NOT AUDITED: no database of vulnerabilities that can be reached here knows {many}."]
    return CLEAN, [f"Nothing is known against any of {len(asked)} packages."]


def vulnerabilities(program: str, lock: str) -> int:
    reports = []
    for service in _SERVICES:
        found = _asked(program, lock, service)
        if found is not None:
            reports.append(found)
        code, lines = verdict(reports)
        if code != UNKNOWN:
            break
    sys.stdout.write("\n".join(lines) + "\n")
    return code


def _asked(program: str, lock: str, service: str) -> Mapping[str, Any] | None:
    command = [
        program, "--requirement", lock, "--require-hashes", "--disable-pip", "--vulnerability-service", service,
        "--format", "json", "--progress-spinner", "off", "--timeout", "10",
    ]  # fmt: skip
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
        report: Mapping[str, Any] = json.loads(ran.stdout)
    except (subprocess.TimeoutExpired, OSError, json.JSONDecodeError):
        # It prints a traceback where it reaches nothing, and no report.
        return None
    return report


def licences() -> int:
    wrong = {}
    count = 0
    for each in metadata.distributions():
        name = each.metadata["Name"]
        if name == _OURS:
            continue
        count += 1
        said = licence_of(each.metadata) or SHIPPED.get(name, "")
        if not permitted(said):
            wrong[name] = said or "none named"
    for name, said in sorted(wrong.items()):
        sys.stdout.write(f"{name}: {said[:120]}\n")
    sys.stdout.write(f"{count} packages, {len(wrong)} of a licence that is not permitted\n")
    return FOUND if wrong else CLEAN


def licence_of(about: Any) -> str:
    """What a package's metadata say: the expression, else the classifiers, else the first line of the text."""
    if about["License-Expression"]:
        return str(about["License-Expression"])
    classifiers = [each for each in about.get_all("Classifier") or () if each.startswith("License ::")]
    general = {"License :: OSI Approved", "License :: DFSG approved"}
    named = [each.rpartition(" :: ")[2] for each in classifiers if each not in general]
    text = str(about["License"] or "").strip()
    return "; ".join(named) or (text.splitlines()[0] if text else "")


def permitted(said: str) -> bool:
    """Whether every licence of the text is permitted, or one of those that it offers a choice of."""
    choices = said.lower().replace(" or ", "|").split("|")
    return any(all(_is_permitted(part) for part in choice.replace(" and ", ";").split(";")) for choice in choices)


def _is_permitted(part: str) -> bool:
    text = part.strip(" ()")
    if "gpl" in text and "lgpl" not in text:
        return False
    return any(word in text for word in PERMITTED)


def main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["licences"]:
        return licences()
    program, lock = arguments
    return vulnerabilities(program, lock)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
