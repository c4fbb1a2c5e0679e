"""Which of several notifiers sends: the one to which the group gives the one partition of the notification log.

Two would each see half of a group's alerts. A notifier that stands by takes over within the session timeout.
"""

import asyncio

from confluent_kafka import Consumer, KafkaException, TopicPartition

from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig

SESSION_S = 6


class Leadership:
    """Takes part in the election; ``held`` is set while this process is the leader."""

    def __init__(self, client: ClientConfig, group: str, topic: str) -> None:
        self.held = asyncio.Event()
        self.lost = asyncio.Event()
        self._topic = topic
        self._loop = asyncio.get_running_loop()
        self._consumer = Consumer(
            client
            | {
                "group.id": f"{group}-leader",
                "enable.auto.commit": False,
                "session.timeout.ms": SESSION_S * 1000,
                "heartbeat.interval.ms": 1000,
                "partition.assignment.strategy": "cooperative-sticky",
            }
        )

    async def run(self) -> None:
        """Take part until cancelled. Raise CfstreamError when Kafka's client gives up."""
        self._consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        try:
            while True:
                await asyncio.to_thread(self._poll)
        finally:
            # The poll of a cancelled call may still run; the client closes after it.
            await asyncio.shield(asyncio.to_thread(self._consumer.close))

    def _poll(self) -> None:
        try:
            message = self._consumer.poll(0.3)
        except KafkaException as error:
            raise CfstreamError(f"Kafka's client has given up: {error.args[0].str()}") from error
        trouble = message.error() if message is not None else None
        if trouble is not None and trouble.fatal():
            raise CfstreamError(f"Kafka's client has given up: {trouble.str()}")

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        if partitions:
            consumer.pause(partitions)
            self._loop.call_soon_threadsafe(self._gain)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_unassign(partitions)
        if partitions:
            self._loop.call_soon_threadsafe(self._lose)

    def _gain(self) -> None:
        self.lost.clear()
        self.held.set()

    def _lose(self) -> None:
        self.held.clear()
        self.lost.set()
