"""P1c: where one hook's CPU goes in the door, part by part and without sockets: what the bare arm has not.

Each part is timed alone. Alone its code and data stay in the processor's caches, so the sum is a
lower bound of what the door adds to a request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from prometheus_client import CollectorRegistry

from services.ingress.counts import Counts
from shared.clock import PooledRandomness, SystemClock, time_ordered_ids
from shared.connectors import hooks
from shared.connectors.registry import CONNECTORS
from shared.eventlog import envelope
from shared.keys import Hook, LogKeys, Ring, generate_ring
from shared.model.change import Change
from shared.tracing import trace_of
from tests.bench import door
from tests.bench.figures import Findings, Row
from tests.bench.installation import HookKeys
from tests.bench.servers import Servers
from tests.bench.settings import Effort

_HOOKS = 5_000
_WORKSPACE = "w0"
_KIND = "client:update"
_BATCH = 300


async def a_hook_in_parts(_servers: Servers, effort: Effort, findings: Findings) -> None:
    """Microseconds of CPU for each part. Needs neither broker nor database."""
    found: dict[str, list[float]] = {}
    for _ in range(effort.repeats):
        for name, part in _parts().items():
            began = time.process_time()
            for number in range(_HOOKS):
                part(number)
            found.setdefault(name, []).append((time.process_time() - began) / _HOOKS * 1e6)
    for name, values in found.items():
        findings.add(Row(figure="P1c", what=name, unit="µs", values=values))
    whole = [sum(each) for each in zip(*found.values(), strict=True)]
    findings.add(Row(figure="P1c", what="all of these", unit="µs", values=whole))


def _parts() -> Mapping[str, Callable[[int], object]]:
    """What the door does with a hook, in order; each takes the hook's number."""
    keys = HookKeys()
    door_keys = keys.reader()
    hook = Hook(
        system="bitfactura",
        workspace=_WORKSPACE,
        account=f"{_WORKSPACE}.bitfactura",
        hook_kind=_KIND,
        generation=1,
    )
    token, secret = keys.token(_WORKSPACE), keys.secret(_WORKSPACE)
    bodies = [door.hook_body(secret, 100_000_000 + number) for number in range(_HOOKS)]
    connector = CONNECTORS["bitfactura"]
    randomness, clock = PooledRandomness(), SystemClock()
    log_keys = LogKeys(Ring.parse(generate_ring(), setting="PUENTE_LOG_KEYS"), randomness)
    new_id = time_ordered_ids(clock, randomness)
    counts = Counts(CollectorRegistry())
    sealed = log_keys.seal(bodies[0], workspace=_WORKSPACE, change_id=new_id())

    def change(number: int) -> Change:
        change_id = new_id()
        return Change(
            id=change_id,
            what="customer",
            workspace=_WORKSPACE,
            system="bitfactura",
            account=hook.account,
            seen_at=clock.now(),
            resource="clients",
            record_id=str(number),
            hook_kind=_KIND,
            generation=1,
            traceparent=trace_of(change_id),
            body=sealed,
            body_key=log_keys.current,
        )

    one = change(1)
    headers = list(envelope.headers_of(one))

    def encoded(_number: int) -> None:
        envelope.size_of(_WORKSPACE, envelope.headers_of(one), one.body)

    def counted(_number: int) -> None:
        counts.kept("bitfactura", 1)
        counts.request("bitfactura", "accepted", timedelta(milliseconds=2))

    return {
        "the body as JSON, each key once": lambda number: hooks.secret_in(bodies[number], "api_token"),
        "the token of the URL": lambda _: door_keys.read(token, system="bitfactura"),
        "the secret of the body": lambda _: door_keys.secret_matches(hook, secret),
        "the record that it names, once parsed": lambda _: connector.changes_in(_KIND, bodies[0]),
        "the body sealed": lambda number: log_keys.seal(bodies[number], workspace=_WORKSPACE, change_id=one.id),
        "id, time and trace": change,
        "a CloudEvent's headers": encoded,
        "the headers in Kafka's record": partial(_recorded, _Batch(), one.body or b"", headers),
        "metrics": counted,
    }


class _Batch:
    """A record batch that begins anew when it is full, as the producer's does."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.builder = DefaultRecordBatchBuilder(2, 0, 1, -1, -1, 0, 1024 * 1024)
        self.count = 0


def _recorded(batch: _Batch, value: bytes, headers: list[tuple[str, bytes]], _number: int) -> None:
    if batch.count == _BATCH:
        batch.renew()
    batch.builder.append(batch.count, None, b"w0", value, headers)
    batch.count += 1
