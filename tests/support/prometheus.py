"""Debian's Prometheus for tests: `promtool` for rules, and a server that scrapes the services of a test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.support.ports import free_ports
from tests.support.processes import Process, Processes
from tests.support.requirements import Unavailable

VARIABLE = "PUENTE_TEST_PROMETHEUS"
START_WITHIN = timedelta(seconds=30)
_TOOL_SECONDS = 60


def find(name: str) -> Path:
    """The program `prometheus` or `promtool`: in the folder named in the environment, else on PATH.

    Raises `Unavailable`.
    """
    folder = os.environ.get(VARIABLE)
    found = shutil.which(name, path=folder) if folder else shutil.which(name)
    if found is None:
        raise Unavailable(
            f"no {name} on PATH (Debian's package prometheus), and {VARIABLE} names no folder with it"
        )
    return Path(found)


def promtool(*arguments: str) -> tuple[int, str]:
    """The exit code of promtool, and everything that it said."""
    done = subprocess.run(
        [str(find("promtool")), *arguments],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TOOL_SECONDS,
    )
    return done.returncode, done.stdout + done.stderr


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """A running server. `url` has no slash at its end."""

    url: str
    process: Process

    async def query(self, expression: str) -> list[Mapping[str, Any]]:
        """The samples of an instant query. Raises AssertionError with what Prometheus says of a wrong one."""
        return list((await self._get("query", {"query": expression}))["result"])

    async def value(self, expression: str) -> float | None:
        """The one number that a query answers with; None for none."""
        found = await self.query(expression)
        assert len(found) < 2, f"{expression} has {len(found)} answers"
        return float(found[0]["value"][1]) if found else None

    async def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        alerts = (await self._get("alerts", {}))["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    async def _get(self, what: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        timeout = aiohttp.ClientTimeout(total=20)
        address = f"{self.url}/api/v1/{what}?{urlencode(query)}"
        async with aiohttp.ClientSession(timeout=timeout) as client, client.get(address) as answer:
            said = json.loads(await answer.text())
            assert answer.status == 200, f"{query}: {said}"
            data: Mapping[str, Any] = said["data"]
            return data


async def started(
    processes: Processes, folder: Path, *, targets: Mapping[str, Sequence[str]], rules: Sequence[Path]
) -> Prometheus:
    """A server that asks every target (host:port, by job) each second. Raises `Unavailable`."""
    program = find("prometheus")
    (port,) = free_ports(1)
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
            for job, addresses in targets.items()
        ],
    }
    settings = folder / "prometheus.yml"
    settings.write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
    process = processes.start(
        str(program),
        f"--config.file={settings}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        name="prometheus",
    )
    url = f"http://127.0.0.1:{port}"
    await process.answers(f"{url}/-/ready", within=START_WITHIN)
    return Prometheus(url=url, process=process)
