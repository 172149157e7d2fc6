"""The topic `puente.changes` as an AsyncAPI 3.0 document, for whoever reads it with tools of their own.

The headers are those that `shared/eventlog/envelope.py` writes; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, get_args

from shared.model.change import SHARDS, Entity, Mode

Json = Mapping[str, Any]

TOPIC: Final = "puente.changes"

_TIME: Final = {"type": "string", "format": "date-time"}


def _text(description: str, **more: object) -> Json:
    return {"type": "string", "description": description, **more}


def _types() -> list[str]:
    return [*(f"puente.{entity}.changed" for entity in get_args(Entity)), "puente.unreadable", "puente.gap"]


def headers() -> Json:
    """The JSON schema of an entry's headers, each as text."""
    return {
        "type": "object",
        "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_workspace"],
        "additionalProperties": False,
        "properties": {
            "ce_specversion": {"const": "1.0"},
            "ce_id": _text("New for every receipt; the same id twice is the same change.", minLength=1),
            "ce_source": _text("System and account, percent-encoded.", pattern="^/[^/]*/[^/]*$"),
            "ce_type": {"enum": _types()},
            "ce_time": {**_TIME, "description": "When the door saw it, or until when a gap lasted."},
            "ce_workspace": _text(
                "The tenant. The key of the entry, and what decides its partition.", minLength=1
            ),
            "ce_subject": _text("Resource (percent-encoded), a slash, and the vendor's id of the record."),
            "ce_hookkind": _text("The kind of hook that told it; absent for sweeps, loads and gaps."),
            "ce_generation": _text("Which registration of the hook told it.", pattern="^[0-9]+$"),
            "ce_deletion": {"enum": ["true"], "description": "Present if the record is said to be deleted."},
            "ce_run": _text("The replay that appended it again."),
            "ce_mode": {"enum": [mode for mode in get_args(Mode) if mode != "nudge"]},
            "ce_gapsince": {**_TIME, "description": "Only in puente.gap: hooks may have been lost from here on."},
            "ce_bodykey": _text("Which log key sealed the body."),
            "ce_bodyof": _text("The id of the entry that carries the body of the same delivery."),
            "content-type": {"const": "application/octet-stream"},
            "traceparent": _text(
                "W3C trace context.", pattern="^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
            ),
        },
    }


@lru_cache(maxsize=1)
def document() -> Json:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Puente changes",
            "version": "1",
            "description": "One entry says that a record of a system changed. It is a nudge: read the record.",
        },
        "defaultContentType": "application/octet-stream",
        "channels": {
            "changes": {
                "address": TOPIC,
                "description": "Changes of every system, and nothing but changes.",
                "messages": {"change": {"$ref": "#/components/messages/change"}},
                "bindings": {
                    "kafka": {
                        "topic": TOPIC,
                        "partitions": SHARDS,
                        "topicConfiguration": {"cleanup.policy": ["delete"]},
                        "bindingVersion": "0.5.0",
                    }
                },
            }
        },
        "operations": {
            "tellChange": {
                "action": "send",
                "channel": {"$ref": "#/channels/changes"},
                "summary": "Door, sweeps, loads and replays append; entries of one workspace keep their order.",
            },
            "handleChange": {
                "action": "receive",
                "channel": {"$ref": "#/channels/changes"},
                "summary": "Sync reads the record at its source and brings the other system to agree.",
            },
        },
        "components": {"messages": {"change": _message()}},
    }


def _message() -> Json:
    return {
        "name": "change",
        "title": "A record changed",
        "summary": "A CloudEvent 1.0 in Kafka's binary mode: attributes as headers, the sealed body as the value.",
        "contentType": "application/octet-stream",
        "headers": headers(),
        "payload": {
            "type": ["string", "null"],
            "description": "The hook's body, sealed (AES-GCM, a key per workspace); null where none is kept.",
        },
        "bindings": {
            "kafka": {"key": {"type": "string", "description": "The workspace."}, "bindingVersion": "0.5.0"}
        },
        "examples": [
            {
                "name": "a client was edited",
                "headers": {
                    "ce_specversion": "1.0",
                    "ce_id": "0195f6e2-6f7b-7c3a-9d55-0f6f2f6f8a11",
                    "ce_source": "/bitfactura/a1",
                    "ce_type": "puente.customer.changed",
                    "ce_time": "2026-03-02T09:00:00Z",
                    "ce_workspace": "talleres",
                    "ce_subject": "clients/40110257",
                    "ce_hookkind": "client:update",
                    "ce_generation": "1",
                },
            },
            {
                "name": "hooks were refused for a while",
                "headers": {
                    "ce_specversion": "1.0",
                    "ce_id": "0195f6e2-6f7b-7c3a-9d55-0f6f2f6f8a12",
                    "ce_source": "/bitfactura/a1",
                    "ce_type": "puente.gap",
                    "ce_time": "2026-03-02T09:10:00Z",
                    "ce_workspace": "talleres",
                    "ce_gapsince": "2026-03-02T09:00:00Z",
                },
            },
        ],
    }
