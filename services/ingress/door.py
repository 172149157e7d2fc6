"""One system's door: who sends this, and what does it say? The bytes are judged before they are believed."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from starlette.types import Receive, Scope

from services.ingress import answers, reading
from services.ingress.answers import Answer, Outcome, Refused
from services.ingress.counts import Counts
from services.ingress.keeping import Keeper, Kept, Unstored
from services.ingress.strangers import Strangers
from shared import errors
from shared.clock import Clock, NewId
from shared.connectors import hooks
from shared.connectors.contract import Connector, Told
from shared.keys import DoorKeys, Hook, LogKeys
from shared.model.change import Change, What, is_canary, is_record_id
from shared.timelimit import TimeLimit
from shared.tracing import Traces, trace_of

log = logging.getLogger(__name__)

BODY_BYTES: Final = 900 * 1024

_NOBODY: Final = Hook(system="", workspace="", account="", hook_kind="", generation=0)
"""Stands for the hook of a forged token, so that its secret is checked as long as a real one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the door bears, and whether it keeps bodies that it could read.

    `secrets` are those that a vendor issues itself, by `account/hook kind` or by account; they replace the derived
    one.
    """

    body_bytes: int = BODY_BYTES
    body_time: timedelta = timedelta(seconds=10)
    store_bodies: bool = True
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the doors of one process share."""

    keeper: Keeper
    door_keys: DoorKeys
    log_keys: LogKeys
    clock: Clock
    new_id: NewId
    counts: Counts
    strangers: Strangers
    limits: Limits = field(default_factory=Limits)
    public_url: str = ""
    traces: Traces | None = None


