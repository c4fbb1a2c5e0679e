"""What a session makes of checkpoints: only tails say how old a feed is, and how far the workers must be."""

from typing import Any

from prometheus_client import CollectorRegistry
from support.registry import MemoryRegistry

from plumbing.clock import END_OF_TIME, SECOND, SystemClock
from processors.notify.config import AlertsConfig
from processors.notify.decoding import Decoding
from processors.notify.inbox import Item
from processors.notify.metrics import NotifierMetrics
from processors.notify.session import Session
from schemas.codec import Codec
from schemas.topics import Topics

TOPICS = Topics()
NOW = 1_800_000_000 * SECOND


class Sink:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.written = 0
        self.records: list[tuple[str, Any]] = []

    def write(self, topic: str, _key: bytes | None, value: Any, **_more: Any) -> None:
        self.records.append((topic, value))


class Scene:
    def __init__(self) -> None:
        self.codec = Codec(MemoryRegistry())
        sink: Any = Sink()
        clock, metrics = SystemClock(), NotifierMetrics(CollectorRegistry())
        inbox: Any = None  # no round is done here
        self.session = Session(
            config=AlertsConfig.model_validate(
                {"receivers": [{"name": "r", "type": "slack", "url": "https://h.example"}], "route": {"receiver": "r"}}
            ),
            topics=TOPICS,
            inbox=inbox,
            writer=sink,
            codec=self.codec,
            clock=clock,
            metrics=metrics,
            make_lanes=lambda _done: {},
            decoding=Decoding(self.codec, TOPICS, sink, clock, metrics),
        )

    async def take(self, topic: Any, record: dict[str, Any]) -> None:
        value = self.codec.encoder(topic.name, topic.schema)(record)
        for item, read in await self.session._decoding.records([Item(topic.name, 0, 0, b"k", value)]):
            self.session._take(item, read)

    async def checkpoint(self, feed: str, settled: int, ends_at: int | None = None) -> None:
        record = {"foundation": "f", "feed": feed, "written_at": NOW, "settled_until": settled, "ends_at": ends_at}
        await self.take(TOPICS.checkpoints, record)

    def rules(self, after_s: float) -> list[str]:
        watch = self.session._pipeline
        return [alert["rule"] for alert in watch.look(SystemClock().monotonic() + after_s)]


async def test_a_replay_of_dead_letters_and_a_killed_backfill_are_no_feeds_that_have_gone_stale() -> None:
    scene = Scene()
    await scene.checkpoint("dead-letters.replayed", END_OF_TIME, ends_at=0)
    await scene.checkpoint("app-usage-events.backfill", END_OF_TIME, ends_at=NOW)
    assert scene.rules(86_400) == []


async def test_workers_that_keep_up_with_the_tails_are_not_behind_a_replay_that_came_before() -> None:
    scene = Scene()
    await scene.checkpoint("dead-letters.replayed", END_OF_TIME, ends_at=0)
    await scene.checkpoint("app-usage-events", NOW)
    await scene.take(TOPICS.progress, {"version": 1, "foundation": "f", "applied_to": NOW})
    assert scene.rules(86_400) == ["feed-stale"]
