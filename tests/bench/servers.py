"""The real broker and the real database of a run, on the load's cores, and the processes under test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from shared.eventlog import topics
from tests.bench import machine
from tests.bench.machine import Cores
from tests.support import kafka as kafkas
from tests.support import ports
from tests.support import postgres as databases
from tests.support.processes import Process, Processes, python

SOON = timedelta(seconds=60)
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Servers:
    """What every benchmark of a run shares."""

    kafka: kafkas.OwnBroker
    postgres: databases.OwnPostgres
    cores: Cores
    folder: Path

    async def topic(self) -> str:
        """A fresh topic as Puente makes it; its `kafka://` URL."""
        url = f"kafka://{self.kafka.bootstrap}/bench-{next(_numbers)}"
        await topics.create_or_check(url)
        return url

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        url = await self.postgres.database()
        try:
            yield url.replace("postgresql+asyncpg", "postgresql")
        finally:
            await self.postgres.drop(url)

    @contextmanager
    def processes(self) -> Iterator[Started]:
        """Processes that are gone after the block."""
        folder = self.folder / f"run-{next(_numbers)}"
        folder.mkdir()
        started = Started(folder, self.cores)
        try:
            yield started
        finally:
            started.close()


class Started:
    """Starts programs of this project, each on the cores that it is given."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self.folder = folder
        self._cores = cores
        self._processes = Processes(folder)

    def server(self, *arguments: str, name: str, env: Mapping[str, str]) -> Process:
        """`python ARGUMENTS` on the server's core."""
        return self._start(*arguments, name=name, env=env, cores=self._cores.server)

    def beside(self, *arguments: str, name: str, env: Mapping[str, str] | None = None) -> Process:
        """`python ARGUMENTS` on the load's cores."""
        return self._start(*arguments, name=name, env=env or {}, cores=self._cores.load)

    def _start(self, *arguments: str, name: str, env: Mapping[str, str], cores: frozenset[int]) -> Process:
        process = self._processes.start(*python(*arguments), name=name, env=env, cwd=machine.ROOT)
        machine.pin(process.pid, cores)
        return process

    def close(self) -> None:
        self._processes.close()

    async def port_of(self, process: Process, path: str = "/healthz", *, port: int) -> int:
        await process.answers(f"http://127.0.0.1:{port}{path}", within=SOON)
        return port


def free_port() -> int:
    (port,) = ports.free_ports(1)
    return port


@contextmanager
def opened() -> Iterator[Servers]:
    """Start the broker and the database (with fsync) on the load's cores, with this process."""
    cores = machine.cores()
    machine.pin(0, cores.load)
    with (
        tempfile.TemporaryDirectory(prefix="puente-bench-") as folder,
        kafkas.started() as kafka,
        databases.started(durable=True) as postgres,
    ):
        yield Servers(kafka=kafka, postgres=postgres, cores=cores, folder=Path(folder))
