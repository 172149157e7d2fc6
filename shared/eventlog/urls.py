"""From a URL to a log: `sqlite:///folder` or `kafka://host:port[,host:port]/topic?setting=value`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from shared import errors
from shared.clock import Clock
from shared.eventlog.port import EventLog
from shared.eventlog.sqlite import SqliteLog, SqliteSettings

SETTING = "PUENTE_LOG_URL"
_WAY_OUT = (
    "Set it to sqlite:///data/log (a folder below the working directory), sqlite:////var/lib/puente/log "
    "(an absolute one), or kafka://host:9092/puente.changes."
)


def event_log(url: str, *, clock: Clock, sqlite_settings: SqliteSettings | None = None) -> EventLog:
    """The log that a URL names, not yet started. Raises Misconfigured with a sentence for anything else."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return SqliteLog(sqlite_folder(url), clock=clock, settings=sqlite_settings)
    if scheme == "kafka":
        # A quarter of the start of every command that has its log in files.
        from shared.eventlog.kafka import KafkaLog  # noqa: PLC0415
        from shared.eventlog.kafka_client import settings_of  # noqa: PLC0415

        return KafkaLog(settings_of(url), clock=clock)
    raise errors.Misconfigured(
        f"{SETTING} starts with neither sqlite:// nor kafka://.", setting=SETTING, way_out=_WAY_OUT
    )


def sqlite_folder(url: str) -> Path:
    """The folder of `sqlite:///folder` (relative) or `sqlite:////folder` (absolute)."""
    parts = urlsplit(url)
    path = unquote(parts.path.removeprefix("/"))
    if parts.scheme != "sqlite" or parts.netloc or not path or parts.query or parts.fragment or "\0" in path:
        raise errors.Misconfigured(f"{SETTING} names no folder.", setting=SETTING, way_out=_WAY_OUT)
    folder = Path(path)
    if folder.is_file():
        raise errors.Misconfigured(
            f"{SETTING} names a file; the log needs a folder.", setting=SETTING, way_out=_WAY_OUT
        )
    return folder
