"""Reads checkpoints back, committed records only."""

import time
import uuid

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from plumbing.ends import high_watermarks
from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from producer.publish.transaction import DoubtError
from schemas.rights import NotAllowedError

_CHUNK = 1000


def last_values(config: ClientConfig, topic: str, timeout_s: float = 60) -> dict[str, bytes]:
    """Return the last committed value of each key of a compacted topic with one partition.

    Reads up to the end that was seen after the call began. A transaction that another tail has open there holds the
    reader back until it ends; so it may take as long as a transaction's timeout. Raise DoubtError where Kafka does
    not answer, CfstreamError where it refuses.
    """
    deadline = time.monotonic() + timeout_s
    consumer = Consumer(
        config
        | {
            "group.id": f"cfstream-checkpoints-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    values: dict[str, bytes] = {}
    held_at: int | None = None
    try:
        # Our own checkpoint may have been committed behind another tail's open transaction.
        end = high_watermarks(AdminClient(config), [(topic, 0)], timeout_s=timeout_s)[topic, 0]
        if end == 0:
            return values
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        while time.monotonic() < deadline:
            for message in consumer.consume(_CHUNK, timeout=0.2):
                error = message.error()
                if error is None:
                    _take(values, message.key(), message.value())
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own code has no other name
                    held_at = message.offset() or 0
                    if held_at >= end:
                        return values
                elif not error.retriable():
                    raise _refused(error, topic)
    except KafkaException as error:
        raise DoubtError(error.args[0].str()) from error
    finally:
        consumer.close()
    if held_at is None:
        raise DoubtError(f"{topic} could not be read to its end within {timeout_s:.0f} s")
    raise DoubtError(
        f"a transaction without an end holds {topic} at offset {held_at}: see 'A transaction without an end' in "
        "docs/runbook.md"
    )


def _refused(error: KafkaError, topic: str) -> Exception:
    match error.code():
        case KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return CfstreamError(str(NotAllowedError([f"Read on topic {topic}"])))
        case KafkaError.GROUP_AUTHORIZATION_FAILED:
            return CfstreamError(str(NotAllowedError(["Describe on groups cfstream*"])))
    return DoubtError(error.str())


def _take(values: dict[str, bytes], key: bytes | str | None, value: bytes | str | None) -> None:
    if not isinstance(key, bytes):
        return
    if isinstance(value, bytes):
        values[key.decode()] = value
    else:
        values.pop(key.decode(), None)
