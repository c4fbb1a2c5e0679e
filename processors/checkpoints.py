"""Reads where the tails stand: the watermarks up to which every row of a foundation is published."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from schemas.codec import Codec
from schemas.records import Micros

POLL_S = 0.2
READ_S = 30.0


class Checkpoints:
    """The newest checkpoint of each tail, read whole at the start and followed. Joins no group."""

    def __init__(self, client: ClientConfig, topic: str, codec: Codec) -> None:
        self._topic = topic
        self._codec = codec
        self._settled: dict[tuple[str, str], Micros | None] = {}
        self._consumer = Consumer(
            client
            | {
                "group.id": "cfstream-checkpoints",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
            }
        )
        self._thread = ThreadPoolExecutor(1, "checkpoints")
        self._assigned = False

    async def refresh(self) -> None:
        """Read what is new. Raise CfstreamError when the topic cannot be read, UndecodableError for an alien record."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._read)

    async def read_to_end(self) -> None:
        """Read all that is committed now."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._read_to_end)

    def watermarks(self) -> dict[str, Micros]:
        """Return by foundation the event time up to which all of its tails have published every row."""
        marks: dict[str, Micros | None] = {}
        for (foundation, _feed), settled in self._settled.items():
            known = marks.get(foundation, settled)
            marks[foundation] = None if settled is None or known is None else min(settled, known)
        return {foundation: mark for foundation, mark in marks.items() if mark is not None}

    async def close(self) -> None:
        """Stop reading."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
        self._thread.shutdown()

    def _assign(self) -> None:
        if not self._assigned:
            self._consumer.assign([TopicPartition(self._topic, 0, OFFSET_BEGINNING)])
            self._assigned = True

    def _read(self) -> bool:
        """Read what is there; return whether the end was reached."""
        self._assign()
        ended = False
        try:
            messages = self._consumer.consume(1000, POLL_S)
        except KafkaException as error:
            raise CfstreamError(f"the topic {self._topic} cannot be read: {error}") from error
        for message in messages:
            trouble = message.error()
            if trouble is not None:
                ended |= trouble.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's public name for it
                continue
            value = message.value()
            if isinstance(value, bytes):
                checkpoint = self._codec.decode(value)
                self._settled[checkpoint["foundation"], checkpoint["feed"]] = checkpoint["settled_until"]
        return ended

    def _read_to_end(self) -> None:
        limit = time.monotonic() + READ_S
        while not self._read():
            if time.monotonic() > limit:
                raise CfstreamError(f"the topic {self._topic} could not be read to its end within {READ_S:.0f} s")
