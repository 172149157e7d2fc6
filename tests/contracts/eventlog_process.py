"""A process that uses a log: for tests that need another one, or one that can be killed.

`... append URL WORKSPACE COUNT` appends one change at a time and prints `acked ID` after each.
`... consume URL GROUP ORDERS` joins, prints `assigned N: SHARDS.`, `revoked N` and `entry ID`, and tries the
commits that are asked for in the file ORDERS, printing how each ended.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared import errors
from shared.clock import SystemClock
from shared.eventlog.port import Position, Subscription
from shared.eventlog.urls import event_log
from shared.model.change import Change


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def append(url: str, workspace: str, number: int) -> None:
    log = event_log(url, clock=SystemClock())
    await log.start()
    for index in range(number):
        change = Change(
            id=f"{workspace}-{index}",
            what="customer",
            workspace=workspace,
            system="bitfactura",
            account="main",
            seen_at=datetime.now(UTC),
            resource="clients",
            record_id=str(index),
        )
        await log.append(change)
        say(f"acked {change.id}")
    await log.close()


async def consume(url: str, group: str, orders: Path) -> None:
    """`orders` is a file in which a line `PARTITION OFFSET` asks for a commit; each is tried once."""
    log = event_log(url, clock=SystemClock())
    await log.start()

    async def on_assigned(shards: frozenset[int]) -> None:
        say(f"assigned {len(shards)}: {' '.join(map(str, sorted(shards)))}.")

    async def on_revoked(shards: frozenset[int]) -> None:
        say(f"revoked {len(shards)}")

    async with log.subscribe(group=group, on_assigned=on_assigned, on_revoked=on_revoked) as subscription:
        done = 0
        while True:
            # Orders first: after a freeze this is the first thing that the process does.
            asked = await asyncio.to_thread(complete_lines, orders)
            for order in asked[done:]:
                partition, offset = order.split()
                await commit(subscription, Position(partition=int(partition), offset=int(offset)))
            done = len(asked)
            for entry in await subscription.next_batch(limit=100, wait=timedelta(milliseconds=100)):
                say(f"entry {entry.change.id}")


def complete_lines(path: Path) -> list[str]:
    return path.read_text().split("\n")[:-1] if path.exists() else []


async def commit(subscription: Subscription, position: Position) -> None:
    try:
        await subscription.commit(position)
    except errors.Lost:
        say(f"commit of {position.offset} is lost")
    else:
        say(f"commit of {position.offset} is done")


def main(arguments: list[str]) -> None:
    if arguments[0] == "append":
        asyncio.run(append(arguments[1], arguments[2], int(arguments[3])))
    else:
        asyncio.run(consume(arguments[1], arguments[2], Path(arguments[3])))


if __name__ == "__main__":
    main(sys.argv[1:])
