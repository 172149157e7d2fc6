"""What must be read with care: the settings file, secrets, and options that stand in front of any command.

Secrets come from a prompt, a file or standard input. On the command line they would stay in the shell's history
and in the list of processes, so an option that looks like one is refused, without repeating it.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from services.cli import words
from shared import errors

if TYPE_CHECKING:
    from shared.connectors.contract import Connector

_SECRET_OPTION: Final = re.compile(
    r"-{1,2}(?:[a-z]+[-_])*(?:token|secret|password|passwd|credentials?|api[-_]?key|bearer)(?:=.*)?", re.IGNORECASE
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPAN: Final = re.compile(r"(\d+)\s*(s|min|h|d)")
_UNITS: Final[Mapping[str, str]] = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def usage(message: str, way_out: str = "") -> errors.Misconfigured:
    return errors.Misconfigured(message, way_out=way_out)


@dataclass(slots=True, kw_only=True)
class Common:
    """Options that every command takes, wherever they stand."""

    json: bool = False
    lang: str = ""
    env_file: str = ""
    rest: list[str] = field(default_factory=list)


def split_common(arguments: Sequence[str]) -> Common:
    """Take `--json`, `--lang X` and `--env-file FILE` out of the arguments. Raises Misconfigured."""
    found = Common()
    pending = list(arguments)
    while pending:
        each = pending.pop(0)
        name, equals, value = each.partition("=")
        if each == "--":
            found.rest += [each, *pending]
            break
        if each == "--json":
            found.json = True
        elif name in {"--lang", "--env-file"}:
            if not equals and not pending:
                raise usage(f"{name} needs a value.")
            text = value if equals else pending.pop(0)
            if name == "--lang":
                found.lang = _language(text)
            else:
                found.env_file = text
        else:
            found.rest.append(each)
    return found


def _language(text: str) -> str:
    if text[:2].lower() not in {"en", "es"}:
        raise usage("The language is en or es.", "Give --lang en or --lang es.")
    return text


def refuse_secrets(arguments: Sequence[str]) -> None:
    """Raises Misconfigured for an option that looks like a secret. Never repeats its value."""
    for each in arguments:
        if _SECRET_OPTION.fullmatch(each):
            raise usage(
                f"Secrets are never taken from the command line ({each.partition('=')[0]}): others could read it.",
                "Leave it out and type it at the prompt, or give --secrets-file FILE or standard input.",
            )


def load_env_file(path: Path, environment: MutableMapping[str, str]) -> None:
    """Add the settings of a file of KEY=VALUE lines; what the environment has already stands.

    Raises Misconfigured, naming the line and never its value.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise usage(
            f"The settings file {path} cannot be read.", "Give --env-file the path of a text file."
        ) from None
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise usage(f"Line {number} of {path} cannot be read.", "Write one KEY=VALUE a line.")
        environment.setdefault(name.strip(), _unquoted(value.strip()))


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in {'"', "'"}:
        return value[1:-1]
    return value.partition(" #")[0].rstrip()


def secrets_for(
    connector: Connector, *, path: Path | None, language: str, base_url: str = "", optional: bool = False
) -> dict[str, str]:
    """The credentials of an account, and `base_url` where it was given with them or must be asked for.

    From `path`, else from standard input when it is no terminal, else from a prompt that shows nothing.
    `optional` lets everything stay as it was.
    """
    if path is not None:
        try:
            return parse_secrets(path.read_text("utf-8"), connector)
        except (OSError, UnicodeDecodeError):
            raise usage(f"The secrets file {path} cannot be read.") from None
    if not sys.stdin.isatty():
        return parse_secrets(sys.stdin.read(), connector)
    found: dict[str, str] = {}
    if not base_url and not optional:
        sys.stderr.write(words.say(language, "base url of", title=connector.title))
        sys.stderr.flush()
        found["base_url"] = sys.stdin.readline().strip()
    for each in sorted(connector.credentials, key=lambda one: not one.alone):
        label = words.of(language, each.label)
        value = getpass.getpass(f"{connector.title}, {label}: ").strip()
        if value or not (optional or each.alone):
            found[each.name] = value
        if value and each.alone:
            break
    return found


def parse_secrets(text: str, connector: Connector) -> dict[str, str]:
    """Read `name=value` lines, or a bare token where one credential is all that a login needs.

    Raises Misconfigured for a name that the system does not have; values are never repeated.
    """
    names = {each.name for each in connector.credentials} | {"base_url"}
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: dict[str, str] = {}
    bare: list[str] = []
    for line in lines:
        name, equals, value = line.partition("=")
        if equals and name.strip() in names:
            found[name.strip()] = value.strip()
        else:
            bare.append(line)
    whole = [each.name for each in connector.credentials if each.alone or len(connector.credentials) == 1]
    if bare and (len(bare) > 1 or not whole):
        wanted = ", ".join(each.name for each in connector.credentials)
        raise usage(
            f"A line of the secrets of {connector.title} cannot be read.", f"Write name=value lines for {wanted}."
        )
    if bare:
        found.setdefault(whole[0], bare[0])
    return found


def pairs(texts: Sequence[str], *, option: str) -> dict[str, str]:
    """Read `name=value` arguments. Raises Misconfigured."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise usage(f"{option} needs the form name=value.")
        found[name.strip()] = value.strip()
    return found


def day(text: str | None) -> str | None:
    """A date as YYYY-MM-DD, or None. Raises Misconfigured."""
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise usage(f"{text!r} is no date.", "Write it as 2026-01-31.") from None


def moment(text: str | None, now: datetime, zone: str) -> datetime | None:
    """A time: `2026-01-31`, `2026-01-31T09:00` (in the workspace's time zone), or `2h` for so long ago."""
    if not text:
        return None
    ago = _SPAN.fullmatch(text.strip())
    if ago:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise usage(
            f"{text!r} is no time.", "Write 2026-01-31, 2026-01-31T09:00, or 2h for two hours ago."
        ) from None
    own: tzinfo = ZoneInfo(zone)
    return found if found.tzinfo is not None else found.replace(tzinfo=own)


def actor() -> str:
    """Who types, for the audit."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid()}"
