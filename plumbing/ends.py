"""Where partitions end, with what is not committed yet."""

from collections.abc import Iterable

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

_ANSWER_S = 10.0
_SPARE_S = 5.0
"""The client itself gives up in time; its answer says why, so it is waited for."""

Place = tuple[str, int]
"""A topic and one of its partitions."""


def high_watermarks(admin: AdminClient, places: Iterable[Place], *, timeout_s: float = _ANSWER_S) -> dict[Place, int]:
    """Return the positions behind the last records of partitions, records of open transactions included. Blocks.

    Not the ends that a reader of committed records sees (the last stable offsets). A transaction's markers come to its
    partitions one after another: its checkpoint may be readable when its rows are not yet, and such an end lies before
    them. Who has read up to a high watermark has read every transaction that was decided when it was asked for.

    Raise KafkaException.
    """
    wanted = [TopicPartition(topic, number) for topic, number in places]
    for topic in sorted({place.topic for place in wanted}):
        # The client asks with the leader's epoch that it knows, and learns no newer one by the broker's refusal.
        admin.list_topics(topic, timeout=timeout_s)
    asked = admin.list_offsets(
        {place: OffsetSpec.latest() for place in wanted},  # type: ignore[no-untyped-call] # the library's stubs leave it out
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=timeout_s,
    )
    try:
        return {
            (place.topic, place.partition): int(answer.result(timeout_s + _SPARE_S).offset)
            for place, answer in asked.items()
        }
    except TimeoutError as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from error
