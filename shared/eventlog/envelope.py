"""Change <-> CloudEvents 1.0 in Kafka's binary mode: attributes as headers, the sealed body as the value.

Attributes stand in headers `ce_<name>` in UTF-8, `datacontenttype` in `content-type`, trace context in
`traceparent` (CloudEvents Kafka protocol binding 1.0.2, sections 3.2.2 and 3.2.3; W3C Trace Context). Extensions
that say nothing are left out. `ce_source` is `/{system}/{account}`, percent-encoded; `ce_subject` is
`{resource}/{record id}` with the resource percent-encoded, so that a slash in an id stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast, get_args
from urllib.parse import quote, unquote

from shared import errors
from shared.eventlog.port import MAX_ENTRY_BYTES, Entry, Position
from shared.model.change import Change, Entity, Mode, What, shard_of

Headers = Sequence[tuple[str, bytes]]

_HEADER_FRAMING = 8  # two lengths per header, generously
_WHAT_OF_TYPE: dict[str, What] = {f"puente.{entity}.changed": entity for entity in get_args(Entity)} | {
    "puente.unreadable": "unreadable",
    "puente.gap": "gap",
}
_MODES = frozenset(get_args(Mode))
_MAX_GENERATION = 2**31 - 1
_CONTENT_TYPE = ("content-type", b"application/octet-stream")
_SPEC_VERSION = ("ce_specversion", b"1.0")


class _UnreadableError(ValueError):
    """Why an entry is not one of ours; the text becomes `Entry.problem` and never quotes a value."""


def headers_of(change: Change) -> Headers:
    """The headers of a change. Raises Rejected for text that UTF-8 cannot carry, and without a workspace or id."""
    if not change.workspace or not change.id:
        raise errors.Rejected("A change without an id or a workspace cannot enter the log.")
    try:
        headers = [(name, text.encode()) for name, text in _own_texts(change) if text]
        headers += _shared_headers(
            change.system,
            change.account,
            change.workspace,
            change.type,
            change.hook_kind,
            change.generation,
            change.body_key,
        )
    except UnicodeEncodeError as problem:
        raise errors.Rejected("A change holds text that is not valid Unicode (a lone surrogate).") from problem
    if change.body is not None:
        headers.append(_CONTENT_TYPE)
    return headers


@lru_cache(maxsize=4096)
def _shared_headers(
    system: str, account: str, workspace: str, type_: str, hook_kind: str, generation: int, body_key: str
) -> Headers:
    """What all entries of one hook have in common."""
    texts = (
        ("ce_source", _source(system, account)),
        ("ce_type", type_),
        ("ce_workspace", workspace),
        ("ce_hookkind", hook_kind),
        ("ce_generation", str(generation) if generation else ""),
        ("ce_bodykey", body_key),
    )
    return (*((name, text.encode()) for name, text in texts if text), _SPEC_VERSION)


def _own_texts(change: Change) -> Iterable[tuple[str, str]]:
    return (
        ("ce_id", change.id),
        ("ce_time", _time_text(change.seen_at)),
        ("ce_subject", _subject(change.resource, change.record_id)),
        ("ce_deletion", "true" if change.deletion else ""),
        ("ce_run", change.run),
        ("ce_mode", change.mode if change.mode != "nudge" else ""),
        ("ce_gapsince", _time_text(change.gap_since) if change.gap_since else ""),
        ("ce_bodyof", change.body_of),
        ("traceparent", change.traceparent),
    )


def size_of(workspace: str, headers: Headers, value: bytes | None) -> int:
    """Bytes of an entry as Kafka counts them, a little generously."""
    named = sum([len(name) + len(raw) for name, raw in headers]) + _HEADER_FRAMING * len(headers)
    return len(workspace.encode()) + named + len(value or b"")


def check_size(size: int) -> None:
    """Raises Rejected above MAX_ENTRY_BYTES."""
    if size > MAX_ENTRY_BYTES:
        raise errors.Rejected(
            f"A change of {size} bytes does not fit into the log; the limit is {MAX_ENTRY_BYTES}.", field="body"
        )


def one_workspace(changes: Sequence[Change]) -> str:
    """The workspace that all changes share. Raises ValueError otherwise: that is a mistake of the caller."""
    workspaces = {change.workspace for change in changes}
    if len(workspaces) != 1:
        raise ValueError(f"append takes changes of exactly one workspace, got {len(workspaces)}")
    return next(iter(workspaces))


def entry_of(
    headers: Iterable[tuple[str, bytes | None]],
    value: bytes | None,
    *,
    position: Position,
    appended_at: datetime,
    check_shard: bool = False,
) -> Entry:
    """The entry behind headers and value, whatever they hold.

    What is not ours comes back as an unreadable change with an id made from the position, and `problem` set. With
    `check_shard` an entry in a partition that is not its workspace's shard is not ours either: whoever works for
    that workspace would never see it.
    """
    found: dict[str, str] = {}
    try:
        _decode_into(found, headers)
        change = _change_from(found, value)
        if check_shard and shard_of(change.workspace) != position.partition:
            raise _UnreadableError(f"it stands in partition {position.partition}, not in its workspace's")
    except _UnreadableError as reason:
        return unreadable(found, value, position=position, appended_at=appended_at, problem=str(reason))
    return Entry(position=position, change=change, appended_at=appended_at)


def unreadable(
    found: Mapping[str, str], value: bytes | None, *, position: Position, appended_at: datetime, problem: str
) -> Entry:
    """An entry that is settled as a whole: what could be learned about its origin, and the reason."""
    try:
        system, account = _read_source(found.get("ce_source", ""))
    except _UnreadableError:
        system, account = "", ""
    change = Change(
        id=f"log-{position.partition}-{position.offset}",
        what="unreadable",
        workspace=found.get("ce_workspace", ""),
        system=system,
        account=account,
        seen_at=appended_at,
        body=value,
        body_key=found.get("ce_bodykey", ""),
    )
    return Entry(position=position, change=change, appended_at=appended_at, problem=problem)


def origin_of(headers: Iterable[tuple[str, bytes | None]]) -> tuple[str, str]:
    """(system, workspace) for counting, each empty where the headers do not say it."""
    raw = {name: content or b"" for name, content in headers}
    source = raw.get("ce_source", b"").decode("utf-8", "replace")
    try:
        system = _read_source(source)[0]
    except _UnreadableError:
        system = ""
    return system, raw.get("ce_workspace", b"").decode("utf-8", "replace")


def _decode_into(found: dict[str, str], headers: Iterable[tuple[str, bytes | None]]) -> None:
    """Fill `found` with our headers as text; unknown ones are passed over. What is filled stays on a failure."""
    reason = ""
    for name, raw in headers:
        if not (name.startswith("ce_") or name == "traceparent"):
            continue
        if name in found:
            reason = reason or f"the header {name} is given twice"
            continue
        try:
            found[name] = (raw or b"").decode()
        except UnicodeDecodeError:
            reason = reason or f"the header {name} is not UTF-8"
    if reason:
        raise _UnreadableError(reason)


def _change_from(found: Mapping[str, str], value: bytes | None) -> Change:
    for name in ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_workspace"):
        if not found.get(name):
            raise _UnreadableError(f"the header {name} is missing or empty")
    if found["ce_specversion"] != "1.0":
        raise _UnreadableError("the version of CloudEvents is not 1.0")
    what = _WHAT_OF_TYPE.get(found["ce_type"])
    if what is None:
        raise _UnreadableError("the type in ce_type is none of Puente's")
    mode = found.get("ce_mode") or "nudge"
    if mode not in _MODES:
        raise _UnreadableError("the mode in ce_mode is unknown")
    deletion = found.get("ce_deletion") or "false"
    if deletion not in {"true", "false"}:
        raise _UnreadableError("ce_deletion is neither true nor false")
    system, account = _read_source(found["ce_source"])
    resource, _, record_id = found.get("ce_subject", "").partition("/")
    gap_since = found.get("ce_gapsince")
    return Change(
        id=found["ce_id"],
        what=what,
        workspace=found["ce_workspace"],
        system=system,
        account=account,
        seen_at=_read_time(found["ce_time"], "ce_time"),
        resource=unquote(resource),
        record_id=record_id,
        hook_kind=found.get("ce_hookkind", ""),
        generation=_read_generation(found.get("ce_generation") or "0"),
        deletion=deletion == "true",
        run=found.get("ce_run", ""),
        mode=cast(Mode, mode),
        traceparent=found.get("traceparent", ""),
        gap_since=_read_time(gap_since, "ce_gapsince") if gap_since else None,
        body=value,
        body_key=found.get("ce_bodykey", ""),
        body_of=found.get("ce_bodyof", ""),
    )


@lru_cache(maxsize=4096)
def _source(system: str, account: str) -> str:
    return f"/{quote(system, safe='')}/{quote(account, safe='')}"


def _subject(resource: str, record_id: str) -> str:
    return f"{_quoted(resource)}/{record_id}" if record_id else _quoted(resource)


@lru_cache(maxsize=1024)
def _quoted(resource: str) -> str:
    return quote(resource, safe="")


def _read_source(source: str) -> tuple[str, str]:
    parts = source.split("/")
    if len(parts) != 3 or parts[0]:
        raise _UnreadableError("ce_source is not /system/account")
    return unquote(parts[1]), unquote(parts[2])


def _time_text(moment: datetime) -> str:
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat().removesuffix("+00:00") + "Z"


def _read_time(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise _UnreadableError(f"the time in {name} carries no zone")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        if isinstance(problem, _UnreadableError):
            raise
        raise _UnreadableError(f"the time in {name} cannot be read") from problem


def _read_generation(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= _MAX_GENERATION):
        raise _UnreadableError("ce_generation is not a small whole number")
    return int(text)
