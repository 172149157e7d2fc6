"""One change, followed from its hook to the calls of vendors: by its spans, its entry in the log, its lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from tests.integration.cli.rig import Place
from tests.support.collector import Collector, Span
from tests.support.processes import Process
from tests.support.waiting import until

SOON = timedelta(seconds=40)
CREATE = "client:create"


async def check_trace(place: Place, collector: Collector, record_id: str) -> Span:
    """The spans of the change that told of a new record: one trace, each below the one that caused it."""

    def followed() -> list[Span] | None:
        hooks = [
            span
            for span in collector.spans
            if span.name == "hook"
            and span.attributes["puente.record"] == record_id
            and span.attributes["puente.hook_kind"] == CREATE
        ]
        if not hooks:
            return None
        spans = collector.of_trace(hooks[0].trace)
        return spans if any(span.name == "call" and span.attributes["puente.writes"] for span in spans) else None

    spans = await until(followed, within=SOON, what="the way of a change up to its write")
    hook, keep = one(spans, "hook"), one(spans, "keep")
    looks = [span for span in spans if span.name == "look"]
    calls = [span for span in spans if span.name == "call"]
    assert (hook.parent, hook.service) == ("", "puente-door")
    assert hook.trace == str(hook.attributes["puente.change"]).replace("-", "")
    assert (hook.attributes["puente.system"], hook.attributes["puente.kept_in"]) == ("bitfactura", "log")
    assert keep.parent == hook.id
    assert hook.begins <= keep.begins <= keep.ends <= hook.ends
    assert {look.parent for look in looks} == {hook.id}
    assert {look.service for look in looks} == {"puente-sync"}
    made = [look for look in looks if look.attributes["puente.outcome"] == "created"]
    assert len(made) == 1
    assert made[0].attributes["puente.record"] == record_id
    assert {call.parent for call in calls} <= {look.id for look in looks}
    inside = [call for call in calls if call.parent == made[0].id]
    systems = [(call.attributes["puente.system"], call.attributes["puente.writes"]) for call in inside]
    assert ("bitfactura", False) in systems, "the source was read"
    assert systems.count(("sugester", True)) == 1, "and the other side written once"
    assert all(made[0].begins <= call.begins <= call.ends <= made[0].ends for call in inside)
    assert all(call.attributes["puente.outcome"] == "answered" and not call.failed for call in inside)
    return hook


def one(spans: Sequence[Span], name: str) -> Span:
    (found,) = [span for span in spans if span.name == name]
    return found


def check_lines(sync: Process, hook: Span) -> None:
    """The line of the attempt tells trace and record, so that one leads to the other."""
    lines = [json.loads(line) for line in sync.errors().splitlines() if line.startswith("{")]
    tried = [line for line in lines if line["event"] == "sync.attempted" and line["trace_id"] == hook.trace]
    assert tried
    assert {line["record"] for line in tried} == {hook.attributes["puente.record"]}


def check_nothing_personal(collector: Collector, *canaries: str) -> None:
    """Spans hold ids and closed words: no value of a record, no address, no token."""
    for body in collector.bodies:
        for canary in canaries:
            assert canary.encode() not in body, f"{canary} is in a span"
    closed = {
        "system",
        "account",
        "method",
        "writes",
        "outcome",
        "waited_ms",
        "status",
        "workspace",
        "flow",
        "side",
    }
    closed |= {"record", "origin", "changes", "other", "hook_kind", "change", "kept_in"}
    for span in collector.spans:
        names = {name.removeprefix("puente.") for name in span.attributes} - {"error.type"}
        assert names <= closed, f"{span.name} tells {names - closed}"
