"""A Faust worker in a process of its own, stock or ours, that says what happens to it. For comparing the two.

Usage: python faust_probe.py CASE, a JSON object with the fields of ``Case``. Says one JSON object a line: ``met`` (the
number of a record), ``recovered`` (rows of the table), ``timer`` (how a write from a timer went), ``rows``, ``health``,
``crashed``. Ends in good order when its input ends.
"""

import asyncio
import contextlib
import json
import os
import sys
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from processors.lane.app import LaneApp, LaneSettings, add_agent, add_table, create_app
from processors.lane.chunk import Chunk
from processors.lane.rocks import RocksStore
from processors.lane.writer import Writer

COMMIT_S = 0.3
SESSION_S = 6.0
STALLED_S = 2.0


@dataclass(frozen=True)
class Case:
    """What to be, and what to do with the record numbered ``number``.

    ``act``: "" nothing special; "committed": stock Faust made to read committed records only; "fail": the agent
    raises; "hold": it is never acknowledged; "deafen": from then on fetches never return, and health is reported;
    "swell": every row written is of 2,000 bytes; "timer": a timer writes.
    ``table``: keep each record's number in a table by its key. ``window``: in a table of windows that expire after so
    many seconds (stock only).
    """

    kind: str
    bootstrap: str
    group: str
    topic: str
    folder: str
    act: str = ""
    number: int = -1
    table: bool = False
    window: float = 0
    partitions: int = 1
    instance: str | None = None
    port: int = 0
    session_s: float = SESSION_S
    store: str = "memory"


def say(**event: Any) -> None:
    """Print an event in one piece."""
    os.write(1, (json.dumps(event) + "\n").encode())


def meet(case: Case, number: int) -> bool:
    """Report a record and say whether it may be acknowledged. Raise where the case wants it."""
    if case.act == "fail" and number == case.number:
        raise RuntimeError("as the case wants it")
    say(met=number)
    return not (case.act == "hold" and number == case.number)


def swollen(case: Case, number: int) -> bytes:
    """Return the row of a number; its digits before the colon are its version."""
    return b"%d:" % number + (os.urandom(2000) if case.act == "swell" else b"")


def shown(rows: Any) -> dict[str, str]:
    """Return rows with keys and values as text."""
    return {
        key.decode() if isinstance(key, bytes) else str(key): value.split(b":")[0].decode()
        for key, value in rows.items()
    }


async def never(*_given: Any, **_more: Any) -> Any:
    """Stand for a fetch that never returns."""
    await asyncio.Event().wait()


def timed(app: Any, write: Callable[[], Any]) -> None:
    """Write from a timer as soon as the worker is at work; report how it went."""

    async def tick() -> None:
        try:
            result = write()
            if result is not None:
                await result
        except Exception as error:  # noqa: BLE001 - what it is is the answer
            say(timer=f"{type(error).__name__}: {error}")
        else:
            say(timer="written")

    app.timer(0.5, name="timed")(tick)


def read_committed() -> None:
    """Make stock Faust read committed records only, and leave the rest of it as it is."""
    thread: Any = AIOKafkaConsumerThread
    create = thread._create_worker_consumer

    def committed(self: Any, transport: Any) -> Any:
        consumer = create(self, transport)
        consumer._isolation_level = "read_committed"
        return consumer

    thread._create_worker_consumer = committed


def stock_table(case: Case, app: Any) -> Any:
    """Return the table that the case wants, None for none."""
    if not (case.table or case.window):
        return None
    table = app.Table("t", value_type=bytes, partitions=case.partitions)
    if case.window:
        table = table.tumbling(1.0, expires=case.window)

    async def recovered() -> None:
        say(recovered={} if case.window else shown(table), generation=app.consumer_generation_id)

    table.on_recover(recovered)
    return table


def stock(case: Case) -> Any:
    """Return an application as everybody writes it."""
    if case.act == "committed":
        read_committed()
    app: Any = faust.App(
        case.group,
        broker=f"kafka://{case.bootstrap}",
        store=f"{case.store}://",
        web_enabled=bool(case.port) and case.act == "deafen",
        web_bind="127.0.0.1",
        web_host="127.0.0.1",
        web_port=case.port or 6066,
        topic_disable_leader=True,
        broker_commit_interval=COMMIT_S,
        broker_session_timeout=case.session_s,
        broker_heartbeat_interval=1.0,
        consumer_group_instance_id=case.instance,
        table_cleanup_interval=0.5,
        table_standby_replicas=0,
        stream_wait_empty=False,
        datadir=case.folder,
    )
    channel = app.topic(case.topic, value_type=bytes, value_serializer="raw", key_serializer="raw")
    table = stock_table(case, app)

    async def read(stream: Any) -> None:
        async for event in stream.noack().events():
            number = int(event.value)
            acknowledge = True
            try:
                acknowledge = meet(case, number)
                if table is not None:
                    table[event.key.decode()] = swollen(case, number)
            finally:
                # A plain agent acknowledges what it was given, come what may.
                if acknowledge:
                    event.ack()
            if case.act == "deafen" and number == case.number:
                app.consumer._thread.getmany = never

    app.agent(channel, name="records")(read)
    if case.act == "timer":
        timed(app, lambda: table.__setitem__("timer", b"1:"))
    return app


