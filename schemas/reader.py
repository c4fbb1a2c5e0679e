"""Reads a topic's committed records from its beginning or its end: for people, for tables read whole, for tests."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from schemas.rights import NotAllowedError

_HEALS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
}

_GROUP = "cfstream-reader"
"""Nobody joins it, but the client looks up who would coordinate it."""

ClientConfig = dict[str, str | int | float | bool]


class MissingTopicError(LookupError):
    """The topic does not exist on this cluster."""


@dataclass(frozen=True)
class Row:
    """One committed record as it lies in Kafka. ``timestamp_ms``: Kafka's, milliseconds since the epoch, UTC."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


def rows(
    client: ClientConfig,
    topic: str,
    *,
    from_beginning: bool = True,
    until_end: bool = True,
    partitions: list[int] | None = None,
    stop: Callable[[], bool] = lambda: False,
    timeout_s: float = 15,
) -> Iterator[Row]:
    """Yield the committed records of a topic, in order within each partition.

    ``until_end``: end at what was committed when the call began (a trailing transaction marker is no record);
    else go on until ``stop()``, asked at least each half second, waiting out a cluster that is away. Joins no group
    and commits nothing. Raise MissingTopicError, NotAllowedError, or KafkaException when the cluster does not
    answer within ``timeout_s``.
    """
    consumer = Consumer(
        client
        | {
            "group.id": _GROUP,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        ends = watermarks(consumer, topic, partitions, timeout_s)
        open_ends = {p: high for p, (low, high) in ends.items() if high > low}
        if until_end and not (from_beginning and open_ends):
            return
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        consumer.assign([TopicPartition(topic, p, start) for p in ends])
        heard = time.monotonic()
        while not stop() and (open_ends or not until_end):
            messages = consumer.consume(num_messages=2000, timeout=0.5)
            trouble: KafkaError | None = None
            for message in messages:
                if (trouble := message.error()) is not None:
                    _require_passing(trouble, topic)
                    if trouble.code() == KafkaError._PARTITION_EOF:
                        open_ends.pop(message.partition() or 0, None)
                    continue
                row = _row(message)
                end = open_ends.get(row.partition)
                if until_end and end is None:
                    continue
                yield row
                if end is not None and row.offset + 1 >= end:
                    del open_ends[row.partition]
            if messages and trouble is None:
                heard = time.monotonic()
            elif until_end and time.monotonic() - heard > timeout_s:
                raise KafkaException(trouble or KafkaError(KafkaError._TIMED_OUT))
    finally:
        consumer.close()


def watermarks(
    consumer: Consumer, topic: str, partitions: list[int] | None, timeout_s: float
) -> dict[int, tuple[int, int]]:
    """Return first offset and end of each partition; waits for the leaders of a topic just made.

    For a read_committed consumer the end is the last stable offset. Blocks. Raise MissingTopicError, KafkaException.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            found = consumer.list_topics(topic, timeout=timeout_s).topics[topic]
            if found.error is not None and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise MissingTopicError(topic)
            chosen = sorted(found.partitions) if partitions is None else partitions
            ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=timeout_s) for p in chosen}
        except KafkaException as error:
            _require_passing(error.args[0], topic)
            if time.monotonic() > deadline:
                raise
        else:
            if ends:
                return ends
            if time.monotonic() > deadline:
                raise MissingTopicError(topic)
        time.sleep(0.05)


def _require_passing(error: KafkaError, topic: str) -> None:
    if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise NotAllowedError([f"Read on topic {topic}"])
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        raise NotAllowedError([f"Describe on group {_GROUP}"])
    if error.code() not in _HEALS and error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)


def _row(message: Message) -> Row:
    return Row(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp_ms=message.timestamp()[1],
        key=_bytes(message.key()),
        value=_bytes(message.value()),
    )


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
