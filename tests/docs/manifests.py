"""The Kubernetes manifests, taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.docs import pages

FOLDER: Final = pages.ROOT / "deploy" / "kubernetes"
KUSTOMIZE: Final = {"Kustomization", "Component"}

Object = Mapping[str, Any]


@lru_cache(maxsize=1)
def files() -> Mapping[Path, Sequence[Object]]:
    """Every file with the objects in it; a file that configures kustomize holds one without a kind."""
    return {
        path: [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each]
        for path in sorted(FOLDER.rglob("*.yaml"))
    }


def objects(*kinds: str) -> list[Object]:
    """The objects that go to a cluster; of these kinds only, where any are named."""
    found = [each for several in files().values() for each in several if "kind" in each]
    return [each for each in found if each["kind"] not in KUSTOMIZE and (not kinds or each["kind"] in kinds)]


def kustomization(folder: str) -> Object:
    found: Object = files()[FOLDER / folder / "kustomization.yaml"][0]
    return found


def workloads() -> list[Object]:
    return objects("StatefulSet", "Deployment", "Job")


def pod(workload: Object) -> Object:
    found: Object = workload["spec"]["template"]["spec"]
    return found


def container(workload: Object) -> Object:
    containers: list[Object] = pod(workload)["containers"]
    (found,) = containers
    return found


def volumes(workload: Object, kind: str) -> list[Object]:
    """The volumes of a pod that come from this."""
    return [each for each in pod(workload)["volumes"] if kind in each]


def labels(workload: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def name_of(found: Object) -> str:
    return str(found["metadata"]["name"])


def literals(folder: str) -> Mapping[str, Mapping[str, str]]:
    """The settings of each ConfigMap that a kustomization makes."""
    return {
        each["name"]: dict(line.split("=", 1) for line in each["literals"])
        for each in kustomization(folder).get("configMapGenerator", ())
    }


def environment(workload: Object, *, overlay: str = "") -> dict[str, str]:
    """What a process is given: from ConfigMaps, with those of an overlay over them; secrets stand as ""."""
    found: dict[str, str] = {}
    for source in container(workload).get("envFrom", ()):
        name = source["configMapRef"]["name"]
        found |= literals("base")[name]
        found |= literals(overlay).get(name, {}) if overlay else {}
    for each in container(workload).get("env", ()):
        found[each["name"]] = each.get("value", "")
    return found


def secret_keys(folder: str) -> set[tuple[str, str]]:
    """(name, key) of every secret that a kustomization makes."""
    return {
        (each["name"], key)
        for each in kustomization(folder)["secretGenerator"]
        for key in (
            *(line.rpartition("/")[2] if "=" not in line else line.partition("=")[0] for line in each["files"]),
            *(line.partition("=")[0] for line in each.get("literals", ())),
        )
    }


def used_secrets() -> Iterator[tuple[str, str]]:
    """(name, key) of every secret that a pod is given, "" for all keys of one."""
    for workload in workloads():
        for each in container(workload).get("env", ()):
            if "valueFrom" in each:
                found = each["valueFrom"]["secretKeyRef"]
                yield found["name"], found["key"]
        for volume in pod(workload)["volumes"]:
            if "secret" in volume:
                yield volume["secret"]["secretName"], ""
    for auth in objects("TriggerAuthentication"):
        for each in auth["spec"]["secretTargetRef"]:
            yield each["name"], each["key"]
