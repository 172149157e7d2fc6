"""The bare arm of P1: an ASGI function that appends each body to the log and answers when it is acknowledged.

`python -m tests.bench.bare_door BOOTSTRAP TOPIC PORT`; the path's last segment is the partition.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
import uvloop
from aiokafka import AIOKafkaProducer


class Door:
    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        body = message.get("body", b"")
        if body:
            partition = int(scope["path"].rpartition("/")[2])
            await self._producer.send_and_wait(self._topic, body, partition=partition)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def run(bootstrap: str, topic: str, port: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=1024 * 1024,
        max_request_size=1024 * 1024,
    )
    await producer.start()
    try:
        config = uvicorn.Config(
            Door(producer, topic),
            host="127.0.0.1",
            port=port,
            http="httptools",
            lifespan="off",
            loop="none",
            access_log=False,
            log_level="warning",
        )
        await uvicorn.Server(config).serve()
    finally:
        await producer.stop()


def main() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))


if __name__ == "__main__":
    main()
