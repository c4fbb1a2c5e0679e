"""A Faust worker in a process of its own, stock or ours, that reports what it was given. For comparing the two.

Usage: python faust_probe.py KIND BOOTSTRAP GROUP TOPIC SCENARIO SECONDS

SCENARIO: plain; ``fail-N``: the agent raises when it meets the record numbered N; ``hold-N``: record N is never
acknowledged. Prints one JSON object: the numbers met, in order, and whether the worker crashed.
"""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import faust

from processors.lane.app import LaneSettings, add_agent, create_app
from processors.lane.chunk import Chunk

Meet = Callable[[int], bool]
"""Called with each record's number; says whether it may be acknowledged. Raises where the scenario wants it."""


def stock(bootstrap: str, group: str, topic: str, folder: str, meet: Meet) -> Any:
    """Return an application as everybody writes it."""
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        broker_commit_interval=0.5,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        stream_wait_empty=False,
        datadir=folder,
    )
    channel = app.topic(topic, value_type=bytes, value_serializer="raw", key_serializer="raw")

    async def read(stream: Any) -> None:
        async for event in stream.noack().events():
            acknowledge = True
            try:
                acknowledge = meet(int(event.value))
            finally:
                # A plain agent acknowledges what it was given, come what may.
                if acknowledge:
                    event.ack()

    app.agent(channel, name="records")(read)
    return app


def ours(bootstrap: str, group: str, topic: str, _folder: str, meet: Meet) -> Any:
    """Return an application of the lane."""
    app = create_app(
        LaneSettings(
            group=group,
            bootstrap_servers=bootstrap,
            session_timeout_s=6,
            heartbeat_s=1,
            commit_interval_s=0.5,
            chunk_records=50,
        )
    )

    async def process(chunk: Chunk) -> None:
        numbers = [int(record.value) for record in chunk.records]
        if sum(not meet(number) for number in numbers):
            await asyncio.Event().wait()

    add_agent(app, [topic], process)
    return app


async def main(kind: str, bootstrap: str, group: str, topic: str, scenario: str, seconds: float) -> dict[str, Any]:
    met: list[int] = []
    action, _, number = scenario.partition("-")

    def meet(found: int) -> bool:
        if action == "fail" and found == int(number):
            raise RuntimeError("as the scenario wants it")
        met.append(found)
        return not (action == "hold" and found == int(number))

    with tempfile.TemporaryDirectory() as folder:
        app = (stock if kind == "stock" else ours)(bootstrap, group, topic, folder, meet)
        app.finalize()
        await app.start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(app._crashed.wait(), seconds)
        crashed = bool(app.crashed)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(app.stop(), 5)
    return {"met": met, "crashed": crashed}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    kind, bootstrap, group, topic, scenario, seconds = arguments
    report = asyncio.run(main(kind, bootstrap, group, topic, scenario, float(seconds)))
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a held record leaves tasks that never end
