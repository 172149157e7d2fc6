"""The AsyncAPI document says exactly what the log's envelope writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

import jsonschema
import pytest
import yaml

from deploy import schema
from services.ingress import asyncapi
from shared.clock import ManualClock, time_ordered_ids
from shared.eventlog import envelope
from shared.eventlog.kafka_client import TOPIC
from shared.eventlog.port import Position
from shared.model.change import Change, Entity
from shared.tracing import trace_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NEW_ID = time_ordered_ids(ManualClock())
SMALL = Change(id=NEW_ID(), what="customer", workspace="w1", system="bitfactura", account="a1", seen_at=NOW)
FULL = replace(
    SMALL,
    resource="clients",
    record_id="7",
    hook_kind="client:update",
    generation=3,
    deletion=True,
    run="r1",
    mode="repair",
    traceparent=trace_of(SMALL.id),
    gap_since=NOW,
    body=b"sealed",
    body_key="k1",
    body_of=NEW_ID(),
)


def as_text(change: Change) -> dict[str, str]:
    return {name: raw.decode() for name, raw in envelope.headers_of(change)}


@pytest.mark.parametrize(
    "change",
    [
        SMALL,
        FULL,
        replace(SMALL, what="unreadable", body=b"x", body_key="k1"),
        replace(SMALL, what="gap", gap_since=NOW),
        *(replace(SMALL, what=entity) for entity in get_args(Entity)),
    ],
    ids=lambda change: str(change.type),
)
def test_what_the_envelope_writes_is_valid(change: Change) -> None:
    jsonschema.validate(as_text(change), asyncapi.headers())


def test_no_header_is_described_that_the_envelope_does_not_write() -> None:
    assert asyncapi.headers()["properties"].keys() == as_text(FULL).keys()


def test_what_is_required_is_what_every_change_has() -> None:
    assert set(asyncapi.headers()["required"]) == as_text(SMALL).keys()


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_time", "ce_workspace"])
def test_a_header_less_is_not_valid(name: str) -> None:
    headers = as_text(SMALL)
    del headers[name]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(headers, asyncapi.headers())


def test_the_examples_are_entries_that_the_envelope_reads() -> None:
    message = asyncapi.document()["components"]["messages"]["change"]
    for example in message["examples"]:
        jsonschema.validate(example["headers"], message["headers"])
        entry = envelope.entry_of(
            [(name, text.encode()) for name, text in example["headers"].items()],
            None,
            position=Position(partition=0, offset=0),
            appended_at=NOW,
        )
        assert entry.problem == ""


def test_the_file_of_the_docs_is_the_document() -> None:
    found = schema.FILE.read_text(encoding="utf-8")
    assert found == schema.text(), "run: make schema"
    assert yaml.safe_load(found) == asyncapi.document()


def test_the_topic_is_the_one_that_the_log_uses() -> None:
    assert asyncapi.TOPIC == TOPIC
    assert asyncapi.document()["channels"]["changes"]["address"] == TOPIC
