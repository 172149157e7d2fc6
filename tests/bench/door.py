"""P1: hooks durably accepted per second by one ingress on its own core, beside the barest app that does it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.model.change import SHARDS
from tests.bench import load, machine
from tests.bench.figures import Findings, Goal, Row, percentile
from tests.bench.installation import HookKeys
from tests.bench.servers import SOON, Servers, Started, free_port
from tests.bench.settings import Effort
from tests.support.processes import Process

CONNECTIONS = 64
BODY_BYTES = 1024
WORKSPACES = tuple(f"w{number}" for number in range(16))
_WARM_UP = 1.0


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One arm's run. `took` are seconds from sending a request to having its answer."""

    per_second: float
    p99: float
    cpu_per_1000: float


async def hooks_per_second(servers: Servers, effort: Effort, findings: Findings) -> None:
    ours: list[Taken] = []
    bare: list[Taken] = []
    for _ in range(effort.repeats):
        ours.append(await _one_run(servers, effort.door_seconds, bare=False))
        bare.append(await _one_run(servers, effort.door_seconds, bare=True))
    findings.add(
        Row(
            figure="P1",
            what="hooks durably accepted per second",
            unit="/s",
            values=[each.per_second for each in ours],
            bare=[each.per_second for each in bare],
            goal=Goal(of="ratio", least=0.6),
            note="acks=all, 64 connections, 1 KB, distinct ids",
        ),
        Row(
            figure="P1",
            what="p99 of a hook at that rate",
            unit="ms",
            values=[each.p99 * 1000 for each in ours],
            bare=[each.p99 * 1000 for each in bare],
        ),
        Row(
            figure="P1",
            what="CPU per 1,000 hooks",
            unit="s",
            values=[each.cpu_per_1000 for each in ours],
            bare=[each.cpu_per_1000 for each in bare],
        ),
    )


async def _one_run(servers: Servers, seconds: float, *, bare: bool) -> Taken:
    with servers.processes() as started:
        log_url = await servers.topic()
        keys = HookKeys()
        port = free_port()
        if bare:
            process = await start_bare(started, log_url, port)
            requests = bare_hooks(keys)
        else:
            process = await start_ingress(started, keys, log_url, port)
            requests = hooks(keys)
        running = asyncio.create_task(
            load.closed_loop(port, requests, connections=CONNECTIONS, seconds=_WARM_UP + seconds)
        )
        await asyncio.sleep(_WARM_UP)
        since, cpu = time.monotonic(), machine.cpu_seconds(process.pid)
        answers = await running
        until, cpu = max(answers.at), machine.cpu_seconds(process.pid) - cpu
        if answers.refused or answers.dropped:
            raise AssertionError(f"{process.name} answered {answers.statuses}, dropped {answers.dropped}")
        await _are_in_the_log(log_url, answers.accepted)
        process.stop()
        took = answers.took_between(since, until)
        return Taken(
            per_second=answers.per_second(since, until),
            p99=percentile(took, 0.99),
            cpu_per_1000=cpu / len(took) * 1000,
        )


async def start_ingress(
    started: Started,
    keys: HookKeys,
    log_url: str,
    port: int,
    name: str = "ingress",
    *,
    system: str = "bitfactura",
    **more: str,
) -> Process:
    env = keys.door_environment(started.folder / name, log_url, port, **more)
    process = started.server("-m", "services.ingress.main", system, name=name, env=env)
    await process.answers(f"http://127.0.0.1:{port}/readyz", within=SOON)
    return process


async def start_bare(started: Started, log_url: str, port: int) -> Process:
    bootstrap, _, topic = log_url.removeprefix("kafka://").partition("/")
    process = started.server("-m", "tests.bench.bare_door", bootstrap, topic, str(port), name="bare", env={})
    await process.answers(f"http://127.0.0.1:{port}/", within=SOON)
    return process


def hooks(keys: HookKeys, workspaces: Sequence[str] = WORKSPACES) -> Iterator[bytes]:
    """Hooks of these workspaces in turn, each with an id of its own, as BitFactura sends them."""
    targets = [(f"/hooks/bitfactura/{keys.token(name)}", _body_halves(keys.secret(name))) for name in workspaces]
    for number in itertools.count(1):
        path, (before, after) = targets[number % len(targets)]
        yield load.post(path, before + b"%09d" % number + after)


def bare_hooks(keys: HookKeys) -> Iterator[bytes]:
    """The same bodies; the path names the partition."""
    before, after = _body_halves(keys.secret(WORKSPACES[0]))
    targets = [f"/hooks/{keys.shard(name)}" for name in WORKSPACES]
    for number in itertools.count(1):
        yield load.post(targets[number % len(targets)], before + b"%09d" % number + after)


def _body_halves(secret: str) -> tuple[bytes, bytes]:
    """A body of `BODY_BYTES`, cut at the nine digits of its client's id (JSON knows no leading zeros: a text)."""
    body = {
        "client_id": "#########",
        "client": {"name": "Talleres Anaga S.L.", "tax_no": "B76123454", "city": "Santa Cruz", "note": ""},
        "app_name": "fakturownia",
        "api_token": secret,
        "locale": "es",
    }
    body["client"]["note"] = "x" * (BODY_BYTES - len(msgspec.json.encode(body)))  # type: ignore[index]
    before, _, after = msgspec.json.encode(body).partition(b"#########")
    return before, after


def hook_body(secret: str, number: int) -> bytes:
    """The body of one hook."""
    before, after = _body_halves(secret)
    return before + b"%d" % number + after


async def _are_in_the_log(log_url: str, least: int) -> None:
    """What was accepted stands in the topic: without this, an app that forgets would be the fastest."""
    count = await entries_in(log_url)
    if count < least:
        raise AssertionError(f"{least} hooks were accepted and {count} are in the log")


async def entries_in(log_url: str) -> int:
    bootstrap, _, topic = log_url.removeprefix("kafka://").partition("/")
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(SHARDS)])
    finally:
        await consumer.stop()
    return sum(ends.values())
