"""The commands of the Kubernetes manifests, started with the settings that stand there, answer their probes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.keys import generate_ring
from tests.docs import manifests
from tests.integration.cli.rig import PUENTE
from tests.support.ports import free_ports
from tests.support.processes import Processes

SOON = timedelta(seconds=60)
WORKLOADS = {manifests.name_of(each): each for each in manifests.workloads() if each["kind"] != "Job"}
SERVICES = ("puente-sync", "puente-console", "puente-door-bitfactura")


@pytest.mark.timeout(200)
async def test_services_of_the_manifests_start_and_answer_their_probes(
    processes: Processes, tmp_path: Path
) -> None:
    rings = {name: generate_ring() for name in ("door_keys", "log_keys", "store_keys")}
    (tmp_path / "keys").write_text(json.dumps(rings), encoding="utf-8")
    (tmp_path / "keys").chmod(0o600)
    # What differs from a cluster: where log, store and keys are, and that nobody listens but this machine.
    here = {
        "PUENTE_LOG_URL": f"sqlite:///{tmp_path}/log",
        "PUENTE_STORE_URL": f"sqlite:///{tmp_path}/store.db",
        "PUENTE_KEYS_FILE": str(tmp_path / "keys"),
        "PUENTE_HOST": "127.0.0.1",
    }
    for name, port in zip(SERVICES, free_ports(len(SERVICES)), strict=True):
        given = manifests.environment(WORKLOADS[name])
        mine = here | {"PUENTE_DATA": str(tmp_path / name), "PUENTE_PORT": str(port)}
        if name == "puente-console":
            mine |= {"PUENTE_CONSOLE_HOST": "127.0.0.1", "PUENTE_CONSOLE_PORT": str(port)}
        container = manifests.container(WORKLOADS[name])
        process = processes.start(*PUENTE, *container["args"], name=name, env=given | mine)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            await process.answers(f"http://127.0.0.1:{port}{container[probe]['httpGet']['path']}", within=SOON)
