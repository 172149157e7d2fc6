"""The Kubernetes manifests: valid, complete, closed by default, and for the program as it is."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import kubernetes_validate
import pytest
import yaml

from services.console.settings import ConsoleSettings
from services.ingress.settings import Settings as DoorSettings
from shared.connectors.registry import CONNECTORS
from shared.eventlog.urls import event_log
from shared.model.change import SHARDS
from shared.runtime.consumer import GROUP
from shared.runtime.settings import Settings
from tests.docs import manifests, pages
from tests.docs.manifests import Object
from tests.docs.pages import Command
from tests.support.clocks import ShiftedClock

# Resources of other projects, whose schemas no package brings: read by eye only. KEDA's documentation has them.
UNCHECKED = {"ScaledObject", "TriggerAuthentication"}
VERSION = "1.31"
OVERLAY = "overlays/example"
WORKLOADS = {manifests.name_of(each): each for each in manifests.workloads()}
DOORS = {each: WORKLOADS[each] for each in WORKLOADS if each.startswith("puente-door-")}


def check(found: Object) -> None:
    kubernetes_validate.validate(dict(found), VERSION, strict=True)


@pytest.mark.parametrize(
    "found", manifests.objects(), ids=lambda each: f"{each['kind']}/{manifests.name_of(each)}"
)
def test_an_object_is_valid(found: Object) -> None:
    if found["kind"] in UNCHECKED:
        with pytest.raises(kubernetes_validate.SchemaNotFoundError):
            check(found)
    else:
        check(found)


def test_a_wrong_object_is_found() -> None:
    wrong = dict(manifests.objects("Service")[0]) | {"spec": {"portz": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        check(wrong)


def test_every_file_belongs_to_a_kustomization_that_names_it() -> None:
    named: set[Path] = set()
    for path, several in manifests.files().items():
        for each in several:
            if each.get("kind") in manifests.KUSTOMIZE:
                lists = ("resources", "components", "configurations")
                named |= {(path.parent / line).resolve() for key in lists for line in each.get(key, ())}
    for path in manifests.files():
        if path.name != "kustomization.yaml":
            assert path in named, path
    assert all(path.exists() for path in named)


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_a_container_runs_a_real_command_of_the_image_of_compose(name: str) -> None:
    container = manifests.container(WORKLOADS[name])
    assert pages.mistake_in(Command(name, shlex.join(["puente", *container["args"]]))) == ""
    assert f"image: {container['image']}\n" in pages.page("docker-compose.yml")


@pytest.mark.parametrize("name", sorted(WORKLOADS))
@pytest.mark.parametrize("overlay", ["", OVERLAY])
def test_a_container_is_given_settings_that_it_reads_and_all_that_it_needs(name: str, overlay: str) -> None:
    given = manifests.environment(WORKLOADS[name], overlay=overlay)
    secrets = {each["name"]: each["secret"]["secretName"] for each in manifests.volumes(WORKLOADS[name], "secret")}
    if name in DOORS:
        known = {f"PUENTE_{field.upper()}" for field in DoorSettings.model_fields}
        assert "PUENTE_STORE_URL" not in given
        assert secrets["keys"] == "puente-door-keys", "a door is never given the store's keys"
    else:
        known = {f"PUENTE_{field.upper()}" for field in Settings.model_fields}
        known |= {f"PUENTE_CONSOLE_{field.upper()}" for field in ConsoleSettings.model_fields}
        assert "PUENTE_STORE_URL" in given
        assert secrets["keys"] == "puente-keys"
    assert set(given) <= known
    assert not {each for each in given if each.endswith("_KEYS")}
    folder, _, file = given["PUENTE_KEYS_FILE"].rpartition("/")
    mounts = {each["mountPath"]: each["name"] for each in manifests.container(WORKLOADS[name])["volumeMounts"]}
    assert mounts[folder] == "keys"
    assert (secrets["keys"], file) in manifests.secret_keys(OVERLAY)
    assert given["PUENTE_LOG_URL"]


def test_every_system_with_hooks_has_a_door_and_all_doors_are_alike() -> None:
    with_hooks = {name: each for name, each in CONNECTORS.items() if each.hooks.kinds}
    assert set(DOORS) == {f"puente-door-{name}" for name in with_hooks}
    texts = {
        (manifests.FOLDER / "base" / f"door-{name}.yaml")
        .read_text(encoding="utf-8")
        .replace(name, "SYSTEM")
        .replace(each.title, "SYSTEM")
        for name, each in with_hooks.items()
    }
    assert len(texts) == 1


def test_every_path_of_a_hook_leads_to_its_door() -> None:
    (hooks,) = [each for each in manifests.objects("Ingress") if manifests.name_of(each) == "puente-hooks"]
    paths = {
        each["path"]: (each["pathType"], each["backend"]["service"]["name"])
        for rule in hooks["spec"]["rules"]
        for each in rule["http"]["paths"]
    }
    wanted = {}
    for name, connector in CONNECTORS.items():
        if connector.hooks.kinds:
            wanted[f"/hooks/{name}/"] = ("Prefix", f"puente-door-{name}")
            wanted |= dict.fromkeys(connector.hooks.extra_paths, ("Exact", f"puente-door-{name}"))
    assert paths == wanted


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_a_pod_has_no_rights_and_writes_nothing_but_its_volumes(name: str) -> None:
    pod, container = manifests.pod(WORKLOADS[name]), manifests.container(WORKLOADS[name])
    assert pod["automountServiceAccountToken"] is False
    security = pod["securityContext"]
    assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 10001)
    assert "--uid 10001" in pages.page("deploy/Dockerfile")
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= set(container["resources"])
    volumes = {each["name"] for each in pod["volumes"]} | (
        {each["metadata"]["name"] for each in WORKLOADS[name]["spec"].get("volumeClaimTemplates", ())}
    )
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    assert set(mounts.values()) == volumes
    assert {"/data", "/tmp"} <= set(mounts)  # noqa: S108 - a mount of its own


@pytest.mark.parametrize("name", sorted(DOORS))
def test_the_spool_of_a_door_outlives_it(name: str) -> None:
    door = DOORS[name]
    assert door["kind"] == "StatefulSet"
    assert [each["metadata"]["name"] for each in door["spec"]["volumeClaimTemplates"]] == ["data"]
    assert manifests.environment(door).get("PUENTE_DATA", "/data") == "/data"


def test_what_stays_up_is_probed_where_it_listens() -> None:
    before = pages.page("deploy/Dockerfile").partition("\nUSER ")[0]
    image = dict(re.findall(r"(PUENTE_[A-Z]+)=(\S+)", before))
    for name, workload in WORKLOADS.items():
        if workload["kind"] == "Job":
            continue
        container = manifests.container(workload)
        given = image | manifests.environment(workload)
        (port,) = container["ports"]
        listens = given["PUENTE_CONSOLE_PORT" if name == "puente-console" else "PUENTE_PORT"]
        assert str(port["containerPort"]) == listens, name
        assert given["PUENTE_CONSOLE_HOST" if name == "puente-console" else "PUENTE_HOST"] == "0.0.0.0"  # noqa: S104
        probes = {each: container[each]["httpGet"] for each in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert all(each["port"] == port["name"] for each in probes.values())
        assert [each["path"] for each in probes.values()] == ["/healthz", "/healthz", "/readyz"]


def test_what_prometheus_looks_for_in_a_cluster_is_there() -> None:
    config = yaml.safe_load(pages.page("deploy/prometheus/kubernetes.yml"))
    for job in config["scrape_configs"]:
        name, _, port = job["relabel_configs"][0]["regex"].partition(";")
        found = [each for each in WORKLOADS.values() if manifests.labels(each)["app.kubernetes.io/name"] == name]
        assert found
        assert all(manifests.container(each)["ports"][0]["name"] == port for each in found)
        assert job["job_name"] == name


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    for each in selector.get("matchExpressions", ()):
        assert each["operator"] == "In"
        if labels.get(each["key"]) not in each["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def test_services_budgets_and_policies_mean_pods_that_there_are() -> None:
    pods = {name: manifests.labels(each) for name, each in WORKLOADS.items()}
    for service in manifests.objects("Service"):
        chosen = [name for name, labels in pods.items() if service["spec"]["selector"].items() <= labels.items()]
        assert chosen == [manifests.name_of(service)]
        (port,) = service["spec"]["ports"]
        assert port["targetPort"] in {each["name"] for each in manifests.container(WORKLOADS[chosen[0]])["ports"]}
    budgets = manifests.objects("PodDisruptionBudget")
    guarded = [
        name for each in budgets for name, labels in pods.items() if matches(each["spec"]["selector"], labels)
    ]
    assert sorted(guarded) == sorted(name for name, each in WORKLOADS.items() if each["kind"] != "Job")
    for policy in manifests.objects("NetworkPolicy"):
        selector = policy["spec"]["podSelector"]
        assert any(matches(selector, labels) for labels in pods.values()), manifests.name_of(policy)


def test_everything_is_closed_first_and_only_who_needs_it_reaches_store_and_vendors() -> None:
    policies = {manifests.name_of(each): each["spec"] for each in manifests.objects("NetworkPolicy")}
    closed = policies["puente-closed"]
    assert set(closed) == {"podSelector", "policyTypes"}
    assert set(closed["policyTypes"]) == {"Ingress", "Egress"}
    pods = {name: manifests.labels(each) for name, each in WORKLOADS.items()}
    assert all(matches(closed["podSelector"], labels) for labels in pods.values())
    store = {name for name, labels in pods.items() if matches(policies["puente-store"]["podSelector"], labels)}
    assert store == set(WORKLOADS) - set(DOORS)
    vendors = {name for name, labels in pods.items() if matches(policies["puente-vendors"]["podSelector"], labels)}
    assert vendors == {"puente-sync", "puente-console"}


def test_sync_is_scaled_on_its_group_up_to_the_partitions() -> None:
    (scaled,) = manifests.objects("ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] in WORKLOADS
    assert scaled["spec"]["maxReplicaCount"] == SHARDS
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["metadata"]["consumerGroup"] == GROUP
    url = urlsplit(manifests.literals(OVERLAY)["puente"]["PUENTE_LOG_URL"])
    assert trigger["metadata"]["bootstrapServers"] == url.netloc
    assert trigger["metadata"]["topic"] == url.path.strip("/")
    assert "replicas" not in WORKLOADS["puente-sync"]["spec"], "the scaler's number would be undone by an apply"


def test_every_secret_is_made_by_the_overlay_and_none_is_in_the_project() -> None:
    made = manifests.secret_keys(OVERLAY)
    for name, key in manifests.used_secrets():
        assert (name, key) in made if key else name in {each for each, _ in made}, (name, key)
    assert manifests.objects("Secret") == []
    assert not (manifests.FOLDER / OVERLAY / "secrets").exists()


def test_the_log_urls_are_ones_that_the_program_takes(tmp_path: Path) -> None:
    mounted = {each["mountPath"] for each in manifests.container(WORKLOADS["puente-sync"])["volumeMounts"]}
    for folder in ("base", OVERLAY):
        for given in manifests.literals(folder).values():
            url = given["PUENTE_LOG_URL"]
            for name, value in parse_qsl(urlsplit(url).query):
                if name.endswith("_file"):
                    path = Path(value)
                    assert str(path.parent) in mounted
                    assert ("puente-kafka", path.name) in manifests.secret_keys(OVERLAY)
                    (tmp_path / path.name).write_text("secret", encoding="utf-8")
                    url = url.replace(value, str(tmp_path / path.name))
            assert event_log(url, clock=ShiftedClock()) is not None


def test_the_overlay_builds_to_valid_objects(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl: not on PATH; the files were read one by one")
    copied = tmp_path / "kubernetes"
    shutil.copytree(manifests.FOLDER, copied)
    secrets = copied / OVERLAY / "secrets"
    secrets.mkdir()
    for each in manifests.kustomization(OVERLAY)["secretGenerator"]:
        for line in each["files"]:
            (secrets / line.rpartition("/")[2]).write_text("value", encoding="utf-8")
    built = subprocess.run(
        [kubectl, "kustomize", str(copied / OVERLAY)], capture_output=True, text=True, timeout=60, check=False
    )
    assert built.returncode == 0, built.stderr
    objects = list(yaml.safe_load_all(built.stdout))
    made = {each["metadata"]["name"] for each in objects if each["kind"] in {"Secret", "ConfigMap"}}
    assert len(made) == 6
    for each in objects:
        assert each["metadata"]["namespace"] == "puente"
        if each["kind"] not in UNCHECKED:
            check(each)
    assert len(objects) == len(manifests.objects()) + len(made)
    for name in made:
        assert len(re.findall(rf"(?:name|secretName): {name}$", built.stdout, flags=re.MULTILINE)) > 1, name
    assert "image: puente:" not in built.stdout
