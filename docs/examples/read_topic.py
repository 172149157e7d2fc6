"""Reads the topic of Puente with a plain Kafka client and prints one line of JSON for each change.

    pip install confluent-kafka
    python read_topic.py --bootstrap localhost:9092 --group my-report

An entry says that a record changed; it is a nudge, and the system holds the truth: read the record there with its
id. The value is the body of the hook, sealed; nothing here needs it. Entries come at least once: the same `ce_id`
twice is the same change. For Kafka with TLS and a login give librdkafka's settings by name: `--setting
security.protocol=SASL_SSL --setting ssl.ca.location=ca.pem ...`. Ctrl-C stops it; what was printed is committed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

REMEMBERED = 100_000


def change_in(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, object] | None:
    """What an entry tells, from its headers; None for one that is no CloudEvent of Puente."""
    found = {name: (value or b"").decode("utf-8", "replace") for name, value in headers}
    if not found.get("ce_id") or not found.get("ce_type", "").startswith("puente."):
        return None
    _, system, account = (found.get("ce_source", "") + "//").split("/")[:3]
    resource, _, record = found.get("ce_subject", "").partition("/")
    return {
        "id": found["ce_id"],
        "type": found["ce_type"],
        "time": found.get("ce_time"),
        "workspace": found.get("ce_workspace"),
        "system": unquote(system),
        "account": unquote(account),
        "resource": unquote(resource),
        "record": record,
        "deleted": found.get("ce_deletion") == "true",
        "replayed": "ce_run" in found,
        "trace": found.get("traceparent"),
    }


def entries(consumer: Consumer, *, to_the_end: bool) -> Iterator[Message]:
    """Entries as they come; with `to_the_end` until every partition was read once."""
    ended: set[int] = set()
    while True:
        message = consumer.poll(1.0)
        if message is None:
            continue
        error = message.error()
        if error is None:
            yield message
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the name that the client gives it
            ended.add(message.partition())
            if to_the_end and len(ended) >= len(consumer.assignment()):
                return
        else:
            raise KafkaException(error)


def run(consumer: Consumer, *, to_the_end: bool) -> int:
    """Print every change once. Returns how many there were."""
    seen: OrderedDict[str, None] = OrderedDict()
    count = 0
    for message in entries(consumer, to_the_end=to_the_end):
        change = change_in(message.headers() or [])
        if change is not None and str(change["id"]) not in seen:
            seen[str(change["id"])] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
            print(json.dumps(change), flush=True)
            count += 1
        # Only now: whoever stops in between sees this one again, and none is passed over.
        consumer.commit(message, asynchronous=True)
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description="Print the changes of Puente's topic, one line of JSON each.")
    parser.add_argument("--bootstrap", required=True, help="host:port of a broker")
    parser.add_argument("--topic", default="puente.changes")
    parser.add_argument("--group", required=True, help="a name of your own; puente.sync is the engine's")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE", help="of librdkafka")
    parser.add_argument("--to-the-end", action="store_true", help="end when everything was read once")
    given = parser.parse_args()
    if given.group.startswith("puente."):
        parser.error("take a group of your own: groups that begin with puente. are the engine's")
    settings = {
        "bootstrap.servers": given.bootstrap,
        "group.id": given.group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer(settings | dict(each.split("=", 1) for each in given.setting))
    consumer.subscribe([given.topic])
    try:
        count = run(consumer, to_the_end=given.to_the_end)
    except KeyboardInterrupt:
        return 130
    finally:
        consumer.close()
    print(f"{count} changes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
