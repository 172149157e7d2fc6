"""The bare arm of P2: the least that reads a record of the log, reads a client, writes it and saves one row.

`python -m tests.bench.bare_sync BOOTSTRAP TOPIC VENDOR_URL POSTGRES_URL COUNT`: one asyncio loop, aiohttp and
asyncpg, 64 records at once; it ends when COUNT records are done and committed.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
import asyncpg  # type: ignore[import-untyped]
import uvloop
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from tests.bench.vendor import RIGHT_ID

AT_ONCE = 64

_TABLE = "CREATE TABLE done (account text, record text, shown text, primary key (account, record))"
_UPSERT = """INSERT INTO done (account, record, shown) VALUES ($1, $2, $3)
ON CONFLICT (account, record) DO UPDATE SET shown = excluded.shown"""


async def run(bootstrap: str, topic: str, vendor: str, database: str, count: int) -> None:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id="bench.bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(RangePartitionAssignor,),
    )
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        asyncpg.create_pool(database, min_size=4, max_size=16) as pool,
        aiohttp.ClientSession(connector=connector) as http,
    ):
        await pool.execute(_TABLE)
        await consumer.start()
        slots = asyncio.Semaphore(AT_ONCE)

        async def handle(workspace: str, number: str) -> None:
            try:
                async with http.get(
                    f"{vendor}/{workspace}/bitfactura/clients/{number}.json", params={"api_token": "x"}
                ) as answer:
                    shown = await answer.json()
                target = int(number) + RIGHT_ID
                body = {"api_token": "x", "client": {"city": shown["city"]}}
                async with http.put(
                    f"{vendor}/{workspace}/sugester/app/clients/{target}.json", json=body
                ) as answer:
                    await answer.json()
                await pool.execute(_UPSERT, workspace, number, shown["city"])
            finally:
                slots.release()

        try:
            done = 0
            while done < count:
                batches = await consumer.getmany(timeout_ms=250, max_records=2000)
                async with asyncio.TaskGroup() as group:
                    for records in batches.values():
                        for record in records:
                            headers = dict(record.headers)
                            await slots.acquire()
                            workspace = headers["ce_workspace"].decode()
                            number = headers["ce_subject"].decode().rpartition("/")[2]
                            group.create_task(handle(workspace, number))
                            done += 1
                if batches:
                    await consumer.commit()
        finally:
            await consumer.stop()


def main() -> None:
    bootstrap, topic, vendor, database, count = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(bootstrap, topic, vendor, database, int(count)))


if __name__ == "__main__":
    main()
