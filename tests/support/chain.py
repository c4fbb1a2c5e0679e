"""The whole product around a simulated Cloud Controller, driven by its command line as a user drives it."""

import socket
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    TopicPartition,
)
from support.chain_check import Published
from support.command import Ended, cfstream, settings

from plumbing.kafka import require_broker
from schemas.reader import Row, rows, watermarks
from schemas.topics import Topic
from standin.children import Child
from standin.cloud_controller.server import CloudController
from standin.demo.pipeline import Pipeline
from standin.demo.scene import Scene, scene
from standin.demo.source import simulated

SETTLE_S = 5.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Chain:
    """A scene with topics of its own, and the commands that run in it."""

    cc: CloudController
    scene: Scene
    pipeline: Pipeline

    def run(self, *arguments: str, within_s: float = 60, given: Mapping[str, str] | None = None, **more: str) -> Ended:
        """Run a command to its end with the scene's settings, ``given`` and ``more`` (lower case, no prefix)."""
        own = settings({**(given or {}), **more})
        return cfstream(*arguments, environment=self.scene.environment | own, within_s=within_s)

    def good(self, *arguments: str, within_s: float = 60, **more: str) -> Ended:
        """Run a command that must end with exit 0."""
        ended = self.run(*arguments, within_s=within_s, given=more)
        assert ended.code == 0, f"cfstream {' '.join(arguments)} ended with {ended.code}: {ended.err[-2000:]}"
        return ended

    def start(self, name: str, *arguments: str, **more: str) -> Child:
        """Start a command that runs until it is ended, with the scene's settings and ``more`` likewise."""
        self.pipeline.start(name, *arguments, more=settings(more))
        return self.pipeline.child(name)

    def delete(self, topics: Iterable[Topic]) -> None:
        """Delete topics, where they are there."""
        admin = require_broker(self.scene.settings)
        there = admin.list_topics(timeout=15).topics
        ours = [topic.name for topic in topics if topic.name in there]
        for future in admin.delete_topics(ours, operation_timeout=30).values() if ours else ():
            future.result(timeout=30)

    def said(self, name: str, text: str) -> bool:
        """Say whether a running command has logged a text."""
        return text in self.pipeline.log(name).read_text("utf-8", "replace")


@contextmanager
def chain(
    cc: CloudController,
    kafka: str,
    registry: str,
    folder: Path,
    *,
    partitions: int = 4,
    more: Mapping[str, str] | None = None,
) -> Iterator[Chain]:
    """Put the product around a Cloud Controller; under a topic prefix of its own, deleted at the end."""
    prefix = f"e2e{uuid.uuid4().hex[:8]}."
    own = {
        "CFSTREAM_WORKER_GROUP": f"{prefix}processors",
        # A name that is stable over restarts: what a killed worker held is not waited for.
        "CFSTREAM_WORKER_INSTANCE_ID": "one",
        **(more or {}),
    }
    with (
        simulated(cc, settle_s=SETTLE_S) as source,
        scene(
            source, kafka=kafka, registry=registry, folder=folder, prefix=prefix, partitions=partitions, more=own
        ) as around,
    ):
        pipeline = Pipeline(around.environment, folder / "logs")
        whole = Chain(cc, around, pipeline)
        try:
            with pipeline:
                yield whole
        finally:
            whole.delete(around.topics)


def published(around: Scene, topic: Topic, *, committed: bool = True) -> list[Published]:
    """Return every record of an event topic, or (not ``committed``) also those of aborted transactions."""
    found = []
    for row in rows(around.client, topic.name) if committed else _uncommitted(around, topic):
        record = around.codec.decode(row.value or b"")
        key = (row.key or b"").decode()
        found.append(Published(row.partition, row.offset, key, record["guid"], record["created_at"]))
    return found


def _uncommitted(around: Scene, topic: Topic) -> Iterator[Row]:
    """Yield what a consumer without isolation sees, up to the end of each partition."""
    with Watermarks(around, [topic]) as marks:
        consumer = marks.dirty
        left = {partition for partition, (low, high) in marks.look(consumer).items() if high > low}
        consumer.assign([TopicPartition(*there, OFFSET_BEGINNING) for there in left])
        while left:
            for message in consumer.consume(num_messages=2000, timeout=1):
                there = (message.topic() or "", message.partition() or 0)
                if (error := message.error()) is not None:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    left.discard(there)
                    continue
                key, value = message.key(), message.value()
                assert isinstance(key, bytes)
                assert isinstance(value, bytes)
                yield Row(*there, message.offset() or 0, message.timestamp()[1], key, value)


class Watermarks:
    """Looks at the ends of topics' partitions: of all that is written, and of what is committed."""

    def __init__(self, around: Scene, topics: list[Topic]) -> None:
        common = around.client | {"group.id": "nobody", "enable.auto.commit": False, "enable.partition.eof": True}
        self.dirty = Consumer(common | {"isolation.level": "read_uncommitted"})
        self.clean = Consumer(common | {"isolation.level": "read_committed"})
        self._names = [topic.name for topic in topics]

    def __enter__(self) -> Self:
        """Use it in a with block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close both consumers."""
        self.dirty.close()
        self.clean.close()

    def look(self, consumer: Consumer) -> dict[tuple[str, int], tuple[int, int]]:
        """Return low and high by topic and partition."""
        ends = {name: watermarks(consumer, name, None, 15) for name in self._names}
        return {(name, number): end for name, numbers in ends.items() for number, end in numbers.items()}

    def written(self) -> int:
        """Return how many offsets were ever given out, markers with them."""
        return sum(high for _, high in self.look(self.dirty).values())

    def open(self) -> bool:
        """Say whether a transaction is open: its rows are written and not yet decided on."""
        clean = self.look(self.clean)
        dirty = self.look(self.dirty)
        return any(clean[there][1] < high for there, (_, high) in dirty.items())

    def waiting(self, around: Scene, group: str) -> int:
        """Return how many committed offsets a group has not yet committed as read."""
        ends = self.look(self.clean)
        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(*there) for there in ends])
        admin = require_broker(around.settings)  # its answers come only as long as it lives
        answer = admin.list_consumer_group_offsets([asked])[group].result(timeout=15)
        read = {(each.topic, each.partition): max(each.offset, 0) for each in answer.topic_partitions or []}
        return sum(high - read.get(there, 0) for there, (_, high) in ends.items())
