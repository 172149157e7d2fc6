"""What a broker runs on: Java, and Kafka's jars from Maven, kept in the user's cache directory."""

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.support.requirements import Unavailable

# 4.3.1 is the newest release whose broker and command line tools are both published whole: of 4.4.0 the
# tools' jars are missing, so a version range would not resolve.
KAFKA_VERSION = "4.3.1"
OLDEST_JAVA = 17

_POM = Path(__file__).with_name("pom.xml")
_JARS_THAT_MUST_BE_THERE = (f"kafka_2.13-{KAFKA_VERSION}.jar", f"kafka-tools-{KAFKA_VERSION}.jar")
_FETCH_ATTEMPTS = 3
_FETCH_SECONDS = 240


def cache_folder() -> Path:
    """Where the jars of this version are kept: `${XDG_CACHE_HOME:-~/.cache}/puente/kafka-VERSION/lib`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "puente" / f"kafka-{KAFKA_VERSION}" / "lib"


def fetched_jars() -> Path:
    """The folder with the jars, fetched by Maven when it is not there yet.

    They are fetched beside it and moved into place whole, so that a broken download is never taken for a
    cache. Raises `Unavailable` without Maven, or when Maven fails.
    """
    folder = cache_folder()
    if _complete(folder):
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable(f"no Kafka jars in {folder}, and no Maven (mvn) to fetch them with")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as beside:
        fetched = Path(beside) / "lib"
        _fetch(maven, fetched)
        if folder.exists() and not _complete(folder):
            shutil.rmtree(folder)
        try:
            fetched.rename(folder)
        except OSError:
            # Another run fetched at the same time and was first.
            if not _complete(folder):
                raise
    return folder


@cache
def find_java() -> Path:
    """A Java of at least version 17: `JAVA_HOME`, PATH, then the usual folder. Raises `Unavailable`."""
    seen: list[str] = []
    for candidate in _java_candidates():
        version = _java_version(candidate)
        if version >= OLDEST_JAVA:
            return candidate
        seen.append(f"{candidate} is version {version}")
    found = "; ".join(seen) or "no java found"
    raise Unavailable(f"Kafka {KAFKA_VERSION} needs Java {OLDEST_JAVA} or newer: {found}")


def _fetch(maven: str, target: Path) -> None:
    command = [
        maven,
        "--batch-mode",
        "--quiet",
        "--strict-checksums",
        f"--file={_POM}",
        f"-Dkafka.version={KAFKA_VERSION}",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={target}",
        "dependency:copy-dependencies",
    ]
    said = ""
    for _ in range(_FETCH_ATTEMPTS):
        try:
            done = subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_FETCH_SECONDS,
            )
        except subprocess.TimeoutExpired:
            said = f"it took longer than {_FETCH_SECONDS} s"
            continue
        if done.returncode == 0 and _complete(target):
            return
        said = (done.stdout + done.stderr).strip()[-2_000:]
    raise Unavailable(f"Maven could not fetch Kafka {KAFKA_VERSION}: {said}")


def _complete(folder: Path) -> bool:
    return all((folder / jar).is_file() for jar in _JARS_THAT_MUST_BE_THERE)


def _java_candidates() -> list[Path]:
    home = os.environ.get("JAVA_HOME")
    candidates = [Path(home) / "bin" / "java"] if home else []
    on_path = shutil.which("java")
    if on_path is not None:
        candidates.append(Path(on_path))
    candidates += sorted(Path("/usr/lib/jvm").glob("*/bin/java"), reverse=True)
    return [candidate for candidate in candidates if candidate.is_file()]


def _java_version(java: Path) -> int:
    """The main version: 17 for `17.0.15`, 8 for `1.8.0_402`; 0 when it cannot be run or read."""
    try:
        done = subprocess.run([java, "-version"], check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(found[1]) if found else 0