class Door:
    """Takes the hooks of one system."""

    def __init__(self, connector: Connector, parts: Parts) -> None:
        self.connector = connector
        self.system = connector.name
        self.endings = tuple(ending.strip("/") for ending in connector.hooks.extra_paths)
        self._parts = parts
        self._rules = connector.hooks
        self._body_time = TimeLimit(parts.limits.body_time)
        self._unstored = answers.unstored(connector.hooks.when_unstored)

    async def take(self, scope: Scope, receive: Receive, token: str | None) -> tuple[Answer, Outcome]:
        """Answer one request. `token` is None where it stands in the body. Raises Refused or Gone.

        Everything about the body comes before everything about the token, so that an answer never tells which of
        token and secret was wrong.
        """
        if scope["method"] != "POST":
            raise Refused(answers.WRONG_METHOD, "wrong_method")
        head = reading.head_of(scope)
        if head.encoded:
            raise Refused(answers.ENCODED, "encoded")
        limits, traces = self._parts.limits, self._parts.traces
        since = self._parts.clock.now() if traces is not None else None
        body = await reading.body_of(
            receive,
            declared=head.declared,
            limit=limits.body_bytes,
            within=self._body_time,
        )
        hook = self._authentic(token, body)
        changes, outcome = self._changes(hook, body, head.traceparent)
        if not changes:
            return answers.NOTHING_SAID, "nothing"
        try:
            where = await self._parts.keeper.keep(changes)
        except Unstored:
            return self._unstored, "unstored"
        if not is_canary(hook.workspace):
            self._parts.counts.kept(self.system, len(changes))
            if traces is not None and since is not None:
                _trace(traces, changes, told=head.traceparent, since=since, kept_in=where)
        answer = answers.accepted(changes[0].id, len(changes))
        return answer, "spooled" if where == "spool" and outcome == "accepted" else outcome

    def _authentic(self, token: str | None, body: bytes) -> Hook:
        """The hook that token and secret prove. Raises Refused: for the body's form, else one same answer."""
        key = self._rules.secret_key or ("api_token" if token is None else "")
        given, refusal = "", Refused(answers.UNKNOWN, "unknown")
        if key:
            try:
                given = hooks.secret_in(body, key)
            except hooks.BadBody as problem:
                refusal = Refused(answers.bad_body(problem.message, problem.field), "bad_body")
                # A secret given twice proves nothing; in a body that is only broken it may still stand.
                given = "" if problem.field == key else hooks.secret_amid(body, key)
        found = self._parts.door_keys.read(given if token is None else token, system=self.system)
        hook = found or _NOBODY
        proven = token is None or not self._rules.secret_key or self._secret_matches(hook, given)
        if found is None or not proven or hook.hook_kind not in self._rules.kinds:
            raise refusal
        return hook

    def _secret_matches(self, hook: Hook, given: str) -> bool:
        issued = self._parts.limits.secrets
        own = issued.get(f"{hook.account}/{hook.hook_kind}") or issued.get(hook.account)
        if own:
            return hmac.compare_digest(own.encode(), given.encode("utf-8", "surrogatepass"))
        return self._parts.door_keys.secret_matches(hook, given)

    def _changes(self, hook: Hook, body: bytes, traceparent: str) -> tuple[Sequence[Change], Outcome]:
        """What an authentic body says; one unreadable change where we cannot tell."""
        try:
            told = self.connector.changes_in(hook.hook_kind, body)
            named = [(self._entity_of(each), each) for each in told]
        except errors.Rejected as problem:
            log.warning("%s hook %s cannot be read: %s", self.system, hook.hook_kind, problem.message)
            return [self._change(hook, "unreadable", None, body, traceparent)], "unreadable"
        except hooks.PARSER_BUGS:
            log.exception("the parser of %s failed on a hook of kind %s", self.system, hook.hook_kind)
            return [self._change(hook, "unreadable", None, body, traceparent)], "unreadable"
        changes: list[Change] = []
        for what, each in named:
            first = changes[0] if changes else None
            changes.append(self._change(hook, what, each, body, traceparent, first))
        return changes, "accepted"

    def _entity_of(self, told: Told) -> What:
        resource = self.connector.resources.get(told.resource)
        if resource is None:
            raise errors.Rejected(f"{self.system} has no resource {told.resource!r}.", field="resource")
        if not is_record_id(told.record_id):
            raise errors.Rejected("The id of the record is none that can be carried.", field="id")
        return resource.entity.name

    def _change(
        self,
        hook: Hook,
        what: What,
        told: Told | None,
        body: bytes,
        traceparent: str,
        first: Change | None = None,
    ) -> Change:
        parts = self._parts
        change_id = parts.new_id()
        kind = self._rules.kinds[hook.hook_kind]
        sealed: bytes | None = None
        key_id = ""
        if first is None and (parts.limits.store_bodies or told is None):
            key_id = parts.log_keys.current
            sealed = parts.log_keys.seal(body, workspace=hook.workspace, change_id=change_id, key_id=key_id)
        return Change(
            id=change_id,
            what=what,
            workspace=hook.workspace,
            system=self.system,
            account=hook.account,
            seen_at=parts.clock.now(),
            resource=told.resource if told else kind.resource,
            record_id=told.record_id if told else "",
            hook_kind=hook.hook_kind,
            generation=hook.generation,
            deletion=told is not None and (told.deletion or kind.deletion),
            traceparent=self._traceparent(traceparent, change_id),
            body=sealed,
            body_key=key_id,
            body_of=first.id if first is not None and parts.limits.store_bodies else "",
        )

    def _traceparent(self, told: str, change_id: str) -> str:
        traces = self._parts.traces
        return told or trace_of(change_id) if traces is None else traces.begun(told, change_id)


def _trace(traces: Traces, changes: Sequence[Change], *, told: str, since: datetime, kept_in: Kept) -> None:
    """A span per change that a hook told: each is followed by itself from here on."""
    for each in changes:
        traces.hook(
            each.traceparent,
            told,
            since=since,
            kept_since=each.seen_at,
            system=each.system,
            hook_kind=each.hook_kind,
            workspace=each.workspace,
            account=each.account,
            change=each.id,
            record=each.record_id,
            kept_in=kept_in,
        )
