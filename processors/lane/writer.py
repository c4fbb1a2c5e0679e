"""The idempotent producer by which a worker writes: nothing counts before ``durable`` has returned."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from plumbing.errors import CfstreamError

Headers = list[tuple[str, str | bytes | None]]
Delivered = Callable[[int], None]

DELIVERY_S = 120
"""How long a record is tried: longer than a broker takes to come back, or another to take its place."""

FLUSH_S = DELIVERY_S + 10.0


class WriteError(CfstreamError):
    """A record could not be written: the worker must end, and its successor starts from what is durable."""


class Writes(Protocol):
    """What writes to Kafka: ``write`` hands over, ``durable`` waits until all that was handed over is safe."""

    def write(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: Headers | None = None,
        delivered: Delivered | None = None,
    ) -> None:
        """Hand a record over; see ``Writer``."""
        ...

    async def durable(self) -> None:
        """Wait until everything handed over is safe. Raise WriteError if something is not."""
        ...


class Writer:
    """Writes with ``enable.idempotence`` and ``acks=all``: in order by partition, no duplicate by a retry."""

    def __init__(self, config: dict[str, str | int | float | bool]) -> None:
        self._producer = Producer(
            config
            | {
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "compression.type": "lz4",
                "delivery.timeout.ms": DELIVERY_S * 1000,
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 65_536,
            }
        )
        self._failed: str | None = None
        self.written = 0

    def write(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: Headers | None = None,
        delivered: Delivered | None = None,
    ) -> None:
        """Hand a record over. ``partition`` -1 lets the key choose. ``delivered`` gets the offset, in a thread.

        Blocks only when the buffer is full.
        """

        def report(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failed = f"to {topic}: {error.str()}"
            elif delivered is not None:
                offset = message.offset()
                if offset is not None:
                    delivered(offset)

        while True:
            try:
                self._producer.produce(
                    topic, key=key, value=value, partition=partition, headers=headers or [], on_delivery=report
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self.written += 1
                return

    async def durable(self) -> None:
        """Wait until everything handed over is written to all in-sync replicas. Raise WriteError if one is not."""
        left = await asyncio.to_thread(self._flush)
        if self._failed is not None:
            raise WriteError(f"a record could not be written {self._failed}")
        if left:
            raise WriteError(f"{left} records were not written to Kafka within {FLUSH_S:.0f} s")

    def _flush(self) -> int:
        try:
            return self._producer.flush(FLUSH_S)
        except KafkaException as error:
            raise WriteError(f"Kafka refuses to write: {error}") from error
