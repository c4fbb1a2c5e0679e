"""A producer's tail on a simulated Cloud Controller and a Kafka in memory: no sockets, no waiting, many histories."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import httpx
from support.registry import MemoryRegistry

from producer import checkpoint
from producer.api.client import CloudController as Client
from producer.api.oauth import Credentials
from producer.api.patience import Patience
from producer.checkpoint import TailState
from producer.feeds.dialect import Version
from producer.feeds.reader import Reader
from producer.metrics import Metrics
from producer.parse.privacy import Privacy
from producer.publish.batch import Batcher, Filters, Message
from producer.publish.outlet import Identity
from producer.publish.transaction import DoubtError
from producer.settings import FEEDS, Feed
from producer.snapshot.owed import TakeSnapshot
from producer.tail import Tail, TailOptions
from schemas.codec import Codec
from schemas.topics import Topics
from standin.cloud_controller.asgi import Application
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.service import Service

Kill = Literal["before", "after", "doubt-before", "doubt-after"]
"""When a transaction goes wrong: before or after its commit, by a death or by an answer that never came."""

TOPICS = Topics("t.")


class Killed(BaseException):
    """The process died: nothing of it may run on."""


class HandClock:
    """A clock that only sleeping moves; sleeping takes no time."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0
        self.slept: list[float] = []

    def now(self) -> int:
        """Microseconds."""
        return int(self.seconds * 1_000_000)

    def monotonic(self) -> float:
        """Seconds."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class Log:
    """Committed messages by topic, and the last checkpoint: what survives a death."""

    committed: dict[str, list[Message]] = field(default_factory=dict)
    checkpoint: TailState | None = None
    transactions: int = 0


class MemorySink:
    """Commits into a log, and fails as told. With ``torn`` the checkpoint is written apart from the rows."""

    def __init__(self, log: Log, feed: str, kills: list[Kill | None], *, torn: bool = False) -> None:
        self.identity = Identity("t.", "f", feed)
        self.trouble: str | None = None
        self._log = log
        self._kills = kills
        self._torn = torn

    async def open(self, stop: asyncio.Event) -> TailState | None:
        """Return the last checkpoint, through its record as Kafka keeps it."""
        del stop
        state = self._log.checkpoint
        return None if state is None else checkpoint.from_record(checkpoint.to_record(state, "f", "x", 0))

    def write(self, batches: dict[str, list[Message]], state: TailState, written_at: int) -> None:
        """Commit, die, or leave it in doubt."""
        del written_at
        kill = self._kills.pop(0) if self._kills else None
        if kill == "before" and not self._torn:
            raise Killed
        if kill == "doubt-before":
            raise DoubtError("no answer, not committed")
        for topic, messages in batches.items():
            self._log.committed.setdefault(topic, []).extend(messages)
        if kill == "before":
            raise Killed
        self._log.checkpoint = state
        self._log.transactions += 1
        if kill == "after":
            raise Killed
        if kill == "doubt-after":
            raise DoubtError("no answer, but committed")

    def close(self) -> None:
        """Nothing to give up."""


class World:
    """One Cloud Controller, one feed, one log; sessions of a tail come and go."""

    def __init__(
        self,
        cc: CloudController,
        feed: Feed = FEEDS[0],
        version: Version = "v3",
        *,
        settle_s: float = 60,
        overlap_s: float = 30,
        page_size: int = 5000,
        start: str = "oldest",
        keep: Privacy | None = None,
        filters: Filters | None = None,
        torn: bool = False,
    ) -> None:
        self.cc = cc
        self.feed = feed
        self.version: Version = version
        self.settle_s = settle_s
        self.overlap_s = overlap_s
        self.page_size = page_size
        self.start = start
        self.keep = keep or Privacy()
        self.filters = filters or Filters()
        self.torn = torn
        self.types: tuple[str, ...] = ()
        self.ends_at: int | None = None
        self.take_snapshot: TakeSnapshot | None = None
        self.log = Log()
        self.clock = HandClock()
        self.metrics = Metrics()
        self.codec = Codec(MemoryRegistry())
        self.between: Callable[[str], None] = lambda _path: None
        self.service = Service(cc)
        self.requests: list[httpx.Request] = []

    async def session(self, kills: Iterable[Kill | None] = ()) -> None:
        """Run a tail until it is caught up or killed."""
        tail, client = self.tail(list(kills))
        try:
            await tail.run(asyncio.Event())
        except Killed:
            pass
        finally:
            await client.close()

    def tail(self, kills: list[Kill | None]) -> tuple[Tail, Client]:
        """Return a tail that ends when it is caught up, and its client."""
        client = self.client()
        topic = TOPICS.usage if self.feed == FEEDS[0] else TOPICS.audit
        options = TailOptions(
            foundation="f",
            feed=self.feed,
            topic=topic.name,
            dead_letters=TOPICS.dead_letters.name,
            snapshots=TOPICS.snapshots.name,
            start=self.start,
            poll_s=1,
            on_gap="resume",
            until_caught_up=True,
            snapshot_interval_s=0,
        )
        batcher = Batcher(
            foundation="f",
            feed=self.feed,
            encode=self.codec.encoder(topic.name, topic.schema),
            encode_dead=self.codec.encoder(TOPICS.dead_letters.name, "DeadLetter"),
            keep=self.keep,
            filters=self.filters,
        )
        sink = MemorySink(self.log, self.feed, kills, torn=self.torn)
        tail = Tail(
            options,
            self.reader(client),
            batcher,
            sink,
            clock=self.clock,
            random=Random(1),
            metrics=self.metrics,
            take_snapshot=self.take_snapshot,
        )
        return tail, client

    def client(self, credentials: Credentials | None = None) -> Client:
        """Return a client that is wired straight into the simulated Cloud Controller."""
        transport = httpx.ASGITransport(app=Application(self.service, lambda _: None))

        async def noted(request: httpx.Request) -> None:
            self.requests.append(request)
            self.between(request.url.path)

        http = httpx.AsyncClient(transport=transport, event_hooks={"request": [noted]})
        options = self.cc.options
        credentials = credentials or Credentials(options.client_id, options.client_secret)
        return Client("http://cc.test", credentials, http=http, clock=self.clock)

    def reader(self, client: Client) -> Reader:
        """Return the feed's reader."""
        return Reader(
            feed=self.feed,
            version=self.version,
            api=client,
            patience=Patience(self.clock, Random(1)),
            settle_s=self.settle_s,
            overlap_s=self.overlap_s,
            page_size=self.page_size,
            types=self.types,
            ends_at=self.ends_at,
        )

    @property
    def records(self) -> list[dict[str, Any]]:
        """All committed records of the feed, in order."""
        topic = TOPICS.usage if self.feed == FEEDS[0] else TOPICS.audit
        return [self.codec.decode(message["value"]) for message in self.log.committed.get(topic.name, [])]

    @property
    def dead(self) -> list[dict[str, Any]]:
        """All committed dead letters."""
        return [self.codec.decode(message["value"]) for message in self.log.committed.get(TOPICS.dead_letters.name, [])]

    @property
    def state(self) -> TailState:
        """The last checkpoint."""
        assert self.log.checkpoint is not None
        return self.log.checkpoint


Identified = tuple[str, int]
"""A row's identity: guid and created_at."""


def identities(rows: Iterable[Any]) -> Counter[Identified]:
    """Count rows of the ledger by identity."""
    return Counter((row.guid, row.created_at) for row in rows)
