"""P1b: a burst of hooks, the broker killed in the middle and started again: none refused, none late, none lost."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

from tests.bench import load, machine
from tests.bench.door import CONNECTIONS, entries_in, hooks, start_ingress
from tests.bench.figures import Findings, Goal, Row, Series, percentile
from tests.bench.installation import HookKeys
from tests.bench.servers import Servers, free_port
from tests.bench.settings import Effort
from tests.support.waiting import until

APPEND_LIMIT = 3.0
"""Seconds that the door gives the log before it takes to its spool: PUENTE_APPEND_SECONDS' default."""

_SLACK = 0.5
_KILL_AT = 0.3


async def burst_with_broker_killed(servers: Servers, effort: Effort, findings: Findings) -> None:
    log_url = await servers.topic()
    keys, port = HookKeys(), free_port()
    with servers.processes() as started:
        process = await start_ingress(started, keys, log_url, port)
        memory_before = machine.memory_bytes(process.pid)
        answers = load.Answers()
        bursting = asyncio.create_task(
            load.closed_loop(
                port, itertools.islice(hooks(keys), effort.burst), connections=CONNECTIONS, answers=answers
            )
        )
        await until(
            lambda: len(answers.at) >= effort.burst * _KILL_AT,
            within=timedelta(minutes=5),
            what="the kill's moment",
        )
        killed_at = answers.at[-1]
        servers.kafka.kill9()
        try:
            await servers.kafka.start_beside()
        finally:
            await bursting
        memory = machine.memory_bytes(process.pid) - memory_before

        async def forwarded() -> bool:
            return await entries_in(log_url) >= answers.accepted

        await until(forwarded, within=timedelta(minutes=5), what="every accepted hook is in the log")
        process.stop()
    calm = [took for at, took in zip(answers.at, answers.took, strict=True) if at < killed_at]
    findings.add(
        _row(f"hooks refused of {effort.burst:,}, broker killed", "", answers.refused + answers.dropped, 0),
        _row("p99 in the burst, before the kill", "ms", percentile(calm, 0.99) * 1000, 100),
        _row("p99 in the whole burst", "ms", percentile(answers.took, 0.99) * 1000, 100),
        _row("slowest answer", "s", max(answers.took), APPEND_LIMIT + _SLACK),
        _row("memory that the burst added", "MB", memory / 1e6, 50),
    )
    began = answers.at[0]
    findings.series.append(
        Series(figure="P1b", title="hooks answered", x="s", y="/s", points=_per_second(answers.at, began))
    )


def _row(what: str, unit: str, value: float, most: float) -> Row:
    return Row(figure="P1b", what=what, unit=unit, values=[value], goal=Goal(most=most))


def _per_second(moments: list[float], began: float) -> list[tuple[float, float]]:
    step = 0.25
    counts: dict[int, int] = {}
    for moment in moments:
        at = int((moment - began) / step)
        counts[at] = counts.get(at, 0) + 1
    return [(at * step, counts.get(at, 0) / step) for at in range(max(counts) + 1)]
