"""Spans: whose child each one is, what a share leaves out, and what is never in one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import errors
from shared.clock import ManualClock, time_ordered_ids
from shared.runtime.spans import OtelTraces
from shared.runtime.traces import endpoint_of, traces_to
from shared.tracing import NOTHING, trace_id_of, trace_of

CLOCK = ManualClock()
NEW_ID = time_ordered_ids(CLOCK)
THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Sent:
    """Traces whose spans stay here."""

    def __init__(self, share: float = 1.0) -> None:
        self._exporter = InMemorySpanExporter()
        self.traces = OtelTraces(self._exporter, service="test", clock=CLOCK, share=share)

    def spans(self) -> dict[str, ReadableSpan]:
        """By name, once all are sent. Nothing can be traced afterwards."""
        self.traces.close()
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def sent() -> Iterator[Sent]:
    found = Sent()
    yield found
    found.traces.close()


def ids(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def parent(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent is not None else ""


def hook(sent: Sent, told: str, change_id: str) -> str:
    carried = sent.traces.begun(told, change_id)
    sent.traces.hook(carried, told, since=CLOCK.now(), kept_since=CLOCK.now(), system="bitfactura")
    return carried


def test_a_change_carries_its_own_trace_and_what_follows_is_below_its_hook(sent: Sent) -> None:
    change_id = NEW_ID()
    carried = hook(sent, "", change_id)
    assert carried == trace_of(change_id)
    with sent.traces.look([carried], [change_id], flow="f"), sent.traces.call(system="sugester"):
        pass
    spans = sent.spans()
    assert {ids(span)[0] for span in spans.values()} == {change_id.replace("-", "")}
    assert ids(spans["hook"])[1] == carried.split("-")[2]
    assert parent(spans["hook"]) == ""
    assert parent(spans["keep"]) == parent(spans["look"]) == ids(spans["hook"])[1]
    assert parent(spans["call"]) == ids(spans["look"])[1]


def test_a_trace_that_the_sender_began_goes_on(sent: Sent) -> None:
    carried = hook(sent, THEIRS, NEW_ID())
    assert trace_id_of(carried) == trace_id_of(THEIRS)
    assert parent(sent.spans()["hook"]) == THEIRS.split("-")[2]


def test_a_look_for_several_changes_is_linked_to_the_others(sent: Sent) -> None:
    carried = [trace_of(NEW_ID()) for _ in range(3)]
    with sent.traces.look(carried, ()):
        pass
    look = sent.spans()["look"]
    assert ids(look)[0] == trace_id_of(carried[0])
    assert [f"{link.context.trace_id:032x}" for link in look.links] == [trace_id_of(each) for each in carried[1:]]


def test_what_waited_in_the_store_is_found_again_by_the_id_of_its_change(sent: Sent) -> None:
    change_id = NEW_ID()
    with sent.traces.look((), [change_id]):
        pass
    assert ids(sent.spans()["look"])[0] == change_id.replace("-", "")


@pytest.mark.parametrize(
    "traceparents", [[], ["00-nonsense"], ["ff-" + THEIRS[3:]], [f"00-{'0' * 32}-{'0' * 16}-01"]]
)
def test_a_look_that_no_change_asked_for_has_no_span_and_neither_have_its_calls(
    sent: Sent, traceparents: list[str]
) -> None:
    with sent.traces.look(traceparents, ()) as look, sent.traces.call(system="sugester") as call:
        assert look is None
        assert call is None
    assert sent.spans() == {}


def test_an_error_is_told_by_its_class_and_never_by_its_words(sent: Sent) -> None:
    with pytest.raises(errors.Rejected), sent.traces.look([THEIRS], ()):
        raise errors.Rejected("The vendor says: Zuleica Quintanabrava", field="name")
    look = sent.spans()["look"]
    assert look.attributes is not None
    assert look.attributes["error.type"] == "Rejected"
    assert "Zuleica" not in look.to_json()
    assert look.events == ()


def test_a_share_is_chosen_by_the_change_so_that_door_and_sync_agree() -> None:
    door, sync = Sent(share=0.5), Sent(share=0.5)
    changes = [NEW_ID() for _ in range(200)]
    by_door = [door.traces.begun("", change_id).endswith("-01") for change_id in changes]
    by_sync = [sync.traces.look((), [change_id]) is not NOTHING for change_id in changes]
    carried = [sync.traces.look([door.traces.begun("", each)], [each]) is not NOTHING for each in changes]
    assert by_door == by_sync == carried
    assert 60 < sum(by_door) < 140
    none = Sent(share=0)
    assert hook(none, "", changes[0]).endswith("-00")
    assert none.spans() == {}
    for each in (door, sync):
        each.traces.close()


async def test_without_a_url_there_is_nothing() -> None:
    async with traces_to("", service="test", clock=CLOCK) as found:
        assert found is None


def test_without_a_url_the_sdk_is_not_loaded() -> None:
    program = "import sys, services.sync.main, services.ingress.main; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"


def test_a_url_without_a_path_gets_that_of_otlp() -> None:
    assert endpoint_of("http://collector:4318") == "http://collector:4318/v1/traces"
    assert endpoint_of("https://collector/otlp/v1/traces") == "https://collector/otlp/v1/traces"


@pytest.mark.parametrize(
    "url", ["collector:4318", "grpc://collector", "http://", "http://u:p@collector", "http://[x"]
)
def test_a_url_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(errors.Misconfigured) as told:
        endpoint_of(url)
    assert told.value.setting == "PUENTE_TRACES_URL"
    assert "u:p" not in told.value.message
