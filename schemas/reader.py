"""Reads a topic's committed records from its beginning or its end: for people, for tables read whole, for tests."""

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
    else go on until ``stop()``, asked at least each half second. Joins no group and commits nothing. Raise
    MissingTopicError, or KafkaException when the cluster does not answer within ``timeout_s``.
    """
    consumer = Consumer(
        client
        | {
            "group.id": "cfstream-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        found = consumer.list_topics(topic, timeout=timeout_s).topics[topic]
        if found.error is not None or not found.partitions:
            raise MissingTopicError(topic)
        chosen = sorted(found.partitions) if partitions is None else partitions
        # For a read_committed consumer the upper watermark is the last stable offset.
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=timeout_s) for p in chosen}
        open_ends = {p: high for p, (low, high) in ends.items() if high > low}
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        if until_end and not from_beginning:
            return
        consumer.assign([TopicPartition(topic, p, start) for p in chosen])
        while not stop() and (open_ends or not until_end):
            for message in consumer.consume(num_messages=2000, timeout=0.5):
                row = _row(message)
                if row is None:
                    open_ends.pop(message.partition() or 0, None)
                    continue
                end = open_ends.get(row.partition)
                if until_end and end is None:
                    continue
                yield row
                if end is not None and row.offset + 1 >= end:
                    del open_ends[row.partition]
    finally:
        consumer.close()


def _row(message: Message) -> Row | None:
    """Turn a message into a row; None for the end of a partition."""
    error = message.error()
    if error is None:
        return Row(
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            timestamp_ms=message.timestamp()[1],
            key=_bytes(message.key()),
            value=_bytes(message.value()),
        )
    if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - as above
        return None
    raise KafkaException(error)


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
