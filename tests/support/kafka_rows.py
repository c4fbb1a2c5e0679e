"""Topics of a test's own on the session's Kafka: transactional rows, committed offsets, what a topic holds."""

import contextlib
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic


@contextlib.contextmanager
def topics(bootstrap: str, *names: str, partitions: int = 1, **config: str) -> Iterator[list[str]]:
    """Create topics with a random prefix; delete them in the end."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    full = [f"t{secrets.token_hex(4)}-{name}" for name in names]
    for future in admin.create_topics([NewTopic(name, partitions, 1, config=config) for name in full]).values():
        future.result(20)
    yield full
    for future in admin.delete_topics(full).values():
        future.result(20)


def transactions(bootstrap: str, topic: str, batches: Iterable[tuple[list[int], bool]], partition: int = 0) -> None:
    """Write each batch of numbers in a transaction of its own; False aborts it."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": secrets.token_hex(8)})
    producer.init_transactions()
    for numbers, commit in batches:
        producer.begin_transaction()
        for number in numbers:
            producer.produce(topic, str(number), str(number), partition=partition)
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()


def plain(bootstrap: str, topic: str, numbers: Iterable[int], partition: int = 0, *, key: str | None = None) -> None:
    """Write numbers without a transaction, each under itself or all under one key."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in numbers:
        producer.produce(topic, str(number), str(number) if key is None else key, partition=partition)
    assert producer.flush(20) == 0


def committed(bootstrap: str, group: str, topic: str, partition: int = 0) -> int:
    """Return the committed offset of a group; -1001 where there is none."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition)])
    found = admin.list_consumer_group_offsets([asked])[group].result(20).topic_partitions
    return int(found[0].offset)


def end(bootstrap: str, topic: str, partition: int = 0) -> int:
    """Return the position after the last committed record or marker."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "ends", "isolation.level": "read_committed"})
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1])
    finally:
        consumer.close()


@contextlib.contextmanager
def changelogs(
    bootstrap: str, *groups: str, partitions: int = 1, config: Mapping[str, str] | None = None
) -> Iterator[list[str]]:
    """Create the changelogs of the table ``t`` of groups; delete them in the end."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = [f"{group}-t-changelog" for group in groups]
    made_anew(admin, names, partitions, config or {})
    yield names
    for future in admin.delete_topics(names).values():
        future.result(20)


def made_anew(admin: AdminClient, names: list[str], partitions: int, config: Mapping[str, str]) -> None:
    """Create topics, once the old ones of the same names are really gone."""
    given = {"cleanup.policy": "compact"} | dict(config)
    deadline = time.monotonic() + 30
    for name in names:
        while True:
            try:
                admin.create_topics([NewTopic(name, partitions, 1, config=given)])[name].result(20)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                break


def recreate(bootstrap: str, names: list[str]) -> None:
    """Delete topics and create them again, empty."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_topics(names).values():
        future.result(20)
    made_anew(admin, names, 1, {})


def commit(bootstrap: str, group: str, topic: str, offset: int) -> None:
    """Set the committed offset of a group that has no members."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    given = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, offset)])
    for future in admin.alter_consumer_group_offsets([given]).values():
        future.result(20)


def records(bootstrap: str, topic: str, partitions: int = 1) -> list[Message]:
    """Return all committed records of a topic as they lie there."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reads", "enable.partition.eof": True})
    found: list[Message] = []
    ended = 0
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        while ended < partitions:
            message = consumer.poll(20)
            assert message is not None, f"{topic} cannot be read"
            if message.error() is None:
                found.append(message)
            else:
                ended += 1
    finally:
        consumer.close()
    return found
