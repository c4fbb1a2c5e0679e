"""The Faust application of a worker: assignment, tables, recovery and timers are Faust's, the rest is this room's."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import faust
from faust.transport.drivers.aiokafka import Transport

from processors.lane.chunk import Chunk, ChunkSchema
from processors.lane.consumer import MOST_PENDING, LaneConsumer
from processors.lane.store import Store
from processors.lane.table import StateTable
from processors.lane.writer import Writes

FETCH_BYTES = 3 * 1024 * 1024
"""Of one partition at a time: mostly fewer records than a chunk may hold, so that a fetch is one chunk."""


@dataclass(frozen=True)
class LaneSettings:
    """What a worker must know of its group and cluster.

    ``instance_id`` is the static member's name: stable over restarts, one per worker. Times in seconds.
    """

    group: str
    bootstrap_servers: str
    instance_id: str | None = None
    credentials: Any = None
    session_timeout_s: float = 8.0
    heartbeat_s: float = 3.0
    commit_interval_s: float = 1.0
    chunk_records: int = 10_000
    data_dir: Path = Path("faust-data")


class LaneTransport(Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = LaneConsumer


class LaneApp(faust.App):
    """A Faust application that reads in chunks. ``process`` of the agent must acknowledge by returning."""

    def _new_transport(self) -> Any:
        return LaneTransport(self.conf.broker_consumer, self)

    def _crash(self, reason: BaseException) -> None:
        """Keep the first reason: the later ones say only that something was cancelled while all went down."""
        known = self.crash_reason
        super()._crash(reason)
        if known is not None and not isinstance(known, asyncio.CancelledError):
            self.crash_reason = known

    @property
    def lane(self) -> LaneConsumer:
        """The consumer, typed."""
        consumer = self.consumer
        if not isinstance(consumer, LaneConsumer):
            raise TypeError(f"{consumer!r} is not the lane's consumer")
        return consumer


def create_app(settings: LaneSettings) -> LaneApp:
    """Return an application that is safe to start: at least once, crashes on any error, no web pages."""
    return LaneApp(
        settings.group,
        broker=[f"kafka://{server.strip()}" for server in settings.bootstrap_servers.split(",")],
        broker_credentials=settings.credentials,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        broker_commit_interval=settings.commit_interval_s,
        broker_max_poll_records=settings.chunk_records,
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id,
        # Part of the group's metadata, though no page is served: must not change between restarts of a member.
        canonical_url=f"http://{quote(settings.instance_id or 'worker', safe='')}",
        processing_guarantee="at_least_once",
        agent_supervisor="mode.CrashingSupervisor",
        store="memory://",
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        datadir=str(settings.data_dir),
    )


def add_table(
    app: LaneApp,
    *,
    name: str,
    topic: str,
    partitions: int,
    writer: Writes,
    version: Callable[[bytes], int],
    remembers_sources: bool = False,
    store: Store | None = None,
) -> StateTable:
    """Add a table whose changelog is ``topic``, which must exist with as many partitions as the sources.

    Its rows are in memory unless a store is given.
    """
    table = StateTable(
        app,
        name=name,
        topic=topic,
        partitions=partitions,
        writer=writer,
        version=version,
        remembers_sources=remembers_sources,
        store=store,
    )
    app.tables.add(table)
    return table


def add_agent(app: LaneApp, topics: Iterable[str], process: Callable[[Chunk], Awaitable[None]]) -> None:
    """Add the one agent, which reads all ``topics``, one chunk at a time.

    ``process`` returns when the effects of the chunk are durable; only then may its offsets be committed. Whatever
    it raises ends the worker: a failed chunk is never passed over.
    """
    channel = app.topic(*topics, schema=ChunkSchema(), maxsize=2 * MOST_PENDING)

    async def read(stream: Any) -> None:
        async for event in stream.noack().events():
            chunk: Chunk = event.value
            if not app.lane.tracker.is_next(chunk.tp, chunk.last):
                continue  # given out before a rebalance; its records come again
            await process(chunk)
            event.ack()

    app.agent(channel, name="chunks")(read)