def ours(case: Case) -> LaneApp:
    """Return an application of the lane."""
    app = create_app(
        LaneSettings(
            group=case.group,
            bootstrap_servers=case.bootstrap,
            instance_id=case.instance,
            session_timeout_s=case.session_s,
            heartbeat_s=1,
            commit_interval_s=COMMIT_S,
            chunk_records=50,
            data_dir=Path(case.folder),
        )
    )
    writer = Writer({"bootstrap.servers": case.bootstrap})
    topic = f"{case.group}-t-changelog"
    table = None
    if case.table:
        table = add_table(
            app,
            name="t",
            topic=topic,
            partitions=case.partitions,
            writer=writer,
            version=lambda row: int(row.split(b":")[0]),
            remembers_sources=True,
            store=RocksStore(Path(case.folder) / "rows") if case.store == "rocksdb" else None,
        )

        @table.on_recover
        async def recovered() -> None:
            say(
                recovered={
                    key: row for each in range(case.partitions) for key, row in shown(dict(table.rows(each))).items()
                }
            )

    async def process(chunk: Chunk) -> None:
        numbers = [int(record.value) for record in chunk.records]
        if sum(not meet(case, number) for number in numbers):
            await asyncio.Event().wait()
        if table is not None:
            for record in chunk.records:
                table.put(chunk.tp.partition, record.key, swollen(case, int(record.value)))
            await writer.durable()
        if case.act == "deafen" and case.number in numbers:
            app.lane._thread.fetch = never  # type: ignore[method-assign]

    add_agent(app, [case.topic], process)

    async def write() -> None:
        assert table is not None
        table.put(0, b"timer", b"1:")
        await writer.durable()

    if case.act == "timer":
        timed(app, write)
    return app


class Sources:
    """As much of the timekeeper as the probes ask."""

    ready = True

    def __init__(self, topic: str) -> None:
        self._tp = TP(topic, 0)

    def sources(self) -> dict[int, list[TP]]:
        """Return the one source partition."""
        return {0: [self._tp]}


class NoStates:
    """As much of a table as the probes ask."""

    restored = 0

    def size(self) -> int:
        """Count nothing."""
        return 0


async def health(case: Case, app: Any) -> None:
    """Report for ever what a liveness probe would be told."""
    if case.kind == "stock":
        while True:
            with contextlib.suppress(OSError):
                answer = await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{case.port}/", timeout=5)
                say(health=answer.status)
            await asyncio.sleep(0.5)
    # The whole worker, which no other case needs.
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    from processors.metrics import WorkerMetrics  # noqa: PLC0415
    from processors.probes import Probes  # noqa: PLC0415

    parts: dict[str, Any] = {"app": app, "states": NoStates(), "timekeeper": Sources(case.topic)}
    probes = Probes(**parts, metrics=WorkerMetrics(CollectorRegistry()), stalled_s=STALLED_S)
    watching = asyncio.create_task(probes.watch())
    while not watching.done():
        say(health=200 if probes.live() is None else 503)
        await asyncio.sleep(0.5)


async def windows(app: Any) -> None:
    """Report for ever which keys the raw table of windows holds."""
    while True:
        say(rows=sorted({key[0] for key in app.tables["t"].data}))
        await asyncio.sleep(0.25)


async def main(case: Case) -> None:
    """Be a worker until the input ends or the worker crashes."""
    app = (stock if case.kind == "stock" else ours)(case)
    app.finalize()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)), daemon=True).start()
    await app.start()
    tasks = [asyncio.create_task(app._crashed.wait()), asyncio.create_task(over.wait())]
    more = [asyncio.create_task(health(case, app))] if case.act == "deafen" else []
    more += [asyncio.create_task(windows(app))] if case.window else []
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if app.crashed:
        say(crashed=repr(app.crash_reason))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(app.stop(), 5)


if __name__ == "__main__":
    asyncio.run(main(Case(**json.loads(sys.argv[1]))))
    os._exit(0)  # a held record leaves tasks that never end
