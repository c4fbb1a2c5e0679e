"""Follows a topic of one partition from its beginning, off the event loop. Joins no group, commits nothing."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from schemas.reader import MissingTopicError, watermarks
from schemas.rights import NotAllowedError

POLL_S = 0.2
READ_S = 60.0

Pair = tuple[bytes, bytes | None]


class Follower:
    """Reads committed records in order."""

    def __init__(self, client: ClientConfig, topic: str) -> None:
        self._topic = topic
        self._consumer = Consumer(
            client
            | {
                "group.id": "cfstream-follower",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
            }
        )
        self._thread = ThreadPoolExecutor(1, "follower")
        self._assigned = False
        self._position = 0

    async def read(self) -> list[Pair]:
        """Return what is new, waiting a moment for it. Raise CfstreamError when the topic cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read)

    async def read_to_end(self) -> list[Pair]:
        """Return all that is committed now and was not returned before. Raise CfstreamError likewise."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read_to_end)

    async def rewind(self) -> None:
        """Begin again at the beginning."""
        self._assigned = False

    async def close(self) -> None:
        """Stop reading."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
        self._thread.shutdown()

    def _read(self) -> list[Pair]:
        try:
            if not self._assigned:
                self._consumer.assign([TopicPartition(self._topic, 0, OFFSET_BEGINNING)])
                self._assigned, self._position = True, 0
            messages = self._consumer.consume(5000, POLL_S)
        except KafkaException as error:
            raise CfstreamError(f"the topic {self._topic} cannot be read: {error}") from error
        pairs: list[Pair] = []
        for message in messages:
            trouble, offset = message.error(), message.offset() or 0
            if trouble is not None:
                if trouble.code() == KafkaError._PARTITION_EOF:
                    # Behind the last record may lie the marker of a transaction.
                    self._position = max(self._position, offset)
                elif trouble.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise CfstreamError(str(NotAllowedError([f"Read on topic {self._topic}"])))
                continue
            self._position = offset + 1
            key, value = message.key(), message.value()
            if isinstance(key, bytes) and not isinstance(value, str):
                pairs.append((key, value))
        return pairs

    def _read_to_end(self) -> list[Pair]:
        limit = time.monotonic() + READ_S
        # Asked for, not waited for: a sign of the end that was queued before the last record came would be too old.
        end = self._end()
        pairs = self._read()
        while self._position < end:
            if time.monotonic() > limit:
                raise CfstreamError(f"the topic {self._topic} could not be read to its end within {READ_S:.0f} s")
            pairs += self._read()
        return pairs

    def _end(self) -> int:
        """Return the last stable offset: what a reader of committed records can get to."""
        try:
            _, end = watermarks(self._consumer, self._topic, [0], READ_S)[0]
        except (KafkaException, MissingTopicError) as error:
            raise CfstreamError(f"the topic {self._topic} cannot be read: {error}") from error
        return end
