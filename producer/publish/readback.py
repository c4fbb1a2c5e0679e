"""Reads checkpoints back, committed records only."""

import time
import uuid
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from plumbing.ends import high_watermarks
from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from producer.publish.transaction import DoubtError
from schemas.rights import NotAllowedError

_CHUNK = 1000
_NO_ANSWER = (KafkaError._TIMED_OUT, KafkaError._TRANSPORT)
_TRY_S = 1.0
"""How long one question may take before it is asked again."""


def last_values(
    config: ClientConfig, topic: str, timeout_s: float = 60, given_up: Callable[[], bool] = lambda: False
) -> dict[str, bytes]:
    """Return the last committed value of each key of a compacted topic with one partition.

    Reads up to the end that was seen after the call began. A transaction that another tail has open there holds the
    reader back until it ends; so it may take as long as a transaction's timeout. ``given_up`` is asked about each
    second, and ends the waiting. Raise DoubtError where Kafka does not answer or it was given up, CfstreamError where
    it refuses.
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
        end = _end(AdminClient(config), topic, deadline, given_up)
        if end == 0:
            return values
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        while time.monotonic() < deadline and not given_up():
            for message in consumer.consume(_CHUNK, timeout=0.2):
                error = message.error()
                if error is None:
                    _take(values, message.key(), message.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    held_at = message.offset() or 0
                    if held_at >= end:
                        return values
                elif not error.retriable():
                    raise _refused(error, topic)
    except KafkaException as error:
        raise DoubtError(error.args[0].str()) from error
    finally:
        consumer.close()
    raise DoubtError(f"reading {topic} was given up" if given_up() else _unread(topic, held_at, timeout_s))


def _end(admin: AdminClient, topic: str, deadline: float, given_up: Callable[[], bool]) -> int:
    """Return the high watermark; asks in short tries, as no call of the client can be ended from outside."""
    while True:
        try:
            return high_watermarks(admin, [(topic, 0)], timeout_s=_TRY_S)[topic, 0]
        except KafkaException as error:
            if error.args[0].code() not in _NO_ANSWER or given_up() or time.monotonic() >= deadline:
                raise


def _unread(topic: str, held_at: int | None, timeout_s: float) -> str:
    if held_at is None:
        return f"{topic} could not be read to its end within {timeout_s:.0f} s"
    return (
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
