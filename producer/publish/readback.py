"""Reads checkpoints back, committed records only."""

import time
import uuid

from confluent_kafka import OFFSET_BEGINNING, Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # public, but re-exported without a mark

from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from producer.publish.transaction import DoubtError
from schemas.rights import NotAllowedError

_CHUNK = 1000

_SPARE_S = 5.0
"""The client itself gives up in time; its answer says why, so it is waited for."""


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
    try:
        end = _high_watermark(config, topic, timeout_s)
        if end == 0:
            return values
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        while time.monotonic() < deadline:
            for message in consumer.consume(_CHUNK, timeout=0.2):
                error = message.error()
                if error is None:
                    _take(values, message.key(), message.value())
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own code has no other name
                    if (message.offset() or 0) >= end:
                        return values
                elif not error.retriable():
                    raise _refused(error, topic)
    except KafkaException as error:
        raise DoubtError(error.args[0].str()) from error
    except TimeoutError as error:
        raise DoubtError(f"the end of {topic} was not told within {timeout_s:.0f} s") from error
    finally:
        consumer.close()
    raise DoubtError(f"{topic} could not be read to its end within {timeout_s:.0f} s")


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


def _high_watermark(config: ClientConfig, topic: str, timeout_s: float) -> int:
    """Return the end of the partition, open transactions included.

    Not the end for readers of committed records: that stands still before the first open transaction, though our
    own checkpoint may have been committed behind it.
    """
    partition = TopicPartition(topic, 0)
    # Kept until the answer: a client that is collected breaks its futures.
    admin = AdminClient(config)
    asked = admin.list_offsets(
        {partition: OffsetSpec.latest()},  # type: ignore[no-untyped-call] # the library's stubs leave it out
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=timeout_s,
    )
    return int(asked[partition].result(timeout_s + _SPARE_S).offset)
